"""The old pair of pub/sub and a list: what workers said, and what became of it in an event; by legacy_cases.json."""

import json
from pathlib import Path

CASES = json.loads((Path(__file__).parent / "legacy_cases.json").read_text())
LIST = "task_status_queue"
OWN = f"{LIST}:taskledger-bridge:default"
REJECTED = f"{LIST}:taskledger-bridge:rejected"


def expanded(value):
    """{"repeat": "ab", "times": 3} stands for "ababab", however deep."""
    if isinstance(value, dict):
        if set(value) == {"repeat", "times"}:
            return value["repeat"] * value["times"]
        return {key: expanded(item) for key, item in value.items()}
    return [expanded(item) for item in value] if isinstance(value, list) else value


def check_text(found, wanted):
    """A text, or how one begins or ends that was cut."""
    if not isinstance(wanted, dict):
        assert found == wanted
    elif "begins" in wanted:
        assert found.startswith(wanted["begins"])
    else:
        assert found.endswith(wanted["ends"])


def check_data(found, wanted):
    if wanted == {"cut": True}:
        assert set(found) == {"taskledger_cut"}
    else:
        assert found == expanded(wanted)


def push(client, *items, to=LIST):
    """As a worker did: LPUSH, of JSON or of whatever text it is."""
    pipeline = client.pipeline(transaction=False)
    for item in items:
        pipeline.lpush(to, item if isinstance(item, (str, bytes)) else json.dumps(item))
    pipeline.execute()


def item(task_id, status="running", **fields):
    return {"task_request_id": task_id, "status": status, "timestamp": 1600000000, "data": {}, **fields}
