"""Servers that mean harm, or are none: what they do to whoever connects."""

import itertools
import os
import socket
import threading
import time

from .proxy import end_listener

PIECE = 64 * 1024
DRIP_S = 0.05


class Hostile:
    """Listens on a loopback .port; each connection gets `polite` answers, one for each command, then what `does` sends.

    does        called with the connection; goes on until the other side is gone
    polite      how many commands are answered before
    """

    answer = b"+OK\r\n"

    def __init__(self, does, polite=0):
        self.does, self.polite = does, polite
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        end_listener(self.listener)

    def _listen(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=[line], daemon=True).start()

    def _serve(self, line):
        with line:
            try:
                self._answer(line)
                self.does(line)
            except OSError:
                pass

    def _answer(self, line):
        """Commands come as *WORDS, then as many $BYTES: counted by the former."""
        answered = 0
        while answered < self.polite:
            heard = line.recv(PIECE)
            if not heard:
                return
            count = min(heard.count(b"*"), self.polite - answered)
            line.sendall(self.answer * count)
            answered += count


class HostilePostgres(Hostile):
    """The same for PostgreSQL: `polite` 1 lets the client log in first."""

    def _answer(self, line):
        line.recv(8)  # SSLRequest, since loopback TCP
        line.sendall(b"N")
        if self.polite:
            line.recv(PIECE)
            line.sendall(b"R" + (8).to_bytes(4) + (0).to_bytes(4))
            for name, value in (("server_version", "15.1"), ("client_encoding", "UTF8"), ("in_hot_standby", "off"),
                                ("default_transaction_read_only", "off"), ("standard_conforming_strings", "on")):  # fmt: skip
                line.sendall(message(b"S", f"{name}\0{value}\0".encode()))
            line.sendall(message(b"K", bytes(8)) + message(b"Z", b"I"))
            line.recv(PIECE)


def message(kind, body):
    return kind + (len(body) + 4).to_bytes(4) + body


# ---- what they do


def send_for_ever(piece, head=b"", pause_s=0):
    def does(line):
        line.sendall(head)
        while True:
            line.sendall(piece)
            time.sleep(pause_s)

    return does


def send_once(piece):
    """And say nothing more."""

    def does(line):
        line.sendall(piece)
        while line.recv(PIECE):
            pass

    return does


def drip(pieces):
    """A byte at a time."""

    def does(line):
        for piece in itertools.cycle([pieces]):
            for byte in piece:
                line.sendall(bytes([byte]))
                time.sleep(DRIP_S)

    return does


def noise(line):
    while True:
        line.sendall(os.urandom(PIECE))


def slow_noise(line):
    """For who keeps all of a message before looking at it: one in a few hundred pieces of noise begins a long one."""
    while True:
        line.sendall(os.urandom(PIECE // 4))
        time.sleep(0.01)


def silence(line):
    while line.recv(PIECE):
        pass


def hang_up(_line):
    pass
