"""A Celery application as somebody else might have it, with tasks that end in every way there is.

Tasks know nothing of taskledger but where they ask for current_task(). Where they stop for a test they touch a file, or
wait for one: at(name), until(name)."""

import os
import signal
import time
from pathlib import Path

from celery import Celery
from celery.exceptions import Ignore, Reject

import taskledger.celery
from taskledger import current_task

PLACE = Path(os.environ["SHOP_PLACE"])
PATIENCE_S = 180

app = Celery("shop", broker=os.environ["SHOP_BROKER"], backend=os.environ["SHOP_BROKER"])
app.conf.update(
    task_default_queue=os.environ.get("SHOP_QUEUE", "shop"),
    broker_transport_options={"visibility_timeout": float(os.environ.get("SHOP_VISIBILITY_S", 3600))},
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    task_always_eager="SHOP_EAGER" in os.environ,
    task_eager_propagates="SHOP_PROPAGATES" in os.environ,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    result_expires=600,
)
taskledger.celery.install(app)


def at(name):
    """Tells the test that we are here, by a file that holds our process number."""
    part = PLACE / f"{name}.{os.getpid()}.part"
    part.write_text(str(os.getpid()))
    part.rename(PLACE / name)


def until(name):
    deadline = time.monotonic() + PATIENCE_S
    while not (PLACE / name).exists():
        if time.monotonic() > deadline:
            raise AssertionError(f"nobody made {name}")
        time.sleep(0.02)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def stepwise():
    current_task().step("first")
    current_task().progress(0.5, "half of it")
    current_task().step("second")
    return "done"


@app.task
def partly():
    current_task().partial_failure("2 of 3", step="upload")


@app.task
def fail(message):
    current_task().step("breaking")
    raise ValueError(message)


@app.task(ignore_result=True)
def secret():
    return "nobody shall know"


@app.task
def strange():
    return {"text": "nul \0 and surrogate", "long": "x" * 10_000, "numbers": [1, 2, 3]}


@app.task(bind=True, max_retries=3)
def flaky(self, times):
    if self.request.retries < times:
        try:
            raise OSError(f"no line, {self.request.retries}")
        except OSError as problem:
            raise self.retry(exc=problem, countdown=0)
    return self.request.retries


@app.task(bind=True, max_retries=1)
def hopeless(self):
    try:
        raise OSError("never a line")
    except OSError as problem:
        raise self.retry(exc=problem, countdown=0)


@app.task
def reject():
    raise Reject("broken parcel", requeue=False)


@app.task
def ignore():
    raise Ignore("not worth it")


@app.task(bind=True)
def replaced(self):
    raise self.replace(add.s(20, 1))


@app.task(bind=True)
def leave(self):
    """Publishes another task."""
    return add.delay(1, 1).id


@app.task(soft_time_limit=3)
def soft_limit():
    until("never")


@app.task(time_limit=3)
def hard_limit():
    until("never")


@app.task
def killed():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def exits():
    raise SystemExit(3)


@app.task(acks_late=True, reject_on_worker_lost=True)
def killed_once(name):
    """Its first process is killed; who gets it then makes it."""
    if not (PLACE / name).exists():
        at(name)
        os.kill(os.getpid(), signal.SIGKILL)
    return "second"


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def killed_then_flaky(self, name):
    if self.request.retries == 0:
        if not (PLACE / name).exists():
            at(name)
            os.kill(os.getpid(), signal.SIGKILL)
        raise self.retry(countdown=0)
    return "third"


@app.task
def wait(name):
    at(f"{name}.begun")
    until(f"{name}.go")
    return name


@app.task(acks_late=True)
def wait_late(name):
    at(f"{name}.begun")
    until(f"{name}.go")
    return name
