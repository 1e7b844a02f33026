"""The live page for those who see little, hear it, or have a keyboard only."""

from datetime import timedelta

import pytest

from support.contrast import faint
from support.monitor_stub import STATUSES, now
from support.page import browser, come_in, one_browser, see, server  # noqa: F401

STUCK = [{"task_id": "silent", "status": "RUNNING", "silent_us": 400e6, "worker": "w-1", "close_command": "taskledger-emit status"}]
ILL = {
    "servers": {"redis": {"up": True, "message": None}, "postgresql": {"up": False, "message": "away"}},
    "losses": {"open": 2, "total": 3},
    "consumers": [{"name": "c-1", "pending": 3, "idle_s": 0.1, "held": False}],
}
PAGES = [  # and what there is when it is there
    ("", ".rows .row[data-key=task-7]"),
    ("#/stuck", "#stuck tbody tr"),
    ("#/rejected", "#rejected tbody tr"),
    ("#/health", "#health .chart .axis"),
    ("#/task/life", ".timeline .tick"),
]
NAMED = ("button", "link", "textbox", "searchbox", "combobox", "checkbox", "region", "grid", "img", "DisclosureTriangle")


def tell_all(server):  # noqa: F811
    """Something of everything."""
    for at, status in enumerate(STATUSES):
        server.say(f"task-{at}", status, at=now() - timedelta(seconds=9 - at), task_name="report", step="write", progress=0.4,
                   attempt=1 + at % 2, worker="w-1")  # fmt: skip
    for after, status, attempt in ((0, "QUEUED", 1), (20, "RUNNING", 1), (120, "FAILURE", 1), (180, "RUNNING", 2)):
        server.say("life", status, at=now() - timedelta(seconds=300 - after), attempt=attempt, step=f"s{after}",
                   **({"error_type": "Boom", "error_message": "it broke"} if status == "FAILURE" else {}))  # fmt: skip
    server.say("life", "RUNNING", at=now() - timedelta(seconds=299), mark="late")
    server.extra |= {"stuck": STUCK, "rejected": [{"id": 1, "reason": "undecodable", "detail": "made by the test"}]}
    server.stats = ILL


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page, there", PAGES)
def test_all_that_is_written_can_be_read(browser, server, page, there, is_dark):  # noqa: F811
    tell_all(server)
    browser.window(1500, 900, dark=is_dark)
    come_in(browser, server, page)
    browser.wait(f"document.querySelector('{there}') !== null && document.querySelector('#health .card') !== null")
    if page == "#/task/life":
        browser.run("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert faint(browser) == []


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_what_is_old_can_be_read(browser, server, is_dark):  # noqa: F811
    tell_all(server)
    browser.window(1500, 900, dark=is_dark)
    come_in(browser, server, "#/task/life")
    browser.wait("document.querySelector('.timeline .tick') !== null")
    see(browser, "task-7", "Cancelled")
    browser.run("document.querySelector('#pause').click()")
    server.refuses = {"/api/stats", "/api/stuck"}
    browser.wait("document.body.dataset.numbers === 'old'")
    assert faint(browser) == []
    server.refuses_feed = True
    server.cut()
    browser.wait("document.body.dataset.state === 'polling'")
    assert faint(browser) == []
    server.stop()
    browser.wait("document.body.dataset.state === 'lost' && !document.querySelector('#banner').hidden")
    assert faint(browser) == []


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_the_form_for_signing_in_can_be_read_and_lies_over_everything(browser, server, is_dark):  # noqa: F811
    server.wants_token = True
    browser.window(1280, 800, dark=is_dark)
    browser.open(server.url)
    browser.wait("document.querySelector('#sign-in').hidden === false")
    browser.wait("document.activeElement.name === 'token'")
    for _ in range(4):
        browser.press("Tab")
        assert browser.run("document.activeElement === document.body || document.activeElement.closest('#sign-in') !== null")
    browser.run("for (const each of ['.top', 'main']) document.querySelector(each).hidden = true")
    assert faint(browser) == []


def test_where_the_system_has_colours_of_its_own_a_shape_is_still_there(browser, server):  # noqa: F811
    tell_all(server)
    come_in(browser, server)
    see(browser, "task-4", "Succeeded")
    browser.tell("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    shape = "getComputedStyle(document.querySelector('.badge[data-status=SUCCESS]'), '::before').backgroundColor"
    behind = "getComputedStyle(document.body).backgroundColor"
    browser.wait(f"matchMedia('(forced-colors: active)').matches && {shape} !== {behind}")


@pytest.mark.parametrize("page, there", PAGES)
def test_everything_that_can_be_used_has_a_name(browser, server, page, there):  # noqa: F811
    tell_all(server)
    come_in(browser, server, page)
    browser.wait(f"document.querySelector('{there}') !== null")
    spoken = browser.spoken()
    named = (*NAMED, "row") if page == "" else NAMED  # elsewhere a row is one of a table, and nothing to use
    assert [role for role, name in spoken if role in named and name.strip() == ""] == []
    unheard = "[...document.querySelectorAll('span[aria-label]:not([role]), div[aria-label]:not([role])')].map((each) => each.outerHTML)"
    assert browser.run(unheard) == [], "a name of what has no role is not told"


def test_tab_goes_through_the_page_as_it_is_read(browser, server):  # noqa: F811
    tell_all(server)
    come_in(browser, server)
    see(browser, "task-7", "Cancelled")
    met = []
    for _ in range(30):
        browser.press("Tab")
        met.append(browser.run("document.activeElement.id || document.activeElement.name || document.activeElement.dataset.page"
                               " || document.activeElement.dataset.status || document.activeElement.dataset.key || null"))  # fmt: skip
        if met[-1] == "task-7":
            break
    assert met[:7] == ["skip", "tasks", "stuck", "rejected", "health", "pause", "theme"]
    assert met[7:15] == list(STATUSES)
    assert [each for each in met[15:] if each != "grid"] == ["text", "name", "since", "filters-clear", "task-7"]


def test_the_link_that_skips_stays_on_the_page(browser, server):  # noqa: F811
    come_in(browser, server, "#/health")
    browser.wait("document.querySelector('#health .card') !== null")
    browser.run("document.querySelector('#skip').focus()")
    browser.press("Enter", "\r")
    browser.wait("document.activeElement.id === 'content'")
    assert browser.run("location.hash") == "#/health"
    assert browser.run("document.querySelector('#health').hidden") is False


def test_what_an_open_task_covers_on_a_phone_cannot_be_reached(browser, server):  # noqa: F811
    tell_all(server)
    browser.window(375, 740, is_phone=True)
    come_in(browser, server, "#/task/life")
    browser.wait("document.querySelectorAll('.events li').length > 3")
    for _ in range(12):
        browser.press("Tab")
        assert browser.run("document.activeElement === document.body || document.activeElement.closest('#detail') !== null")
    browser.run("location.hash = '#/tasks'")
    browser.wait("document.querySelector('#detail').hidden && !document.querySelector('main').inert")


def test_a_list_that_is_asked_for_again_keeps_the_focus(browser, server):  # noqa: F811
    server.extra["stuck"] = STUCK
    come_in(browser, server, "#/stuck")
    browser.wait("document.querySelector('#stuck td a') !== null")
    browser.run("document.querySelector('#stuck td a').focus()")
    server.extra["stuck"] = [{**STUCK[0], "task_id": "newer"}, *STUCK]
    browser.wait("document.querySelectorAll('#stuck tbody tr').length === 2")
    assert browser.run("document.activeElement.textContent") == "silent"


def test_the_navigation_tells_what_it_counts(browser, server):  # noqa: F811
    tell_all(server)
    come_in(browser, server)
    browser.wait("document.querySelector('#stuck-count').textContent === '1'")
    spoken = browser.spoken()
    assert ("link", "Stuck 1 task") in spoken and ("link", "Health 2 not well") in spoken
