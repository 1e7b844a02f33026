"""Whatever is put into the stream: poison, duplicates, conflicts, clocks that lie, many at once."""

from pathlib import Path

from support.events import FIELD, STREAM, Producer, Stream

POISON_PAUSE_S = 0.01


def poisons(pb, chance):
    """kind → what is put into the stream as the fields of an entry; none of it can ever be an event."""
    producer = Producer(pb)

    def event(**body):
        return {FIELD: producer.say(**body).payload}

    def task(**fields):
        fields = {"task_id": "poisoned", "status": "STATUS_RUNNING", **fields}
        return event(task_status=pb.TaskStatus(**fields))

    def changed(**fields):
        whole = pb.Event.FromString(producer.status("poisoned", "RUNNING").payload)
        for name, value in fields.items():
            setattr(whole, name, value)
        return {FIELD: whole.SerializeToString()}

    def with_bytes(before, after):
        return {FIELD: task(message=before)[FIELD].replace(before.encode(), after)}

    return {
        "not protobuf": lambda: {FIELD: b"\xff" + chance.randbytes(60)},
        "empty": lambda: {FIELD: b""},
        "another field": lambda: {"evnt": producer.status("poisoned", "RUNNING").payload},
        "two fields": lambda: {FIELD: producer.status("poisoned", "RUNNING").payload, "more": b"1"},
        "cut off": lambda: {FIELD: producer.status("poisoned", "RUNNING", message="m" * 50).payload[:-20]},
        "larger than 64 KiB": lambda: task(message="m" * 70_000),
        "a megabyte": lambda: task(message="m" * 1_000_000),
        "NUL in a text": lambda: with_bytes("a#b", b"a\0b"),
        "not UTF-8": lambda: with_bytes("a##b", b"a\xc3\x28b"),
        "unknown status": lambda: {FIELD: task(status=77)[FIELD]},
        "no status": lambda: task(status=0),
        "unknown body": lambda: {FIELD: event()[FIELD] + b"\xba\x06\x02\x08\x01"},
        "no producer": lambda: changed(producer_id=b""),
        "a short producer": lambda: changed(producer_id=b"1234"),
        "sequence 0": lambda: changed(sequence=0),
        "a huge sequence": lambda: changed(sequence=(1 << 63) + 5),
        "no task": lambda: task(task_id=""),
        "a long task": lambda: task(task_id="t" * 256),
        "data not an object": lambda: task(data_json=b"[1, 2]"),
        "data not JSON": lambda: task(data_json=b'{"a": '),
        "deep data": lambda: task(data_json=b'{"a":' * 80 + b"1" + b"}" * 80),
        "NUL in data": lambda: task(data_json=b'{"a": "\\u0000"}'),
        "a lone surrogate": lambda: task(data_json=b'{"a": "\\ud800"}'),
        "progress of 7": lambda: task(progress=7.0),
        "a huge attempt": lambda: task(attempt=1 << 31),
    }


def test_poison_of_many_kinds_is_set_aside_and_blocks_nothing(scene, event_pb2, redis, postgres):
    scene.start_consumers(2)
    scene.load()
    stream = Stream(redis.client())
    kinds = poisons(event_pb2, scene.chance)
    sent = {}
    for _ in scene.rounds(least=2):
        for kind, make in kinds.items():
            fields = make()
            with scene.fault("poison"):
                sent[stream.send_fields(fields)] = (kind, str(sorted(fields.items())))
            scene.last(POISON_PAUSE_S)
        scene.recovered()
    scene.finish(kinds={"rejected"})
    aside = {identity for (identity,) in postgres.rows("SELECT stream_id FROM taskledger.rejected_event")}
    assert aside <= sent.keys()
    assert {sent[identity] for identity in aside} == set(sent.values())  # the same bytes again are set aside once


def test_duplicates_change_nothing(scene, redis):
    """Every event of everybody comes again, some of them often, and in any order."""
    scene.start_consumers(2)
    scene.load()
    client = redis.client()
    for _ in scene.rounds(least=10):
        entries = client.xrevrange(STREAM, count=2000)
        with scene.fault("2,000 events again"):
            scene.chance.shuffle(entries)
            pipeline = client.pipeline(transaction=False)
            for _, fields in entries:
                pipeline.xadd(STREAM, fields)
            pipeline.execute()
            scene.said_again += len(entries)
        scene.last(0.2)
    scene.recovered()
    scene.finish()


def test_conflicting_duplicates_are_set_aside_and_the_first_stands(scene, redis, event_pb2, postgres):
    scene.start_consumers(2)
    scene.load()
    stream = Stream(redis.client())
    conflicts = set()
    for _ in scene.rounds(least=10):
        scene.progress(100)
        stored = postgres.rows("SELECT payload FROM taskledger.task_event WHERE task_id IS NOT NULL LIMIT 20 OFFSET %s",
                               (len(conflicts),))
        for (payload,) in stored:
            other = event_pb2.Event.FromString(bytes(payload))
            other.task_status.message += " in other words"
            said = other.SerializeToString()
            with scene.fault("conflicting duplicate"):
                stream.send_fields({FIELD: said})
            conflicts.add(said)
    scene.recovered()
    scene.finish(kinds={"conflict"})
    # Without an order a row may be found twice; its other words are then the same bytes, and set aside once.
    assert postgres.value("SELECT count(*) FROM taskledger.rejected_event") == len(conflicts)


def test_clocks_that_step_back_or_live_in_2100_change_nothing_but_what_they_say(scene):
    scene.start_consumers(2)
    scene.load()
    for shift_s in (-3600, 74 * 365 * 86400, -40 * 365 * 86400):
        with scene.fault(f"clock off by {shift_s:+,} s"):
            scene.speak(shift_s=shift_s)
    speaker = scene.speak()
    for _ in scene.rounds(least=10):
        with scene.fault("clock steps"):
            speaker.shift_s = scene.chance.uniform(-7200, 7200)
        scene.last(0.3)
    scene.recovered()
    scene.finish()


def test_a_consumer_s_clock_that_lies_changes_nothing(scene, scratch):
    """By libfaketime: years ahead, years back, and stepping while it runs."""
    steps = scratch / "clock"
    steps.write_text("+0\n")
    lie = {"LD_PRELOAD": faketime(), "DONT_FAKE_MONOTONIC": "1"}
    for offset in ("+74y", "-20y"):
        scene.start_consumer(env={**lie, "FAKETIME": offset})
    scene.start_consumer(env={**lie, "FAKETIME_TIMESTAMP_FILE": str(steps), "FAKETIME_NO_CACHE": "1"})
    scene.load()
    for _ in scene.rounds(least=10):
        with scene.fault("consumer's clock steps"):
            steps.write_text(f"{scene.chance.uniform(-7200, 7200):+.3f}\n")
        scene.progress(100)
    scene.finish()


def faketime():
    found = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
    assert found, "libfaketime is missing: deploy/install-dependencies"
    return str(found[0])
