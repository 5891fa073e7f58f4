# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real installations for the session, and what can be seen of them from outside."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))
import check  # noqa: E402  (demo is no package, its files find each other by this path)
from client import place_order  # noqa: E402
from lab import Lab  # noqa: E402

from ansible_collections.slipway.app.tests import artifact, playbook_process  # noqa: E402
from ansible_collections.slipway.app.tests.integration import packages  # noqa: E402
from ansible_collections.slipway.app.tests.integration.aftermath import secrets_in  # noqa: E402
from ansible_collections.slipway.app.tests.integration.two_hosts import QUICK, TwoHosts  # noqa: E402

# Files whose tests have a lab of their own, or two_hosts, and so a worker; a file that is not named has the shop of this one.
LABS = {"test_modes": "modes", "test_two_demos": "demos",
        "test_refusals": "two_hosts", "test_upgrade_undone": "two_hosts", "test_upgrade_when_killed": "two_hosts"}
# Tables that the application's clock writes while nobody does anything.
RESTLESS = ("shop_dailytotal", "procrastinate_")

Lab.ansible_playbook = staticmethod(playbook_process.start)


class _ByLab(LoadScopeScheduling):
    """All tests of one lab on one worker, in their order."""

    def _split_scope(self, nodeid):
        name = Path(nodeid.partition("::")[0]).stem
        return LABS.get(name, "shop")


def pytest_xdist_make_scheduler(config, log):
    """For --dist loadgroup. (Marks of a group would do, but with pytest 9.2 they reach no scheduler of pytest-xdist 3.8.)"""
    return _ByLab(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def shop(tmp_path_factory, stock):
    """The shop with 1.0.0 live and one order; whoever changes it brings it back to that, but for test_upgrade_*.py.

    Its playbooks are those of the artifact, installed elsewhere: that is how users have them. Its folders have a space in their path.
    """
    folder = tmp_path_factory.mktemp("artifact")
    collections = artifact.installed(artifact.built(folder), tmp_path_factory.mktemp("elsewhere"))
    with Lab(tmp_path_factory.mktemp("shop") / "a lab", collections=collections, settings=QUICK) as lab:
        stock(lab)  # else it would build what another lab has built
        _deploy(lab)
        yield lab


@pytest.fixture(scope="session")
def two_hosts(tmp_path_factory, stock):
    """The shop on two hosts with 1.0.0 live, one consumer stopped by hand; test_upgrade_*.py, the last, move on from it."""
    with TwoHosts(tmp_path_factory.mktemp("two") / "lab") as lab:
        stock(lab)
        lab.deploy("shop:1.0.0")
        yield lab


@pytest.fixture(scope="session")
def package(shop):
    """shop:1.1.0, in the store and live nowhere."""
    (package,) = packages.derive(shop, "shop:1.0.0", "1.1.0")
    return package


@pytest.fixture(scope="session")
def stock(tmp_path_factory, worker_id):
    """stock(lab, *references) -> the names of their packages, which are in the store of a new lab then."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent  # of all processes of this run
    return lambda lab, *references: packages.stock(lab, folder / "built", references)


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


def _deploy(lab):
    deployed = lab.playbook("deploy", reference="1.0.0")
    assert deployed.rc == 0, deployed.output
    _status, _headers, body = place_order(lab.address("app1"), "Ada Lovelace")
    assert check.jobs_done_once(lab, [json.loads(body)["id"]]) == []


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
        "rows": _rows(lab),
        "databases": [row["datname"] for row in lab.sql("SELECT datname FROM pg_database ORDER BY 1")],
        "database": lab.sql("SELECT oid::int FROM pg_database WHERE datname = 'shop'"),  # another one after a restore
        "packages": _packages(lab.store),
    }


def _rows(lab):
    found = lab.sql("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
    tables = [row["name"] for row in found if not row["name"].startswith(RESTLESS)]
    counts = (sql.SQL("SELECT {} AS name, count(*) FROM {}").format(table, sql.Identifier(table)) for table in tables)
    return {row["name"]: row["count"] for row in lab.sql(sql.SQL(" UNION ALL ").join(counts))}


def _names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _packages(store):
    """The names and blobs in the store, and what builds have left."""
    index = json.loads((store / "index.json").read_text(encoding="utf-8"))
    return {"index": index["manifests"], "blobs": _names(store / "blobs" / "sha256"),
            "builds": [path.name for path in (store / ".slipway").glob("work-*")]}


@pytest.fixture
def shelf():
    """For tests of what is faster where hosts keep the library: a system without sessions of users, such as a bare container, has no place for it."""
    if os.geteuid() and not os.path.isdir("/run/user/%d" % os.geteuid()):
        pytest.skip("this system has no /run/user/%d, in which the library would be left" % os.geteuid())
