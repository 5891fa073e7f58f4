# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in maintenance page in a real browser, as wide as a phone and as wide as a desk.

make test has no browser, which would have to be installed on most machines: it sees that the page says what browsers go by.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import struct
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._maintenance import pages
from ansible_collections.slipway.app.tests.hosts.conftest import hosts_lab

SIZES = {"small phone": (320, 568), "phone": (390, 844), "desk": (1440, 900)}
SINCE = "2026-11-21T10:00:00.000Z"
MESSAGES = {
    "usual": "We are updating this site. It will be back in a moment.",
    "long": "Wir ziehen um. " * 40,
    "one word": "Donaudampfschifffahrtsgesellschaft" * 12,
}
# What a page looks like on the screen that shows it.
MEASURE = """
(function () {
  var root = document.documentElement, card = document.querySelector("main").getBoundingClientRect();
  var beyond = Array.from(document.body.querySelectorAll("*")).filter(function (element) {
    var box = element.getBoundingClientRect();
    return box.width && (box.left < -0.5 || box.right > root.clientWidth + 0.5);
  });
  function size(name) { return parseFloat(getComputedStyle(document.querySelector(name)).fontSize); }
  return {width: root.clientWidth, scrolls: root.scrollWidth, beyond: beyond.map(function (e) { return e.tagName; }),
    left: card.left, right: root.clientWidth - card.right, card: card.width, top: card.top, heading: size("h1"), text: size("p")};
})()"""


class Browser:
    """A Chromium that is told by a pipe what to show. As a phone it heeds the viewport that a page asks for, as phones do."""

    def __init__(self, program, profile):
        (ours, their_answers), (their_orders, orders) = os.pipe(), os.pipe()
        # It reads orders from 3 and writes answers to 4.
        self._process = subprocess.Popen(
            ["bash", "-c", 'exec "$@" 3<&%d 4>&%d' % (their_orders, their_answers), "bash", program, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--remote-debugging-pipe", "--user-data-dir=%s" % profile],
            pass_fds=(their_orders, their_answers), stderr=subprocess.DEVNULL)
        os.close(their_orders)
        os.close(their_answers)
        self._orders, self._answers, self._number, self._session = os.fdopen(orders, "wb"), os.fdopen(ours, "rb"), 0, None
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def tell(self, method, **params):
        """Tell it something; its answer. What it reports meanwhile is not listened to."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": params, **({"sessionId": self._session} if self._session else {})}
        self._orders.write(json.dumps(order).encode() + b"\0")
        self._orders.flush()
        said = b""
        while True:
            letter = self._answers.read(1)
            assert letter, "the browser has ended"
            if letter != b"\0":
                said += letter
                continue
            answer, said = json.loads(said), b""
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def show(self, page, size):
        """(what is measured of a page on a screen of this size, a picture of it as PNG)."""
        width, height = SIZES[size]
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size != "desk")
        frame = self.tell("Page.navigate", url="about:blank")["frameId"]
        self.tell("Page.setDocumentContent", frameId=frame, html=page)
        measured = self.tell("Runtime.evaluate", expression=MEASURE, returnByValue=True)["result"]["value"]
        return measured, base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"])

    def end(self):
        self._process.kill()
        self._process.wait()
        self._orders.close()
        self._answers.close()


@pytest.fixture(scope="module")
def chromium():
    """A Chromium: the machine's, else Debian's, which root can have installed."""
    for name in ("chromium", "chromium-headless-shell", "google-chrome"):
        if shutil.which(name):
            return name
    hosts_lab.lab_engine.install("chromium-headless-shell", why="no Chromium is on this machine")
    return "chromium-headless-shell"


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    started = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield started
    started.end()


def test_the_page_asks_for_what_makes_it_fit():
    """Without any of these the test below fails."""
    page = pages.html(MESSAGES["one word"], SINCE, 1800)
    for said in ('<meta name="viewport" content="width=device-width, initial-scale=1">', "* { box-sizing: border-box; }", "body { margin: 0;",
                 "place-items: center;", "padding: 1.25rem;", "font: 1.0625rem/1.6", "max-width: 33rem;", "overflow-wrap: anywhere;"):
        assert said in page, said


@pytest.mark.long
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("message", MESSAGES)
def test_the_page_fits_its_screen(browser, message, size):
    page, picture = browser.show(pages.html(MESSAGES[message], SINCE, 1800), size)
    assert page["width"] == SIZES[size][0] and page["beyond"] == [] and page["scrolls"] <= page["width"]
    assert abs(page["left"] - page["right"]) <= 1 and page["left"] >= 12  # in the middle, not at the edge
    assert page["top"] >= 0 and page["text"] >= 16 and page["heading"] >= 1.5 * page["text"] * 0.95
    assert page["card"] <= 600  # lines that can be read
    if size != "desk":
        assert page["card"] >= 0.85 * page["width"]
    assert struct.unpack(">II", picture[16:24]) == SIZES[size]  # the picture that a person would see, in a PNG's header
    assert len(picture) > 4000  # a blank one has less


@pytest.mark.long
def test_a_page_without_a_viewport_would_not_fit_a_phone(browser):
    """So the test above sees what a phone does."""
    page = re.sub("<meta name=.viewport.[^>]*>", "", pages.html(MESSAGES["usual"], SINCE, 1800))
    measured, _picture = browser.show(page, "phone")
    assert measured["width"] > 2 * SIZES["phone"][0]
