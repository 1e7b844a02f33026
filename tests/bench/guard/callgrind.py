"""callgrind: the instructions that a program took, by function and library.

Counts do not depend on the machine's load, but on its processor: libc and libcrypto choose code by what it can do. PLAIN
has them choose what every x86-64 can.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path

PLAIN = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-BMI2,-ERMS,-FSRM,-SSE4_2,-SSE4_1,-SSSE3",
    "OPENSSL_ia32cap": "0:0",
}
ALLOCATORS = {"malloc", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc", "posix_memalign"}
HASHING = "libcrypto"

LINE = re.compile(rb"(?:(\w+)=(.*)|[*+-]?\d+ (\d+))$")
OPTIONS = ["--tool=callgrind", "--compress-strings=no", "--compress-pos=no", "--quiet"]


def command(output, *options):
    """What a command begins with to be counted into this file."""
    return ["valgrind", *OPTIONS, f"--callgrind-out-file={output}", *options, "--"]


def run(program, *arguments, scratch, environment, within=None):
    """What it takes, or only within this function, in that thread; and what it printed."""
    output = Path(scratch) / "callgrind.out"
    options = [f"--toggle-collect={within}"] if within else []
    result = subprocess.run(
        [*command(output, *options), program, *arguments],
        env={**environment, **PLAIN},
        capture_output=True,
        text=True,
        check=True,
    )
    return Profile(output), result.stdout


class Profile:
    """functions: (library, function) → instructions of its own; calls: function → how often it was called, also outside of
    what is counted."""

    def __init__(self, path):
        self.functions, self.calls = Counter(), Counter()
        names = {b"ob": b"", b"fn": b"", b"cfn": b""}
        is_call = False
        for line in Path(path).read_bytes().splitlines():
            match = LINE.match(line)
            if match is None:
                continue
            key, value, cost = match.groups()
            if cost is None:
                names[key] = value
                if key == b"calls":
                    is_call = True
                    self.calls[plain(names[b"cfn"])] += int(value.split()[0])
            elif is_call:  # what it took inside is in that function's own lines
                is_call = False
            else:
                self.functions[named(names[b"ob"], names[b"fn"])] += int(cost)

    def subtract(self, other):
        """What this one has more than the other."""
        self.functions.subtract(other.functions)
        self.calls.subtract(other.calls)
        return self

    def by_function(self, events):
        """Instructions of an event by function, to explain them. What is less after a subtraction belongs to the start."""
        return {f"{name} ({library})": count / events for (library, name), count in self.functions.items() if count > 0}

    def instructions(self):
        """All but those of hashing."""
        return sum(count for (library, _), count in self.functions.items() if library != HASHING)

    def hashing(self):
        return sum(count for (library, _), count in self.functions.items() if library == HASHING)

    def allocations(self):
        return sum(self.calls[name] for name in ALLOCATORS)


def plain(name):
    """Without the depth of recursion, the version of a symbol, and the part that a compiler has split off."""
    return re.sub(rb"('\d+|@.*|\.(part|constprop|isra|cold|lto_priv)\.?\d*)+$", b"", name).decode()


def named(library, function):
    library = Path(library.decode()).name.split(".so")[0]
    function = plain(function)
    return library, "static functions" if function.startswith("0x") else function
