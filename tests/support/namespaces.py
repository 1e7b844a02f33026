"""Disks, hosts and networks of a test's own, in Linux namespaces: gone with the test, whatever becomes of it.

Each is held by a process that does nothing; what is to live there is started within it. Needs root.
"""

import os
import subprocess

from .processes import spawn

BLOCK_BYTES = 1 << 20
NOWHERE = "02:00:00:00:00:00"


class Namespace:
    """unshare KINDS; .within is what a command begins with to run in there."""

    def __init__(self, log, *kinds):
        if os.geteuid() != 0:
            raise AssertionError("a host, network or disk of one's own takes root (namespaces): run the tests as root")
        self.kinds = kinds
        self.holder = spawn(["unshare", *kinds, "sh", "-c", "echo there && exec sleep infinity"], log,
                            stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"there\n":
            raise AssertionError(f"this kernel lets nobody make namespaces ({' '.join(kinds)}):\n{log.read_text()}")

    @property
    def within(self):
        return ["nsenter", f"--target={self.holder.pid}", *self.kinds, "--"]

    def run(self, *command):
        subprocess.run([*self.within, *map(str, command)], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Disk(Namespace):
    """A small file system at a path that only those within see; fill() leaves no room on it, free() makes it again."""

    def __init__(self, path, mib):
        path.mkdir(parents=True)
        super().__init__(path.with_suffix(".log"), "--mount")
        self.path = path
        self.run("mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "taskledger-test", path)
        self.ballast = path / "ballast"

    def fill(self):
        """Takes all the room there is; dd ends when there is none."""
        command = ["dd", "if=/dev/zero", f"of={self.ballast}", f"bs={BLOCK_BYTES}", "status=none"]
        subprocess.run([*self.within, *command], stderr=subprocess.DEVNULL)

    def free(self):
        self.run("rm", "-f", self.ballast)


class Host(Namespace):
    """A machine on a Network: an address, a host name and a cable of its own. Unix sockets are no part of it."""

    def __init__(self, log, name, number):
        super().__init__(log, "--net", "--uts")
        self.name = name
        self.address = f"10.77.0.{number}"
        self.run("hostname", name)
        self.run("ip", "link", "set", "lo", "up")


class Network(Namespace):
    """Hosts on one switch. unplug() ends all talk with a host, mute() what it says, deafen() what it hears; nobody is
    told, packets just do not arrive."""

    def __init__(self, folder):
        folder.mkdir()
        super().__init__(folder / "switch.log", "--net")
        self.folder = folder
        self.hosts = []
        self.run("ip", "link", "add", "switch", "type", "bridge")
        self.run("ip", "link", "set", "switch", "up")

    def host(self, name):
        host = Host(self.folder / f"{name}.log", name, len(self.hosts) + 1)
        self.hosts.append(host)
        port = self.port(host)
        self.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.holder.pid)
        self.run("ip", "link", "set", port, "master", "switch", "up")
        host.run("ip", "addr", "add", f"{host.address}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        return host

    def port(self, host):
        return f"port{host.address.rsplit('.', 1)[1]}"

    def unplug(self, host):
        self.run("ip", "link", "set", self.port(host), "nomaster")

    def mute(self, host):
        for other in self.others(host):
            mislead(host, other)

    def deafen(self, host):
        for other in self.others(host):
            mislead(other, host)

    def heal(self):
        for host in self.hosts:
            self.run("ip", "link", "set", self.port(host), "master", "switch")
            host.run("ip", "neigh", "flush", "all", "nud", "permanent")

    def others(self, host):
        return [other for other in self.hosts if other is not host]

    def __exit__(self, *details):
        for host in self.hosts:
            host.__exit__(*details)
        super().__exit__(*details)


def mislead(host, other):
    """What host sends to the other goes to a machine that there is not."""
    host.run("ip", "neigh", "replace", other.address, "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent")
