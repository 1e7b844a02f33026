"""The pages that are written from the programs' tables are those that the programs would write now."""

import os
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize("page", ["CONFIGURATION.md", "METRICS.md"])
def test_the_page_is_fresh(build, tmp_path, page):
    environment = {**os.environ, "TASKLEDGER_BUILD": str(build.folder)}
    subprocess.run([DEPLOY / "pages", tmp_path], check=True, env=environment)
    assert (DEPLOY / page).read_text() == (tmp_path / page).read_text(), "stale: run deploy/pages"
