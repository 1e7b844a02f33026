"""Private servers: a Redis and a PostgreSQL in a scratch folder, on Unix sockets, gone with the test."""

import atexit
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg2
import redis

from .processes import free_port, signal_family, spawn
from .proxy import Proxy
from .waiting import wait_until

POSTGRES_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
START_DEADLINE_S = 60
STOP_DEADLINE_S = 60
SHARED_MEMORY_LINE = 6  # of postmaster.pid: key and ID


class Server:
    """A server process over a folder of data; start() after kill() or stop() finds the same data again."""

    stop_signal = signal.SIGTERM

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self.process = None

    def start(self):
        self.process = self._spawn()
        wait_until(self._is_ready, START_DEADLINE_S, f"{self.folder.name} is ready, see {self.log}")
        return self

    def stop(self):
        """Asks the server to end in good order."""
        self.resume()
        if self.is_running():
            self.process.send_signal(self.stop_signal)
            self.process.wait(STOP_DEADLINE_S)

    def end(self, number):
        """By this signal to the server alone."""
        self.process.send_signal(number)
        self.process.wait(STOP_DEADLINE_S)

    def revive(self):
        """Starts it if it has ended by itself, and waits until it answers."""
        if not self.is_running():
            return self.start()
        wait_until(self._answers, START_DEADLINE_S, f"{self.folder.name} answers, see {self.log}")
        return self

    def kill(self):
        """SIGKILL to the server and all its children."""
        signal_family(self.process, signal.SIGKILL)
        self.process.wait(STOP_DEADLINE_S)

    def pause(self):
        """The server neither answers nor hangs up."""
        signal_family(self.process, signal.SIGSTOP)

    def resume(self):
        signal_family(self.process, signal.SIGCONT)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.folder.name} ended at start:\n{self.log.read_text(errors='replace')}")
        return self._answers()


class Redis(Server):
    """redis-server.

    aof         appendonly; without it nothing survives kill()
    fsync       as redis.conf has it. With everysec, as most have it, an fsync that takes long on a busy disk holds back
                write(2), and after 2 s all answers; with no, all that was answered for survives kill()
    port        also on a loopback TCP port, see .port
    tls         a Certificates: also on a loopback TLS port, see .tls_port and .tls_url
    acl_file    users and their rights
    maxmemory   as redis.conf has it, with noeviction
    host        a Host that it runs on, reached by TCP at .url
    within      a command that ends by executing it
    arguments   any others, as on the command line
    """

    def __init__(
        self,
        folder,
        *,
        aof=True,
        fsync="everysec",
        port=False,
        tls=None,
        acl_file=None,
        maxmemory=None,
        host=None,
        within=(),
        arguments=(),
    ):
        super().__init__(folder)
        self.within = [*(host.within if host else []), *within]
        self.socket = self.folder / "s"
        self.port = free_port() if port or host else 0
        self.tls_port = free_port() if tls else None
        self.url = f"redis://{host.address}:{self.port}" if host else f"unix://{self.socket}"
        self.tls_url = f"rediss://localhost:{self.tls_port}"
        self.arguments = ["--port", self.port, "--unixsocket", self.socket]
        self.arguments += ["--bind", host.address, "--protected-mode", "no"] if host else ["--bind", "127.0.0.1"]
        self.arguments += ["--dir", self.folder, "--save", "", "--appendonly", "yes" if aof else "no"]
        self.arguments += ["--appendfsync", fsync]
        if tls:
            self.arguments += ["--tls-port", self.tls_port, "--tls-ca-cert-file", tls.ca.certificate]
            self.arguments += ["--tls-cert-file", tls.server.certificate, "--tls-key-file", tls.server.key]
            self.arguments += ["--tls-auth-clients", "optional"]
        if acl_file:
            self.arguments += ["--aclfile", acl_file]
        if maxmemory:
            self.arguments += ["--maxmemory", maxmemory, "--maxmemory-policy", "noeviction"]
        self.arguments += arguments

    @property
    def environment(self):
        return {"REDIS_URL": self.url}

    @property
    def beside(self):
        """The environment of a program that stands beside the server, whatever lies between them and the others."""
        return {"REDIS_URL": f"unix://{self.socket}"}

    def kill_written(self):
        """SIGKILL when all that it has answered for is in its file. With everysec Redis answers and holds back write(2)
        while an fsync runs, for up to 2 s on a busy disk: kill() may lose that."""
        self.client(socket_timeout=STOP_DEADLINE_S).config_set("appendfsync", "always")
        self.kill()

    def wipe(self):
        """What it had kept is gone; while it does not run."""
        shutil.rmtree(self.folder / "appendonlydir")

    def client(self, **options):
        """An independent client: redis-py."""
        return redis.Redis(unix_socket_path=str(self.socket), **options)

    def proxy(self, name="proxied"):
        """A Proxy before this server, with .environment; several have names of their own."""
        path = self.folder / name
        return Proxy(path, self.socket, environment={"REDIS_URL": f"unix://{path}"})

    def _spawn(self):
        return spawn([*self.within, "redis-server", *self.arguments], self.log)

    def _answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(1)
                line.connect(str(self.socket))
                line.sendall(b"PING\r\n")
                return line.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


