"""The live page in a real browser, before a server that does what a test wants.

    from support.page import browser, come_in, one_browser, see, server  # noqa: F401
"""

import json

import pytest

from support.chromium import Chromium
from support.monitor_stub import MonitorStub

ROW = ".rows .row[data-key={}]"


@pytest.fixture(scope="module")
def one_browser(tmp_path_factory):
    browser = Chromium(tmp_path_factory.mktemp("chromium")).start()
    yield browser
    browser.stop()


@pytest.fixture
def browser(one_browser):
    """On a desk, in daylight. Whatever the page complains of fails the test."""
    one_browser.open("about:blank")
    one_browser.complaints.clear()
    one_browser.window(1280, 800)
    yield one_browser
    one_browser.open("about:blank")
    assert one_browser.complaints == []


@pytest.fixture
def server():
    stub = MonitorStub().start()
    yield stub
    stub.stop()


def row(task_id):
    return ROW.format(json.dumps(task_id, ensure_ascii=False))


def see(browser, task_id, words):
    """Waits until the row of this task tells these words."""
    browser.wait(f"(document.querySelector({json.dumps(row(task_id))})?.innerText ?? '').includes({json.dumps(words)})")


def wait_in(browser, ms):
    """For what must not happen: until the page has had the time to do it."""
    browser.wait(f"performance.now() > {browser.run('performance.now()') + ms}")


def come_in(browser, server, address=""):
    browser.open(server.url + address)
    browser.wait("document.body.dataset.state === 'live'")
