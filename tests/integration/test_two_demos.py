# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo in a fresh clone, twice at once: by the ordinary user whose clone it is, and by root (else by the same user again)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from client import request

ROOT = Path(__file__).resolve().parents[2]
ORDINARY = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def clone():
    """A clone of that user, whose path has a space in it."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-demos-"))
    folder.chmod(0o755)  # pytest's own folders are for nobody else
    try:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder / "a clone"], check=True)
        if ORDINARY:
            for path in [folder, *folder.rglob("*")]:
                shutil.chown(path, ORDINARY["user"], ORDINARY["group"])
        yield folder / "a clone"
        make(folder / "a clone", "demo-stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make(clone, target, **user):
    return subprocess.run(["make", target], cwd=clone, env=dict(os.environ, HOME=str(clone.parent)), capture_output=True, text=True, check=False, **user)


def begin(clone, log, **user):
    with open(log, "wb") as output:
        return subprocess.Popen(["make", "demo"], cwd=clone, env=dict(os.environ, HOME=str(clone.parent)), stdout=output, stderr=output, **user)


def shops(clone):
    """The folders of demos, and what each has in /tmp."""
    found = sorted(clone.glob(".demo/*/lab.json"))
    return [path for lab in found for path in (str(lab.parent), json.loads(lab.read_text(encoding="utf-8"))["sockets"])]


def processes(paths):
    """What runs with one of these paths in its arguments or its environment."""
    def said(folder):
        try:
            return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:  # it has ended
            return b""

    texts = [path.encode() for path in paths]
    return [folder.name for folder in Path("/proc").glob("[0-9]*") if any(text in said(folder) for text in texts)]


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_they_run_at_once_leave_two_shops_that_are_open_and_then_nothing(clone, tmp_path):
    logs = tmp_path / "ordinary", tmp_path / "root"
    running = [begin(clone, logs[0], **ORDINARY)]
    try:
        while not shops(clone) and running[0].poll() is None:
            time.sleep(0.1)
        running.append(begin(clone, logs[1]))
        ended = [process.wait() for process in running]
    finally:
        for process in running:
            process.terminate()  # make hands it on
            process.wait()
    said = [log.read_text(encoding="utf-8") for log in logs]
    assert ended == [0, 0], said
    assert all("NOT SO" not in text for text in said) and "A demo is still running" in said[1]
    first, second = (re.search(r"^The shop is open: (.*)$", text, re.MULTILINE).group(1) for text in said)
    assert first != second
    for address in (first, second):
        status, _headers, body = request(address, "GET", "/healthz")
        assert (status, json.loads(body)) == (200, {"status": "ok", "version": "1.1.0"})

    left = shops(clone)
    assert len(left) == 4 and processes(left)
    if ORDINARY:
        refused = make(clone, "demo-stop", **ORDINARY)
        assert refused.returncode and "is another user's: left alone." in refused.stdout, refused.stdout + refused.stderr
        assert request(second, "GET", "/healthz")[0] == 200
        with pytest.raises(ConnectionRefusedError):
            request(first, "GET", "/healthz")
    stopped = make(clone, "demo-stop")
    assert stopped.returncode == 0 and not (clone / ".demo").exists(), stopped.stdout + stopped.stderr
    assert processes(left) == [] and [path for path in left if os.path.lexists(path)] == []
