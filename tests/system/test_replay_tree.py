"""history --tree shows a task with its children and theirs."""

import random

from support.events import Producer
from support.told import REPLAY, at, told  # noqa: F401
from support.waiting import wait_until


def say(pb, parents, starts):
    """A RUNNING event for each task: parents maps a task to its parent (None: none), starts to its second."""
    producer = Producer(pb)
    return [
        producer.status(task, "RUNNING", occurred_at_us=at(starts[task]), **({"parent_task_id": parent} if parent else {}))
        for task, parent in parents.items()
    ]


def expected(parents, starts, root, depth=0):
    """[(task, depth)], children in the order in which they began: an independent walk."""
    children = sorted((starts[task], task) for task, parent in parents.items() if parent == root)
    return [(root, depth)] + [row for _, child in children for row in expected(parents, starts, child, depth + 1)]


def rows(answer):
    return [(task["task_id"], task["depth"]) for task in answer["tree"]]


def test_descendants_stand_below_their_parents_in_the_order_in_which_they_began(told):  # noqa: F811
    chance = random.Random(7)
    parents = {"root": None, "other": None}
    for number in range(300):
        parents[f"t-{number}"] = chance.choice(list(parents))
    starts = {task: chance.randint(0, 50) for task in parents}
    told.apply(say(told.pb, parents, starts))
    told.as_reader()
    answer = told.ask("history", "root", "--tree")
    assert rows(answer) == expected(parents, starts, "root")
    assert answer["total"]["tasks"] == answer["total"]["running"] == len(answer["tree"])
    assert all(task["parent_task_id"] == parents[task["task_id"]] for task in answer["tree"])
    assert [row["task_id"] for row in told.csv("history", "t-0", "--tree")] == [
        task for task, _ in expected(parents, starts, "t-0")
    ]


def test_many_children_are_all_shown(told):  # noqa: F811
    parents = {"root": None, **{f"c-{number:04}": "root" for number in range(1000)}}
    starts = {task: 0 if task == "root" else 1 + number % 3 for number, task in enumerate(parents)}
    told.apply(say(told.pb, parents, starts))
    assert rows(told.ask("history", "root", "--tree")) == expected(parents, starts, "root")


def test_the_table_shows_depth_status_and_duration(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([
        producer.status("root", "RUNNING", occurred_at_us=at(0)),
        producer.status("a\x1b[2J", "RUNNING", occurred_at_us=at(1), parent_task_id="root"),
        producer.status("a\x1b[2J", "FAILURE", occurred_at_us=at(91), error={"type": "OSError"}),
        producer.status("leaf", "QUEUED", occurred_at_us=at(2), parent_task_id="a\x1b[2J"),
    ])
    lines = told.table("history", "root", "--tree").splitlines()
    assert lines[1].startswith("root ") and " RUNNING " in lines[1]
    assert lines[2].startswith("  a\\x1b[2J  FAILURE ") and " 1m 30s  OSError" in lines[2]
    assert lines[3].startswith("    leaf ") and " QUEUED " in lines[3]


def test_a_cycle_and_a_bottomless_pit_end(told):  # noqa: F811
    ring = {"a": "c", "b": "a", "c": "b"}
    pit = {f"p-{number:02}": f"p-{number - 1:02}" if number else None for number in range(80)}
    alone = {"self": "self"}
    told.apply(say(told.pb, {**ring, **pit, **alone}, dict.fromkeys([*ring, *pit, *alone], 0)))
    answer = told.ask("history", "a", "--tree")
    assert rows(answer) == [("a", 0), ("b", 1), ("c", 2), ("a", 3)]
    assert [task["note"] for task in answer["tree"]] == [None, None, None, "its own ancestor"]
    assert rows(told.ask("history", "self", "--tree")) == [("self", 0), ("self", 1)]
    answer = told.ask("history", "p-00", "--tree", expect=4)
    assert len(answer["tree"]) == 64 and answer["tree"][-1]["note"] == "children not shown"
    assert len(told.ask("history", "p-63", "--tree")["tree"]) == 17


def test_a_task_that_is_not_there_has_no_tree(told):  # noqa: F811
    assert "there is no task" in told.programs.run(REPLAY, "history", "nobody", "--tree", expect=1).stderr


def test_what_is_indexed_for_it_lets_updates_stay_within_their_page(told):  # noqa: F811
    producer = Producer(told.pb)
    for number in range(6):  # few rows, so that none leaves its page for want of room
        told.apply([producer.status(f"t-{task}", "RUNNING", parent_task_id="root", step=str(number)) for task in range(5)])
    counts = "SELECT {} FROM pg_stat_user_tables WHERE relname = 'task' AND schemaname = 'taskledger'"
    updated = counts.format("n_tup_upd")
    wait_until(lambda: told.postgres.value(updated) == 25, 30, "the sessions that have ended are counted")
    assert told.postgres.value(counts.format("n_tup_hot_upd")) == 25
