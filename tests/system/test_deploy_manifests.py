"""What deploy/ has for containers agrees with itself and with the programs: every flag and variable is there, every file and
secret that is mounted is made, nothing runs as root or writes where it stands."""

import os
import re
import shutil
import signal
import subprocess
import urllib.parse

import pytest
import yaml
from conftest import ROOT
from support.processes import spawn
from support.waiting import wait_until

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
KUBERNETES = DEPLOY / "kubernetes"
PODS = ("Deployment", "StatefulSet", "Job", "CronJob")
OURS = re.compile(r"(TASKLEDGER_\w+|REDIS_URL\w*|DATABASE_URL\w*)$")
OF_SCRIPTS = {"TASKLEDGER_KEEP", "TASKLEDGER_ARCHIVE_DIR", "TASKLEDGER_SEAL_KEY"}


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def manifests():
    """All that kubectl would be given, by (kind, name)."""
    found = {}
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for document in documents(path):
            if document["kind"] != "Kustomization":
                found[document["kind"], document["metadata"]["name"]] = document
    return found


def pods():
    """name → the specification of its pod, however deep it lies."""
    for (kind, name), manifest in manifests().items():
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if kind in PODS:
            yield name, spec["template"]["spec"]


def containers(pod):
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.fixture(scope="module")
def compose():
    return documents(COMPOSE / "compose.yaml")[0]


def ours(compose):
    return {name: service for name, service in compose["services"].items() if service["image"] == "taskledger"}


def known_variables():
    return set(re.findall(r"`([A-Z_]+)`", (DEPLOY / "CONFIGURATION.md").read_text())) | OF_SCRIPTS


# ---- their form


@pytest.fixture(scope="module")
def check(build):
    """check(COMPOSE, MANIFEST, ...): what is wrong with their form. Schemas are fetched once into the build."""
    source, folder = ROOT / "tests/support/manifests", build.folder / "manifests"
    there, wanted = folder / "node_modules/.package-lock.json", source / "package-lock.json"
    if there.exists() and there.stat().st_mtime < wanted.stat().st_mtime:
        shutil.rmtree(folder)
    shutil.copytree(source, folder, dirs_exist_ok=True)
    if not there.exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-timeout", "30000"]
        fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
        assert fetched.returncode == 0, f"npm could not fetch the schemas:\n{fetched.stdout}{fetched.stderr}"

    def run(*files):
        result = subprocess.run(["node", "check.js", *files], cwd=folder, capture_output=True, text=True, timeout=180)
        assert result.returncode in (0, 1) and result.stderr == "", result.stderr
        return result.stdout.splitlines()

    return run


def test_compose_and_manifests_have_the_form_that_is_wanted(check):
    assert check(COMPOSE / "compose.yaml", *sorted(KUBERNETES.glob("*.yaml"))) == []


def test_a_misspelt_word_and_a_wrong_type_are_found(check, scratch):
    (scratch / "compose.yaml").write_text((COMPOSE / "compose.yaml").read_text().replace("read_only:", "readonly:", 1))
    manifest = (KUBERNETES / "consumer.yaml").read_text().replace("replicas: 2", "replicas: two")
    (scratch / "consumer.yaml").write_text(manifest)
    found = check(scratch / "compose.yaml", scratch / "consumer.yaml")
    assert any("services/consumer must NOT have additional properties" in line for line in found)
    assert any("Deployment taskledger-consumer" in line and "replicas" in line for line in found)


# ---- the programs


def test_every_variable_is_one_that_a_program_reads(compose):
    given = {name for service in ours(compose).values() for name in service.get("environment", {})}
    given |= {item["name"] for _, pod in pods() for container in containers(pod) for item in container["env"]}
    assert {name for name in given if OURS.match(name)} <= known_variables()


def command_lines(compose):
    yield from (service["command"] for service in ours(compose).values())
    yield from (container["command"] for _, pod in pods() for container in containers(pod) if "command" in container)
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    yield from (re.findall(r'"([^"]+)"', words) for words in re.findall(r"CMD (\[.*\])", dockerfile))


def test_every_command_is_one_that_the_program_knows(compose, programs):
    """It prints its help: flags that it does not know would be an error, before anything is done."""
    lines = [" ".join(words) for words in command_lines(compose)]
    found = [command for line in lines for command in re.findall(r"(taskledger-\w+)((?: --?[a-z-]+| [a-z]+)*)", line)]
    assert {program for program, _ in found} == {"taskledger-consumer", "taskledger-emit", "taskledger-monitor", "taskledger-replay"}
    for program, words in set(found):
        programs.run(program, *words.replace("--subset", "").split(), "--help")


def test_the_demo_worker_tells_of_tasks_of_every_kind_and_ends_when_it_is_told(programs, build, redis, postgres, scratch):
    programs.use(redis, postgres).start("taskledger-consumer").wait_for_log('"event":"ready"')
    path = f"{build.folder / 'bin'}:{os.environ['PATH']}"
    worker = spawn([COMPOSE / "demo-worker"], scratch / "worker.log", env={**programs.environment, "PATH": path})
    ended = "SELECT DISTINCT task_name FROM taskledger.task WHERE finished_at IS NOT NULL"
    wait_until(lambda: {name for name, in postgres.rows(ended)} == {"hash", "search", "report"}, 120, "all kinds have ended")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0


def test_what_a_worker_has_left_is_sent_from_beside_it_when_both_end(programs, build, redis, scratch):
    (pod,) = [pod for name, pod in pods() if name == "worker"]
    (beside,) = pod["initContainers"]
    environment = {**programs.use(redis).environment, "TASKLEDGER_SPOOL_DIR": str(scratch / "spool")}
    redis.stop()
    programs.run("taskledger-emit", "status", "left", "RUNNING", env=environment)
    redis.start()
    process = spawn(beside["command"], scratch / "beside.log", env={**environment, "PATH": f"{build.folder / 'bin'}:{os.environ['PATH']}"})
    wait_until(lambda: is_caught(process.pid, signal.SIGTERM), 60, "it waits for its end")
    assert redis.client().exists("taskledger:events") == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert any(b"left" in fields[b"event"] for _, fields in redis.client().xrange("taskledger:events"))


