# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade while customers order: none of it is lost, and no secret is told.

This comes after all other files that have the shop: from here on it is live with 1.1.0. Before, it has 1.0.0, or the 1.0.1 of
test_upgrade_patches.py.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from pathlib import Path

import pytest
from check import databases_are, jobs_done_once, orders_are_there, schema_is, services_are, serves, totals_are_right
from client import Client

from ansible_collections.slipway.app.tests.integration.aftermath import secrets_in, where

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def upgraded(shop, package):
    """The shop, brought to 1.1.0 while customers ordered, its second consumer stopped by hand before.

    What happened meanwhile: client (the customers), begun (when the upgrade began), result (of the upgrade, at -vvv)
    and told (command lines that had a secret in them).
    """
    stop_by_hand(shop, "consumer1", "consumer@2")
    shop.client = Client({host: shop.address(host) for host in shop.apps}, rate=8).start()
    try:
        time.sleep(2)
        shop.begun = time.time()
        with Watch(shop) as watch:
            shop.result = shop.playbook("upgrade", "-vvv", package=package)
        time.sleep(2)
    finally:
        shop.client.stop()
    shop.told = watch.found
    assert shop.result.rc == 0, shop.result.output
    jobs_done_once(shop, shop.client.accepted())  # so that everything is quiet now
    return shop


def test_an_upgrade_under_load_loses_nothing(upgraded):
    client, accepted = upgraded.client, upgraded.client.accepted()
    assert [event.detail for event in client.events if event.kind == "error"] == []
    assert orders_are_there(upgraded, accepted) == []
    assert jobs_done_once(upgraded, accepted) == []
    assert totals_are_right(upgraded) == []
    assert schema_is(upgraded, "1.1.0") == []
    assert serves(upgraded, "1.1.0") == []
    assert databases_are(upgraded, ["shop"]) == []
    assert services_are(upgraded, {"app1": {"web": True, "cron": True}, "app2": {"web": True},
                                   "consumer1": {"consumer@1": True, "consumer@2": False}}) == []
    for host in upgraded.apps:
        windows = client.windows(upgraded.begun, host)
        assert len(windows) == 1, "one maintenance window at %s" % host
        assert client.accepted(windows[0].ended) != []


@pytest.mark.usefixtures("shelf")
def test_an_upgrade_needs_no_module_where_a_deployment_was(upgraded):
    """Its first step has left the library on the hosts; a module would bring it along each time."""
    assert [line for line in upgraded.result.output.splitlines() if "Using module file" in line and "operation_step.py" in line] == []


def test_an_upgrade_takes_at_most_ten_rounds(upgraded):
    """A round is a task for which any host ran a command."""
    tasks = re.split(r"^TASK \[", upgraded.result.output, flags=re.MULTILINE)[1:]
    rounds = [task.partition("]")[0] for task in tasks if re.search(r"^<\w+> EXEC ", task, re.MULTILINE)]
    assert 2 < len(rounds) <= 10, rounds


@pytest.mark.long
def test_no_patch_comes_along(upgraded):
    """Not what the old release contained, nor what was kept until it was reverted, nor what was dropped.

    Only after the life of a patch in test_upgrade_patches.py, which is long as well, is there anything that could.
    """
    assert [where(upgraded, name) for name in ("news.txt", "note.txt", "late.txt")] == [[], [], []]


def test_no_secret_is_told(upgraded):
    """Not on any command line while all the steps of an upgrade ran, nor in a file that others can read."""
    assert upgraded.told == set()
    assert secrets_in(upgraded, upgraded.result.output) == []
    anyone = re.compile(b"|".join(re.escape(secret.encode()) for secret in upgraded.secrets.values()))
    holders = [path for path in files(upgraded) if anyone.search(path.read_bytes())]
    assert [path for path in holders if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    known = [upgraded.directory / "lab.json", upgraded.directory / "inventories/demo/group_vars/all/secrets.yml"]
    strange = [path for path in holders if path not in known and path.parent.name not in ("environments", "conf.d")]
    assert strange == []
    states = [upgraded.root(host) / "state" for host in upgraded.hosts]
    assert [path for path in states if stat.S_IMODE(path.stat().st_mode) != 0o700] == []


# How it is looked at


def stop_by_hand(lab, host, service):
    supervisor = lab.supervisor(host)
    name = next(info["name"] for info in supervisor.getAllProcessInfo() if info["name"].endswith("-" + service))
    supervisor.stopProcess("%s:%s" % (name, name))


def files(lab):
    """Every file of the lab but what pip has installed, and those of the database server, kept from all others."""
    for folder, folders, names in os.walk(lab.directory):
        folders[:] = [name for name in folders if name not in ("vendor", "postgres")]
        yield from (path for name in names if (path := Path(folder, name)).is_file() and not path.is_symlink())


class Watch:
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
        while not self._ended.wait(0.1):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    argv = path.read_bytes().decode("utf-8", "replace")
                except OSError:
                    continue
                if secrets_in(self._lab, argv):
                    self.found.add(argv.replace("\0", " "))
