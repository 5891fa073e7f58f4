# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades whose migration fails: the version before, with its data and its services, and nobody's help."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import time
from pathlib import Path

import check
import pytest
import repository
import yaml
from client import ONE_NAME
from playbook_run import to_the_end

from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance
from ansible_collections.slipway.app.tests.integration.aftermath import came_back, everything_is, place, told
from ansible_collections.slipway.app.tests.integration.crashes import BACK, customers, kill_tree, live, locks, wait_for_record, wrong_after
from ansible_collections.slipway.app.tests.integration.packages import commit, derive

pytestmark = pytest.mark.timeout(900)

# What is in the database, of all that is seen.
DATA = ("columns", "migrations", "rows")


@pytest.fixture(scope="module")
def shop(two_hosts):
    """The shop, brought to 1.1.0, one consumer stopped by hand."""
    (package,) = derive(two_hosts, "shop:1.0.0", "1.1.0")
    done = two_hosts.playbook("upgrade", package=package)
    assert done.rc == 0, done.output
    return two_hosts


@pytest.fixture(scope="module")
def halfway(shop):
    """1.2.0, which splits names, row by row and each for good, until it meets a customer who has only one."""
    (package,) = derive(shop, "shop:1.1.0", "1.2.0")
    return package


@pytest.fixture(scope="module")
def hanging(two_hosts):
    """A package whose migration changes a table, then never ends; it is given a few seconds."""
    (hanging,) = derive(two_hosts, "shop:1.0.0", repository.broken_version(two_hosts.repository, "hanging"))
    return hanging


def test_a_migration_that_hangs(two_hosts, hanging, run, state, changes):
    """Every run has this one. It comes first, from 1.0.0, so as not to need an upgrade to 1.1.0."""
    before = state(two_hosts)
    result = run(two_hosts, "upgrade", package=hanging)
    says = ["was undone", "did not end within", "seconds and was killed", "The database was changed",
            "The old release is live again, with its data"]
    came_back(two_hosts, result, before, state(two_hosts), changes, says, restored=True)
    assert migrations(two_hosts) == []
    everything_is(two_hosts, "1.0.0", two_hosts.services)


@pytest.mark.long
def test_a_migration_that_fails_as_a_whole(shop, run, state, changes):
    """PostgreSQL has taken everything back, and Slipway can prove it: the database is the one it was, no copy of it."""
    before = state(shop)
    result = run(shop, "upgrade", reference=repository.broken_version(shop.repository, "failing-atomic"))
    says = ["was undone", "division by zero", "exit status 1", "The database is provably unchanged",
            "The old release is live again"]
    came_back(shop, result, before, state(shop), changes, says, restored=False)
    everything_is(shop, "1.1.0", shop.services)


@pytest.mark.long
def test_a_migration_that_fails_half_way(shop, halfway, run, state, changes):
    """Ann had turned maintenance on before, to try it first; it is hers again afterwards."""
    order = place(shop, ONE_NAME)
    for host in shop.apps:
        flag(shop, host).on("Trying 1.2.0", 7200, "ann")
    words = facts(shop)
    before = state(shop)
    result = run(shop, "upgrade", package=halfway)
    says = ["was undone", "cannot split the name '%s'" % ONE_NAME, "exit status 1", "The database was changed",
            "The old release is live again, with its data",
            "app1, app2: Maintenance stays on, as ann had switched it on before"]
    came_back(shop, result, before, state(shop), changes, says, restored=True)
    assert facts(shop) == words and {one["held_by"] for one in words} == {None}
    for host in shop.apps:
        flag(shop, host).off()
    assert shop.sql("SELECT customer FROM shop_order WHERE id::text = %s", order) == [{"customer": ONE_NAME}]
    everything_is(shop, "1.1.0", shop.services)


@pytest.mark.long
@pytest.mark.parametrize(("host", "step", "event"), BACK, ids=["-".join(point[1:]) for point in BACK])
def test_the_controller_dies_at_a_step_of_the_way_back(shop, halfway, host, step, event):
    """While a client is at work; one recover, and everything is as it was, and what the client was told is so."""
    order = place(shop, ONE_NAME)
    with customers(shop) as client:
        upgrade = shop.start_playbook("upgrade", package=halfway)
        wait_for_record(shop, host, step, event, upgrade)
        kill_tree(upgrade)
        recovered = shop.playbook("recover")
        assert recovered.rc == 0, recovered.output
    assert live(shop) == "1.1.0", recovered.output
    wrong = wrong_after(shop, client, "1.1.0") + check.schema_is(shop, "1.1.0") + check.totals_are_right(shop)
    assert wrong == [], recovered.output
    assert shop.sql("SELECT customer FROM shop_order WHERE id::text = %s", order) == [{"customer": ONE_NAME}]


