"""celery_receiver: takes Celery's event stream as its monitors do: celery.events.Receiver into a celery.events.State.

    REDIS_URL=… DATABASE_URL=… celery_receiver.py FILE        until SIGTERM; then how many of each type came, as JSON

It keeps in memory what it has seen (State holds 10,000 tasks) and stores nothing: what a user wants to keep he has to write
himself, an event at a time, since the receiver hands out one at a time. Events of the time when nobody listens are gone.
"""

import json
import signal
import sys
from collections import Counter

from celery.events.state import State
from celery_tasks import app


def main(path):
    state, came = State(), Counter()

    def take(event):
        state.event(event)
        came[event["type"]] += 1

    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": take})
        signal.signal(signal.SIGTERM, lambda *_: setattr(receiver, "should_stop", True))
        receiver.capture(limit=None, timeout=None, wakeup=True)
    with open(path, "w") as file:
        json.dump(came, file)


if __name__ == "__main__":
    main(sys.argv[1])
