"""How often the live page asks, and that an answer which comes late overwrites nothing.

A browser may itself hold back a question that is like one on its way, so the questions are counted afterwards as well."""

from support.page import browser, come_in, one_browser, see, server, wait_in  # noqa: F401
from support.waiting import wait_until

STUCK = [{"task_id": f"silent-{at}", "status": "RUNNING", "silent_us": 400e6} for at in range(9)]
ROWS = "document.querySelectorAll('#stuck tbody tr').length"
EVENTS = "document.querySelectorAll('.events li').length"
MORE = "#stuck .listed > button"
LISTED = 1000  # rows in one answer of the list


def asked(server, path):
    return [each for each in server.asked if each.partition("?")[0] == path]


def wait_for(condition):
    """For what the page does at the server."""
    wait_until(condition, 20, "the page asks")


def lists(server):
    return server.asked.count("/api/tasks?limit=1000")


# ---- one question at a time, and the newest answer wins


def test_a_list_is_not_asked_for_again_before_it_was_answered(browser, server):  # noqa: F811
    server.extra["stuck"] = STUCK[:1]
    held = server.hold("/api/stuck")
    come_in(browser, server, "#/stuck")
    browser.wait("document.querySelector('#stuck').hidden === false")
    server.extra["stuck"] = STUCK[:2]
    for page in ("rejected", "stuck", "rejected", "stuck"):
        browser.run(f"location.hash = '#/{page}'")
        wait_in(browser, 200)
    assert len(asked(server, "/api/stuck")) == 1
    held.set()
    browser.wait(f"{ROWS} === 2")
    wait_in(browser, 500)
    assert browser.run(ROWS) == 2


def test_more_of_a_list_is_kept_when_it_is_asked_for_again(browser, server):  # noqa: F811
    server.extra["stuck"], server.page = STUCK, 3
    come_in(browser, server, "#/stuck")
    browser.wait(f"{ROWS} === 3")
    browser.click(MORE)
    browser.wait(f"{ROWS} === 6")
    server.extra["stuck"] = [{**row, "worker": "told-again"} for row in STUCK]
    browser.wait("document.querySelector('#stuck tbody').innerText.includes('told-again')")
    assert browser.run(ROWS) == 6


def test_who_asks_for_more_does_not_wait_for_what_the_page_asks_by_itself(browser, server):  # noqa: F811
    server.extra["stuck"], server.page = STUCK, 3
    come_in(browser, server, "#/stuck")
    browser.wait(f"{ROWS} === 3")
    held = server.hold("/api/stuck")
    before = len(asked(server, "/api/stuck"))
    browser.run("location.hash = '#/rejected'")
    browser.run("location.hash = '#/stuck'")
    wait_for(lambda: len(asked(server, "/api/stuck")) > before)
    browser.click(MORE)
    browser.wait(f"{ROWS} === 6")
    held.set()
    wait_in(browser, 500)
    assert browser.run(ROWS) == 6


def test_a_late_history_does_not_replace_a_newer_one(browser, server):  # noqa: F811
    server.say("task", "RUNNING")
    come_in(browser, server, "#/task/task")
    browser.wait(f"{EVENTS} === 1")
    held = server.hold("/api/tasks/task/history")
    server.say("task", "RUNNING", step="two")
    wait_for(lambda: len(asked(server, "/api/tasks/task/history")) == 2)
    server.say("task", "RUNNING", step="three", is_told=False)
    browser.click(".raw input")
    browser.wait(f"{EVENTS} === 3")
    held.set()
    wait_in(browser, 1500)
    assert browser.run(EVENTS) == 3


def test_a_task_that_never_rests_is_asked_for_one_time_after_the_other(browser, server):  # noqa: F811
    server.say("task", "RUNNING")
    come_in(browser, server, "#/task/task")
    browser.wait(f"{EVENTS} === 1")
    held = server.hold("/api/tasks/task/history")
    server.say("task", "RUNNING", step="two")
    wait_for(lambda: len(asked(server, "/api/tasks/task/history")) == 2)
    for step in ("three", "four"):
        server.say("task", "RUNNING", step=step)
        wait_in(browser, 1000)
    assert len(asked(server, "/api/tasks/task/history")) == 2
    held.set()
    browser.wait(f"{EVENTS} === 4")
    wait_in(browser, 1000)
    assert len(asked(server, "/api/tasks/task/history")) == 3


def test_numbers_are_not_asked_for_again_before_they_were_answered(browser, server):  # noqa: F811
    held = server.hold("/api/stats")
    come_in(browser, server)
    wait_for(lambda: len(asked(server, "/api/stats")) == 1)
    for _ in range(3):
        browser.run("document.dispatchEvent(new Event('visibilitychange'))")
        wait_in(browser, 700)
    assert len(asked(server, "/api/stats")) == 1
    server.say("task", "RUNNING")
    held.set()
    browser.wait("document.querySelector('.tile[data-status=RUNNING] .value').innerText === '1'")
    wait_in(browser, 1000)
    assert len(asked(server, "/api/stats")) == 2


# ---- pages that lose a server at one moment do not come back at one


def test_after_a_reset_pages_come_back_one_after_the_other(browser, server):  # noqa: F811
    server.say("task", "RUNNING")
    come_in(browser, server)
    browser.run("Math.random = () => 0.999")
    before = lists(server)
    server.say("task", "SUCCESS", is_told=False)
    server.reset("epoch")
    wait_in(browser, 1000)
    assert lists(server) == before
    see(browser, "task", "Succeeded")


