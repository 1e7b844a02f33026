"""Installing starts nothing, enables nothing and touches nothing that is there.

The script runs as root where every folder that it may write to is an empty one of the test's own, and apt-get, dpkg-query
and update-rc.d are ours: they write down what they saw, and do what Debian's packages would do.
"""

import os
import subprocess

import pytest
from conftest import ROOT

SCRIPT = ROOT / "deploy/install-dependencies"

# Redis' package, as it is installed: it asks whether it may start, then enables itself.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$NOTES"
case " $* " in *" install "*) ;; *) exit 0 ;; esac
/usr/sbin/policy-rc.d redis-server start
echo "policy-rc.d answers $?" >>"$NOTES"
cat /etc/postgresql-common/createcluster.d/* >>"$NOTES"
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s /lib/systemd/system/redis-server.service /etc/systemd/system/multi-user.target.wants/redis-server.service
mkdir -p /etc/rc3.d
ln -s ../init.d/redis-server /etc/rc3.d/S01redis-server
exit "$APT_GET_EXITS"
"""

# Everything is installed but redis-server, for good.
DPKG_QUERY = """#!/bin/sh
for word; do
    case $word in -*) ;; redis-server) ;; *) echo "$word installed" ;; esac
done
"""

UPDATE_RC_D = """#!/bin/sh
echo "update-rc.d $*" >>"$NOTES"
[ "$2" = disable ] && mv "/etc/rc3.d/S01$1" "/etc/rc3.d/K01$1"
"""

MACHINE = """
set -e
for folder in /usr/sbin /etc/systemd/system /etc/rc3.d /etc/postgresql-common /run; do
    mount -t tmpfs tmpfs "$folder"
done
eval "$BEFORE"
"$SCRIPT" "$@" && code=0 || code=$?
eval "$AFTER"
exit $code
"""

LEFT_BEHIND = """
{ ls /usr/sbin/policy-rc.d* /etc/postgresql-common/createcluster.d/zz-*
  find /etc/systemd/system /etc/rc3.d -name '*redis*'; } 2>/dev/null >"$SCRATCH/left" || true
"""


@pytest.fixture
def machine(scratch):
    """machine(*arguments, before=…, apt_get_exits=…): the script's exit code, what was noted, what is left behind."""
    bin_folder = scratch / "bin"
    bin_folder.mkdir()
    for name, text in (("apt-get", APT_GET), ("dpkg-query", DPKG_QUERY), ("update-rc.d", UPDATE_RC_D)):
        (bin_folder / name).write_text(text)
        (bin_folder / name).chmod(0o755)

    def run(*arguments, before="", apt_get_exits=0):
        notes = scratch / "notes"
        notes.write_text("")
        environment = {
            "PATH": f"{bin_folder}:{os.environ['PATH']}:/usr/sbin",
            "SCRATCH": str(scratch),
            "SCRIPT": str(SCRIPT),
            "NOTES": str(notes),
            "BEFORE": before,
            "AFTER": LEFT_BEHIND,
            "APT_GET_EXITS": str(apt_get_exits),
        }
        as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        result = subprocess.run(
            ["unshare", *as_root, "--mount", "sh", "-c", MACHINE, "sh", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        left = (scratch / "left").read_text().split() if (scratch / "left").exists() else []
        return result, notes.read_text(), left

    return run


def test_only_what_is_missing_is_installed(machine):
    result, notes, _ = machine("servers")

    assert result.returncode == 0, result.stderr
    assert notes.splitlines()[-4].endswith("install --no-install-recommends redis-server")


def test_nothing_is_asked_of_apt_when_all_is_there(machine):
    result, notes, _ = machine("build")

    assert result.returncode == 0, result.stderr
    assert notes == ""


def test_no_service_starts_and_no_cluster_is_made_while_it_installs(machine):
    _, notes, _ = machine("servers")

    assert "policy-rc.d answers 101" in notes
    assert "create_main_cluster = false" in notes


@pytest.mark.parametrize("apt_get_exits, code", [(0, 0), (100, 1)])
def test_what_it_put_up_is_gone_and_no_unit_is_enabled_even_when_apt_fails(machine, apt_get_exits, code):
    result, notes, left = machine("servers", apt_get_exits=apt_get_exits)

    assert result.returncode == code
    assert "update-rc.d redis-server disable" in notes
    assert left == ["/etc/rc3.d/K01redis-server"]


def test_a_unit_that_was_enabled_stays_so_and_a_policy_of_the_administrator_too(machine):
    enabled = "/etc/systemd/system/multi-user.target.wants/redis.service"
    result, notes, left = machine(
        "servers",
        before="mkdir -p /etc/systemd/system/multi-user.target.wants; ln -s /x " + enabled + ";"
        "printf '#!/bin/sh\\nexit 104\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d",
    )

    assert result.returncode == 0, result.stderr
    assert "policy-rc.d answers 101" in notes
    assert set(left) == {"/usr/sbin/policy-rc.d", enabled, "/etc/rc3.d/K01redis-server"}


def test_an_unknown_group_says_which_there_are(machine):
    result, notes, _ = machine("sevrers")

    assert result.returncode == 2
    assert "usage: install-dependencies [build|packages|servers|tests|bench ...]" in result.stderr
    assert notes == ""
