"""The bench: what every measurement stands on.

stage      durable servers of its own, warmed, and the product's programs on them
rounds     things measured in turn, so that a change of the machine's mood falls on all of them
figures    what was measured: one value a round, and what it is compared with
machine    where: processor, memory, disk, kernel, versions, settings
table      how it is printed
report     RESULTS.md, made from every results/NAME.json
picture    results.svg, the same for the README
digest     a few figures of them, for the README
scale      what a day of many events takes by them, for deploy/SCALE.md
marks      where the bench writes into pages that people write
"""
