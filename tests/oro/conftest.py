# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One installation of the stand-in on real hosts for the session, and what happens to it: each stage once, in this order.

A test that asks for a stage gets what was seen in it; tests that change nothing come between stages in any order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
# This folder is no package, its files find each other by this path.
from oro_lab import ROOT, OroLab, play, users  # noqa: E402

from ansible_collections.slipway.app.tests.waiting import until  # noqa: E402


def pytest_collection_modifyitems(items):
    """Whoever comes first waits until bare hosts are ready for all: minutes, where others are at work on two cores as well."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def lab():
    """The hosts, bare."""
    with OroLab("test-oro") as hosts:
        yield hosts


@pytest.fixture(scope="session")
def provisioned(lab):
    """The hosts, ready for the application."""
    play(lab, "provision")
    lab.mount()
    lab.trust()
    return lab


@pytest.fixture(scope="session")
def deployed(provisioned):
    """5.1.0 was installed; then a consumer was stopped by hand."""
    lab = provisioned
    result = play(lab, "deploy", reference="5.1.0")
    done = "SELECT * FROM standin_done WHERE topic = 'oro.search.reindex'"
    until(lambda: lab.sql(done))
    lab.get("/login/ann")
    seen = dict(snapshot(lab), reindexed=lab.sql(done))
    lab.ssh("jobs1", ["systemctl", "stop", "oro-consumer@2.service"])
    return SimpleNamespace(result=result, **seen)


@pytest.fixture(scope="session")
def upgraded(lab, deployed):
    """It was upgraded to 6.0.0, in maintenance."""
    before = snapshot(lab)
    result = play(lab, "upgrade", reference="6.0.0")
    until(lambda: lab.sql("SELECT id FROM standin_done WHERE subject = 'ended'"))
    looks = {row["what"]: row for row in lab.sql("SELECT * FROM standin_seen ORDER BY id")}
    return SimpleNamespace(result=result, before=before, journal=lab.journal(), looks=looks, **snapshot(lab))


@pytest.fixture(scope="session")
def locked(lab, upgraded):
    """Somebody has locked the application by hand, the consumer has noticed it, and the whole cache is deleted."""
    lab.ssh("app1", ["runuser", "-u", "oro", "--", "touch", ROOT + "/shared/var/maintenance/maintenance_lock"])
    until(lambda: "The maintenance mode has been activated." in lab.log("jobs1", "consumer@1"))
    until(lambda: "maintenance mode, aborting" in lab.log("app1", "cron"))
    lab.ssh("app1", ["rm", "-r", lab.live("app1") + "/var/cache"])
    return SimpleNamespace(**snapshot(lab))


@pytest.fixture(scope="session")
def undone(lab, locked):
    """While it was locked, an upgrade to 6.1.0 was tried in maintenance; its migration fails half-way."""
    result = lab.playbook("upgrade", reference="6.1.0")
    return SimpleNamespace(result=result, **snapshot(lab))


@pytest.fixture(scope="session")
def edited(lab, undone):
    """A file of the live release was changed in place on all app hosts, then services were restarted."""
    for host in lab.apps:
        lab.ssh(host, ["sed", "-i", "s/'6.0.0'/'edited'/", lab.live(host) + "/public/index.php"])
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
def rolled(lab, refused):
    """It was upgraded to 6.0.2, which has a migration, in the mode rolling, while users came; by its own flow from here on.

    The consumer host had no way to the registry.
    """
    with lab.without_a_way_to_the_registry("jobs1"):
        seen = in_front_of_users(lab, "rolling", "6.0.2")
    assert seen.result.rc == 0, seen.result.output
    return seen


@pytest.fixture(scope="session")
def red(lab, rolled):
    """An upgrade to 6.0.3 was tried, in the mode source, while users came; on the second host it answers with errors."""
    lab.ssh("app2", ["tee", "/etc/standin-red"], input="6.0.3")
    seen = in_front_of_users(lab, "source", "6.0.3")
    lab.ssh("app2", ["rm", "/etc/standin-red"])
    return seen


@pytest.fixture(scope="session")
def swapped(lab, red):
    """It was upgraded to 6.0.3, in which only code has changed, in the mode source, while users came."""
    seen = in_front_of_users(lab, "source", "6.0.3")
    assert seen.result.rc == 0, seen.result.output
    return seen


def snapshot(lab):
    """What is seen of the installation from outside."""
    status, body = lab.get("/?session=ann")
    return {
        "front": status, "inside": lab.status_inside(), "page": json.loads(body) if status == 200 else {},
        "services": {host: lab.services(host) for host in lab.apps + lab.consumers},
        "locks": lab.locks(),
        "current": {host: lab.live(host) for host in lab.apps + lab.consumers},
        "migrations": [row["version"] for row in lab.sql("SELECT version FROM oro_migrations ORDER BY id")],
        "products": lab.sql("SELECT * FROM standin_product ORDER BY id"),
        "cron": lab.log("app1", "cron"),
    }


def in_front_of_users(lab, mode, reference):
    """Upgrade while users come; what was seen, and in visits (status, version, platform, metadata): how many."""
    until(lambda: lab.in_rotation() == len(lab.apps))
    before = snapshot(lab)
    with users(lab) as visits:
        result = lab.playbook("upgrade", reference=reference, mode=mode)
    return SimpleNamespace(result=result, before=before, visits=visits, journal=lab.journal(), **snapshot(lab))
