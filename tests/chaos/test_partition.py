"""Hosts that cannot reach each other: a network of namespaces, whose switch loses what it is told to lose.

Nobody gets a reset or an error for what is lost; who waits is helped by his own deadlines alone. A host may also be heard
and not hear (deaf), or hear and not be heard (mute).
"""

from typing import NamedTuple

import pytest
from support.namespaces import Host, Network
from support.scene import Scene

CONSUMER_HOSTS, WORKER_HOSTS = 2, 2
HOW = ["unplug", "mute", "deafen"]


class Site(NamedTuple):
    """redis, postgres: their hosts."""

    network: Network
    scene: Scene
    redis: Host
    postgres: Host
    consumers: list
    workers: list


@pytest.fixture
def site(scratch, make_redis, make_postgres, make_scene):
    with Network(scratch / "network") as network:
        redis, postgres = network.host("redis"), network.host("postgres")
        consumers = [network.host(f"consumer-{i}") for i in range(CONSUMER_HOSTS)]
        workers = [network.host(f"worker-{i}") for i in range(WORKER_HOSTS)]
        scene = make_scene(make_redis("r", host=redis), make_postgres("p", host=postgres))
        yield Site(network, scene, redis, postgres, consumers, workers)


def start(site):
    for host in site.consumers:
        site.scene.start_consumer(within=host.within)
    for host in site.workers:
        site.scene.work(within=host.within, threads=2, rate=250)


@pytest.mark.parametrize("who", ["redis", "postgres", "a consumer", "a worker", "anybody"])
def test_a_host_is_partitioned(site, who):
    start(site)
    chance = site.scene.chance
    for turn in site.scene.rounds(least=3):
        site.scene.progress(200)
        victim = {
            "redis": site.redis,
            "postgres": site.postgres,
            "a consumer": chance.choice(site.consumers),
            "a worker": chance.choice(site.workers),
            "anybody": chance.choice(site.network.hosts),
        }[who]
        how = HOW[turn % len(HOW)]
        with site.scene.fault(f"{who}: {how}"):
            getattr(site.network, how)(victim)
            site.scene.last(4, 1)
            site.network.heal()
        site.scene.recovered()
    site.scene.finish()
