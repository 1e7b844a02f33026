"""A real browser, driven over a pipe by the protocol of its developer tools."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time

from support.waiting import wait_until

ANSWER_S = 60
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser():
    """The path of a Chromium; None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Chromium:
    """One browser with a profile of its own in folder. Everything it logs as an error is in `complaints`."""

    def __init__(self, folder):
        self.folder = folder
        self.complaints = []
        self.refused = []
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session = None

    def start(self):
        assert browser() is not None, "no Chromium here: deploy/install-dependencies tests"
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        self.folder.mkdir(parents=True, exist_ok=True)

        def wire():
            """The browser reads descriptor 3 and writes 4."""
            high = [os.dup2(to_browser, 100), os.dup2(from_browser, 101)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    "setpriv", "--pdeathsig", "KILL", "--", browser(),
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--remote-debugging-pipe", f"--user-data-dir={self.folder}/profile", "--lang=en", "about:blank",
                ],
                preexec_fn=wire, close_fds=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**os.environ, "HOME": str(self.folder), "TZ": "UTC"},
            )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._attach()
        return self

    def _attach(self):
        pages = wait_until(
            lambda: [t for t in self.tell("Target.getTargets")["targetInfos"] if t["type"] == "page"], 60, "a page"
        )
        answer = self.tell("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.tell(f"{domain}.enable")

    def stop(self):
        try:
            self._session = None
            self.tell("Browser.close")
            self._process.wait(timeout=10)
        except (OSError, EOFError, AssertionError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def tell(self, method, **parameters):
        """The result of one command; events that come meanwhile are noted."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + ANSWER_S
        while True:
            answer = self._next(end)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _next(self, end):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise EOFError("the browser is gone")
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            entry = parameters["entry"]
            kept = self.refused if entry["source"] == "network" else self.complaints
            kept.append(f"{entry['text']} {entry.get('url', '')}")

    # ---- what a person does ----

    def open(self, url):
        self.tell("Page.navigate", url=url)
        wait_until(lambda: self.run("document.readyState") == "complete", 20, url)

    def run(self, script):
        """The value of a JavaScript expression."""
        answer = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script, deadline_s=60):
        """Waits until the expression is true and returns it."""
        return wait_until(lambda: self.run(script), deadline_s, script)

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, key, text=None):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        self.tell("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.tell("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, text):
        self.tell("Input.insertText", text=text)

    def window(self, width, height, *, dark=False, is_phone=False):
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if is_phone else 1, mobile=is_phone)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"]))

    def spoken(self):
        """(role, name) of all that a screen reader meets."""
        nodes = self.tell("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored") and "role" in node
        ]
