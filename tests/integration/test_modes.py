# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades in the modes rolling and source, behind a balancer with health checks, under a client that reads and writes.

One shop goes through all of it: the tests build on each other in the order in which they stand here.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))
import check  # noqa: E402  (demo is no package)
import repository  # noqa: E402
from balancer import Balancer  # noqa: E402
from client import Client  # noqa: E402

from ansible_collections.slipway.app.tests.integration.crashes import (  # noqa: E402
    detached, kill_tree, live, locks, wait_for_record)
from ansible_collections.slipway.app.tests.integration.two_hosts import TwoHosts  # noqa: E402
from ansible_collections.slipway.app.tests.waiting import until  # noqa: E402

# In every run Molecule has the modes on real hosts.
pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

# Nobody waits for them, where the balancer can be asked; one that cannot is what most users have.
NEVER = {"slipway_fall_seconds": 600, "slipway_rise_seconds": 600}
BLIND = {"slipway_balancer_status": [], "slipway_fall_seconds": 2, "slipway_rise_seconds": 1}
IN_TURNS = [(host, is_in) for host in ("app1", "app2") for is_in in (False, True)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory, stock):
    """The shop with 1.0.1 live, one consumer stopped by hand; 1.0.2, 1.0.3, and 1.0.4 that is not well on app2, are there."""
    with TwoHosts(tmp_path_factory.mktemp("modes") / "lab") as lab:
        first, *_others = stock(lab, *repository.rolling_versions(lab.repository, 3))
        lab.deploy(first)
        with Balancer({host: lab.address(host) for host in lab.apps}) as lab.balancer:
            yield lab


@pytest.fixture
def customers(shop):
    """Customers at the balancer, during the test and a moment longer; not one of their requests may fail."""
    shop.balancer.changes.clear()
    client = Client({"balancer": shop.balancer.address}, rate=4).start()
    try:
        yield client
        seen = len(client.events)
        until(lambda: len(client.events) >= seen + 8)
    finally:
        client.stop()
    events = client.since(0)
    assert [event for event in events if event.kind not in ("accepted", "read")] == []
    assert {event.kind for event in events} == {"accepted", "read"}
    assert check.orders_are_there(shop, client.accepted()) + check.jobs_done_once(shop, client.accepted()) == []


def upgrade(lab, version, mode, **variables):
    return lab.playbook("upgrade", package="shop:" + version, mode=mode, **dict(asked(lab), **variables))


def asked(lab):
    """Variables with which the balancer is asked."""
    return dict(NEVER, slipway_balancer_status=[lab.balancer.status])


def wrong_with(lab, version):
    """All that is not as it should be when this version is live and nothing is at work."""
    assert live(lab) == version
    drained = [str(path) for host in lab.hosts for path in lab.root(host).glob("maintenance/drain")]
    return (check.serves(lab, version) + check.services_are(lab, lab.services) + check.databases_are(lab, ["shop"]) + locks(lab)
            + drained)


