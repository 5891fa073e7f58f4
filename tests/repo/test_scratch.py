# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where make test lets its tests write: with room, and not there any more when it has been interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Who is started in the background by a shell would not hear of SIGINT.
BEGIN = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {scripts!r})
import test
folder = pathlib.Path({folder!r})
test.REPORTS, test.PLACES = folder / "reports", [str(folder)]
"""
MAIN = BEGIN + """
test.workspace.dependencies, test.workspace.install = lambda: None, lambda *_names: sys.executable
sys.exit(test.main(["-p", "no:cacheprovider", "-c", "/dev/null", str(folder / "test_sleep.py")]))
"""
ROWS = BEGIN + """
test.attempt = lambda suite, scratch, selection: (folder / suite[0]).touch() or test.time.sleep(2)
test.run([("oro",), ("hosts",), ("unit",), ("postgres",)], None, ())
"""


def interrupted(code, folder, begun):
    """Run code by a Python of its own until a file is there, and end it as Ctrl-C does; what it said."""
    process = subprocess.Popen([sys.executable, "-c", code.format(scripts=str(ROOT / "scripts"), folder=str(folder))], start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 30
    while not (folder / begun).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=30)[0]
    assert process.returncode, said
    return said


def test_nothing_is_left_of_an_interrupted_run(tmp_path):
    (tmp_path / "test_sleep.py").write_text(
        "import pathlib, time\ndef test(tmp_path):\n    pathlib.Path(__file__).with_name('begun').touch()\n    time.sleep(60)\n", encoding="utf-8")
    said = interrupted(MAIN, tmp_path, "begun")
    assert (tmp_path / "begun").exists(), said
    assert list(tmp_path.glob("slipway-*")) == []


def test_no_suite_begins_after_an_interruption(tmp_path):
    interrupted(ROWS, tmp_path, "unit")
    assert (tmp_path / "oro").exists() and not (tmp_path / "hosts").exists() and not (tmp_path / "postgres").exists()


def test_it_is_where_there_is_room(tmp_path):
    code = BEGIN + """
found = {{"small": 1, "smaller": 0, "large": test.ROOM}}
test.room = found.__getitem__
print(*[test.place(places) for places in (("small", "large"), ("smaller", "small"), ("large", "small"))])
"""
    done = subprocess.run([sys.executable, "-c", code.format(scripts=str(ROOT / "scripts"), folder=str(tmp_path))], capture_output=True, text=True,
                          check=True)
    assert done.stdout.splitlines()[-1] == "large small large"
    assert "no folder has" in done.stdout
