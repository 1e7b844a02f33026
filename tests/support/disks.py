"""Disks of a test's own: small ones, and ones that get stuck. Only root has them."""

import subprocess

import pytest


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def must(*command):
    done = run(*command)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


class Disk:
    """Mounted on a folder; .remount("ro")"""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)

    def remount(self, options):
        must("mount", "-o", f"remount,{options}", self.folder)

    def close(self):
        run("umount", "--lazy", self.folder)


class Tmpfs(Disk):
    def __init__(self, folder, size):
        super().__init__(folder)
        must("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)


class Ext4(Disk):
    """On a file of its own; freeze() holds up every write until thaw()."""

    def __init__(self, folder, megabytes=16):
        super().__init__(folder)
        image = folder.with_suffix(".image")
        with open(image, "wb") as file:
            file.truncate(megabytes * 1024 * 1024)
        must("mkfs.ext4", "-q", "-F", image)
        must("mount", "-o", "loop", image, folder)

    def freeze(self):
        must("fsfreeze", "--freeze", self.folder)

    def thaw(self):
        run("fsfreeze", "--unfreeze", self.folder)

    def close(self):
        self.thaw()
        super().close()
