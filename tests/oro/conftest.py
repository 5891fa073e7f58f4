# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One installation of the stand-in for the session, and what happens to it: each stage once, in this order.

A test that asks for a stage gets what was seen in it; tests that change nothing come between stages in any order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from oro_lab import OroLab  # noqa: E402  (this folder is no package, its files find each other by this path)
from check import service_states  # noqa: E402
from client import request  # noqa: E402

PATIENCE = 20  # seconds until something that must come is missed


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with OroLab(tmp_path_factory.mktemp("oro") / "lab", apps=1, consumers=1) as lab:
        yield lab


@pytest.fixture(scope="session")
def deployed(lab):
    """5.1.0 was installed; then its second consumer was stopped by hand."""
    result = play(lab, "deploy", reference="5.1.0")
    seen = snapshot(lab)
    supervisor = lab.supervisor("consumer1")
    name = next(info["name"] for info in supervisor.getAllProcessInfo() if info["name"].endswith("-consumer@2"))
    supervisor.stopProcess("%s:%s" % (name, name))
    return SimpleNamespace(result=result, **seen)


@pytest.fixture(scope="session")
def upgraded(lab, deployed):
    """It was upgraded to 6.0.0."""
    before = snapshot(lab)
    result = play(lab, "upgrade", reference="6.0.0")
    until(lambda: lab.sql("SELECT id FROM standin_done WHERE subject = 'ended'"))
    return SimpleNamespace(result=result, before=before, **snapshot(lab))


@pytest.fixture(scope="session")
def edited(lab, upgraded):
    """A file of the live release was changed in place, then services were restarted."""
    page = lab.release("app1") / "public" / "index.php"
    page.write_text(page.read_text(encoding="utf-8").replace("'6.0.0'", "'edited'"), encoding="utf-8")
    before = snapshot(lab)
    play(lab, "service_restart")
    return SimpleNamespace(before=before, **snapshot(lab))


@pytest.fixture(scope="session")
def refused(lab, edited):
    """An upgrade to 6.0.1 was tried, which needs a PHP that nobody has."""
    before = snapshot(lab)
    result = lab.playbook("upgrade", reference="6.0.1")
    return SimpleNamespace(result=result, before=before, **snapshot(lab))


@pytest.fixture(scope="session")
def locked(lab, refused):
    """Somebody has locked the application by hand, the consumer has noticed it, and the whole cache is deleted."""
    lab.lock.touch()
    until(lambda: "The maintenance mode has been activated." in lab.log("consumer1", "consumer@1"))
    until(lambda: "maintenance mode, aborting" in lab.log("app1", "cron"))
    subprocess.run(["rm", "-r", str(lab.release("app1") / "var" / "cache")], check=True)
    return SimpleNamespace(**snapshot(lab))


@pytest.fixture(scope="session")
def undone(lab, locked):
    """While it was locked, an upgrade to 6.1.0 was tried, whose migration fails half-way."""
    result = lab.playbook("upgrade", reference="6.1.0")
    return SimpleNamespace(result=result, **snapshot(lab))


def play(lab, playbook, **variables):
    result = lab.playbook(playbook, **variables)
    assert result.rc == 0, result.output
    return result


def until(happened):
    """Wait for something that must come."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def snapshot(lab):
    """What is seen of the installation from outside."""
    status, _headers, body = request(lab.address("app1"), "GET", "/")
    inside, _headers, _body = request("http://127.0.0.1:%d" % lab.ports["app1"]["web"], "GET", "/")
    return {
        "front": status, "inside": inside, "page": json.loads(body) if status == 200 else {},
        "services": {host: service_states(lab, host) for host in lab.hosts},
        "lock": lab.lock.exists(),
        "current": {host: os.readlink(lab.root(host) / "current") for host in lab.hosts},
        "migrations": [row["version"] for row in lab.sql("SELECT version FROM oro_migrations ORDER BY id")],
        "products": lab.sql("SELECT * FROM standin_product ORDER BY id"),
        "cron": lab.log("app1", "cron"),
    }


@pytest.fixture
def journal(lab):
    """journal() -> the records of the last operation on app1."""

    def read():
        newest = max((lab.root("app1") / "state" / "journal").glob("*.jsonl"))
        return [json.loads(line) for line in newest.read_text(encoding="utf-8").splitlines()]

    return read
