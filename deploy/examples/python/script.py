"""script: compresses the files it is given, as one task.

    export REDIS_URL=redis://cache:6379/0
    python3 script.py nightly-archive /srv/reports/*.csv
    taskledger-replay history nightly-archive
"""

import gzip
import shutil
import sys
from pathlib import Path

import taskledger


def compress(path: Path) -> int:
    """Bytes that it takes compressed. Is called by many, and need not be told which task it is a part of."""
    compressed = path.with_name(path.name + ".gz")
    with path.open("rb") as source, gzip.open(compressed, "wb") as sink:
        shutil.copyfileobj(source, sink)
    taskledger.current_task().message(f"{compressed.name} is written")
    return compressed.stat().st_size


def archive(task_id: str, names: list[str]) -> None:
    # RUNNING here. At the end of the block SUCCESS, or PARTIAL_FAILURE if parts failed, or FAILURE with type, message and
    # traceback of the exception that leaves it.
    with taskledger.producer().task(task_id, "archive") as task:
        size = 0
        for number, name in enumerate(names, 1):
            task.step(Path(name).name)
            try:
                size += compress(Path(name))
            except FileNotFoundError as error:
                task.partial_failure(str(error))
            task.progress(number / len(names), f"{number} of {len(names)}")
        task.result({"files": len(names), "bytes": size})


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: script.py TASK_ID FILE...")
    archive(sys.argv[1], sys.argv[2:])
