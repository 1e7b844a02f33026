"""A throw-away copy of the Debian that the tests run on, to install packages into."""

import subprocess

from .namespaces import Namespace
from .processes import spawn

# What a login of root has; nothing of the environment of the tests.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Machine(Namespace):
    """The files of this Debian as they are, but what is changed there is seen nowhere else, and gone with the test.

    The test's scratch folder is the same inside and outside, so that servers can be reached by their sockets. Needs
    root.
    """

    def __init__(self, scratch):
        self.folder = scratch / "machine"
        self.root = self.folder / "root"
        self.layer = self.folder / "layer"
        self.folder.mkdir()
        super().__init__(scratch / "machine.log", "--mount")
        self.run("mount", "-t", "tmpfs", "taskledger-test", self.folder)
        self.run("mkdir", self.root, self.layer, self.folder / "work")
        layers = f"lowerdir=/,upperdir={self.layer},workdir={self.folder / 'work'}"
        self.run("mount", "-t", "overlay", "taskledger-test", "-o", layers, self.root)
        for path in (scratch, "/proc", "/dev"):
            self.run("mount", "--bind", path, f"{self.root}{path}")

    def inside(self, *command, env=None):
        """What runs the command in there."""
        settings = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(env or {})}.items()]
        return [*self.within, "env", "-i", *settings, "chroot", str(self.root), *map(str, command)]

    def do(self, *command, env=None, deadline_s=120):
        """Runs it to its end, which must be good, and returns what it wrote to stdout."""
        result = subprocess.run(
            self.inside(*command, env=env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline_s,
        )
        said = f"{result.stdout}\n{result.stderr}"
        assert result.returncode == 0, f"{' '.join(map(str, command))} exited {result.returncode}:\n{said}"
        return result.stdout

    def start(self, log, *command, env=None):
        """A process that goes on running in there; killed with the test at the latest."""
        return spawn(self.inside(*command, env=env), log)

    def changed(self):
        """Paths of the files that are there and were not, or that were changed or taken away."""
        found = subprocess.run(
            [*self.within, "find", str(self.layer), "-not", "-type", "d", "-printf", "/%P\n"],
            capture_output=True,
            check=True,
            text=True,
        )
        return sorted(found.stdout.splitlines())
