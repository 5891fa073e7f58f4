# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades in all three modes on real hosts, each once, while customers order and look by way of HAProxy.

Each upgrade goes on from the one before it; its tests look at what it left and at what the customers met.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import json
import re

import check
import pytest
from client import Client, Event
from lab import ROOT
from lab_engine import until
from matrix_cells import cells, covering
from matrix_shop import SOURCES, MatrixShop

# In this order: from the 1.0.0 that is deployed, by migrations of schema and data, by a new column, by code alone. The last one is what the
# scenario recovery begins with, so that it need not come there first.
UPGRADES = {"maintenance": "1.1.1", "rolling": "1.1.2", "source": "recovery-0"}
# What HAProxy writes of a request: when it came in, and to which server of those that are healthy it was given.
REQUEST = re.compile(r" \[([^]]+)\] users healthy/(\w+) ")


def units(shop, on):
    """{host: {unit: (whether it runs, whether it would after a reboot)}} of the shop."""
    asked = "cd /etc/systemd/system && systemctl show --property Id,ActiveState,UnitFileState shop-*"
    found = {}
    for host in shop.hosts:
        shown = [dict(line.split("=", 1) for line in unit.splitlines())
                 for unit in on(host).check_output(asked).split("\n\n")]
        found[host] = {unit["Id"]: (unit["ActiveState"], unit["UnitFileState"]) for unit in shown}
    return found


@dataclasses.dataclass
class Upgraded:
    """An upgrade that has ended well, and what was seen of it."""

    mode: str
    version: str
    events: list[Event]    # what customers met, from before until after
    units: dict            # before: see units()
    balancer: list[tuple]  # (moment, what HAProxy wrote)

    @property
    def accepted(self):
        return [event.order for event in self.events if event.kind == "accepted"]

    @property
    def served(self):
        """[(when a request came in, the healthy app host that it was given to)]"""
        found = [REQUEST.search(line) for _moment, line in self.balancer]
        return [(datetime.datetime.strptime(request[1] + "+0000", "%d/%b/%Y:%H:%M:%S.%f%z").timestamp(), request[2])
                for request in found if request]


def meet_customers(clients):
    """Wait until each of them has had five more answers."""
    seen = [len(client.events) for client in clients]
    until(lambda: all(len(client.events) >= 5 + number for client, number in zip(clients, seen)), 30, "customers get no answers")


@pytest.fixture(scope="session")
def halted(shop, on):
    """The shop, one of whose consumers somebody has stopped by hand, with the versions to come in its repositories."""
    shop.add_versions(2, "1.1.0")
    MatrixShop(shop.lab, versions=len(covering(cells()))).sources()
    on("jobs1").check_output("systemctl stop shop-consumer@2.service")
    return shop


@pytest.fixture(scope="session", params=UPGRADES)
def upgraded(request, halted, on):
    """The shop after an upgrade in each mode."""
    mode, shop = request.param, halted
    until(lambda: shop.in_rotation() == set(shop.apps), 30, "the balancer does not come to send users to all app hosts")
    before, cursor = units(shop, on), on("lb1").check_output("journalctl --unit haproxy --lines 1 --show-cursor | tail -n 1")
    # Programs with a connection for every request, and browsers, which keep theirs.
    clients = [Client({"balancer": shop.balancer}, rate=2, keep=keep).start() for keep in (False, True)]
    try:
        meet_customers(clients)
        repository = {"slipway_repository": SOURCES} if UPGRADES[mode].startswith("recovery") else {}
        done = shop.playbook("upgrade", reference=UPGRADES[mode], mode=mode, **repository)
        meet_customers(clients)
    finally:
        for client in clients:
            client.stop()
    assert done.rc == 0, done.output
    events = sorted((event for client in clients for event in client.since(0)), key=lambda event: event.sent)
    written = on("lb1").check_output("journalctl --unit haproxy --output json --after-cursor %s", cursor.partition(": ")[2])
    lines = [json.loads(line) for line in written.splitlines()]
    return Upgraded(mode, UPGRADES[mode], events, before,
                    [(int(line["__REALTIME_TIMESTAMP"]) / 1e6, line["MESSAGE"]) for line in lines])


