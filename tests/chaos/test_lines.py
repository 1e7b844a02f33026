"""The lines between programs and servers are cut, stalled, slowed and truncated by a proxy, under load."""

import pytest
from support.proxy import DOWN, UP


@pytest.fixture
def lines(redis, postgres):
    """Whose line to whom, by name."""
    lines = {
        "consumers' to Redis": redis.proxy("for-consumers"),
        "consumers' to PostgreSQL": postgres.proxy(),
        "workers' to Redis": redis.proxy("for-workers"),
    }
    yield lines
    for line in lines.values():
        line.close()


LINES = ["consumers' to Redis", "consumers' to PostgreSQL", "workers' to Redis"]


def start(scene, lines):
    """All who speak do it through the workers' line."""
    scene.programs.use(lines["consumers' to Redis"], lines["consumers' to PostgreSQL"])
    scene.start_consumers(2)
    for _ in range(3):
        scene.work(lines["workers' to Redis"], threads=2, rate=250)


@pytest.mark.parametrize("name", LINES)
def test_the_line_is_cut(scene, lines, name):
    start(scene, lines)
    for _ in scene.rounds(least=30):
        scene.last(0.15)
        with scene.fault(f"{name}: cut"):
            lines[name].cut()
    scene.recovered()
    scene.finish()


@pytest.mark.parametrize("name", LINES)
def test_the_line_stalls(scene, lines, name):
    """Neither end hears of it: only deadlines help; in one direction or in both."""
    start(scene, lines)
    for _ in scene.rounds(least=3):
        scene.progress(200)
        with scene.fault(f"{name}: stalled"):
            lines[name].stall(scene.chance.choice([UP, DOWN, (UP, DOWN)]))
            scene.last(3, 0.5)
            lines[name].heal()
        scene.recovered()
    scene.finish()


@pytest.mark.parametrize("name", LINES)
def test_the_line_is_slow(scene, lines, name):
    start(scene, lines)
    for _ in scene.rounds(least=3):
        scene.progress(200)
        with scene.fault(f"{name}: slow"):
            lines[name].slow(scene.chance.choice([2_000, 20_000, 200_000]))
            scene.last(2, 0.5)
            lines[name].heal()
        scene.recovered()
    scene.finish()


@pytest.mark.parametrize("name", LINES)
def test_the_line_ends_in_the_middle_of_a_word(scene, lines, name):
    start(scene, lines)
    for _ in scene.rounds(least=30):
        scene.last(0.15)
        with scene.fault(f"{name}: truncated"):
            lines[name].truncate_after(scene.chance.randrange(20_000), scene.chance.choice([UP, DOWN]))
    lines[name].heal()
    scene.recovered()
    scene.finish()


@pytest.mark.parametrize("name", LINES)
def test_nobody_listens_for_a_while(scene, lines, name):
    start(scene, lines)
    for _ in scene.rounds(least=3):
        scene.progress(200)
        with scene.fault(f"{name}: refused"):
            lines[name].refuse()
            scene.last(1.5)
            lines[name].heal()
        scene.recovered()
    scene.finish()