@pytest.mark.long
def test_the_controller_dies_at_every_step_of_the_way_back(shop, halfway, state, changes):
    """Recover dies as well: the upgrade in the first step, one recover after the other in the next; the last one comes through."""
    order = place(shop, ONE_NAME)
    before = state(shop)
    for number, (host, step, event) in enumerate(BACK):
        running = shop.start_playbook("recover") if number else shop.start_playbook("upgrade", package=halfway)
        wait_for_record(shop, host, step, event, running)
        kill_tree(running)
    recovered = shop.playbook("recover")
    # The last step may have been over before its controller was dead.
    says = ("The operation was undone. The old release is live again, with its data as it was when maintenance began. "
            "Going back had already begun. The migration failed",
            "had ended (undone); nothing was left over")
    assert recovered.rc == 0 and any(words in recovered.output for words in says), recovered.output
    after = state(shop)
    assert after["database"] != before["database"], "it is the copy"
    assert changes({what: before[what] for what in DATA}, after) == {}
    assert shop.sql("SELECT customer FROM shop_order WHERE id::text = %s", order) == [{"customer": ONE_NAME}]
    assert locks(shop) == []
    everything_is(shop, "1.1.0", shop.services)


@pytest.mark.long
def test_a_migration_that_is_killed_and_others_who_come_meanwhile(shop, hanging, run, state, changes):
    """The migration hangs: time enough for others to come, and to be told who is at work."""
    commit(shop, "slow", "hanging", "slipway.yml", repository.BROKEN["hanging"][0][2], "migrate: 600")
    (slow,) = derive(shop, hanging, "slow")
    before = state(shop)
    upgrade = shop.start_playbook("upgrade", package=slow)  # says little: nobody reads it yet
    migration = wait_for_migration(shop, upgrade)
    meanwhile = state(shop)
    assert {one["held_by"] for one in facts(shop)} == {path.stem for path in shop.root("app1").glob("state/journal/*")
                                                       if path.name not in before["journals"]["app1"]}, "nobody gets past the page"
    who = ["%s on %s" % (getpass.getuser(), socket.gethostname()), time.strftime("%Y-%m-%d", time.gmtime()),
           "-upgrade-"]
    for playbook, variables, says in (
            # It would move the tag of what is live.
            ("upgrade", {"reference": "main", "tag": "1.1.0", "force": True},
             ["nothing was changed", "holds the lock", "Wait until it", *who]),
            ("recover", {}, ["nothing was changed", "holds the lock", "It is at work on app1", "takeover=true", *who]),
            ("maintenance_off", {}, ["nothing was changed", "is open on this host", "Wait until it ends", *who]),
            ("service_start", {}, ["nothing was changed", "is open on this host", "Wait until it ends", *who])):
        other = run(shop, playbook, **variables)
        said = told(other.output)
        assert other.rc != 0, other.output
        assert [words for words in says if words.lower() not in said.lower()] == [], said
        assert changes(meanwhile, state(shop)) == {}
    os.kill(migration, signal.SIGKILL)
    result = to_the_end(upgrade, time.monotonic())
    says = ["was undone", "was killed by signal 9", "The database was changed",
            "The old release is live again, with its data"]
    came_back(shop, result, before, state(shop), changes, says, restored=True)
    everything_is(shop, "1.1.0", shop.services)


