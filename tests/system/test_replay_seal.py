"""seal writes down what the ledger holds, by a form that anybody can check with other tools."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
from support.events import Producer
from support.waiting import wait_until
from test_replay_verify import Ledger, life_of

REPLAY = "taskledger-replay"
SEGMENT = re.compile(r"([0-9a-f-]{36}) ([1-9]\d*) ([1-9]\d*) ([0-9a-f]{64}) ([0-9a-f]{64})\n")


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Ledger(redis, postgres, programs, event_pb2)


def openssl(*arguments, input=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=input, capture_output=True, check=True).stdout


@pytest.fixture
def key(scratch):
    """The paths of a private key and of its public one."""
    private, public = scratch / "seal.key", scratch / "seal.pub"
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    return private, public


def seal(ledger, path, *arguments, expect=0):
    result = ledger.programs.run(REPLAY, "seal", "--format", "json", *map(str, arguments), path, expect=expect)
    return json.loads(result.stdout)["seal"] if expect == 0 else result.stderr


def segments_of(path):
    """[(producer, first, last, digest, sum)], in their order."""
    return [
        (uuid.UUID(producer), int(first), int(last), digest, total)
        for producer, first, last, digest, total in SEGMENT.findall(path.read_text())
    ]


def digests(said):
    return [hashlib.sha256(event.payload) for event in said]


def sum_of(said):
    return hashlib.sha256(b"".join(digest.digest() for digest in digests(said))).hexdigest()


# ---- what a seal says


def test_a_seal_says_what_another_program_would_say(ledger, scratch):
    producers = [life_of(ledger.pb, [f"t-{i}-{k}" for k in range(5)]) for i in range(3)]
    ledger.fill(*[p.said for p in producers])
    answer = seal(ledger, scratch / "seal")

    expected = [(p.id, 1, 17, digests(p.said)[-1].hexdigest(), sum_of(p.said)) for p in producers]
    assert segments_of(scratch / "seal") == sorted(expected, key=lambda segment: segment[0].bytes)
    assert (answer["producers"], answer["segments"], answer["events"]) == (3, 3, 51)
    assert (answer["holes"], answer["breaks"], answer["unsealed"], answer["key_id"]) == (0, 0, 0, None)


def test_psql_and_sha256_can_check_a_seal_alone(ledger, scratch):
    ledger.fill(life_of(ledger.pb).said, life_of(ledger.pb).said)
    seal(ledger, scratch / "seal")
    lines = (scratch / "seal").read_text().splitlines(keepends=True)
    end = lines.index("end taskledger-seal 1\n")

    for producer, first, last, digest, total in segments_of(scratch / "seal"):
        rows = ledger.postgres.rows(
            "SELECT count(*), encode(sha256(string_agg(sha256(payload), '' ORDER BY sequence)), 'hex'),"
            " encode((array_agg(sha256(payload) ORDER BY sequence DESC))[1], 'hex')"
            " FROM taskledger.task_event WHERE producer_id = %s AND sequence BETWEEN %s AND %s",
            (str(producer), first, last),
        )
        assert rows == [(last - first + 1, total, digest)]
    assert lines[0] == "taskledger-seal 1\n" and lines[1].startswith("sealed ") and lines[2].startswith("snapshot ")
    body = hashlib.sha256("".join(lines[:end]).encode()).hexdigest()
    assert lines[end + 1 :] == ["producers 2\n", "segments 2\n", "events 22\n", f"body-sha256 {body}\n"]


def test_openssl_can_check_the_signature(ledger, scratch, key):
    private, public = key
    ledger.fill(life_of(ledger.pb).said)
    answer = seal(ledger, scratch / "seal", "--key", private)

    text = (scratch / "seal").read_bytes()
    tail, signature = text[text.index(b"end taskledger-seal 1\n") :].split(b"signature ")
    (scratch / "tail").write_bytes(tail)
    (scratch / "signature").write_bytes(base64.b64decode(signature))
    verify = ["pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", scratch / "tail"]
    assert b"Verified" in openssl(*verify, "-sigfile", scratch / "signature")
    key_id = hashlib.sha256(openssl("pkey", "-pubin", "-in", public, "-outform", "DER")).hexdigest()
    assert answer["key_id"] == key_id and f"key {key_id}\n".encode() in tail


def recipe():
    """The commands of deploy/SEAL.md."""
    page = (Path(__file__).parents[2] / "deploy/SEAL.md").read_text()
    return page.split("```sh\n")[1].split("```")[0]


def run_recipe(ledger, path, public):
    environment = {**ledger.programs.environment, "SEAL": str(path), "PUBLIC": str(public)}
    environment.update(PGHOST=str(ledger.postgres.folder), PGPORT=str(ledger.postgres.port), PGUSER="postgres")
    return subprocess.run(["sh", "-c", recipe()], env=environment, capture_output=True, text=True)


def test_the_recipe_of_the_page_proves_a_seal_without_our_programs(ledger, scratch, key):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.dropped(3)
    producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.life("t-1")
    ledger.fill(producer.said, life_of(ledger.pb).said)
    seal(ledger, scratch / "seal", "--key", key[0])
    result = run_recipe(ledger, scratch / "seal", key[1])
    assert result.returncode == 0 and result.stdout.endswith("holds\n"), result.stderr

    ledger.tamper("UPDATE taskledger.task_event SET payload = payload || '\\x00' WHERE sequence = 7")
    result = run_recipe(ledger, scratch / "seal", key[1])
    assert result.returncode == 1 and str(producer.id) in result.stdout


def test_a_segment_ends_where_the_numbers_or_the_chain_do(ledger, scratch):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.life("t-1")
    producer.dropped(3)
    producer.life("t-2")
    aside = producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.life("t-3")
    producer.closed()
    ledger.fill([said for said in producer.said if said.sequence != 10])

    answer = seal(ledger, scratch / "seal")
    assert aside.sequence == 12
    spans = [(first, last) for _, first, last, _, _ in segments_of(scratch / "seal")]
    assert spans == [(1, 4), (8, 9), (11, 11), (12, 16)]
    by_number = {said.sequence: said for said in producer.said}
    for _, first, last, digest, total in segments_of(scratch / "seal"):
        run = [by_number[number] for number in range(first, last + 1)]
        assert (digest, total) == (digests(run)[-1].hexdigest(), sum_of(run))
    assert (answer["holes"], answer["breaks"]) == (2, 0)


def test_a_number_of_which_the_bytes_are_not_there_is_not_sealed(ledger, scratch):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.life("t")
    ledger.fill([said for said in producer.said if said.sequence != 2])
    ledger.tamper(
        "INSERT INTO taskledger.rejected_event"
        " (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail)"
        " VALUES ('s', '1-1', %s, 2, '\\x01', '', 0, 'invalid', 'x')",
        str(producer.id),
    )
    assert seal(ledger, scratch / "seal")["unsealed"] == 1
    assert [(first, last) for _, first, last, _, _ in segments_of(scratch / "seal")] == [(1, 1), (3, 4)]


# ---- how a seal is made


def test_a_seal_takes_nobody_s_place(ledger, scratch):
    ledger.fill(life_of(ledger.pb).said)
    (scratch / "seal").write_text("mine")
    assert "is there already" in seal(ledger, scratch / "seal", expect=2)
    assert (scratch / "seal").read_text() == "mine"


@pytest.mark.parametrize("path, why", [
    ("", "no name of a file"), ("-", "no name"), ("gone/seal", "cannot open the folder"), ("sub/", "no name")])
def test_where_no_file_can_be_is_said(ledger, scratch, path, why):
    ledger.fill(life_of(ledger.pb).said)
    assert why in seal(ledger, path, expect=2)


def test_an_empty_ledger_is_not_sealed_and_leaves_no_file(ledger, scratch):
    ledger.programs.run("taskledger-consumer", "migrate")
    (scratch / "vault").mkdir()
    assert "nothing to seal" in seal(ledger, scratch / "vault/seal", expect=2)
    assert os.listdir(scratch / "vault") == []


def test_a_killed_seal_leaves_nothing_behind(ledger, scratch):
    ledger.fill(life_of(ledger.pb).said)
    (scratch / "vault").mkdir()
    lock = ledger.postgres.connect()
    lock.autocommit = False
    lock.cursor().execute("LOCK TABLE taskledger.task_event IN ACCESS EXCLUSIVE MODE")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    for end in (signal.SIGKILL, signal.SIGINT):
        program = ledger.programs.start(REPLAY, "seal", scratch / "vault/seal")
        wait_until(lambda: ledger.postgres.rows(waiting) == [(1,)], 30, "seal waits for the lock")
        program.process.send_signal(end)
        assert program.wait() == (130 if end == signal.SIGINT else -end)
        wait_until(lambda: ledger.postgres.rows(waiting) == [(0,)], 30, "its session is gone")
        assert os.listdir(scratch / "vault") == []
    assert "nothing was sealed" in program.stderr()
    lock.close()


def test_a_reader_can_seal(ledger, scratch):
    ledger.fill(life_of(ledger.pb).said)
    ledger.postgres.rows("CREATE ROLE auditor LOGIN IN ROLE taskledger_reader")
    url = ledger.postgres.url.replace("user=postgres", "user=auditor")
    assert url != ledger.postgres.url
    result = ledger.programs.run(REPLAY, "seal", scratch / "seal", env={"DATABASE_URL": url}, expect=None)
    assert result.returncode == 0, result.stderr
    assert "keep" in result.stderr and "not signed" in result.stderr


# ---- keys


def test_a_key_that_others_can_read_is_refused(ledger, scratch, key):
    ledger.fill(life_of(ledger.pb).said)
    key[0].chmod(0o640)
    assert "chmod 600" in seal(ledger, scratch / "seal", "--key", key[0], expect=2)


def test_a_key_of_another_type_is_refused_with_the_command_that_makes_one(ledger, scratch, key):
    ledger.fill(life_of(ledger.pb).said)
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", scratch / "ec.key")
    said = seal(ledger, scratch / "seal", "--key", scratch / "ec.key", expect=2)
    assert "EC" in said and "openssl genpkey -algorithm ed25519" in said

    said = seal(ledger, scratch / "seal", "--key", key[1], expect=2)
    assert "no private key" in said
    openssl("pkey", "-in", key[0], "-aes256", "-passout", "pass:x", "-out", scratch / "locked.key")
    assert "passphrase" in seal(ledger, scratch / "seal", "--key", scratch / "locked.key", expect=2)
    assert "cannot read" in seal(ledger, scratch / "seal", "--key", scratch / "gone", expect=2)
    assert not (scratch / "seal").exists()
