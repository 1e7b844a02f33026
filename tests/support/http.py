"""What a program's HTTP address answers."""

import http.client
import re
from typing import NamedTuple

SAMPLE = re.compile(r"^(\w+)(\{[^}]*\})? (\S+)$")


class Answer(NamedTuple):
    status: int
    text: str
    headers: dict


def ask(listen, path, method="GET", body=None):
    """The Answer of http://LISTEN/PATH."""
    connection = http.client.HTTPConnection(listen, timeout=60)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(), dict(answer.getheaders()))
    finally:
        connection.close()


def answers(listen, path, status):
    """True when somebody answers there with this status: for wait_until."""
    try:
        return ask(listen, path).status == status
    except OSError:
        return False


def metrics(listen):
    """name or name{label="value"} → number, of all samples of /metrics."""
    samples = {}
    for line in ask(listen, "/metrics").text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            samples[name + (labels or "")] = float(value)
    return samples