def test_a_page_that_is_reset_again_and_again_asks_less_often_and_says_that_it_is_not_live(browser, server):  # noqa: F811
    come_in(browser, server)
    browser.run("Math.random = () => 0.5")
    for _ in range(2):
        before = lists(server)
        server.reset("slow")
        wait_for(lambda: lists(server) > before and server.viewers == 1)
        browser.wait("document.body.dataset.state === 'live'")
    before = lists(server)
    server.reset("slow")
    browser.wait("document.body.dataset.state === 'polling'")
    wait_in(browser, 2000)
    assert lists(server) == before
    browser.wait("document.body.dataset.state === 'live'")


def test_waits_grow_have_an_end_and_are_never_the_same(browser, server):  # noqa: F811
    come_in(browser, server)
    waits = browser.run("import('/page/backoff.js').then(({Backoff}) => Array.from({length: 200}, () => {"
                        " const each = new Backoff(100, 1000); return Array.from({length: 9}, () => each.next()); }))")  # fmt: skip
    for at, most in enumerate([100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000]):
        column = [each[at] for each in waits]
        assert most / 2 <= min(column) < most * 0.7 and most * 1.3 < max(column) <= most * 1.5
    asked_for = "import('/page/backoff.js').then(({Backoff}) => new Backoff(100, 1000).next(7))"
    assert 7000 <= browser.run(asked_for) <= 14000


def test_a_server_that_says_when_to_come_again_is_not_asked_before(browser, server):  # noqa: F811
    server.say("task", "RUNNING")
    come_in(browser, server)
    server.refuses_feed, server.retry_after_s = True, 3
    before = len(asked(server, "/api/events"))
    server.cut()
    wait_for(lambda: len(asked(server, "/api/events")) == before + 1)
    wait_in(browser, 2500)
    assert len(asked(server, "/api/events")) == before + 1
    server.refuses_feed = False
    browser.wait("document.body.dataset.state === 'live'")


# ---- what was refused is asked for again, though nothing moves


def test_a_task_that_could_not_be_loaded_is_asked_for_again(browser, server):  # noqa: F811
    server.say("task", "RUNNING")
    server.refuses = {"/api/tasks/task/history"}
    come_in(browser, server, "#/task/task")
    browser.wait("document.querySelector('#detail').innerText.includes('PostgreSQL cannot be asked now')")
    server.refuses = set()
    browser.wait(f"{EVENTS} === 1", 20)


def test_more_events_of_a_task_that_could_not_be_loaded_are_asked_for_again(browser, server):  # noqa: F811
    server.page = 2
    for step in ("one", "two", "three", "four", "five"):
        server.say("task", "RUNNING", step=step)
    path = "/api/tasks/task/history"
    come_in(browser, server, "#/task/task")
    browser.wait(f"{EVENTS} === 2")
    server.refuses = {path}
    before = len(asked(server, path))
    browser.click("[data-hold=more]")
    wait_for(lambda: len(asked(server, path)) > before)
    server.refuses = set()
    browser.wait(f"{EVENTS} === 4", 20)


def test_a_list_that_could_not_be_loaded_is_asked_for_again(browser, server):  # noqa: F811
    server.say("task", "RUNNING")
    for at in range(LISTED + 10):
        server.say(f"done-{at}", "SUCCESS")
    come_in(browser, server)
    browser.wait(f"document.querySelector('#grid').getAttribute('aria-rowcount') === '{LISTED + 1}'")
    server.refuses = {"/api/tasks"}
    browser.run("location.hash = '#/tasks?status=RUNNING'")
    browser.wait("document.querySelector('#summary').innerText.includes('older ones could not be loaded')")
    server.refuses = set()
    browser.wait("document.querySelector('#summary').innerText === '1 task, that is all'", 20)


def test_a_further_page_that_could_not_be_loaded_is_asked_for_again(browser, server):  # noqa: F811
    for at in range(LISTED + 10):
        server.say(f"done-{at}", "SUCCESS")
    come_in(browser, server)
    browser.wait(f"document.querySelector('#grid').getAttribute('aria-rowcount') === '{LISTED + 1}'")
    server.refuses = {"/api/tasks"}
    browser.run("document.querySelector('#grid').scrollTop = 1e9")
    browser.wait("document.querySelector('#summary').innerText.includes('older ones could not be loaded')")
    server.refuses = set()
    browser.wait(f"document.querySelector('#grid').getAttribute('aria-rowcount') === '{LISTED + 11}'", 20)
    browser.wait("document.querySelector('#summary').innerText.includes('that is all')")


# ---- the feed


def test_a_message_may_come_in_pieces_and_many_in_one(browser, server):  # noqa: F811
    """Cut anywhere, also within a letter."""
    come_in(browser, server)
    server.piece = 97
    server.cut()
    wait_for(lambda: server.viewers == 1)
    server.say("in-pieces", "RUNNING", step="界" * 80)
    see(browser, "in-pieces", "界" * 80)
    server.piece = 0
    for at in range(3000):
        server.say(f"many-{at}", "RUNNING", step="first")
        server.say(f"many-{at}", "SUCCESS")
    browser.wait("document.querySelector('#grid').getAttribute('aria-rowcount') === '3002'")
    see(browser, "many-2999", "completed")
    server.cut()
    wait_for(lambda: asked(server, "/api/events")[-1].endswith(server.position()))
