"""guard: what a change costs, counted and not timed, against a committed budget.

Instructions (valgrind's callgrind), system calls and round trips (strace), WAL (pg_stat_statements) do not depend on how
busy the machine is, so the guards run in CI beside anything else.
"""
