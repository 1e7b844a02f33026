"""An image built of deploy/Dockerfile without a container engine: its steps are done again in a copy of this Debian, and what it
runs on is put together of the packages that it names, as they are installed here."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from .namespaces import Namespace

MERGED = ["bin", "sbin", "lib", "lib64"]  # links into usr


class Stage:
    """FROM ... [AS name], and the steps behind it: pairs of an instruction and its text."""

    def __init__(self, text):
        words = text.split()
        self.base = words[0]
        self.name = words[2] if len(words) > 2 else None
        self.steps = []

    def all(self, instruction):
        return [text for name, text in self.steps if name == instruction]


def stages(dockerfile):
    """As they are written, lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    found = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            found.append(Stage(rest))
        elif name:
            found[-1].steps.append((name, rest.strip()))
    return found


def installed_by(command):
    """Names of the packages that a RUN has apt-get install."""
    match = re.search(r"apt-get install ([^&]*)", command)
    return [word for word in shlex.split(match.group(1)) if not word.startswith("-")] if match else []


def exec_form(text):
    """The words of CMD [...], wherever it stands in the text."""
    return json.loads(re.search(r"\[.*\]", text).group(0))


def query(format_, *names):
    command = ["dpkg-query", "--show", f"--showformat={format_}\n", *names]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def closure(names):
    """These packages, the essential ones, and all that they depend on, as installed here."""
    depends, provided, wanted = {}, {}, list(names)
    for line in query("${binary:Package}\t${Provides}\t${Pre-Depends}, ${Depends}\t${Essential}\t${db:Status-Status}"):
        package, provides, needs, essential, status = line.split("\t")
        if status != "installed":
            continue
        name = package.partition(":")[0]
        depends[name] = needs
        provided.update({word: name for word in re.findall(r"[^\s,()=]+(?=\s*(?:\(|,|$))", provides)})
        wanted += [name] * (essential == "yes")
    found = set()
    while wanted:
        name = wanted.pop()
        name = name if name in depends else provided.get(name)
        if name is None or name in found:
            continue
        found.add(name)
        for group in depends[name].split(","):
            choices = [choice.split()[0].partition(":")[0] for choice in group.split("|") if choice.strip()]
            wanted += [choice for choice in choices if choice in depends or choice in provided][:1]
    missing = set(names) - found
    assert not missing, f"not installed here: {missing}"
    return sorted(found)


def unpack(names, root):
    """The files of packages, as they are installed here, into an empty root whose /bin and so on are links into /usr."""
    for folder in MERGED:
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    listed = subprocess.run(["dpkg-query", "--listfiles", *names], capture_output=True, text=True, check=True).stdout
    paths = {line for line in listed.splitlines() if line.startswith("/") and is_file(Path(line))}
    archive = subprocess.Popen(["tar", "--create", "--directory=/", "--null", "--files-from=-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    extract = subprocess.Popen(["tar", "--extract", "--keep-directory-symlink", f"--directory={root}"], stdin=archive.stdout)
    archive.stdin.write("\0".join(path.lstrip("/") for path in sorted(paths)).encode())
    archive.stdin.close()
    assert extract.wait() == 0
    archive.wait()
    for folder in ("dev", "proc", "tmp", "var/lib/taskledger"):
        (root / folder).mkdir(parents=True, exist_ok=True)


def is_file(path):
    return path.is_symlink() or path.is_file()


class Container(Namespace):
    """A root that nobody can write to, but for the spool's volume; a user and an environment as the image has them. The test's
    scratch folder is the same inside and outside, for the sockets of servers."""

    def __init__(self, root, scratch, user, environment):
        super().__init__(scratch / "container.log", "--mount")
        self.root, self.user, self.environment = root, user, environment
        (root / str(scratch).lstrip("/")).mkdir(parents=True, exist_ok=True)
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")  # as every engine does
        spool = scratch / "spool"
        spool.mkdir()
        shutil.chown(spool, *user)
        self.run("mount", "--bind", root, root)
        for source, target in ((scratch, scratch), ("/proc", "/proc"), ("/dev", "/dev"), (spool, "/var/lib/taskledger")):
            self.run("mount", "--bind", source, f"{root}{target}")
        self.run("mount", "-o", "remount,bind,ro", root, root)

    def command(self, *words, **environment):
        """What runs it in there."""
        settings = [f"{name}={value}" for name, value in {**self.environment, **environment}.items()]
        user = ["--userspec", ":".join(map(str, self.user)), "--groups", ""]
        return [*self.within, "env", "-i", *settings, "chroot", *user, str(self.root), *map(str, words)]

    def do(self, *words, expect=0, **environment):
        result = subprocess.run(self.command(*words, **environment), capture_output=True, text=True, timeout=60,
                                stdin=subprocess.DEVNULL)
        assert result.returncode == expect, f"{words} exited {result.returncode}:\n{result.stdout}\n{result.stderr}"
        return result.stdout
