# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real installations for the session, and what can be seen of them from outside."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from psycopg import sql

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))
import check  # noqa: E402  (demo is no package, its files find each other by this path)
from client import Client  # noqa: E402
from lab import Lab  # noqa: E402

# Written by the application itself while it waits: by the clock, and by the job queue's heartbeats.
RESTLESS = ("shop_dailytotal", "django_session")


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """The shop with 1.0.0 live and one order; whoever changes it brings it back to that."""
    with Lab(tmp_path_factory.mktemp("shop") / "lab") as lab:
        deploy(lab)
        yield lab


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory):
    """Another shop, brought from 1.0.0 to 1.1.0 while customers ordered, its second consumer stopped by hand before.

    upgraded.result is that upgrade, at -vvv; upgraded.client the customers; upgraded.begun when it began.
    """
    with Lab(tmp_path_factory.mktemp("upgraded") / "lab") as lab:
        deploy(lab)
        name = next(info["name"] for info in lab.supervisor("consumer1").getAllProcessInfo()
                    if info["name"].endswith("consumer@2"))
        lab.supervisor("consumer1").stopProcess("%s:%s" % (name, name))
        lab.client = Client({host: lab.address(host) for host in lab.apps}, rate=8).start()
        try:
            time.sleep(2)
            lab.begun = time.time()
            lab.result = lab.playbook("upgrade", "-vvv", reference="1.1.0")
            time.sleep(2)
        finally:
            lab.client.stop()
        assert lab.result.rc == 0, lab.result.output
        yield lab


def deploy(lab):
    deployed = lab.playbook("deploy", reference="1.0.0")
    assert deployed.rc == 0, deployed.output


@pytest.fixture(scope="session")
def state():
    """state(lab) -> what is seen of an installation from outside; that nothing was changed is an equality of two."""
    return _state


@pytest.fixture(scope="session")
def changes():
    """changes(before, after) -> {what: (before, after)} of two states, only where they differ."""
    return lambda before, after: {what: (before[what], after[what]) for what in before if before[what] != after[what]}


def _state(lab):
    services = {host: check.service_states(lab, host) for host in lab.hosts}
    rows = {table: lab.sql(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))[0]["count"]
            for table in _tables(lab)}
    return {
        "releases": {host: _names(lab.root(host) / "releases") for host in lab.hosts},
        "current": {host: os.readlink(lab.root(host) / "current") for host in lab.hosts},
        "services": {host: {name: state for name, (state, _pid) in found.items()} for host, found in services.items()},
        "pids": {host: {name: pid for name, (_state, pid) in found.items()} for host, found in services.items()},
        "maintenance": {host: os.path.lexists(lab.root(host) / "maintenance" / "on") for host in lab.hosts},
        "locks": [host for host in lab.hosts if (lab.root(host) / "state" / "lock.json").exists()],
        "journals": {host: _names(lab.root(host) / "state" / "journal") for host in lab.hosts},
        "columns": lab.sql("SELECT table_name, column_name, data_type FROM information_schema.columns"
                           " WHERE table_schema = 'public' ORDER BY 1, 2"),
        "migrations": lab.sql("SELECT app, name FROM django_migrations ORDER BY id"),
        "rows": rows,
        "databases": [row["datname"] for row in lab.sql("SELECT datname FROM pg_database ORDER BY 1")],
        "oid": lab.sql("SELECT oid::int FROM pg_database WHERE datname = 'shop'")[0]["oid"],
        "packages": _packages(lab.store),
    }


def _tables(lab):
    """The shop's own tables, but for those that change while nobody does anything."""
    found = [row["table_name"] for row in lab.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")]
    return [table for table in found if table not in RESTLESS and not table.startswith("procrastinate_")]


def _names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _packages(store):
    """The names and blobs in the store, and builds that have left something."""
    index = json.loads((store / "index.json").read_text(encoding="utf-8"))
    return {"index": index["manifests"], "blobs": _names(store / "blobs" / "sha256"),
            "builds": [path.name for path in (store / ".slipway").glob("work-*")]}
