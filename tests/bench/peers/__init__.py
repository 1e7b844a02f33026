"""Other ways to get what tasks say into PostgreSQL, each a program as a competent user would write it.

listener.py     the field's: pub/sub and a list, a transaction for each event
batches.py      a consumer group in Python: redis-py, psycopg2, batches of 1000
node/           the same in Node: ioredis, pg, UNNEST; npm fetches its packages when it is first run
celery_*.py     Celery's own events and result backend: not the same job, see there
tables.sql      what the first three store into

Each file begins with what it does not do, and with what a user could still tune. running.py runs them for the bench.
"""
