"""A consumer that is stopped at the worst moment: its rows are with PostgreSQL, and not committed."""

from .waiting import wait_until

TRIES = 500
FED_EVERY = 20
HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 683932423 AND objid = %s AND granted"
AWAITS_ITS_CLIENT = """
    SELECT backend_xid IS NOT NULL AND query LIKE 'BEGIN; COPY%%'
    FROM pg_stat_activity WHERE pid = %s AND wait_event = 'ClientRead'
"""


def freeze_in_mid_copy(victim, postgres, feed=lambda: None):
    """Stops it again and again, until it has stopped with rows written and not committed; its session's process. feed gives
    it more to do, now and then."""
    connection = postgres.connect()
    cursor = connection.cursor()
    slot = victim.stderr().rsplit('"event":"slot_taken"', 1)[1].split('"consumer":"c-')[1].split('"')[0]
    cursor.execute(HOLDER, (slot,))
    (pid,) = cursor.fetchone()

    def waiting():
        cursor.execute(AWAITS_ITS_CLIENT, (pid,))
        return cursor.fetchall()

    for number in range(TRIES):
        if number % FED_EVERY == FED_EVERY - 1:
            feed()
        victim.pause()
        [(in_mid_copy,)] = wait_until(waiting, 60, "what was sent to the server is done")
        if in_mid_copy:
            connection.close()
            return pid
        victim.resume()
    raise AssertionError("it was never in mid-COPY")
