"""A Redis Cluster: masters and their replicas, each a process of its own on the loopback.

    cluster = Cluster(scratch / "cluster").start()
    programs.use(cluster)                       REDIS_URL is redis+cluster://...
    cluster.move_slot(cluster.slot(key), other)
    old = cluster.owner(key)
    old.kill()
    cluster.wait_for_promotion(old)

Everybody reaches a node by a proxy before it (.proxies), its replicas too; only what the nodes gossip goes past it: a
node behind a proxy that stalls is cut off from its clients and not from its friends, so nobody takes its place.
"""

import redis
import redis.cluster

from .processes import free_port
from .proxy import Proxy
from .servers import Redis
from .waiting import wait_until

SLOTS = 16384
SEEDS_MAX = 8  # that a URL may name
KEYS_AT_ONCE = 100
MIGRATE_MS = 30000
READY_DEADLINE_S = 60
PROMOTION_DEADLINE_S = 120
FLAGS, EPOCH, FIRST_SLOTS = 2, 6, 8  # words of a row of CLUSTER NODES


class ClusterNode(Redis):
    """A master or replica; what it is changes. .place is where the others find it; with TLS, .tls_place."""

    def __init__(self, folder, *, node_timeout_ms, password=None, tls=None, arguments=()):
        self.place = ("127.0.0.1", free_port())
        self.tls_place = ("localhost", free_port()) if tls else None
        self.bus_port = free_port()
        self.password = password
        login = ["--requirepass", password, "--masterauth", password] if password else []
        quick = ["--repl-diskless-sync-delay", 0, "--repl-timeout", 5, "--repl-ping-replica-period", 1]
        own = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", self.bus_port]
        own += ["--cluster-node-timeout", node_timeout_ms, "--cluster-replica-validity-factor", 0]
        own += ["--cluster-announce-ip", self.place[0], "--cluster-announce-port", self.place[1]]
        if tls:
            own += ["--tls-cluster", "yes", "--tls-replication", "yes", "--cluster-announce-hostname", self.tls_place[0]]
            own += ["--cluster-preferred-endpoint-type", "hostname", "--cluster-announce-tls-port", self.tls_place[1]]
        super().__init__(folder, fsync="no", port=True, tls=tls, arguments=[*own, *quick, *login, *arguments])
        self.fronts = [Proxy(self.place, ("127.0.0.1", self.port))]
        if tls:
            self.fronts.append(Proxy(("127.0.0.1", self.tls_place[1]), ("127.0.0.1", self.tls_port)))

    def client(self, **options):
        return super().client(password=self.password, **options)

    def say(self, *words):
        """One command, a word each; the answer as it comes."""
        return self.client(socket_timeout=MIGRATE_MS / 1000).execute_command(*words)

    @property
    def id(self):
        return self.say("CLUSTER", "MYID").decode()

    def is_well(self):
        """Every slot is served, as far as it knows."""
        try:
            return b"cluster_state:ok" in self.client(socket_timeout=3).execute_command("CLUSTER", "INFO")
        except redis.RedisError:
            return False

    def rows(self):
        """What it knows of all nodes, a list of words each: CLUSTER NODES; of one that does not answer, nothing."""
        try:
            lines = self.client(socket_timeout=3).execute_command("CLUSTER", "NODES").decode()
        except redis.RedisError:
            return []
        return [line.split() for line in lines.splitlines()]

    def serves(self):
        """Its slots as ranges of words, and the epoch in which it was chosen for them; of a replica, none and -1."""
        own = next((row for row in self.rows() if "myself" in row[FLAGS]), None)
        if own is None or "master" not in own[FLAGS]:
            return [], -1
        ranges = [word.split("-") for word in own[FIRST_SLOTS:] if not word.startswith("[")]
        return [range(int(part[0]), int(part[-1]) + 1) for part in ranges], int(own[EPOCH])

    def epoch_with(self, slot):
        """In which it was chosen as the master of a slot, as it sees it; -1: it is not."""
        slots, epoch = self.serves()
        return epoch if any(slot in part for part in slots) else -1

    def follows(self, master):
        try:
            replication = self.client(socket_timeout=3).info("replication")
        except redis.RedisError:
            return False
        places = [master.place[1], master.tls_place and master.tls_place[1]]
        return replication.get("master_port") in places and replication.get("master_link_status") == "up"

    def close(self):
        if self.process is not None:
            self.kill()
        for front in self.fronts:
            front.close()


