"""PgBouncer before a PostgreSQL."""

import psycopg2

from .servers import Server, hand_over, postgres_user, spawn

PORT = 6432


class PgBouncer(Server):
    """Pools sessions ("session") or transactions ("transaction") of the running `postgres`."""

    def __init__(self, folder, postgres, mode):
        super().__init__(folder)
        self.url = f"postgresql:///postgres?host={self.folder}&port={PORT}&user=postgres"
        users = self.folder / "users"
        users.write_text('"postgres" ""\n')
        self.settings = self.folder / "ini"
        self.settings.write_text(
            f"""[databases]
postgres = host={postgres.folder} port={postgres.port}
[pgbouncer]
pool_mode = {mode}
auth_type = trust
auth_file = {users}
listen_addr =
listen_port = {PORT}
unix_socket_dir = {self.folder}
ignore_startup_parameters = extra_float_digits,options
"""
        )
        self.settings.chmod(0o644)
        hand_over(self.folder)

    @property
    def environment(self):
        return {"DATABASE_URL": self.url}

    def _spawn(self):
        return spawn(["/usr/sbin/pgbouncer", "-q", self.settings], self.log, user=postgres_user())

    def _answers(self):
        try:
            psycopg2.connect(self.url).close()
            return True
        except psycopg2.OperationalError:
            return False
