# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade, and its way back, on a host that has other roles by now than when it was installed, or no release at all."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation import back, forward, preflight, rolling
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.site import Site
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.base import Driver, Status, StopReport

SERVICES = {name: {"kind": kind, "command": ["run", "{%s}" % on], "on": on} for name, kind, on in (
    ("web", "web", "app"), ("push", "websocket", "app"), ("sorter", "consumer", "consumer"), ("mailer", "consumer", "consumer"),
    ("clock", "cron", "leader"))}
EVERYTHING = ["app", "consumer", "leader"]


class Memory(Driver):
    """A process manager that starts and stops nothing; programs: {name: [definition, whether it runs]}, failed: the names of what is to run
    and has failed, back: those of what comes back after a reboot."""

    def __init__(self):
        self.programs, self.failed, self.back = {}, set(), set()

    def status(self, definitions=()):
        return {name: Status(name, item.kind, "running" if runs else "failed" if name in self.failed else "stopped", 1 if runs else None,
                             1.0 if runs else None, item in definitions, name in self.back)
                for name, (item, runs) in self.programs.items()}

    def start(self, definitions, timeout, healthy=None):
        self.programs.update({item.name: [item, True] for item in definitions})
        self.failed.difference_update(self.programs)
        self.back.update(item.name for item in definitions)
        return dict.fromkeys((item.name for item in definitions), 0.0)

    def stop(self, names, deadline=None):
        for name in names:
            self.programs[name][1] = False
        self.back.difference_update(names)
        return {name: StopReport(0.0, False) for name in names}

    def install(self, definitions, fallen=()):
        self.programs.update({item.name: [item, False] for item in definitions if not self.programs.get(item.name, [item, False])[1]})
        self.back.update(item.name for item in definitions if item.name in fallen)

    def remove(self, names, deadline=None):
        for name in names:
            del self.programs[name]
        return {}

    def autostart(self, name, enabled):
        (self.back.add if enabled else self.back.discard)(name)

    def last_words(self, definition):
        return ""


class Host:
    """A host on which 1.0 was installed with the roles of then (none: it is empty), and 2.0 comes with those of now."""

    def __init__(self, application, then, now, mode="maintenance", stopped=("mailer",), resting=()):
        application.release(SERVICES, 2, live=False)
        application.release(SERVICES, 1, live=bool(then))
        self.driver, self.stopped = Memory(), stopped
        self.site = Site({"root": application.root, "host": "app2", "roles": list(then), "environment": "stag", "python": None,
                          "variables": dict.fromkeys(EVERYTHING, "x"), "skip_check_patches": False,
                          "environment_variables": {}, "database": {}, "store": application.root, "store_auth": None, "keep_releases": 3})
        self.site.driver = lambda: self.driver
        self.old, self.new = (self.site.releases.find("sha256:%064d" % number) for number in (1, 2))
        if then:
            self.driver.start(self.site.definitions(self.old), 1)
            self.driver.stop([name for name in stopped if name in self.driver.programs])
        self.site.roles = list(now)
        self.before = self.running()
        self.operation = Operation(self.site, "20261126T100001Z-upgrade-1", 1, {
            "kind": "upgrade", "mode": mode, "package": "shop:2.0", "digest": self.new.digest, "resting": list(resting),
            "previous": {"app2": self.old.id if then else None}, "owner": {"user": "eve"}, "hosts": {"app1": ["app", "leader"], "app2": list(now)},
            "batches": [["app1"], ["app2"]], "balancer": {"status": [], "fall_seconds": 0, "rise_seconds": 0}})
        self.site.lock.acquire(self.operation.id, {"user": "eve"})
        self.operation.begin()

    def running(self):
        """{service: the release it runs by}."""
        return {name: item.cwd.rpartition("/")[2][:3] for name, (item, runs) in self.driver.programs.items() if runs}

    def run(self, *steps):
        """Run steps; what the last one did."""
        outcome = None
        for step in steps:
            outcome = step(self.site, self.operation)
        return outcome

    def ends(self):
        """Nothing is open here any more."""
        self.operation.close("done", "")
        self.site.lock.release(self.operation.id)

    def closes(self):
        """What comes before the migration."""
        return self.run(forward.drain, *[forward.close] * self.site.serves)