class Cluster:
    """.nodes (the first .masters of them begin as masters, each with its equal part of the slots), .url

    replicas            of each master
    node_timeout_ms     when a silent node counts as failed; one that only waits for a busy machine must not
    tls                 a Certificates: also by TLS and by name, see .tls_url; the nodes talk so among themselves
    node_arguments      as on redis-server's command line
    """

    def __init__(
        self, folder, *, masters=3, replicas=1, node_timeout_ms=3000, password=None, tls=None, node_arguments=()
    ):
        folder.mkdir(exist_ok=True)
        self.password, self.master_count = password, masters
        self.nodes = [
            ClusterNode(
                folder / f"node-{number}",
                node_timeout_ms=node_timeout_ms,
                password=password,
                tls=tls,
                arguments=node_arguments,
            )
            for number in range(1, masters * (1 + replicas) + 1)
        ]

    @property
    def proxies(self):
        return [front for node in self.nodes for front in node.fronts]

    @property
    def url(self):
        login = f":{self.password}@" if self.password else ""
        return f"redis+cluster://{login}" + ",".join("%s:%d" % node.place for node in self.nodes[:SEEDS_MAX])

    @property
    def tls_url(self):
        login = f":{self.password}@" if self.password else ""
        return f"rediss+cluster://{login}" + ",".join("%s:%d" % node.tls_place for node in self.nodes[:SEEDS_MAX])

    @property
    def environment(self):
        return {"REDIS_URL": self.url}

    @property
    def beside(self):
        return self.environment

    def start(self):
        for node in self.nodes:
            node.start()
        self._introduce()
        self._hand_out_slots()
        self._attach_replicas()
        self.wait_until_whole()
        return self

    def close(self):
        for node in self.nodes:
            node.close()

    def client(self, **options):
        """Follows keys, as programs do."""
        nodes = [redis.cluster.ClusterNode(*node.place) for node in self._running()]
        return redis.cluster.RedisCluster(startup_nodes=nodes, password=self.password, **options)

    # ---- who has what ----

    def slot(self, key):
        return self._running()[0].say("CLUSTER", "KEYSLOT", key)

    def owner(self, key):
        return self.owner_of_slot(self.slot(key))

    def owner_of_slot(self, slot):
        """The running node that is its master; of two that think so, the one that was chosen later."""
        epoch, _, node = max((node.epoch_with(slot), -place, node) for place, node in enumerate(self._running()))
        assert epoch >= 0, f"nobody is the master of slot {slot}"
        return node

    def client_of(self, key, **options):
        """Of the node that has the key now."""
        return self.owner(key).client(**options)

    def masters(self):
        """Those that serve slots, or think so."""
        return [node for node in self._running() if node.serves()[0]]

    def another_than(self, node):
        return next(master for master in self.masters() if master is not node)

    def replicas_of(self, master):
        return [node for node in self._running() if node.follows(master)]

    # ---- moving slots ----

    def move_slot(self, slot, to):
        """All of it, as operators' tools do."""
        self.open_slot(slot, to)
        self.carry_keys(slot, to)
        self.close_slot(slot, to)

    def open_slot(self, slot, to):
        """From now on what the owner does not have of it is asked for at the other node."""
        source = self.owner_of_slot(slot)
        to.say("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.say("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)

    def carry_keys(self, slot, to):
        source = self.owner_of_slot(slot)
        login = ["AUTH", self.password] if self.password else []
        while keys := source.say("CLUSTER", "GETKEYSINSLOT", slot, KEYS_AT_ONCE):
            source.say("MIGRATE", "127.0.0.1", to.tls_port or to.port, "", 0, MIGRATE_MS, *login, "KEYS", *keys)

    def close_slot(self, slot, to):
        """The other node is the owner, and all masters know."""
        masters = [node for node in self.masters() if node is not to]
        for node in [to, *masters]:
            node.say("CLUSTER", "SETSLOT", slot, "NODE", to.id)

    # ---- failing over ----

    def fail_over(self, master):
        """Has a replica take over in good order; returns it."""
        replica = self.replicas_of(master)[0]
        replica.say("CLUSTER", "FAILOVER")
        return self.wait_for_promotion(master)

    def wait_for_promotion(self, old):
        """The node that has taken the place of this one, when everybody knows."""

        def done():
            masters = self.masters()
            new = [node for node in masters if node not in self._known_masters]
            return old not in masters and new and all(node.is_well() for node in self._running()) and new[0]

        promoted = wait_until(done, PROMOTION_DEADLINE_S, "a replica is the master")
        self._known_masters = self.masters()
        return promoted

    def allow_gaps(self):
        """What is served goes on being served when other slots have no master."""
        for node in self._running():
            node.say("CONFIG", "SET", "cluster-require-full-coverage", "no")

    def is_failed(self, gone):
        """A question for wait_until: do all that run know that it is?"""
        place = "%s:%d@" % gone.place

        def is_failed():
            rows = [row for node in self._running() for row in node.rows() if row[1].startswith(place)]
            return rows and all("fail" in row[FLAGS].split(",") for row in rows)

        return is_failed

    def wait_until_whole(self):
        """Every node is there, every slot is served, and every replica follows its master."""
        wait_until(self._is_whole, PROMOTION_DEADLINE_S, "the cluster is whole")

    # ---- making one ----

    def _introduce(self):
        first = self.nodes[0]
        for epoch, node in enumerate(self.nodes, 1):
            node.say("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        for node in self.nodes[1:]:
            first.say("CLUSTER", "MEET", *node.place, node.bus_port)
        wait_until(self._know_each_other, READY_DEADLINE_S, "the nodes know each other")

    def _know_each_other(self):
        views = [node.rows() for node in self.nodes]
        met = [[row for row in rows if "handshake" not in row[FLAGS]] for rows in views]
        return all(len(rows) == len(known) == len(self.nodes) for rows, known in zip(views, met))

    def _hand_out_slots(self):
        self._known_masters = self.nodes[: self.master_count]
        for place, node in enumerate(self._known_masters):
            first, end = (SLOTS * part // self.master_count for part in (place, place + 1))
            node.say("CLUSTER", "ADDSLOTSRANGE", first, end - 1)

    def _attach_replicas(self):
        for place, node in enumerate(self.nodes[self.master_count :]):
            node.say("CLUSTER", "REPLICATE", self.nodes[place % self.master_count].id)

    def _running(self):
        return [node for node in self.nodes if node.is_running()]

    def _is_whole(self):
        masters = self.masters()
        following = sum(any(node.follows(master) for master in masters) for node in self.nodes)
        return len(masters) + following == len(self.nodes) and all(node.is_well() for node in self.nodes)
