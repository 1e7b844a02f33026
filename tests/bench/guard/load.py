"""load: the bench's load, said by one producer and one thread, so that nothing depends on who comes first."""

import subprocess


def command(build, events, **options):
    """As bench/programs/load.c has them. The queue has room for all, so that nobody waits."""
    words = {"events": events, "producers": 1, "threads": 1, "queue": 2 * events + 1000, **options}
    return [build.folder / "tests/load", *(f"{name}={value}" for name, value in words.items())]


def say(build, programs, events, **options):
    """All of it is in the stream when this returns."""
    run(command(build, events, **options), programs.environment)


def run(command, environment):
    subprocess.run([*map(str, command)], env=environment, check=True, stdout=subprocess.DEVNULL)
