"""How much memory the programs take at their worst, and how much they may."""

import threading

# Resident, at the peak, of the whole process. A worker's is that of a small program with the library at its default
# bounds (8 MiB of events; with the spool more is on disk, not in memory).
BOUNDS_MIB = {
    "taskledger-consumer": 32,
    "load_worker": 24,
    "taskledger-emit": 24,
}
INTERVAL_S = 0.1


class Sampler(threading.Thread):
    """Looks at every process it was told of, all the time. peaks: program → KiB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.watched = {}
        self.peaks = {}
        self.ending = threading.Event()
        self.start()

    def watch(self, program, pid):
        self.watched[pid] = program

    def look(self):
        for pid, program in list(self.watched.items()):
            peak = peak_kib(pid)
            if peak is None:
                self.watched.pop(pid, None)
            else:
                self.peaks[program] = max(peak, self.peaks.get(program, 0))

    def run(self):
        while not self.ending.wait(INTERVAL_S):
            self.look()

    def end(self):
        self.look()
        self.ending.set()
        self.join()

    def complaints(self):
        for program, kib in self.peaks.items():
            if kib > BOUNDS_MIB[program] * 1024:
                yield f"{program} took {kib} KiB, at most {BOUNDS_MIB[program]} MiB"


def peak_kib(pid):
    """VmHWM: the most that was resident at any time. None when there is no such process, or it is not exec'd yet."""
    try:
        with open(f"/proc/{pid}/status") as status:
            lines = dict(line.split(":", 1) for line in status)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(lines["VmHWM"].split()[0]) if "VmHWM" in lines else None
