# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in maintenance page in a real browser, as wide as a phone and as wide as a desk."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._maintenance import pages

SIZES = {"small phone": (320, 568), "phone": (390, 844), "desk": (1440, 900)}
SINCE = "2026-11-21T10:00:00.000Z"
MESSAGES = {
    "usual": "We are updating this site. It will be back in a moment.",
    "long": "Wir ziehen um. " * 40,
    "one word": "Donaudampfschifffahrtsgesellschaft" * 12,
}
# Each page in a frame of a size; what it looks like there is measured and left in the document.
DOCUMENT = """<!DOCTYPE html><meta charset="utf-8"><body>%s<pre id="measured"></pre><script>
window.onload = function () {
  var all = {};
  document.querySelectorAll("iframe").forEach(function (frame) {
    var page = frame.contentDocument, root = page.documentElement, card = page.querySelector("main").getBoundingClientRect();
    var beyond = Array.from(page.body.querySelectorAll("*")).filter(function (element) {
      var box = element.getBoundingClientRect();
      return box.width && (box.left < -0.5 || box.right > root.clientWidth + 0.5);
    });
    function size(name) { return parseFloat(frame.contentWindow.getComputedStyle(page.querySelector(name)).fontSize); }
    all[frame.title] = {width: root.clientWidth, scrolls: root.scrollWidth, beyond: beyond.map(function (e) { return e.tagName; }),
      left: card.left, right: root.clientWidth - card.right, card: card.width, top: card.top, heading: size("h1"), text: size("p")};
  });
  document.getElementById("measured").textContent = JSON.stringify(all);
};
</script>"""


@pytest.fixture(scope="module")
def chromium():
    """A Chromium: the machine's, else Debian's, which root can have installed."""
    for name in ("chromium", "chromium-headless-shell", "google-chrome"):
        if shutil.which(name):
            return name
    install = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--no-install-recommends", "chromium-headless-shell"]
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if subprocess.run(install, env=environment, check=False).returncode:  # the lists of packages may be missing
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        subprocess.run(install, env=environment, check=True)
    return "chromium-headless-shell"


@pytest.fixture(scope="module")
def measured(chromium, tmp_path_factory):
    """{(message, size): what the browser measured}"""
    frames = "".join(
        '<iframe title="%s/%s" width="%d" height="%d" style="border:0" srcdoc="%s"></iframe>' % (
            message, size, *SIZES[size], html.escape(pages.html(MESSAGES[message], SINCE, 1800)))
        for message in MESSAGES for size in SIZES)
    folder = tmp_path_factory.mktemp("page")
    (folder / "document.html").write_text(DOCUMENT % frames, encoding="utf-8")
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom",
         "--user-data-dir=%s" % (folder / "profile"), (folder / "document.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    return {tuple(title.split("/")): values for title, values in json.loads(html.unescape(found.group(1))).items()}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("message", MESSAGES)
def test_the_page_fits_its_screen(measured, message, size):
    page = measured[message, size]
    assert page["beyond"] == [] and page["scrolls"] <= page["width"]
    assert page["width"] <= SIZES[size][0]
    assert abs(page["left"] - page["right"]) <= 1 and page["left"] >= 12  # in the middle, not at the edge
    assert page["top"] >= 0 and page["text"] >= 16 and page["heading"] >= 1.5 * page["text"] * 0.95
    assert page["card"] <= 600  # lines that can be read
    if size != "desk":
        assert page["card"] >= 0.85 * page["width"]
