"""asyncio_worker: checksums of the files it is given, many at a time.

    export REDIS_URL=redis://cache:6379/0
    python3 asyncio_worker.py /srv/reports/*.csv

Start it twice at once: a file that one is at the other leaves alone, and both together read two at a time.
"""

import asyncio
import hashlib
import sys
from pathlib import Path

import taskledger


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def checksum(producer: taskledger.Producer, name: str) -> None:
    try:
        # A claim: one worker among all does this task at a time. Its attempt number outranks those of all before it.
        async with producer.claim(f"checksum:{name}") as claim:
            async with producer.task(claim=claim, name="checksum") as task:
                # A permit: two at once among all workers, in order of arrival. If Redis is away: one in this process.
                async with producer.permit("disk", 2, wait=60, local_limit=1):
                    task.step("read")
                    digest = await asyncio.to_thread(sha256, Path(name))
                task.result({"sha256": digest})
    except taskledger.ClaimHeld as held:
        print(f"{name}: left to {held.holder}")
    except taskledger.LeaseUnavailable as error:
        print(f"{name}: not begun, since nobody can tell whether somebody else is at it: {error}")
    except OSError as error:
        print(f"{name}: {error}")  # the ledger has it too, with its traceback


async def main(names: list[str]) -> None:
    producer = taskledger.producer()
    await asyncio.gather(*(checksum(producer, name) for name in names))
    await asyncio.to_thread(producer.close)  # says goodbye, and waits 2 s at most for Redis to take what is left


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
