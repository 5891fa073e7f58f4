# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo proves something by what its customers saw; what they did not see proves nothing."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"
sys.path.insert(0, str(DEMO))
import client  # noqa: E402  (demo is no package, its files find each other by this path)
import run  # noqa: E402
import stop  # noqa: E402
import story  # noqa: E402


def test_an_upgrade_that_no_customer_noticed_fails_the_demo(capsys):
    customers = client.Client({})
    customers.events += [client.Event(moment, moment, "app1", kind, "1", "") for moment, kind in (
        (1, "accepted"), (2, "refused"), (3, "accepted"))] + [client.Event(2, 2, "app2", "accepted", "2", "")]
    demo = run.Demo(SimpleNamespace(apps=["app1", "app2"]), story.Story())
    demo.client = customers
    demo.tell_windows("1.1.0", 0)
    assert demo.story.failed == ["customers at app2 saw maintenance"]
    assert "customers at app1 saw maintenance for 1.0 s (1 requests refused" in capsys.readouterr().out
    assert demo.windows == {"1.1.0": 1}


def test_no_server_but_its_own_is_named_to_what_the_demo_runs():
    code = "import os; import lab; print([name for name in os.environ if name.startswith('PG')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=DEMO, env=dict(os.environ, PGSERVICE="prod", PGHOSTADDR="127.0.0.3"),
                          capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_demo_that_still_runs_is_left_alone_and_what_would_remove_its_files_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stop, "LABS", tmp_path)
    (tmp_path / "one").mkdir()
    with open(tmp_path / "one" / "running", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert stop.main() == 1
    assert "A demo is still running" in capsys.readouterr().out and (tmp_path / "one").is_dir()
    assert stop.main() == 0 and not tmp_path.exists()


@pytest.mark.parametrize("refused, said", [
    (False, "Ending the shop of an earlier demo."), (True, "The shop in {} is another user's: left alone. Who started it, or root, can end it.")])
def test_what_is_not_removed_is_named_and_fails(tmp_path, monkeypatch, capsys, refused, said):
    def open_lab(_directory):
        if refused:
            raise PermissionError
        return SimpleNamespace(stop=lambda: None)

    monkeypatch.setattr(stop, "LABS", tmp_path)
    monkeypatch.setattr(stop.Lab, "open", open_lab)
    (tmp_path / "one").mkdir()
    assert stop.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        said.format(tmp_path / "one"), "Not removed: %s. When nothing uses it any more, run make demo-stop again." % (tmp_path / "one")]


def test_the_readme_shows_the_claims_that_the_demo_checks():
    """All of them, and no other, each as often; but for what is claimed only where it is not so."""
    code = (DEMO / "run.py").read_text(encoding="utf-8")
    # What claims() says after each of the three acts stands there once.
    texts = re.findall(r'\bclaim\(\s*"([^"]*)"', code) + re.findall(r'^        claim\("([^"]*)"', code, re.MULTILINE) * 2
    texts.remove("customers at %s saw maintenance")
    shown = re.findall(r"^  ✓ (.*)$", (DEMO.parent / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.sub(r"[\d.]*\d", "#", line) for line in shown) == sorted(re.sub(r"%[ds]|[\d.]*\d", "#", text) for text in texts)