def test_every_host_runs_the_version_and_nothing_else(upgraded, shop, on):
    assert check.serves(shop, upgraded.version) == []
    for host in shop.hosts:
        live = on(host).check_output("readlink -f %s/current", ROOT)
        # As the application: root of a container may not look into processes of others.
        asked = "runuser -u shop -- find /proc -maxdepth 2 -name cwd -lname '%s/releases/*' -printf '%%l\\n' 2> /dev/null | sort -u"
        assert on(host).run(asked % ROOT).stdout.split() == [live]
        assert live.startswith("%s/releases/%s-" % (ROOT, upgraded.version))


def test_the_database_is_that_of_the_version(upgraded, shop):
    extra = set() if upgraded.mode == "maintenance" else {"extra_2"}  # stays, though the version after it does not know it
    found = shop.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'shop_order'")
    assert {row["column_name"] for row in found} == check.COLUMNS["1.1.0"] | extra
    assert check.totals_are_right(shop) == []
    assert check.databases_are(shop, ["shop"]) == []


def test_no_order_is_lost_and_every_job_is_done_once(upgraded, shop):
    assert len(upgraded.accepted) > 10
    assert check.orders_are_there(shop, upgraded.accepted) + check.jobs_done_once(shop, upgraded.accepted) == []


def test_units_are_as_before_and_what_was_stopped_stays_stopped(upgraded, shop, on):
    before = upgraded.units
    assert before["jobs1"]["shop-consumer@1.service"][0] == "active"
    # It does not come back with a reboot either: what does not run after an operation is not to.
    before["jobs1"]["shop-consumer@2.service"] = ("inactive", "disabled")
    assert units(shop, on) == before


def test_nothing_is_at_work_any_more(upgraded, shop, on):
    asked = "cd %s; ls -d maintenance/on maintenance/drain state/lock.json" % ROOT  # links that lead nowhere, too
    assert {host: on(host).run(asked).stdout for host in shop.hosts} == dict.fromkeys(shop.hosts, "")


def test_no_request_fails_and_none_is_refused_but_in_maintenance(upgraded, shop, on, say):
    kinds = collections.Counter(event.kind for event in upgraded.events)
    say("%s to %s: %d requests, %d orders accepted, %d pages read, %d refused with Retry-After, %d failed" % (
        upgraded.mode, upgraded.version, len(upgraded.events), kinds["accepted"], kinds["read"], kinds["refused"], kinds["error"]))
    assert [event for event in upgraded.events if event.kind == "error"] == []
    assert kinds["accepted"] and kinds["read"]
    refused = [event for event in upgraded.events if event.kind == "refused"]
    if upgraded.mode == "maintenance":
        begun, ended = window(shop, on)
        assert refused and all(begun <= event.answered and event.sent <= ended for event in refused)
    else:
        assert refused == []


def window(shop, on):
    """(when the leader began to turn users away, when the last one had let them in again), by their journals."""
    closing, opened = [], []
    for host in shop.apps:
        journal = on(host).check_output("cat $(ls %s/state/journal/*.jsonl | tail -n 1)" % ROOT)
        moments = {(record["step"], record["event"]): datetime.datetime.fromisoformat(record["at"].replace("Z", "+00:00"))
                   for record in map(json.loads, journal.splitlines())}
        closing.append(moments["close", "begin"].timestamp())
        opened.append(moments["open", "done"].timestamp())
    return min(closing), max(opened)


def test_hosts_leave_the_balancer_before_they_switch_and_come_back(upgraded, shop, on):
    for host in shop.apps:
        switched = float(on(host).check_output("stat --format=%%.6Y %s/current" % ROOT))
        left = max(moment for moment, line in upgraded.balancer
                   if line.startswith("Server healthy/%s is DOWN" % host) and "code: 503" in line and moment < switched)
        assert [line for moment, line in upgraded.balancer
                if line.startswith("Server healthy/%s is UP" % host) and moment > switched]
        served = [moment for moment, server in upgraded.served if server == host]
        assert served and [moment for moment in served if left < moment < switched] == []
        if upgraded.mode != "maintenance":
            assert [line for _moment, line in upgraded.balancer if "GET /.slipway/balancer/%s " % host in line]
