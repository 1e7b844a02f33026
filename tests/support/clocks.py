"""Clocks that are off, and step while their program runs; the monotonic one is true. See shifted_clock.c.

    clock = Clock(build, scratch / "clock", shift_s=7200)
    holders.start(env=clock.environment)
    clock.set(-7200)
"""

import struct


class Clock:
    def __init__(self, build, path, shift_s=0):
        self.path = path
        self.environment = {"LD_PRELOAD": str(build.folder / "tests/shifted_clock.so"), "SHIFTED_CLOCK": str(path)}
        self.path.write_bytes(struct.pack("q", int(shift_s)))

    @property
    def within(self):
        """What a command begins with to have this clock."""
        return ["env", *(f"{name}={value}" for name, value in self.environment.items())]

    def set(self, shift_s):
        """At once, for a program that runs."""
        with open(self.path, "r+b") as file:
            file.write(struct.pack("q", int(shift_s)))
