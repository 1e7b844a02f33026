"""One session, asked in each way there is, one after the other."""

import subprocess


def test_rows_that_came_one_by_one_leave_no_trace_in_what_is_asked_next(build, postgres):
    command = [build.folder / "tests" / "postgres_rows", postgres.url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert said.splitlines() == ["streamed 3", "queried 3", "streamed 1", "queried 3"] * 2
