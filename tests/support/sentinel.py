"""A Redis that is watched over: a master, its replicas and their sentinels, each a process of its own on the loopback.

    watched = SentinelSet(scratch / "watched").start()
    programs.use(watched)                       REDIS_URL is redis+sentinel://...
    watched.master().kill()
    watched.wait_for_failover(from_=old)

Everybody reaches a node by a proxy before it (.proxies), its replicas and the sentinels too: stall() or refuse() on it is a
node that is cut off from all.
"""

import redis

from .processes import free_port, spawn
from .proxy import Proxy
from .servers import Redis, Server
from .waiting import wait_until

SERVICE = "mymaster"
READY_DEADLINE_S = 60
FAILOVER_DEADLINE_S = 120


class Node(Redis):
    """A master or replica; what it is changes. .place is where the others find it."""

    def __init__(self, folder, *, arguments=(), password=None, **options):
        port = free_port()
        login = ["--requirepass", password, "--masterauth", password] if password else []
        announced = ["--replica-announce-ip", "127.0.0.1", "--replica-announce-port", port]
        quick = ["--repl-diskless-sync-delay", "0", "--repl-timeout", "5", "--repl-ping-replica-period", "1"]
        super().__init__(folder, fsync="no", port=True, arguments=[*announced, *quick, *login, *arguments], **options)
        self.password = password
        self.place = ("127.0.0.1", port)
        self.front = Proxy(self.place, ("127.0.0.1", self.port))

    def client(self, **options):
        return super().client(password=self.password, **options)

    def role(self):
        try:
            return self.client(socket_timeout=3).role()[0].decode()
        except redis.RedisError:
            return "away"

    def close(self):
        if self.process is not None:
            self.kill()
        self.front.close()


class Sentinel(Server):
    """redis-server as a sentinel of the node at `place`; `lines` are further ones of its configuration."""

    def __init__(self, folder, place, *, quorum, down_after_ms, password=None, lines=()):
        super().__init__(folder)
        self.port = free_port()
        self.password = password
        self.quorum = quorum
        self.configuration = self.folder / "sentinel.conf"
        login = [f"requirepass {password}", f"sentinel sentinel-pass {password}"] if password else []
        self.configuration.write_text(
            "\n".join(
                [
                    f"port {self.port}",
                    "bind 127.0.0.1",
                    f"dir {self.folder}",
                    f"sentinel monitor {SERVICE} {place[0]} {place[1]} {quorum}",
                    f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}",
                    f"sentinel failover-timeout {SERVICE} 10000",
                    *login,
                    *lines,
                    "",
                ]
            )
        )

    def watch(self, place):
        """While it does not run: from now on the node at this place."""
        lines = self.configuration.read_text().splitlines()
        kept = [line for line in lines if not line.startswith(("sentinel known-", "sentinel monitor"))]
        monitor = f"sentinel monitor {SERVICE} {place[0]} {place[1]} {self.quorum}"
        self.configuration.write_text("\n".join([monitor, *kept, ""]))

    def client(self):
        return redis.Redis(port=self.port, password=self.password, socket_timeout=3)

    def place_of_master(self):
        host, port = self.client().execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return host.decode(), int(port)

    def sees(self, replicas, others):
        """The master is well, and it knows so many replicas and other sentinels, and all of them are well."""
        client = self.client()
        master = client.sentinel_master(SERVICE)
        friends = [*client.sentinel_slaves(SERVICE), *client.sentinel_sentinels(SERVICE)]
        flags = {"is_sdown", "is_odown", "is_disconnected"}
        return (
            master["num-slaves"] == replicas
            and master["num-other-sentinels"] == others
            and not any(item.get(flag) for item in [master, *friends] for flag in flags)
        )

    def _spawn(self):
        return spawn(["redis-server", self.configuration, "--sentinel"], self.log)

    def _answers(self):
        try:
            return self.client().ping()
        except redis.RedisError:
            return False


