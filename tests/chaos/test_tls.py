"""Lines that speak TLS are cut: in the handshake, where nothing was said yet, and after it, in the middle of a record."""

import pytest
from support.processes import free_port
from support.proxy import DOWN, UP, Proxy

HANDSHAKE_BYTES = {UP: 500, DOWN: 1_200}
LINES = ["consumers' to Redis", "workers' to Redis"]


@pytest.fixture
def tls_redis(make_redis, certificates):
    return make_redis("tls", tls=certificates)


@pytest.fixture
def lines(tls_redis, certificates):
    """Whose line, by name."""

    def line():
        port = free_port()
        trusted = {"TASKLEDGER_REDIS_CA_FILE": str(certificates.ca.certificate)}
        environment = {"REDIS_URL": f"rediss://127.0.0.1:{port}", **trusted}
        return Proxy(("127.0.0.1", port), ("127.0.0.1", tls_redis.tls_port), environment=environment)

    lines = {name: line() for name in LINES}
    yield lines
    for line in lines.values():
        line.close()


def start(make_scene, tls_redis, postgres, lines):
    scene = make_scene(tls_redis, postgres)
    scene.start_consumers(2, env=lines["consumers' to Redis"].environment)
    for _ in range(3):
        scene.work(lines["workers' to Redis"], threads=2, rate=250)
    scene.progress(300)
    return scene


@pytest.mark.parametrize("name", LINES)
def test_a_tls_line_is_cut_in_its_handshake(make_scene, tls_redis, postgres, lines, name):
    scene, line = start(make_scene, tls_redis, postgres, lines), lines[name]
    for _ in scene.rounds(least=15):
        with scene.fault(f"{name}: handshake cut"):
            direction, longest = scene.chance.choice([*HANDSHAKE_BYTES.items()])
            line.cut()
            line.truncate_after(scene.chance.randrange(longest), direction)
            scene.last(0.3, 0.1)
            line.heal()
    scene.recovered()
    scene.finish()


@pytest.mark.parametrize("name", LINES)
def test_a_tls_line_is_cut_after_its_handshake(make_scene, tls_redis, postgres, lines, name):
    scene, line = start(make_scene, tls_redis, postgres, lines), lines[name]
    for _ in scene.rounds(least=15):
        scene.last(0.3)
        with scene.fault(f"{name}: cut in the middle of a record"):
            line.truncate_after(scene.chance.randrange(20_000), scene.chance.choice([UP, DOWN]))
    line.heal()
    scene.recovered()
    scene.finish()


def test_a_tls_line_stalls_in_its_handshake(make_scene, tls_redis, postgres, lines):
    """Neither end hears of it: only deadlines help."""
    scene = start(make_scene, tls_redis, postgres, lines)
    for _ in scene.rounds(least=2):
        for name, line in lines.items():
            with scene.fault(f"{name}: handshake stalled"):
                line.stall(scene.chance.choice([UP, DOWN]))
                line.cut()
                scene.last(1, 0.5)
                line.heal()
        scene.recovered()
    scene.finish()
