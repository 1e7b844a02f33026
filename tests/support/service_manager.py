"""A service manager that listens: what programs tell systemd.

    from support.service_manager import manager  # noqa: F401
"""

import socket

import pytest

from .waiting import wait_until


class Manager:
    """A socket as systemd has one; .heard are the assignments, in the order in which they came."""

    def __init__(self, path):
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.ear.bind(str(path))
        self.environment = {"NOTIFY_SOCKET": str(path)}
        self.heard = []

    def listen(self):
        """All that was said up to now."""
        while True:
            try:
                self.heard += self.ear.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def wait_for(self, words, deadline_s=60):
        wait_until(lambda: any(words in line for line in self.listen()), deadline_s, f"{words!r} is heard")

    def forget(self):
        self.listen()
        self.heard = []


@pytest.fixture
def manager(scratch):
    manager = Manager(scratch / "notify")
    yield manager
    manager.ear.close()
