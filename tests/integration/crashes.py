# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill an operation at a certain record of its journals, and see from outside what is left of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))
import processes  # noqa: E402  (demo is no package)


def live(lab):
    """The one version that is live on every host."""
    versions = {os.path.basename(os.readlink(str(lab.root(host) / "current"))).rpartition("-")[0] for host in lab.hosts}
    assert len(versions) == 1, versions
    return versions.pop()


def locks(lab):
    """What still holds a lock, or is still open."""
    left = [str(path) for host in lab.hosts for path in lab.root(host).glob("state/lock.json")]
    for host in lab.hosts:
        for journal in lab.root(host).glob("state/journal/*.jsonl"):
            last = json.loads(journal.read_text(encoding="utf-8").splitlines()[-1])
            if last["step"] != "operation" or last["event"] == "begin":
                left.append("%s: %s %s" % (journal, last["step"], last["event"]))
    return left


def wait_for_record(lab, host, step, event, upgrade, timeout=180):
    """Wait until the newest journal of a host has this record."""
    known = set(lab.root(host).glob("state/journal/*.jsonl"))
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for path in set(lab.root(host).glob("state/journal/*.jsonl")) - known:
            for line in path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    record = json.loads(line)
                    if (record["step"], record["event"]) == (step, event):
                        return
        if upgrade.poll() is not None:
            pytest.fail("the upgrade ended before %s %s on %s:\n%s" % (step, event, host, upgrade.stdout.read()))
        time.sleep(0.01)
    pytest.fail("no %s %s on %s in time" % (step, event, host))


def kill_tree(upgrade):
    """SIGKILL for ansible-playbook and everything below it; what it detached lives on."""
    for pid, _ticks in processes.tree(processes.identity(upgrade.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    upgrade.wait()


def wait_until(true, timeout=60):
    deadline = time.monotonic() + timeout
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
