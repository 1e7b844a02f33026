"""A PostgreSQL that follows another, and can take its place."""

import shutil
import subprocess

from .servers import POSTGRES_PROGRAMS, Postgres, postgres_user
from .waiting import wait_until

REPLICATED_DEADLINE_S = 60


class Standby(Postgres):
    """A copy of the running `primary`, streaming from it. Options as for Postgres."""

    def __init__(self, folder, primary, **options):
        super().__init__(folder, **options)
        shutil.rmtree(self.data)
        command = [POSTGRES_PROGRAMS / "pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        command += ["-h", primary.folder, "-p", str(primary.port), "-U", "postgres"]
        subprocess.run(command, check=True, capture_output=True, user=postgres_user(), cwd="/")
        self.primary = primary

    def wait_until_replicated(self):
        """What the primary has committed by now can be read here."""
        reached = self.primary.value("SELECT pg_current_wal_flush_lsn()")
        query = "SELECT coalesce(pg_last_wal_replay_lsn() >= %s, false)"
        wait_until(lambda: self.value(query, (reached,)), REPLICATED_DEADLINE_S, f"{self.folder.name} is at {reached}")

    def promote(self):
        assert self.value("SELECT pg_promote(true)")


def url_of(*servers, parameters=""):
    """One connection string for all of them."""
    hosts = ",".join(str(server.folder) for server in servers)
    ports = ",".join(str(server.port) for server in servers)
    return f"postgresql:///postgres?host={hosts}&port={ports}&user=postgres{parameters}"