@pytest.mark.long
def test_a_host_comes_back_when_others_have_ended_and_gone_on_without_it(shop, run):
    """It was killed while it turned its users away; the others had it undone, and another upgrade since."""
    for number, tag in enumerate(("calm", "calmer"), 61):
        commit(shop, tag, "1.1.0", "slipway.yml", "expected_seconds: 60", "expected_seconds: %d" % number)
    calm, calmer = derive(shop, "shop:1.1.0", "calm", "calmer")
    upgrade = shop.start_playbook("upgrade", package=calm)
    wait_for_record(shop, "app2", "close", "begin", upgrade)
    kill_tree(upgrade)
    hosts = shop.directory / "inventories" / "demo" / "hosts.yml"
    everybody = hosts.read_text(encoding="utf-8")
    inventory = yaml.safe_load(everybody)
    for group in ("app", "consumer"):
        inventory["all"]["children"][group]["hosts"].pop("app2", None)
    hosts.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    for playbook, variables in (("recover", {}), ("upgrade", {"package": calmer})):
        done = run(shop, playbook, **variables)
        assert done.rc == 0, done.output
    assert "The groups app and consumer of this inventory lack app2, of the last operation" in " ".join(done.output.split()), done.output
    hosts.write_text(everybody, encoding="utf-8")
    refused = run(shop, "upgrade", package="shop:1.1.0")
    assert refused.rc != 0 and "is still open on app2" in told(refused.output), refused.output
    recovered = run(shop, "recover")
    assert recovered.rc == 0 and "had ended (undone) without app2. calmer-" in recovered.output, recovered.output
    assert check.serves(shop, "1.1.0") + check.services_are(shop, shop.services) == [] and locks(shop) == []
    assert {os.readlink(str(shop.root(host) / "current")) for host in shop.apps} == {os.readlink(str(shop.root("app1") / "current"))}
    done = run(shop, "upgrade", package="shop:1.1.0")
    assert done.rc == 0, done.output
    everything_is(shop, "1.1.0", shop.services)


@pytest.mark.long
def test_the_host_that_led_is_lost_for_good_and_comes_back_all_the_same(shop, hanging, run):
    """Its controller is killed while its migration hangs, then it is taken out of the inventory: nobody else knows of a migration."""
    order = place(shop, "Grace Hopper")
    upgrade = shop.start_playbook("upgrade", package=hanging)
    wait_for_migration(shop, upgrade)
    kill_tree(upgrade)
    shop.sql("UPDATE shop_order SET customer = 'spoilt' WHERE id::text = %s", order)
    hosts = shop.directory / "inventories" / "demo" / "hosts.yml"
    everybody = hosts.read_text(encoding="utf-8")
    inventory = yaml.safe_load(everybody)
    del inventory["all"]["children"]["app"]["hosts"]["app1"]
    hosts.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    for variables, says in (({}, "is led by app1"), ({"leader_lost": True}, "app1 cannot be asked whether it has accepted writes")):
        refused = run(shop, "recover", **variables)
        assert refused.rc != 0 and says in told(refused.output), refused.output
        assert table_has(shop, "gift")
    recovered = run(shop, "recover", leader_lost=True, accept_loss=True)
    assert recovered.rc == 0 and "app1, which ran the migration, is lost" in recovered.output, recovered.output
    assert not table_has(shop, "gift")
    assert shop.sql("SELECT customer FROM shop_order WHERE id::text = %s", order) == [{"customer": "Grace Hopper"}]
    assert check.services_are(shop, {"app2": dict(shop.services["app2"], cron=True)}) == []  # which belongs to the host that leads
    for variables, says in (({}, "consumer of this inventory lack app1, which led"), ({"leader_lost": True}, "is live on every host already")):
        tried = run(shop, "upgrade", package="shop:1.1.0", **variables)
        assert (tried.rc == 0) is bool(variables) and says in told(tried.output), tried.output
    hosts.write_text(everybody, encoding="utf-8")
    recovered = run(shop, "recover")
    assert recovered.rc == 0 and "It had been undone without this host." in recovered.output, recovered.output
    assert run(shop, "service_start").rc == 0  # each host has again what belongs to it, cron among it
    assert run(shop, "service_stop", services="consumer@2").rc == 0
    everything_is(shop, "1.1.0", shop.services)


# How it is looked at


def table_has(lab, column):
    return bool(lab.sql("SELECT 1 FROM information_schema.columns WHERE table_name = 'shop_order' AND column_name = %s", column))


def flag(lab, host):
    return Maintenance(str(lab.root(host)))


def facts(lab):
    """What is known of maintenance on each app host, but how long it is on."""
    return [{fact: value for fact, value in flag(lab, host).status().items() if fact != "seconds"} for host in lab.apps]


def migrations(lab):
    """The pids of migrations that run in a release of the lab."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            argv = (folder / "cmdline").read_bytes().split(b"\0")
            inside = (folder / "cwd").readlink().is_relative_to(lab.directory)
            if inside and b"manage.py" in argv and b"migrate" in argv:
                found.append(int(folder.name))
    return found


def wait_for_migration(lab, upgrade):
    """Wait until the migration of version "hanging" hangs, its first change made; return its pid."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and upgrade.poll() is None:
        found = migrations(lab)
        if found and lab.sql("SELECT 1 FROM information_schema.columns WHERE column_name = 'gift'"):
            return found[0]
        time.sleep(0.2)
    pytest.fail("no migration hangs:\n%s" % (upgrade.stdout.read() if upgrade.poll() is not None else ""))
