"""A Redis Cluster under load: slots move, masters die, consumers too; what workers keep is lost to nobody."""

SHARDS = 6
KEEPING = {"TASKLEDGER_SPOOL": "always", "TASKLEDGER_CONFIRM_MS": "1000"}


def start(make_scene, cluster, postgres):
    scene = make_scene(cluster, postgres, shards=SHARDS)
    scene.start_consumers(2)
    for _ in range(3):
        scene.work(env=KEEPING, threads=2, rate=200, forks=3)
    scene.progress(300)
    return scene


def move(scene, cluster):
    """A shard's slot to another node, step by step."""
    slot = cluster.slot(scene.stream.key(scene.chance.randrange(SHARDS)))
    source = cluster.owner_of_slot(slot)
    target = scene.chance.choice([master for master in cluster.masters() if master is not source])
    cluster.open_slot(slot, target)
    scene.last(0.5)
    cluster.carry_keys(slot, target)
    scene.last(0.5)
    cluster.close_slot(slot, target)


def test_slots_move(make_scene, cluster, postgres):
    scene = start(make_scene, cluster, postgres)
    scene.speak()
    for _ in scene.rounds(least=6):
        with scene.fault("slot moved"):
            move(scene, cluster)
        scene.recovered()
    scene.finish()


def test_masters_are_killed(make_scene, cluster, postgres):
    scene = start(make_scene, cluster, postgres)
    for _ in scene.rounds(least=2):
        scene.progress(300)
        old = cluster.owner(scene.stream.key(scene.chance.randrange(SHARDS)))
        with scene.fault("master killed"):
            old.kill()
            cluster.wait_for_promotion(old)
        scene.recovered()
        old.start()
        cluster.wait_until_whole()
    scene.finish()


def test_everything_at_once(make_scene, cluster, postgres):
    scene = start(make_scene, cluster, postgres)
    for _ in scene.rounds(least=2):
        with scene.fault("slot moved, consumer killed"):
            scene.kill_consumer(scene.chance.choice(scene.consumers))
            move(scene, cluster)
        scene.start_consumer()
        scene.recovered()
        old = scene.chance.choice(cluster.masters())
        with scene.fault("master and consumer killed"):
            old.kill()
            scene.kill_consumer(scene.chance.choice(scene.consumers))
            scene.start_consumer()
            cluster.wait_for_promotion(old)
        scene.recovered()
        old.start()
        cluster.wait_until_whole()
    scene.finish()