@pytest.fixture
def make(application):
    return lambda *arguments, **named: Host(application, *arguments, **named)


@pytest.mark.parametrize("now", [["app"], ["consumer"], ["consumer", "leader"], EVERYTHING])
def test_whatever_runs_is_stopped_before_the_migration_and_only_what_belongs_here_runs_after_it(make, now):
    host = make(EVERYTHING, now)
    assert set(host.before) == {"web", "push", "sorter", "clock"}
    host.closes()
    assert host.running() == {}
    opened = host.run(forward.activate, forward.open_)
    here = {name for name, service in SERVICES.items() if service["on"] in now}
    assert host.running() == dict.fromkeys(here - {"mailer"}, "2.0")
    assert set(host.driver.programs) == here and opened["removed"] == sorted(set(SERVICES) - here)


@pytest.mark.parametrize("now", [["app"], ["consumer"], EVERYTHING])
@pytest.mark.parametrize("opened", [False, True])
def test_the_way_back_brings_just_what_ran_also_what_belongs_elsewhere_by_now(make, now, opened):
    host = make(EVERYTHING, now)
    there = set(host.driver.programs)
    host.closes()
    host.run(forward.activate, *[forward.open_] * opened)
    host.run(back.quiesce)
    assert host.running() == {}
    for _again in range(2):
        host.run(back.reinstate, back.reopen)
        assert host.running() == host.before and set(host.driver.programs) == there


@pytest.mark.parametrize("mode", ["maintenance", "rolling"])
@pytest.mark.parametrize("resting", [(), ("clock",)], ids=["ran elsewhere", "stopped elsewhere"])
def test_what_comes_with_a_role_runs_if_it_was_not_stopped_and_goes_again(make, mode, resting):
    """What people had stopped on the host that led stays stopped on the one that leads now."""
    host = make(["app"], ["app", "leader"], mode=mode, resting=resting)
    if mode == "rolling":
        host.run(rolling.record, rolling.close, forward.activate, rolling.open_, rolling.renew)
        steps = (rolling.quiesce, back.reinstate, rolling.reopen)
    else:
        host.closes()
        host.run(forward.activate, forward.open_)
        steps = (back.quiesce, back.reinstate, back.reopen)
    assert host.running() == dict.fromkeys({"web", "push", "clock"}.difference(resting), "2.0")
    assert "clock" in host.driver.programs
    host.run(*steps)
    assert host.running() == host.before and set(host.driver.programs) == {"web", "push"}


def test_an_upgrade_that_is_undone_keeps_nothing_from_coming_back_that_had_failed(make):
    """Nobody has stopped it: it comes back after a reboot, and the next upgrade may have come to mend it."""
    host = make(EVERYTHING, EVERYTHING)
    host.driver.stop(["sorter"])
    host.driver.autostart("sorter", True)
    host.driver.failed.add("sorter")
    host.closes()
    host.run(forward.activate, forward.open_)
    assert set(host.running()) == {"web", "push", "clock", "sorter"}
    host.run(back.quiesce, back.reinstate, back.reopen)
    assert set(host.running()) == {"web", "push", "clock"} and host.driver.back == {"web", "push", "clock", "sorter"}
    host.ends()
    record.promise(host.site.root, ["web"], list(SERVICES))  # by a restart between the two
    record.settle(host.site.root, ["web"])
    record.record(host.site.root, "next", host.driver, host.site.definitions(host.old))
    again = record.to_run(host.site.root, "next", host.site.definitions(host.new), revive=True)
    assert {item.name for item in again} == {"web", "push", "clock", "sorter"}


def test_a_role_that_came_after_it_was_recorded_counts_on_the_way_back(make):
    """The host that led is lost, and this one stands in for it."""
    host = make(["app"], ["app"])
    host.closes()
    host.site.roles.append("leader")
    host.run(back.quiesce, back.reinstate, back.reopen)
    assert host.running() == dict.fromkeys(["web", "push", "clock"], "1.0")