class Postgres(Server):
    """PostgreSQL 15 with the superuser postgres and the empty database of that name.

    durable     fsync as users have it; without it a crash of the machine (not of the server) could lose data
    port        also on a loopback TCP port, see .port
    settings    name → value, as in postgresql.conf
    disk        a Disk that holds its data
    host        a Host that it runs on, reached by TCP at .url
    """

    stop_signal = signal.SIGINT

    def __init__(self, folder, *, durable=False, port=False, settings=None, disk=None, host=None):
        super().__init__(folder)
        self.within = (disk or host).within if disk or host else []
        self.data = (disk.path if disk else self.folder) / "data"
        self.copy = self.folder / "copy"
        self.port = free_port() if port or host else 5432
        self.url = self._url(host.address if host else self.folder)
        self.settings = {
            "listen_addresses": host.address if host else "127.0.0.1" if port else "",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "timezone": "UTC",
            "max_connections": 50,
            "shared_buffers": "64MB",
            "dynamic_shared_memory_type": "mmap",  # goes with the folder, also after SIGKILL
            **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
            **(settings or {}),
        }
        subprocess.run([*self.within, "cp", "-a", cluster_template(), self.data], check=True)
        if host:
            with open(self.data / "pg_hba.conf", "a") as trusted:
                trusted.write("host all all samenet trust\n")
        hand_over(self.folder)

    @property
    def environment(self):
        return {"DATABASE_URL": self.url}

    @property
    def beside(self):
        """The environment of a program that stands beside the server, whatever lies between them and the others."""
        return {"DATABASE_URL": self._url(self.folder)}

    def save(self):
        """Keeps a copy of its data, while it does not run; put_back() goes back to it."""
        shutil.rmtree(self.copy, ignore_errors=True)
        subprocess.run(["cp", "-a", self.data, self.copy], check=True)

    def put_back(self):
        shutil.rmtree(self.data)
        subprocess.run(["cp", "-a", self.copy, self.data], check=True)

    def dump(self):
        """pg_dump while it runs; restore() puts a new database with that in the place of the one there is."""
        self._tool("pg_dump", "--format=custom", f"--file={self.copy}", "postgres")

    def restore(self):
        self._tool("psql", "--command=DROP DATABASE postgres WITH (FORCE)", "template1")
        self._tool("pg_restore", "--create", "--exit-on-error", "--dbname=template1", self.copy)

    def kill(self):
        """SIGKILL; what it leaves in shared memory is taken away, of which the machine has a limited number of pieces."""
        super().kill()
        told = self.data / "postmaster.pid"
        lines = told.read_text().splitlines() if told.exists() else []
        if len(lines) > SHARED_MEMORY_LINE and lines[SHARED_MEMORY_LINE].strip():
            subprocess.run(["ipcrm", "-m", lines[SHARED_MEMORY_LINE].split()[1]], stderr=subprocess.DEVNULL)

    def _tool(self, name, *arguments):
        command = [POSTGRES_PROGRAMS / name, f"--host={self.folder}", f"--port={self.port}", "--username=postgres"]
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)

    def connect(self, database="postgres", user="postgres"):
        """An independent connection: psycopg2, in autocommit."""
        connection = psycopg2.connect(host=str(self.folder), port=self.port, dbname=database, user=user)
        connection.autocommit = True
        return connection

    def rows(self, query, parameters=None):
        """All rows of one query, over a connection of its own."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, query, parameters=None):
        """The first column of the first row."""
        return self.rows(query, parameters)[0][0]

    def wait_until_left(self, keep=None):
        """Nobody has a session here but programs of that name. A session that was closed counts in pg_stat_activity, and what
        it did is not in the statistics, until its process has ended."""
        connection = self.connect("template1")
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " AND application_name IS DISTINCT FROM %s"
        )

        def is_left():
            with connection.cursor() as cursor:
                cursor.execute(query, (keep,))
                return cursor.fetchone() == (0,)

        try:
            wait_until(is_left, STOP_DEADLINE_S, "all sessions have ended")
        finally:
            connection.close()

    def proxy(self, name="proxied"):
        """A Proxy before this server, with .environment; several have names of their own."""
        folder = self.folder / name
        folder.mkdir()
        socket_name = f".s.PGSQL.{self.port}"
        return Proxy(folder / socket_name, self.folder / socket_name, environment={"DATABASE_URL": self._url(folder)})

    def _url(self, folder):
        return f"postgresql:///postgres?host={folder}&port={self.port}&user=postgres"

    def _spawn(self):
        options = [option for item in self.settings.items() for option in ("-c", "%s=%s" % item)]
        command = [POSTGRES_PROGRAMS / "postgres", "-D", self.data, *options]
        if not self.within:
            return spawn(command, self.log, user=postgres_user())
        return spawn([*self.within, *as_user(postgres_user()), *command], self.log)

    def _answers(self):
        try:
            self.connect().close()
            return True
        except psycopg2.OperationalError:
            return False


@functools.cache
def postgres_user():
    """PostgreSQL refuses to run as root: the user to run it as, None for the present one."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def as_user(user):
    """What a command begins with to be run by this user."""
    return [] if user is None else ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--"]


def hand_over(folder):
    user = postgres_user()
    if user is not None:
        shutil.chown(folder, user)


@functools.cache
def cluster_template():
    """A cluster made once by initdb, to be copied: it takes a second, copying takes a moment."""
    folder = Path(tempfile.mkdtemp(prefix="tl-initdb-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    hand_over(folder)
    command = [POSTGRES_PROGRAMS / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust"]
    command += ["-E", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"]
    log = folder / "log"
    if spawn(command, log, user=postgres_user(), cwd="/").wait() != 0:
        raise AssertionError(f"initdb failed:\n{log.read_text(errors='replace')}")
    return folder / "data"
