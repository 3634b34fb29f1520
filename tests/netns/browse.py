"""Opens pages in a headless Chromium and prints what it finds as JSON, one line per page.

usage: browse.py AXE FOLDER PAGE...
  AXE     axe-core's axe.min.js
  FOLDER  where Chromium may write

Speaks Chromium's debugging protocol over pipes, which needs nothing but Python itself.
"""

import json
import os
import shutil
import subprocess
import sys

SIZES = {"wide": (1280, 900), "narrow": (400, 800)}


class Browser:
    def __init__(self, folder):
        ours, theirs = os.pipe(), os.pipe()
        program = shutil.which("chromium") or sys.exit("the package chromium is missing")
        command = [
            "sh", "-c", f'exec "$@" 3<&{ours[0]} 4>&{theirs[1]}', "sh", program,
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder}/profile", "--remote-debugging-pipe", "about:blank",
        ]
        environment = {**os.environ, "HOME": folder, "XDG_RUNTIME_DIR": folder}
        log = open(f"{folder}/chromium.log", "w")
        self.process = subprocess.Popen(
            command, pass_fds=(ours[0], theirs[1]), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
        os.close(ours[0])
        os.close(theirs[1])
        self.out, self.into = ours[1], os.fdopen(theirs[0], "rb")
        self.number, self.session, self.events = 0, None, []

    def read(self):
        """The next message; each ends with a zero byte."""
        message = bytearray()
        while (byte := self.into.read(1)) != b"\0":
            if not byte:
                sys.exit("Chromium ended")
            message += byte
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        while True:
            message = self.read()
            if message.get("id") == self.number:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def until(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read())

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit(f"{expression[:200]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def press(self, key, code, text=None):
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more)

    def open(self, page):
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.events = []
        self.call("Page.navigate", url=f"file://{page}")
        self.until("Page.loadEventFired")


VIOLATIONS = """axe.run().then((found) => found.violations.map((one) =>
    one.id + ": " + one.nodes.slice(0, 3).map((node) => node.target.join(" ") + " " + node.failureSummary).join(" | ")))"""
# Texts of a picture that reach out of their boxes.
OVERFLOWS = """Array.from(document.querySelectorAll("g")).flatMap((group) => {
    const rect = group.querySelector("rect");
    if (!rect) return [];
    const box = rect.getBBox();
    return Array.from(group.querySelectorAll("text")).filter((text) => {
        const own = text.getBBox();
        return own.x < box.x - 1 || own.x + own.width > box.x + box.width + 1;
    }).map((text) => text.textContent);
})"""


def told(browser):
    """What the page asked the network for, and what the browser complained about."""
    requests = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    problems = [e["params"] for e in browser.events if e.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]
    return {"requests": requests, "problems": problems}


def look_at_page(browser, axe):
    facts = {"axe": {}, "overflow": {}}
    facts["hostile"] = browser.value("window.hostile || null")
    facts["elements"] = browser.value("Array.from(new Set(Array.from(document.querySelectorAll('body *'), e => e.localName)))")
    facts["scripts"] = browser.value("document.scripts.length")
    for scheme in ("light", "dark"):
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.value(axe + "; true")
        facts["axe"][scheme] = browser.value(VIOLATIONS)
    for name, (width, height) in SIZES.items():
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        facts["overflow"][name] = browser.value("document.documentElement.scrollWidth - window.innerWidth")
    browser.call("Emulation.setEmulatedMedia", media="print")
    facts["print"] = browser.value("getComputedStyle(document.body).backgroundColor")
    browser.call("Emulation.setEmulatedMedia", media="screen")

    if browser.value("!!document.getElementById('search')"):
        facts["keyboard"] = use_keyboard(browser)
    return facts


def use_keyboard(browser):
    """Reaches the search field and a heading by Tab alone, and uses both."""
    rows = "Array.from(document.querySelectorAll('tbody tr')).filter(row => !row.hidden).length"
    first = "document.querySelector('tbody tr').textContent"
    focus = "document.activeElement.id || document.activeElement.localName"
    facts = {"rows": browser.value(rows), "reached": []}
    for _ in range(40):
        browser.press("Tab", 9)
        reached = browser.value(focus)
        facts["reached"].append(reached)
        if reached == "search":
            browser.call("Input.insertText", text="127.0.0.1:8002")
            facts["found"] = browser.value(rows)
            browser.value("document.activeElement.value = ''; document.activeElement.dispatchEvent(new Event('input'))")
        if reached == "button":
            before = browser.value(first)
            browser.press("Enter", 13, "\r")
            ascending = browser.value("document.querySelector('[aria-sort]').getAttribute('aria-sort')")
            browser.press("Enter", 13, "\r")
            descending = browser.value("document.querySelector('[aria-sort]').getAttribute('aria-sort')")
            facts["sorted"] = [ascending, descending]
            facts["moved"] = browser.value(first) != before
            break
    return facts


def main():
    axe_path, folder, *pages = sys.argv[1:]
    with open(axe_path) as file:
        axe = file.read()
    browser = Browser(folder)
    try:
        for page in pages:
            browser.open(page)
            is_picture = page.endswith(".svg")
            facts = {"overflows": browser.value(OVERFLOWS)} if is_picture else look_at_page(browser, axe)
            print(json.dumps({"page": page, **facts, **told(browser)}), flush=True)
    finally:
        browser.process.kill()
        browser.process.wait()


main()
