"""Fixtures of the system, chaos and bench tests."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
sys.path.insert(0, str(TESTS))

from support.certificates import Certificates  # noqa: E402
from support.cluster import Cluster  # noqa: E402
from support.leases import Holders  # noqa: E402
from support.programs import Build, Programs  # noqa: E402
from support.servers import Postgres, Redis  # noqa: E402

LOG_TAIL_BYTES = 4000


@pytest.fixture
def scratch():
    """A folder for this test, with a path short enough for Unix sockets; logs in it are shown on failure."""
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    folder.chmod(0o755)
    yield folder
    for log in sorted([*folder.glob("*/log"), *folder.glob("*.log")]):
        print(f"--- {log.relative_to(folder)}\n{log.read_text(errors='replace')[-LOG_TAIL_BYTES:]}")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis(scratch):
    """A Redis with an AOF, and no password. A test kills it, and no machine: it waits for no fsync of a busy disk."""
    server = Redis(scratch / "redis", fsync="no").start()
    yield server
    server.kill()


@pytest.fixture
def cluster(scratch):
    """A Redis Cluster of three masters, each with a replica."""
    made = Cluster(scratch / "cluster")
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def postgres(scratch):
    server = Postgres(scratch / "postgres").start()
    yield server
    server.kill()


@pytest.fixture
def make_redis(scratch):
    """make_redis(name, **options): Redis servers with options of the test's own."""
    yield from maker(scratch, Redis)


@pytest.fixture
def make_postgres(scratch):
    """make_postgres(name, **options): the same for PostgreSQL."""
    yield from maker(scratch, Postgres)


def maker(scratch, kind):
    servers = []

    def make(name, **options):
        servers.append(kind(scratch / name, **options).start())
        return servers[-1]

    yield make
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def build():
    """The build under test: TASKLEDGER_BUILD, else the release build."""
    return Build(Path(os.environ.get("TASKLEDGER_BUILD", ROOT / "build/release")).resolve())


@pytest.fixture
def programs(build, scratch):
    programs = Programs(build, scratch)
    yield programs
    programs.close()


@pytest.fixture
def holders(build, scratch, redis):
    """Processes that claim and take permits: see support/leases.py."""
    holders = Holders(build, scratch, redis.environment)
    yield holders
    holders.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="session")
def event_pb2(tmp_path_factory):
    """The schema as Python's own protobuf compiles it: independent of our codec."""
    return compiled(ROOT / "proto/event.proto", tmp_path_factory.mktemp("schema"))


@pytest.fixture(scope="session")
def archive_pb2(tmp_path_factory):
    """The schema of exports, likewise."""
    return compiled(ROOT / "replay/transfer/archive.proto", tmp_path_factory.mktemp("archive"))


def compiled(proto, folder):
    subprocess.run(["protoc", f"--proto_path={proto.parent}", f"--python_out={folder}", proto.name], check=True)
    specification = importlib.util.spec_from_file_location(f"{proto.stem}_pb2", folder / f"{proto.stem}_pb2.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