def is_caught(pid, number):
    """The process has a handler for this signal."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", open(f"/proc/{pid}/status").read(), re.MULTILINE).group(1)
    return int(caught, 16) >> (number - 1) & 1


@pytest.mark.parametrize("name", ["keda.yaml", "hpa.yaml"])
def test_what_scales_goes_by_metrics_that_there_are(name):
    asked = set(re.findall(r"taskledger_(?:group|stream|consumer)_\w+", (KUBERNETES / name).read_text()))
    known = set(re.findall(r"^\| `(taskledger_\w+)`", (DEPLOY / "METRICS.md").read_text(), re.MULTILINE))
    assert asked and asked <= known


# ---- files and secrets


def test_compose_mounts_what_is_there_or_what_make_secrets_makes(compose, scratch):
    made = scratch / "secrets"
    subprocess.run([COMPOSE / "make-secrets", made], check=True, capture_output=True)
    sources = [item["file"] for kind in ("configs", "secrets") for item in compose[kind].values()]
    sources += [volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])]
    for source in (source for source in sources if source.startswith(".")):
        if source.startswith("./secrets"):
            assert (made / source[len("./secrets/") :]).exists(), source
        else:
            assert (COMPOSE / source).exists(), source


def test_every_secret_that_a_service_reads_is_given_to_it(compose):
    for name, service in compose["services"].items():
        read = {value.rpartition("/")[2] for value in service.get("environment", {}).values() if str(value).startswith("/run/secrets/")}
        given = {secret if isinstance(secret, str) else secret["source"] for secret in service.get("secrets", [])}
        assert read - {"postgres"} <= given <= set(compose["secrets"]), name


def test_secrets_are_made_once_and_fit_each_other(scratch, make_redis):
    made = scratch / "secrets"
    subprocess.run([COMPOSE / "make-secrets", made], check=True, capture_output=True)
    before = {path: path.read_text() for path in made.rglob("*") if path.is_file()}
    subprocess.run([COMPOSE / "make-secrets", made], check=True, capture_output=True)
    assert {path: path.read_text() for path in made.rglob("*") if path.is_file()} == before
    assert made.stat().st_mode & 0o077 == 0

    redis = make_redis("redis", acl_file=made / "users.acl")
    for user in ("producer", "consumer", "reader", "monitor"):
        password = re.search(rf"taskledger_{user}:(\w+)@", before[made / f"redis_url_{user}"]).group(1)
        assert redis.client(username=f"taskledger_{user}", password=password).ping()


def test_every_secret_of_a_pod_is_in_the_example_with_the_keys_it_reads():
    secrets = {name: set(secret["stringData"]) for (kind, name), secret in manifests().items() if kind == "Secret"}
    for name, pod in pods():
        mounted = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        values = [str(item.get("value")) for container in containers(pod) for item in container["env"]]
        read = {value.rpartition("/")[2] for value in values if value.startswith("/run/secrets/taskledger/")}
        assert len(mounted) == 1 and read <= secrets[mounted[0]], name


def test_where_a_server_must_show_a_certificate_there_is_the_one_to_check_it_by():
    urls = {name: secret["stringData"].get("database-url") for (kind, name), secret in manifests().items() if kind == "Secret"}
    for name, url in ((name, url) for name, url in urls.items() if url is not None):
        said = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        folder, _, key = said["sslrootcert"].rpartition("/")
        assert said["sslmode"] == "verify-full" and folder == "/run/secrets/taskledger", name
        assert key in manifests()["Secret", name]["stringData"], name
    for name, pod in pods():
        for container in containers(pod):
            mounts = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets"]
            assert mounts == ["/run/secrets/taskledger"], name


def test_no_builder_is_given_secrets_or_what_is_not_built():
    """Only BuildKit knows an ignore file beside the Dockerfile; all know the one at the root."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert not (DEPLOY / "Dockerfile.dockerignore").exists()
    assert lines[0] == "*"
    assert lines.index("deploy/compose/secrets") > lines.index("!deploy"), "the last line that fits counts"


# ---- what asks whether they are well


def test_the_page_is_not_taken_away_when_a_server_is(compose):
    """It is what tells people that the server is away."""
    (monitor,) = manifests()["Deployment", "taskledger-monitor"]["spec"]["template"]["spec"]["containers"]
    asked = {monitor[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
    assert asked == {"/livez"}
    assert compose["services"]["monitor"]["healthcheck"]["test"] == ["CMD", "taskledger-monitor", "health", "--live"]


# ---- rights


def test_no_container_of_ours_is_root_or_writes_where_it_stands(compose):
    user = int(re.search(r"^USER (\d+):\d+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE).group(1))
    assert user > 0
    for service in ours(compose).values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == user, name
        assert pod["automountServiceAccountToken"] is False
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"], name
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


def test_what_selects_pods_finds_some():
    labels = []
    for (kind, _), manifest in manifests().items():
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if kind in PODS:
            labels.append(spec["template"]["metadata"]["labels"])
    for (kind, name), manifest in manifests().items():
        selector = manifest.get("spec", {}).get("selector") or manifest.get("spec", {}).get("podSelector")
        if selector:
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= found.items() for found in labels), (kind, name)


def test_only_the_page_and_grafana_can_be_reached_from_outside_and_only_from_this_machine(compose):
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert sorted(published) == ["grafana", "monitor"]
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
