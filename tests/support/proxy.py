"""A proxy that does on command what networks do on their own: cut, stall, slow down, truncate.

Directions: UP is from the client to the server, DOWN from the server to the client.
"""

import socket
import struct
import threading
from pathlib import Path

UP, DOWN = "up", "down"
BOTH = (UP, DOWN)
CHUNK_BYTES = 64 * 1024
HARD_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Listens on a Unix socket (a path) or TCP address (host, port) and passes on to another such."""

    def __init__(self, listen, target, environment=None):
        self.target = target
        self.environment = environment or {}
        self.connections = 0
        self._state = threading.Condition()
        self._lines = set()
        self._cuts = 0
        self._refusing = False
        self._closed = False
        self._stalled = set()
        self._bytes_per_s = None
        self._remaining = {}
        self._listener = bound_socket(listen)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Ends every connection there is, as a reset where the protocol has one."""
        with self._state:
            lines, self._lines = self._lines, set()
            self._cuts += 1
        for client, server in lines:
            hang_up(client)
            hang_up(server)

    def refuse(self):
        """Cuts, and from now on hangs up on every new connection."""
        with self._state:
            self._refusing = True
        self.cut()

    def stall(self, directions=BOTH):
        """Passes nothing on any more, without hanging up."""
        with self._state:
            self._stalled |= {directions} if isinstance(directions, str) else set(directions)

    def slow(self, bytes_per_s):
        with self._state:
            self._bytes_per_s = bytes_per_s

    def truncate_after(self, count, direction=DOWN):
        """Passes on count more bytes of direction, then cuts that connection; once."""
        with self._state:
            self._remaining[direction] = count

    def heal(self):
        """Undoes refuse, stall, slow and truncate_after; what was stalled goes on."""
        with self._state:
            self._refusing = False
            self._stalled.clear()
            self._bytes_per_s = None
            self._remaining.clear()
            self._state.notify_all()

    def close(self):
        with self._state:
            self._closed = True
            self._state.notify_all()
        end_listener(self._listener)
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._connect(client)

    def _connect(self, client):
        with self._state:
            self.connections += 1
            refusing, cuts = self._refusing or self._closed, self._cuts
        if refusing:
            hang_up(client)
            return
        try:
            server = connected_socket(self.target)
        except OSError:
            hang_up(client)
            return
        with self._state:
            is_cut = cuts != self._cuts  # before it was one of those that cut() knows
            if not is_cut:
                self._lines.add((client, server))
        if is_cut:
            hang_up(client)
            hang_up(server)
            return
        for source, sink, direction in ((client, server, UP), (server, client, DOWN)):
            threading.Thread(target=self._pass_on, args=(source, sink, direction), daemon=True).start()

    def _pass_on(self, source, sink, direction):
        try:
            while data := source.recv(CHUNK_BYTES):
                if not self._deliver(data, sink, direction):
                    break
        except OSError:
            pass
        hang_up(source)
        hang_up(sink)

    def _deliver(self, data, sink, direction):
        """Passes data on as the state of the proxy has it; false when the connection is to be cut."""
        while data:
            with self._state:
                self._state.wait_for(lambda: self._closed or direction not in self._stalled)
                part, goes_on = self._allowed(data, direction)
                pause_s = len(part) / self._bytes_per_s if self._bytes_per_s else 0
                if pause_s:
                    self._state.wait(pause_s)
            sink.sendall(part)
            if not goes_on:
                return False
            data = data[len(part) :]
        return True

    def _allowed(self, data, direction):
        if self._bytes_per_s:
            data = data[: max(1, self._bytes_per_s // 20)]
        if direction not in self._remaining:
            return data, True
        part = data[: self._remaining[direction]]
        self._remaining[direction] -= len(part)
        if len(part) < len(data):
            del self._remaining[direction]
            return part, False
        return part, True


def bound_socket(address):
    listener = new_socket(address)
    listener.bind(plain(address))
    listener.listen()
    return listener


def end_listener(listener):
    """Also wakes the thread that accepts: until it has returned, the kernel would let one more in."""
    try:
        listener.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    listener.close()


def connected_socket(address):
    line = new_socket(address)
    try:
        line.connect(plain(address))
    except OSError:
        line.close()
        raise
    return line


def new_socket(address):
    if isinstance(address, tuple):
        line = socket.socket(socket.AF_INET)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return line
    return socket.socket(socket.AF_UNIX)


def plain(address):
    return str(address) if isinstance(address, (str, Path)) else address


def hang_up(line):
    """Also wakes the thread that reads from it; a TCP peer gets a reset."""
    try:
        if line.family == socket.AF_INET:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    line.close()
