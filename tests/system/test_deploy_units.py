"""The units of systemd: well-formed, as locked up as they can be, and of one kind."""

import os
import re
import shlex
import subprocess

import pytest
from conftest import ROOT

DAEMONS = sorted((ROOT / "deploy/debian").glob("taskledger-*.service"))
UNITS = [*DAEMONS, *sorted((ROOT / "deploy/systemd").glob("taskledger-*"))]
SERVICES = [path for path in UNITS if path.suffix == ".service"]
EXPOSURE_MAX = 15  # of 100, as systemd-analyze counts it
AUDITS = {  # service, instance → what its report must tell
    ("taskledger-verify@.service", "quick"): "quick",
    ("taskledger-verify@.service", "full"): "full",
    ("taskledger-verify-part.service", ""): "/7",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, build):
    """The units, with the programs of this build in the place of those that would be installed."""
    folder = tmp_path_factory.mktemp("units")
    for path in UNITS:
        text = path.read_text().replace("/usr/bin/taskledger-", f"{build.folder}/bin/taskledger-")
        (folder / path.name).write_text(text.replace("/usr/lib/taskledger/", f"{ROOT}/deploy/"))
    return folder


def instance(path):
    """A name under which it is started."""
    return path.name.replace("@.", "@daemon." if "stats" in path.name else "@quick.")


def analyze(*words):
    result = subprocess.run(
        ["systemd-analyze", *map(str, words)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "SYSTEMD_COLORS": "0"},
    )
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_the_unit_is_well_formed(path, folder):
    name = folder / path.name
    if "@" in path.name:
        name = folder / instance(path)
        name.write_text((folder / path.name).read_text())
    assert analyze("verify", "--man=no", name) == (0, "")


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_the_service_can_do_little_harm(path, folder):
    name = folder / instance(path)
    if "@" in path.name:
        name.write_text((folder / path.name).read_text())
    code, said = analyze("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", name)
    assert code == 0, said


def hardening(path):
    """Directives of the service that take something away."""
    taking = re.compile(r"(Capability|Keyring|Lock|MemoryDeny|NoNew|Private|Proc|Protect|Restrict|SystemCall|UMask)\w*=.*")
    lines = [line for line in path.read_text().splitlines() if taking.fullmatch(line)]
    return [line for line in lines if not line.startswith("RestartPrevent")]


def test_all_services_are_locked_up_alike():
    """But for the one that has no servers, and whose page others read."""
    here = {"PrivateNetwork=yes", "PrivateTmp=yes", "ProtectHome=read-only", "RestrictAddressFamilies=AF_UNIX", "UMask=0022"}
    others = {"ProtectHome=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "UMask=0077"}
    found = {path.name: set(hardening(path)) for path in SERVICES}
    stats = found.pop("taskledger-stats@.service")
    (alike,) = {frozenset(lines) for lines in found.values()}
    assert stats - alike == here and alike - stats == others


def test_every_timer_starts_a_service_that_is_there():
    names = {path.name for path in SERVICES}
    for path in UNITS:
        for unit in re.findall(r"^Unit=(.*)$", path.read_text(), re.MULTILINE):
            assert re.sub(r"@[\w%]+\.", "@.", unit) in names, unit


def words_of(path, instance):
    """What systemd makes of its ExecStart."""
    line = re.search(r"^ExecStart=(.*)$", path.read_text(), re.MULTILINE).group(1)
    return shlex.split(line.replace("%i", instance).replace("%%", "%").replace("$$", "$"))


@pytest.mark.parametrize("name, instance", AUDITS, ids=" ".join)
def test_what_an_audit_starts_is_that_audit(name, instance, folder, redis, postgres, programs):
    programs.use(redis, postgres).run("taskledger-consumer", "migrate")
    words = words_of(folder / name, instance)
    result = subprocess.run(words, env=programs.environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert AUDITS[name, instance] in result.stdout


def test_every_instance_that_a_timer_starts_is_tried_above():
    started = {unit for path in UNITS for unit in re.findall(r"^Unit=(taskledger-verify.*)$", path.read_text(), re.MULTILINE)}
    assert started == {name.replace("@.", f"@{instance}.") for name, instance in AUDITS}


def test_the_times_of_timers_are_times():
    for path in UNITS:
        for when in re.findall(r"^OnCalendar=(.*)$", path.read_text(), re.MULTILINE):
            code, said = analyze("calendar", when)
            assert code == 0, said
