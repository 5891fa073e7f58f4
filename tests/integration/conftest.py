# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real installations for the session, and what can be seen of them from outside."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
from psycopg import sql

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))
import check  # noqa: E402  (demo is no package, its files find each other by this path)
from client import Client, place_order  # noqa: E402
from lab import Lab  # noqa: E402

QUICK = {"fsync": "off"}  # of PostgreSQL: processes are killed here, machines are not
# Tables that the application's clock writes while nobody does anything.
RESTLESS = ("shop_dailytotal", "procrastinate_")


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """The shop with 1.0.0 live and one order; whoever changes it brings it back to that."""
    with Lab(tmp_path_factory.mktemp("shop") / "lab", settings=QUICK) as lab:
        _deploy(lab)
        yield lab


@pytest.fixture(scope="session")
def package(shop, run):
    """shop:1.1.0, in the store and live nowhere."""
    built = run(shop, "package_build", reference="1.1.0")
    assert built.rc == 0, built.output
    return "shop:1.1.0"


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory, shop, package):
    """Another shop, brought from 1.0.0 to 1.1.0 while customers ordered, its second consumer stopped by hand before.

    What happened meanwhile: client (the customers), begun (when the upgrade began), result (of the upgrade, at -vvv)
    and told (command lines that had a secret in them).
    """
    with Lab(tmp_path_factory.mktemp("upgraded") / "lab", settings=QUICK) as lab:
        shutil.copytree(shop.store, lab.store)
        _deploy(lab)
        _stop_by_hand(lab, "consumer1", "consumer@2")
        lab.client = Client({host: lab.address(host) for host in lab.apps}, rate=8).start()
        try:
            time.sleep(2)
            lab.begun = time.time()
            with _Watch(lab) as watch:
                lab.result = lab.playbook("upgrade", "-vvv", package=package)
            time.sleep(2)
        finally:
            lab.client.stop()
        lab.told = watch.found
        assert lab.result.rc == 0, lab.result.output
        check.jobs_done_once(lab, lab.client.accepted())  # so that everything is quiet now
        yield lab


@pytest.fixture(scope="session")
def state():
    """state(lab) -> what is seen of an installation from outside; that nothing was changed is an equality of two."""
    return _state


@pytest.fixture(scope="session")
def changes():
    """changes(before, after) -> {what: (before, after)} of two states, only where they differ."""
    return lambda before, after: {what: (before[what], after[what]) for what in before if before[what] != after[what]}


@pytest.fixture(scope="session")
def run():
    """run(lab, playbook, *options, **variables) -> its Result. It says all it can, and still no secret."""

    def runner(lab, playbook, *options, **variables):
        result = lab.playbook(playbook, "-vvv", *options, **variables)
        assert secrets_in(lab, result.output) == []
        return result

    return runner


def secrets_in(lab, text):
    """The names of the secrets that a text tells."""
    return sorted(name for name, secret in lab.secrets.items() if secret in text)


def _deploy(lab):
    deployed = lab.playbook("deploy", reference="1.0.0")
    assert deployed.rc == 0, deployed.output
    _status, _headers, body = place_order(lab.address("app1"), "Ada Lovelace")
    assert check.jobs_done_once(lab, [json.loads(body)["id"]]) == []


def _stop_by_hand(lab, host, service):
    supervisor = lab.supervisor(host)
    name = next(info["name"] for info in supervisor.getAllProcessInfo() if info["name"].endswith("-" + service))
    supervisor.stopProcess("%s:%s" % (name, name))


def _state(lab):
    services = {host: check.service_states(lab, host) for host in lab.hosts}
    return {
        "releases": {host: _names(lab.root(host) / "releases") for host in lab.hosts},
        "current": {host: os.readlink(lab.root(host) / "current") for host in lab.hosts},
        "services": {host: {name: state for name, (state, _pid) in found.items()} for host, found in services.items()},
        "pids": {host: {name: pid for name, (_state, pid) in found.items()} for host, found in services.items()},
        "maintenance": [host for host in lab.hosts if os.path.lexists(lab.root(host) / "maintenance" / "on")],
        "locks": [host for host in lab.hosts if (lab.root(host) / "state" / "lock.json").exists()],
        "journals": {host: _names(lab.root(host) / "state" / "journal") for host in lab.hosts},
        "columns": lab.sql("SELECT table_name, column_name, data_type FROM information_schema.columns"
                           " WHERE table_schema = 'public' ORDER BY 1, 2"),
        "migrations": lab.sql("SELECT app, name FROM django_migrations ORDER BY id"),
        "rows": {table: _rows(lab, table) for table in _tables(lab)},
        "databases": [row["datname"] for row in lab.sql("SELECT datname FROM pg_database ORDER BY 1")],
        "database": lab.sql("SELECT oid::int FROM pg_database WHERE datname = 'shop'"),  # another one after a restore
        "packages": _packages(lab.store),
    }


def _tables(lab):
    found = lab.sql("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
    return [row["name"] for row in found if not row["name"].startswith(RESTLESS)]


def _rows(lab, table):
    return lab.sql(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))[0]["count"]


def _names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _packages(store):
    """The names and blobs in the store, and what builds have left."""
    index = json.loads((store / "index.json").read_text(encoding="utf-8"))
    return {"index": index["manifests"], "blobs": _names(store / "blobs" / "sha256"),
            "builds": [path.name for path in (store / ".slipway").glob("work-*")]}


class _Watch:
    """Looks again and again whether a process on this machine has a secret of the lab in its command line."""

    def __init__(self, lab):
        self.found = set()
        self._lab = lab
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._ended.set()
        self._thread.join()

    def _run(self):
        while not self._ended.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    argv = path.read_bytes().decode("utf-8", "replace")
                except OSError:
                    continue
                if secrets_in(self._lab, argv):
                    self.found.add(argv.replace("\0", " "))
