"""The Python package where processes fork, spawn and end: each is a producer of its own, and says goodbye if it can."""

import pytest

from support.audit import audit
from support.emitted import Emitted
from support.package import Python, environment

STORY = """
import multiprocessing, os, sys
import taskledger
taskledger.configure(close_timeout=60)

def work(number):
    with taskledger.producer().task(f"child-{number}"):
        taskledger.current_task().step("s")
"""


@pytest.fixture
def run(redis, event_pb2, build, scratch):
    """run(code): its producers' audits, oldest first, once it has ended well; each number once and in order."""

    def run(code, **environ):
        (scratch / "story.py").write_text(STORY + code)
        python = Python(
            "import runpy; runpy.run_path('story.py', run_name='__main__')",
            environment(build, scratch, redis, **environ),
            scratch,
        )
        try:
            python.end()
        finally:
            python.kill()
        audits = audit(Emitted(redis, event_pb2))
        return [audits[identity] for identity in sorted(audits)]

    return run


def tasks(audits):
    return sorted(len(audited.tasks) for audited in audits)


def test_at_the_end_of_the_interpreter_all_is_said_and_goodbye(run):
    (audited,) = run("work(1)")
    assert audited.tasks == ["child-1"] * 3 and audited.closed


def test_sys_exit_in_the_block_is_no_failure(run, redis, event_pb2):
    run('with taskledger.producer().task("t"): sys.exit(0)')
    assert Emitted(redis, event_pb2).statuses() == [("t", "RUNNING"), ("t", "SUCCESS")]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_say_goodbye_too(run, method):
    code = f"""
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    work("parent")
    children = [context.Process(target=work, args=(number,)) for number in range(4)]
    for child in children: child.start()
    for child in children: child.join(); assert child.exitcode == 0
"""
    audits = run(code)
    assert tasks(audits) == [3] * 5
    assert all(audited.closed for audited in audits) and len({audited.pid for audited in audits}) == 5


def test_a_pool_of_multiprocessing_says_it_all(run):
    code = """
if __name__ == "__main__":
    work("parent")
    with multiprocessing.Pool(3, maxtasksperchild=2) as pool:
        pool.map(work, range(20), chunksize=1)
        pool.close()
        pool.join()
"""
    audits = run(code)
    assert sum(tasks(audits)) == 63 and all(audited.closed for audited in audits)


FORK = """
def child(number):
    pid = os.fork()
    if pid == 0:
        work(number)
        left = taskledger.producer().flush(20)
        os._exit(0 if left == 0 else 1)
    return pid
"""


def test_a_forked_child_that_flushes_loses_nothing(run):
    audits = run(FORK + 'work("parent")\nfor number in range(5): assert os.waitpid(child(number), 0)[1] == 0')
    assert tasks(audits) == [3] * 6
    assert [audited.closed for audited in audits] == [True] + [False] * 5


def test_children_forked_while_threads_emit_are_well(run):
    code = """
import threading
running = True
def emit():
    while running: taskledger.producer().emit("parent", "RUNNING")
threads = [threading.Thread(target=emit) for _ in range(3)]
for thread in threads: thread.start()
for number in range(20): assert os.waitpid(child(number), 0)[1] == 0
running = False
for thread in threads: thread.join()
taskledger.producer().flush(60)
"""
    audits = run(FORK + code, TASKLEDGER_SPOOL="off")
    assert [len(audited.tasks) for audited in audits if set(audited.tasks) != {"parent"}] == [3] * 20


def test_a_child_may_close_the_producer_that_its_parent_goes_on_using(run):
    code = """
work("parent")
pid = os.fork()
if pid == 0:
    work("child")
    os._exit(taskledger.producer().close(20))
assert os.waitpid(pid, 0)[1] == 0
work("parent")
"""
    audits = run(code)
    assert tasks(audits) == [3, 6] and all(audited.closed for audited in audits)


def test_a_task_may_be_spoken_of_by_its_children(run, redis, event_pb2):
    code = """
if __name__ == "__main__":
    with taskledger.producer().task("t") as task:
        child = multiprocessing.get_context("fork").Process(target=task.step, args=("in the child",))
        child.start()
        child.join()
        assert child.exitcode == 0
"""
    run(code)
    assert sorted((task.step, task.worker != "") for task in Emitted(redis, event_pb2).tasks()) == [
        ("", True),
        ("completed", True),
        ("in the child", True),
    ]


def test_who_is_killed_leaves_it_to_the_spool(run, redis, event_pb2):
    code = """
import signal
pid = os.fork()
if pid == 0:
    work("killed")
    os.kill(os.getpid(), signal.SIGKILL)
assert os.waitpid(pid, 0)[1] == signal.SIGKILL
producer = taskledger.Producer(spool="overflow")
while producer.counters().adopted < 3:  # of the child's five events
    producer.sweep(0.2)
"""
    run(code, TASKLEDGER_SPOOL="always")
    said = Emitted(redis, event_pb2).statuses()
    assert {status for task, status in said if task == "child-killed"} == {"RUNNING", "SUCCESS"}
