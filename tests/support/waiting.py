"""The only waiting there is: for a condition, with a deadline."""

import time


def wait_until(condition, deadline_s, what):
    """Returns the first true result of condition(); after deadline_s the test fails, saying what was awaited: a text, or
    a function that makes one."""
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what() if callable(what) else what}")
        time.sleep(0.01)
