# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill an operation at a certain record of its journals while a client is at work, and see from outside what is left of it."""

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
import check  # noqa: E402  (demo is no package)
import processes  # noqa: E402
from client import Client  # noqa: E402

from ansible_collections.slipway.app.tests.waiting import until  # noqa: E402

# The records after which the controller dies: on which host, which step, which event. Every step of an upgrade that is journaled
# has one on its way forward, in their order; tests/repo/test_recovery_matrix.py compares.
FORWARD = [
    ("app1", "operation", "begin"),
    ("app2", "stage", "begin"),
    ("app2", "drain", "begin"),
    ("app2", "close", "begin"),
    ("app1", "protect", "begin"),
    ("app1", "migrate", "begin"),
    ("app1", "migrate", "done"),
    ("app2", "activate", "begin"),
    ("app2", "open", "begin"),
    ("app1", "finish", "begin"),
]
# And on its way back.
BACK = [
    ("app1", "assess", "begin"),
    ("app2", "quiesce", "begin"),
    ("app1", "restore", "begin"),
    ("app2", "reinstate", "begin"),
    ("app2", "reopen", "begin"),
    ("app1", "undo", "begin"),
]


@contextlib.contextmanager
def customers(lab):
    """A Client that places orders while a block is at work; some of them are accepted before it, and some after."""
    client = Client({name: lab.address(name) for name in lab.apps}, rate=3).start()
    try:
        until(lambda: len(client.accepted()) >= 4)
        yield client
        moment = time.time()
        until(lambda: len(client.accepted(moment)) >= 4)
    finally:
        client.stop()


def wrong_after(lab, client, version):
    """What is not as it should be once all is over, but for the schema: an empty list if nothing is."""
    accepted = client.accepted()
    return ([event for event in client.since(0) if event.kind == "error"] + check.orders_are_there(lab, accepted)
            + check.jobs_done_once(lab, accepted) + check.serves(lab, version) + check.services_are(lab, lab.services)
            + check.databases_are(lab, ["shop"]) + locks(lab))


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


def journals(lab, host):
    """{path: lines} of the journals of a host."""
    return {path: path.read_text(encoding="utf-8").splitlines() for path in lab.root(host).glob("state/journal/*.jsonl")}


def last_operation(lab):
    """The steps that any host has begun of the operation that came last."""
    found = [records for host in lab.hosts for records in [sorted(journals(lab, host).items())[-1:]] if records]
    newest = max(path.name for ((path, _lines),) in found)
    return {json.loads(line)["step"] for ((path, lines),) in found if path.name == newest for line in lines}


def wait_for_record(lab, host, step, event, playbook, timeout=180):
    """Wait until a journal of a host gets this record."""
    known = {path: len(lines) for path, lines in journals(lab, host).items()}
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for path, lines in journals(lab, host).items():
            for line in lines[known.get(path, 0):]:
                with contextlib.suppress(ValueError):
                    record = json.loads(line)
                    if (record["step"], record["event"]) == (step, event):
                        return
        if playbook.poll() is not None:
            pytest.fail("the playbook ended before %s %s on %s:\n%s" % (step, event, host, playbook.stdout.read()))
        time.sleep(0.01)
    pytest.fail("no %s %s on %s in time" % (step, event, host))


def kill_tree(upgrade):
    """SIGKILL for ansible-playbook and everything below it; what it detached lives on."""
    for pid, _ticks in processes.tree(processes.identity(upgrade.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    upgrade.wait()


def detached(lab):
    """What the leader has started that outlives its starter."""
    return set(lab.root(lab.apps[0]).glob("state/detached/*/process.json"))