class SentinelSet:
    """.nodes (the first begins as the master), .sentinels, .url

    down_after_ms       when a silent node counts as down; one that only waits for a busy machine must not
    password            of the nodes, sentinel_password of the sentinels
    node_arguments      as on redis-server's command line
    """

    def __init__(
        self,
        folder,
        *,
        replicas=1,
        sentinels=3,
        down_after_ms=1500,
        password=None,
        sentinel_password=None,
        node_arguments=(),
    ):
        folder.mkdir(exist_ok=True)
        self.password, self.sentinel_password = password, sentinel_password
        self.nodes = [Node(folder / "node-1", password=password, arguments=node_arguments)]
        host, port = self.nodes[0].place
        for number in range(2, replicas + 2):
            follows = ["--replicaof", f"{host} {port}"]
            self.nodes.append(
                Node(folder / f"node-{number}", password=password, arguments=[*follows, *node_arguments])
            )
        lines = [f"sentinel auth-pass {SERVICE} {password}"] if password else []
        self.sentinels = [
            Sentinel(
                folder / f"sentinel-{number}",
                self.nodes[0].place,
                quorum=sentinels // 2 + 1,
                down_after_ms=down_after_ms,
                password=sentinel_password,
                lines=lines,
            )
            for number in range(1, sentinels + 1)
        ]

    @property
    def proxies(self):
        return [node.front for node in self.nodes]

    def url_of(self, service, db=0):
        login = f":{self.password}@" if self.password else ""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        query = f"?sentinel_password={self.sentinel_password}" if self.sentinel_password else ""
        return f"redis+sentinel://{login}{hosts}/{service}/{db}{query}"

    @property
    def url(self):
        return self.url_of(SERVICE)

    @property
    def environment(self):
        return {"REDIS_URL": self.url}

    @property
    def beside(self):
        return self.environment

    def start(self):
        for node in self.nodes:
            node.start()
        wait_until(self._replicas_follow, READY_DEADLINE_S, "the replicas follow the master")
        self.start_sentinels()
        return self

    def start_sentinels(self):
        for sentinel in self.sentinels:
            sentinel.start()
        wait_until(self._sentinels_agree, READY_DEADLINE_S, "the sentinels know each other and the replicas")

    def stop_sentinels(self):
        for sentinel in self.sentinels:
            sentinel.stop()

    def close(self):
        for sentinel in self.sentinels:
            if sentinel.process is not None:
                sentinel.kill()
        for node in self.nodes:
            node.close()

    def client(self, **options):
        """Of whoever is the master now."""
        return self.master().client(**options)

    def master(self):
        """The node that the sentinels name."""
        return next(node for node in self.nodes if node.place == self._named())

    def replicas(self):
        return [node for node in self.nodes if node is not self.master()]

    def fail_over(self):
        """Asks for another master although this one is well; returns the new one."""
        old = self.master()
        self._answering().client().sentinel_failover(SERVICE)
        return self.wait_for_failover(old)

    def wait_for_failover(self, old):
        """The new master, when all running sentinels name it and it is one."""

        def done():
            return self._all_name_another_than(old) and self.master().role() == "master" and self.master()

        return wait_until(done, FAILOVER_DEADLINE_S, "another node is the master")

    def wait_until_whole(self):
        """Every node is there again, follows the master, and counts as well with every sentinel."""
        wait_until(self._sentinels_agree, FAILOVER_DEADLINE_S, "the sentinels find all nodes well")
        wait_until(self._replicas_follow, FAILOVER_DEADLINE_S, "the replicas follow the master")

    def wait_until_replicated(self):
        """What the master has by now is with every replica."""
        assert self.client().wait(len(self.nodes) - 1, READY_DEADLINE_S * 1000) == len(self.nodes) - 1

    def _answering(self):
        return next(sentinel for sentinel in self.sentinels if sentinel.is_running())

    def _named(self):
        return self._answering().place_of_master()

    def _all_name_another_than(self, old):
        try:
            named = {sentinel.place_of_master() for sentinel in self.sentinels if sentinel.is_running()}
        except redis.RedisError:
            return False
        return len(named) == 1 and old.place not in named

    def _replicas_follow(self):
        """A node that has just heard that it is no master hangs up on whoever asks it."""
        try:
            master = next((node for node in self.nodes if node.role() == "master"), None)
            following = master.client().info("replication") if master else {}
        except redis.RedisError:
            return False
        count = len(self.nodes) - 1
        return all(following.get(f"slave{i}", {}).get("state") == "online" for i in range(count))

    def _sentinels_agree(self):
        try:
            return all(s.sees(len(self.nodes) - 1, len(self.sentinels) - 1) for s in self.sentinels)
        except redis.RedisError:
            return False
