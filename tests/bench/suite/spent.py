"""spent: processor time, by process."""

import os
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PARENT, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM = 1, 11, 12, 13, 14


def seconds(pid):
    """User and system time of a process, of its children that live, and of those that it has waited for."""
    family = {process: fields(process) for process in processes()}
    wanted = [pid, *(child for child, values in family.items() if values and values[PARENT] == pid)]
    return sum(times(family.get(process)) for process in wanted)


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def fields(pid):
    """Of /proc/PID/stat, those behind the name; None when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return [int(word) if word.lstrip("-").isdigit() else word for word in text.rpartition(")")[2].split()]


def times(values):
    if not values:
        return 0.0
    return TICK_S * sum(values[i] for i in (USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM))