def test_where_hosts_take_turns_what_belongs_elsewhere_goes_at_the_end_and_comes_back(make):
    host = make(EVERYTHING, ["app"], mode="rolling")
    host.run(rolling.record, rolling.close, forward.activate, rolling.open_)
    assert host.running() == {"web": "2.0", "push": "2.0", "sorter": "1.0", "clock": "1.0"}
    renewed = host.run(rolling.renew)
    assert list(renewed["stopped"]) == ["clock", "sorter"] and renewed["removed"] == ["clock", "mailer", "sorter"]
    assert host.running() == {"web": "2.0", "push": "2.0"}
    host.run(rolling.quiesce, back.reinstate, rolling.reopen)
    assert host.running() == host.before


def test_what_could_not_be_started_again_is_found_before_anything_is_stopped(make):
    """Its command has a placeholder that only the host that leads has a value for."""
    host = make(["app", "leader"], ["app"], stopped=("push",))
    host.ends()
    found = preflight.check(host.site, "upgrade", "")
    assert found["services"] == {"web": True, "push": False, "clock": True} and found["findings"] == []
    del host.site.params["variables"]["leader"]
    (finding,) = preflight.check(host.site, "upgrade", "")["findings"]
    assert "app2 has could be started again if it goes back" in finding and "{leader}" in finding and "slipway.app.service_start" in finding


# A host on which a restore that was killed has left the services stopped


@pytest.mark.parametrize("mode, back_again", [("maintenance", False), ("maintenance", True), ("rolling", False), ("rolling", True)])
def test_what_a_killed_restore_owes_is_owed_until_it_was_started(make, mode, back_again):
    host = make(EVERYTHING, EVERYTHING, mode=mode)
    record.record(host.site.root, "restore", host.driver, host.site.definitions(host.old), owed=True)
    host.driver.stop(list(host.driver.programs))
    first, *rest = FORWARD[mode]
    host.run(first)
    assert record.debts(host.site.root)["services"] == sorted(host.before), "an upgrade that is refused now stops and starts nothing"
    host.run(*rest)
    if back_again:
        host.run(*BACK[mode])
    assert host.running() == (host.before if back_again else dict.fromkeys(host.before, "2.0"))
    assert record.debts(host.site.root)["services"] == []


# A host without a release: it is new, or has taken the place of one that is lost

FORWARD = {"maintenance": (forward.drain, forward.close, forward.activate, forward.open_),
           "rolling": (rolling.record, rolling.close, forward.activate, rolling.open_, rolling.renew)}
BACK = {"maintenance": (back.quiesce, back.reinstate, back.reopen), "rolling": (rolling.quiesce, back.reinstate, rolling.reopen)}


@pytest.mark.parametrize("mode", FORWARD)
def test_an_empty_host_gets_all_that_belongs_there_but_what_people_have_stopped_elsewhere(make, mode):
    host = make([], ["app", "consumer"], mode=mode, resting=["mailer"])
    host.run(*FORWARD[mode])
    assert host.running() == dict.fromkeys(["web", "push", "sorter"], "2.0") and "mailer" in host.driver.programs
    host.run(forward.finish)
    assert host.site.releases.current().id == host.new.id and not host.site.maintenance.status()["on"]


@pytest.mark.parametrize("mode, came", [(mode, number) for mode in FORWARD for number in range(1, len(FORWARD[mode]) + 1)])
def test_an_empty_host_is_empty_again_after_the_way_back(make, mode, came):
    host = make([], ["app", "consumer"], mode=mode)
    host.run(*FORWARD[mode][:came])
    for _again in range(2):
        host.run(*BACK[mode])
        assert host.driver.programs == {} and host.site.releases.current() is None
    assert not host.site.maintenance.status()["on"] and not host.site.drain.status()["on"]


@pytest.mark.parametrize("roles, finds", [(["app"], False), (["app", "leader"], True)])
def test_only_the_host_that_leads_must_have_a_release(make, roles, finds):
    host = make([], roles)
    host.ends()
    found = preflight.check(host.site, "upgrade", "", "rolling")["findings"]
    said = [finding for finding in found if "not installed on app2, which leads" in finding]
    assert bool(said) == finds and [one for one in found if one not in said and "database" not in one] == []
    host.site.maintenance.on("Moving", 60, "ann")
    assert any("app2 is in maintenance" in finding for finding in preflight.check(host.site, "upgrade", "", "rolling")["findings"])
