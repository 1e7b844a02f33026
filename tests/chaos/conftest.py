"""Fixtures of the chaos scenarios."""

import pytest
from support import results
from support.scene import Scene

PASSED = pytest.StashKey()


@pytest.fixture
def make_scene(request, build, scratch, programs, event_pb2):
    """make_scene(redis, postgres, shards=1): a Scene on servers of the scenario's own."""
    scenes = []

    def make(redis, postgres, **options):
        scenes.append(Scene(request.node.name, build, scratch, programs, event_pb2, redis, postgres, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        passed = request.node.stash.get(PASSED, False)
        results.write(build.folder / "chaos", {**scene.close(), "passed": passed})


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.stash[PASSED] = outcome.get_result().passed


@pytest.fixture
def scene(make_scene, redis, postgres):
    """Load, faults and a verdict: see support/scene.py."""
    return make_scene(redis, postgres)
