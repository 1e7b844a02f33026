"""layers: who may see whom. These two tables are the architecture."""

import re
from fnmatch import fnmatch

import tree

# A room sees itself and these.
SEES = {
    "proto": [],
    "producer": ["proto"],
    "consumer": ["proto"],
    "replay": ["proto", "consumer"],
    "tests": ["proto", "producer", "consumer", "replay", "taskledger"],
}

# Each foreign library enters by one door: header, and the files that may include it.
DOORS = [
    ("*event.pb-c.h", []),
    ("*protobuf-c.h", []),
    ("hiredis/*", ["proto/redis_parser.c"]),
    ("hiredis.h", ["proto/redis_parser.c"]),
    ("openssl/evp.h", ["proto/digester.c", "replay/seal/signature.c"]),
    ("openssl/pem.h", ["replay/seal/signature.c"]),
    ("openssl/sha.h", ["proto/digester.c"]),
    ("openssl/*", ["proto/transport*.c"]),
    ("*libpq-fe.h", ["consumer/postgres/*.c"]),
    ("*microhttpd.h", ["consumer/http/server*"]),
    ("taskledger/producer.h", ["producer/*"]),
    ("taskledger/lease.h", ["producer/*"]),
]

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^">]+)')


def complaint(path, quote, header):
    """What is wrong with path including header, or None."""
    for door, doorways in DOORS:
        if fnmatch(header, door):
            open_here = path.parts[0] == "tests" or any(fnmatch(str(path), way) for way in doorways)
            return None if open_here else f"{header} enters only by {', '.join(doorways) or 'tests'}"
    if quote == "<":
        return None

    room, here = header.split("/")[0], path.parts[0]
    if room not in SEES:
        return f'"{header}" does not begin with a room'
    if room != here and room not in SEES[here]:
        return f"{here} must not see {room}"
    return None


def findings():
    for path in tree.files(SEES, ".c", ".h"):
        for number, line in tree.lines(path):
            include = INCLUDE.match(line)
            if include and (what := complaint(path, *include.groups())):
                yield f"{path}:{number}: {what}"


tree.finish(findings())
