"""Chromium for tools and tests. Standard library only: tests copy this file to hosts that have a browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


class Browser:
    """Chromium, driven through its DevTools protocol over a pair of pipes (--remote-debugging-pipe)."""

    def __init__(self, program, profile):
        self.number = 0
        to_read, self.writer = os.pipe()
        self.reader, to_write = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4, has no sandbox for root, and wants no bus of a desktop.
        options = ["--headless", "--hide-scrollbars", "--disable-gpu", "--window-size=1440,920", "--remote-debugging-pipe"]
        options += ["--no-sandbox"] if os.getuid() == 0 else []
        script = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        self.process = subprocess.Popen(
            ["sh", "-c", script, program, *options, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.buffer = b""
        self.session = None
        (page,) = [target for target in self.call("Target.getTargets")["targetInfos"] if target["type"] == "page"]
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]

    def call(self, method, **parameters):
        """Call a method of the protocol and return its result; events in between are passed over."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.buffer:
                piece = os.read(self.reader, 1 << 20)
                if not piece:
                    sys.exit("Chromium ended")
                self.buffer += piece
            answer, self.buffer = self.buffer.split(b"\0", 1)
            answer = json.loads(answer)
            if answer.get("id") == self.number:
                # A page that is being left answers with an error.
                return answer.get("result", {})

    def value(self, expression):
        """What a JavaScript expression comes to, a promise too; None where it fails or comes to nothing that JSON can say."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True).get("result", {}).get("value")

    def until(self, expression, seconds=60):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while self.value(f"Boolean({expression})") is not True:
            if time.monotonic() > end:
                sys.exit(f"after {seconds} s still not: {expression}; the page is {self.value('location.href')}: {self.value('document.body.innerText')}")
            time.sleep(0.2)

    def close(self):
        self.process.terminate()
        self.process.wait()