def columns(lab):
    """The columns that the versions after 1.0.1 have added to the orders."""
    return sorted(row["column_name"] for row in lab.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'shop_order' AND column_name LIKE 'extra_%%'"))


def test_source_is_refused_where_migrations_are_pending(shop, customers):
    refused = upgrade(shop, "1.0.2", "source")
    assert refused.rc != 0 and "shop.0002_extra_2" in refused.output, refused.output
    assert wrong_with(shop, "1.0.1") == [] and columns(shop) == []
    assert shop.balancer.changes == []


def test_a_batch_of_all_hosts_is_refused(shop):
    refused = upgrade(shop, "1.0.2", "rolling", slipway_batch=[1, "100%"][1:])
    assert refused.rc != 0 and "takes all app hosts at once" in refused.output, refused.output
    assert wrong_with(shop, "1.0.1") == []


def test_rolling_serves_all_the_time(shop, customers):
    done = upgrade(shop, "1.0.2", "rolling")
    assert done.rc == 0, done.output
    assert wrong_with(shop, "1.0.2") == [] and columns(shop) == ["extra_2"]
    assert shop.balancer.changes == IN_TURNS


def killed(lab, version, mode, host, step):
    """Kill an upgrade's controller when a step is under way on a host, recover; what recover has said."""
    started = detached(lab)
    running = lab.start_playbook("upgrade", package="shop:" + version, mode=mode, **asked(lab))
    wait_for_record(lab, host, step, "begin", running)
    if step == "migrate":  # announced is not begun
        until(lambda: detached(lab) != started)
    kill_tree(running)
    recovered = lab.playbook("recover")
    assert recovered.rc == 0, recovered.output
    return recovered.output


def test_recover_finishes_what_was_killed_in_its_migration(shop, customers):
    said = killed(shop, "1.0.3", "rolling", "app1", "migrate")
    assert "The operation was finished." in said
    assert wrong_with(shop, "1.0.3") == [], said
    assert columns(shop) == ["extra_2", "extra_3"]


def test_a_red_host_goes_back_with_those_before_it(shop, customers):
    failed = upgrade(shop, "1.0.4", "rolling")
    assert failed.rc != 0 and "the barometer is falling" in failed.output, failed.output
    assert wrong_with(shop, "1.0.3") == []
    assert columns(shop) == ["extra_2", "extra_3", "extra_4"], "the database stays as it was migrated"
    # app2 is back before app1 leaves once more.
    assert shop.balancer.changes == IN_TURNS + IN_TURNS[:2]


def test_source_serves_all_the_time_also_behind_a_balancer_that_cannot_be_asked(shop, customers):
    done = upgrade(shop, "1.0.1", "source", **BLIND)
    assert done.rc == 0, done.output
    assert wrong_with(shop, "1.0.1") == []
    assert shop.balancer.changes == IN_TURNS


def test_recover_brings_back_a_host_that_had_left_the_balancer(shop, customers):
    said = killed(shop, "1.0.2", "source", "app2", "close")
    assert "The operation was finished." in said
    assert wrong_with(shop, "1.0.2") == [], said
    assert shop.balancer.changes == IN_TURNS


def empty(lab, host):
    """Leave nothing of the application on a host but what the hosts share; the balancer sees it go first."""
    drain = lab.root(host) / "maintenance" / "drain"
    drain.write_text('{"by": "nobody", "since": 0}', encoding="utf-8")
    until(lambda: lab.balancer.changes == [(host, False)])
    supervisor = lab.supervisor(host)
    supervisor.stopAllProcesses()
    for conf in (lab.home(host) / "supervisor" / "conf.d").glob("*.conf"):
        conf.unlink()
        supervisor.removeProcessGroup(conf.stem)
    supervisor.reloadConfig()
    (lab.root(host) / "current").unlink()
    for path in lab.root(host).iterdir():
        if path.name != "shared":
            shutil.rmtree(path)


def test_an_empty_machine_in_the_place_of_a_host_is_taken_in_while_the_others_serve(shop, customers):
    version = live(shop)
    empty(shop, "app2")
    done = upgrade(shop, version, "rolling")
    assert done.rc == 0, done.output
    # Nobody knows any more that a consumer was stopped there. It was its turn first: the other one serves.
    shop.services = dict(shop.services, app2=dict(shop.services["app2"], **{"consumer@2": True}))
    assert wrong_with(shop, version) == []
    assert shop.balancer.changes == [("app2", False), ("app2", True), ("app1", False), ("app1", True)]


@pytest.fixture
def order(shop):
    """order(host, ...): the hosts of the group app in this order, of which the first one leads."""
    path = shop.directory / "inventories" / "demo" / "hosts.yml"
    everybody = path.read_text(encoding="utf-8")

    def put(*hosts):
        inventory = yaml.safe_load(everybody)
        found = inventory["all"]["children"]["app"]["hosts"]
        inventory["all"]["children"]["app"]["hosts"] = {host: found[host] for host in hosts}
        path.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")

    yield put
    path.write_text(everybody, encoding="utf-8")


def test_cron_goes_with_the_host_that_leads_and_comes_back_with_what_is_undone(shop, order):
    order("app2", "app1")
    done = upgrade(shop, "1.0.3", "maintenance")
    assert done.rc == 0, done.output
    services = {host: {name: runs for name, runs in found.items() if name != "cron"} for host, found in shop.services.items()}
    shop.services = dict(services, app2=dict(services["app2"], cron=True))
    assert wrong_with(shop, "1.0.3") == []
    order("app1", "app2")
    failed = upgrade(shop, "1.0.4", "maintenance")
    assert failed.rc != 0 and "was undone" in failed.output and "the barometer is falling" in failed.output, failed.output
    assert wrong_with(shop, "1.0.3") == [], "cron runs where it ran"
