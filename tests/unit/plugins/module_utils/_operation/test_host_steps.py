# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of an upgrade on one host with a real supervisord, where maintenance was on before, and where hosts take turns."""

from __future__ import annotations

import contextlib
import errno
import os
import re

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import back, forward, preflight, rejoin, rolling
from ansible_collections.slipway.app.plugins.module_utils._operation.balancer import DOWN, UP
from ansible_collections.slipway.app.plugins.module_utils._operation.engine import run_step
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import open_operation
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.site import Site
from ansible_collections.slipway.app.plugins.module_utils._release.patches import Patches
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition
from ansible_collections.slipway.app.tests.selection import long_but
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._operation.test_balancer import answering
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import entry, put_package
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import script
from ansible_collections.slipway.app.tests.waiting import until

SERVICES = {
    "web": {"kind": "web", "command": script("exec sleep 600")},
    "push": {"kind": "websocket", "command": script("exec sleep 600")},
    "mailer": {"kind": "consumer", "command": script("exec sleep 600"), "on": "app"},
}
WORDS = ("on", "since", "by", "message", "expected_seconds", "lifetime")


class Host:
    """An app host that does not lead, with 1.0 live and running and 2.0 beside it; said: what the application was told."""

    def __init__(self, application, supervisord, mode="maintenance", health=None, balancers=()):
        self.root = application.root
        self.said = os.path.join(self.root, "said")
        lock = {name: [["sh", "-c", "echo %s >> '%s'" % (name, self.said.replace("'", "'\\''"))]] for name in ("on", "off")}
        for number, live in ((2, False), (1, True)):
            application.release(SERVICES, number, live=live, maintenance=lock, health={"url": health, "timeout": 1} if health else {})
        self.site = Site({
            "root": self.root, "host": "app2", "roles": ["app"], "environment": "stag", "application": "shop", "variables": {}, "python": None,
            "driver": "supervisor", "supervisor_socket": supervisord.socket, "supervisor_conf_dir": supervisord.conf_dir,
            "environment_variables": {}, "database": {}, "store": os.path.join(self.root, "packages"), "store_auth": None,
            "relayed": None, "skip_check_patches": False, "keep_releases": 3})
        self.old, self.new = (self.site.releases.find("sha256:%064d" % number) for number in (1, 2))
        self.site.driver().start(self.site.definitions(self.old), 10)
        self.balancers = list(balancers)
        self.operation = self.upgrade(mode, 1)

    def upgrade(self, mode, fence, package="shop:2.0", digest=None):
        operation = Operation(self.site, "20261126T10000%dZ-upgrade-%d" % (fence, fence), fence, {
            "kind": "upgrade", "mode": mode, "package": package, "digest": digest or self.new.digest, "previous": {"app2": self.old.id},
            "owner": {"user": "eve"}, "hosts": {"app1": ["app", "leader"], "app2": ["app"]},
            "batches": [["app1"], ["app2"]], "balancer": {"status": self.balancers, "fall_seconds": 0, "rise_seconds": 0}})
        operation.begin()
        return operation

    def told(self):
        """What the application was told since the last call: on, off."""
        try:
            with open(self.said, encoding="utf-8") as stream:
                return stream.read().split()
        except FileNotFoundError:
            return []
        finally:
            open(self.said, "wb").close()

    def running(self):
        """{service: the release it runs by}."""
        return {name: release.reference for release in (self.old, self.new)
                for name, status in self.site.driver().status(self.site.definitions(release)).items() if status.alive and status.up_to_date}

    def everybody_is_out(self):
        return os.path.exists(os.path.join(self.root, "maintenance", "on", "held"))


@pytest.fixture
def make(application, supervisord):
    """make(**as of Host) -> the host, whose services end with the test."""
    with contextlib.ExitStack() as end:
        def maker(**about):
            host = Host(application, supervisord, **about)
            end.callback(lambda: host.site.driver().stop(list(SERVICES), 5))
            return host

        yield maker


@pytest.fixture
def host(make):
    return make()


@pytest.fixture
def ann(host):
    """Maintenance as ann has turned it on, by the module: the application is locked as well. What is to be true again later."""
    host.site.maintenance.on("Trying 2.0", 7200, "ann", lifetime=9000)
    host.site.maintenance.note_locked()
    return {word: host.site.maintenance.status()[word] for word in WORDS}


def broken(host, name, program):
    """Let a service of the new release be another program."""
    definitions = host.site.definitions
    host.site.definitions = lambda release: [
        Definition(**dict(vars(one), argv=script(program))) if (release.digest, one.name) == (host.new.digest, name) else one
        for one in definitions(release)]


@pytest.mark.parametrize("program", long_but(["echo broken; exit 1", "sleep 1.2; echo broken; exit 1"], "echo broken; exit 1"), ids=["at once", "later"])
def test_a_consumer_that_does_not_run_by_the_new_release_is_a_warning_and_the_upgrade_is_over(host, program):
    """Users are in by then: nothing goes back, and what mends it is the next upgrade, which has to be let in."""
    for step in (forward.drain, forward.close, forward.activate):
        step(host.site, host.operation)
    broken(host, "mailer", program)
    said = forward.open_(host.site, host.operation)["warnings"]
    if not said:
        until(lambda: host.site.driver().status()["mailer"].pid != host.operation.outcome_of("open")["started"]["mailer"])
        said = forward.finish(host.site, host.operation)["warnings"]
    (warning,) = said
    assert "The service mailer " in warning and "broken" in warning and "Users are served." in warning
    assert "slipway.app.recover starts it" in warning
    owed = record.debts(host.root)["services"]
    assert owed == (["mailer", "push"] if "does not stay up" in warning else ["mailer"]), "what does not run is due"
    forward.finish(host.site, host.operation)
    assert open_operation(host.root) is None and host.running()["push"] == host.running()["web"] == "2.0"


def wanted(host):
    return {word: host.site.maintenance.status()[word] for word in WORDS}


def test_the_bypass_is_closed_from_close_to_open(host):
    forward.drain(host.site, host.operation)
    assert "kept" not in forward.close(host.site, host.operation)
    assert host.everybody_is_out() and host.site.maintenance.status()["held_by"] == host.operation.id
    assert "kept" not in forward.close(host.site, host.operation), "run again"
    forward.activate(host.site, host.operation)
    assert host.everybody_is_out()
    assert forward.open_(host.site, host.operation)["maintenance_seconds"] > 0
    assert not host.site.maintenance.status()["on"]
    assert host.running() == dict.fromkeys(SERVICES, "2.0") and host.told() == ["on", "on", "off"]


def test_maintenance_of_a_person_outlives_an_upgrade_and_the_new_release_can_be_tried(host, ann):
    forward.drain(host.site, host.operation)
    for _again in range(2):
        assert forward.close(host.site, host.operation)["kept"]["by"] == "ann"
        assert wanted(host) == ann and host.everybody_is_out()
    forward.activate(host.site, host.operation)
    assert wanted(host) == ann and host.everybody_is_out()
    for _again in range(2):
        opened = forward.open_(host.site, host.operation)
        assert opened["kept"] == {"by": "ann", "since": ann["since"], "message": "Trying 2.0"} and "maintenance_seconds" not in opened
        assert wanted(host) == ann and not host.everybody_is_out()
    assert host.told() == ["off"] and not host.site.maintenance.locked, "it had been locked before, and is unlocked to be tried"
    assert host.running() == dict.fromkeys(SERVICES, "2.0")


@pytest.mark.parametrize("closed", long_but([True, False], True), ids=["closed", "not-closed"])
def test_maintenance_of_a_person_outlives_an_upgrade_that_is_undone(host, ann, closed):
    forward.drain(host.site, host.operation)
    if closed:
        forward.close(host.site, host.operation)
    back.quiesce(host.site, host.operation)
    back.reinstate(host.site, host.operation)
    assert wanted(host) == ann and host.everybody_is_out() == closed
    for _again in range(2):
        assert back.reopen(host.site, host.operation)["kept"]["by"] == "ann"
        assert wanted(host) == ann and not host.everybody_is_out() and host.site.maintenance.locked
    assert host.told()[-1] == "on", "the application is locked again"
    assert host.running() == dict.fromkeys(SERVICES, "1.0")


def test_what_an_operation_has_left_behind_is_nobodys_wish(host):
    """It has ended elsewhere, and this host did not hear of it; the next one takes it away."""
    forward.close(host.site, host.operation)
    host.operation.close("undone", "")
    later = host.upgrade("maintenance", 2)
    assert "kept" not in forward.close(host.site, later) and host.site.maintenance.status()["held_by"] == later.id
    forward.let_in(host.site, {})
    assert not host.site.maintenance.status()["on"]


def test_an_application_that_is_unwell_at_the_end_is_a_warning_that_names_the_host(make):
    with answering((500, "the barometer is falling")) as (url, _asked):
        host = make(health=url.replace("{host}", ""))
        forward.drain(host.site, host.operation)
        (warning,) = forward.finish(host.site, host.operation)["warnings"]
    assert "the health check of app2 failed" in warning and "the barometer is falling" in warning


def test_a_disk_that_fails_at_the_end_is_a_warning_and_the_upgrade_is_over(host, monkeypatch):
    def fail(*_arguments):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(host.site.releases, "tidy", fail)
    forward.drain(host.site, host.operation)
    (warning,) = forward.finish(host.site, host.operation)["warnings"]
    assert "removing what was fetched for them failed" in warning and "Input/output error" in warning
    assert open_operation(host.root) is None and host.operation.summary()["outcome"] == "done"


def test_patches_of_the_live_release_are_asked_about_and_those_to_be_kept_come_along(host):
    """That an upgrade has to do with them at all; what becomes of which is in test_patching.py."""
    digest = put_package(host.site.params["store"], "shop:3.0", {"source": [entry("hours.txt", b"closed\n")]})
    with open(os.path.join(host.old.path, "hours.txt"), "w", encoding="utf-8") as stream:
        stream.write("closed\n")
    host.operation.close("undone", "")

    def patched_and_asked(keep):
        change = b"--- a/hours.txt\n+++ b/hours.txt\n@@ -1 +1 @@\n-closed\n+open\n"
        Patches(host.site.releases, host.old).apply(change, "hours.patch", keep=keep, by="ann")
        return preflight.check(host.site, "upgrade", "shop:3.0")["findings"]

    (finding,) = patched_and_asked(keep=False)
    assert "would be lost: hours.patch (applied by ann at " in finding and "Say -e skip_check_patches=true" in finding
    assert patched_and_asked(keep=True) == []

    later = host.upgrade("maintenance", 2, "shop:3.0", digest)
    staged = forward.stage(host.site, later)
    assert staged["patches"]["applied"] == ["hours.patch"]
    with open(os.path.join(host.site.releases.find(digest).path, "hours.txt"), encoding="utf-8") as stream:
        assert stream.read() == "open\n"


def test_a_host_on_which_nothing_was_stopped_yet_says_too_what_is_live(host):
    assert back.reinstate(host.site, host.operation) == {"release": host.site.releases.current().id}


# Where hosts take turns


def test_websocket_changes_over_in_its_hosts_turn_while_nobody_comes(make, monkeypatch):
    host, seen = make(mode="rolling"), []
    off = host.site.drain.off
    monkeypatch.setattr(host.site.drain, "off", lambda: seen.append(host.running()) or off())
    rolling.record(host.site, host.operation)
    rolling.close(host.site, host.operation)
    assert host.running() == {"mailer": "1.0"}
    forward.activate(host.site, host.operation)
    rolling.open_(host.site, host.operation)
    assert seen.pop() == host.running() == {"web": "2.0", "push": "2.0", "mailer": "1.0"}
    assert rolling.renew(host.site, host.operation)["stopped"].keys() == {"mailer"}
    assert host.running() == dict.fromkeys(SERVICES, "2.0")

    rolling.quiesce(host.site, host.operation)
    assert host.running() == {"mailer": "2.0"}
    back.reinstate(host.site, host.operation)
    rolling.reopen(host.site, host.operation)
    assert seen.pop() == {"web": "1.0", "push": "1.0", "mailer": "2.0"} and host.running() == dict.fromkeys(SERVICES, "1.0")


def test_a_host_that_had_its_turn_watches_itself(make):
    with answering((200, "ok"), (500, "the barometer is falling")) as (url, _asked):
        host = make(mode="rolling", health=url.replace("{host}", ""))
        rolling.watch(host.site, host.operation)
        with pytest.raises(SlipwayError, match="the barometer is falling"):
            rolling.watch(host.site, host.operation)


def test_nobody_leaves_the_balancer_while_one_that_had_its_turn_is_sent_no_users(make, monkeypatch):
    monkeypatch.setattr(rolling, "SETTLING", 0)
    with answering((200, DOWN)) as (url, asked):
        host = make(mode="rolling", balancers=[url])
        rolling.record(host.site, host.operation)
        with pytest.raises(SlipwayError, match="app1 has had its turn, and is no longer well.*app2 has not left the balancer"):
            rolling.close(host.site, host.operation)
    assert asked == ["/is/app1"] and not host.site.drain.status()["on"] and host.running() == dict.fromkeys(SERVICES, "1.0")


@pytest.mark.parametrize("answers", [[DOWN, DOWN], [DOWN, UP]])
def test_nobody_leaves_the_balancer_while_no_other_host_is_sent_users(make, monkeypatch, answers):
    """What the preflight has seen of the others is old by then: it was before the migration. One of them is enough."""
    monkeypatch.setattr(rolling, "SETTLING", 0)
    with answering(*[(200, answer) for answer in answers], (200, DOWN)) as (url, asked):
        host = make(mode="rolling", balancers=[url])
        host.operation.plan.update(batches=[["app2"], ["app1", "app3"], ["worker"]],
                                   hosts={"app1": ["app"], "app2": ["app"], "app3": ["app"], "worker": ["consumer"]})
        rolling.record(host.site, host.operation)
        with contextlib.nullcontext() if UP in answers else pytest.raises(
                SlipwayError, match="no users to any other host.*app1.*app3.*app2 has not left the balancer"):
            rolling.close(host.site, host.operation)
    assert asked[:2] == ["/is/app1", "/is/app3"] and "/is/worker" not in asked
    assert host.site.drain.status()["on"] is (UP in answers) and ("web" in host.running()) is (UP not in answers)


@pytest.mark.parametrize("mode, way_out", [("rolling", "stays migrated.*mode maintenance"), ("source", None)])
def test_a_host_of_the_first_turn_stays_where_the_release_that_serves_is_not_well(make, monkeypatch, mode, way_out):
    """Of the others in its turn it knows nothing. In the mode source nothing has migrated."""
    monkeypatch.setattr(rolling, "SETTLING", 0)
    with answering((503, "the database is ahead of the code")) as (url, _asked):
        host = make(mode=mode, health=url.replace("{host}", ""))
        host.operation.plan["batches"] = [["app2", "app1"], ["app3"]]  # this one is app2
        rolling.record(host.site, host.operation)
        with pytest.raises(SlipwayError, match="shop:1.0, which serves, is no longer well.*ahead of the code.*app2 has not left the bal") as stayed:
            rolling.close(host.site, host.operation)
        assert bool(re.search(way_out or "migrated|migrations", str(stayed.value))) is bool(way_out)
    assert not host.site.drain.status()["on"] and host.running() == dict.fromkeys(SERVICES, "1.0")


def test_users_are_served_all_the_time_only_where_they_are_let_in_and_sent(make, monkeypatch):
    monkeypatch.setattr(preflight, "SETTLING", 0)
    host = make(mode="rolling")

    def findings(mode, *balancers):
        found = preflight.check(host.site, "upgrade", "shop:2.0", mode, balancers)["findings"]
        return [one for one in found if "is in maintenance" in one or "No users" in one]

    assert preflight.check(host.site, "upgrade", "", "rolling")["fence"] == host.operation.fence
    with answering((200, DOWN)) as (down, _asked), answering((200, UP)) as (up, _asked2), answering((404, "")) as (dumb, _asked3):
        assert findings("rolling", up, dumb) == []
        (finding,) = findings("rolling", up, down)
        assert "No users are sent to app2" in finding and "slipway_health_path" in finding
        host.site.maintenance.on("Trying", 600, "ann")
        (finding,) = findings("source", up)
        assert "in maintenance, turned on by ann" in finding and "slipway.app.maintenance_off" in finding
        assert findings("maintenance", down) == []


# A host that comes back when it has ended on the others


def follow(host, live, outcome):
    """What recover lets the host do when it has decided; live: the release, here or not, that the leader has."""
    leader = {"operation": None, "ended": {host.operation.id: outcome}, "live": {
        "id": live.id, "digest": live.digest, "package": live.package, "reference": live.reference}}
    surveys = {"app1": leader, "app2": back.survey(host.site)}
    (left,) = rejoin.left_behind("app1", surveys)
    name, plan, decision = rejoin.decided("app1", left, {}, {"surveys": surveys, "takeover": False, "gone": {}})
    params = {"decision": decision, "operation": {"id": name, "fence": 2, "plan": plan}}
    assert decision["away"] == ["app2"]
    for step in ("stage", "drain", "close", "activate", "open", "finish"):
        run_step(host.site, step, params, {})


def is_as(host, release):
    assert host.site.releases.current().id == release.id and open_operation(host.root) is None
    assert not host.site.maintenance.status()["on"] and not host.site.drain.status()["on"]
    assert host.running() == {name: release.reference for name in ("web", "push")}, "the mailer did not run before"


@pytest.mark.parametrize(("step", "outcome", "number"),
                         long_but([("drain", "undone", 1), ("close", "done", 2), ("activate", "undone", 1)], ("close", "done", 2)))
def test_a_host_that_was_away_runs_what_is_live_with_what_ran_there(host, step, outcome, number):
    host.site.driver().stop(["mailer"], 5)
    for name in ("drain", "close", "activate"):
        getattr(forward, name)(host.site, host.operation)
        if name == step:
            break
    live = host.old if number == 1 else host.new
    follow(host, live, outcome)
    is_as(host, live)
    assert host.operation.summary()["outcome"] == outcome


def test_a_host_that_had_left_its_balancer_is_back_and_old_services_of_another_release_are_gone(make, application):
    host = make(mode="rolling")
    host.site.driver().stop(["mailer"], 5)
    application.release(dict(SERVICES, extra={"kind": "consumer", "command": script("exec sleep 600"), "on": "app"}), 3, live=False)
    newer = host.site.releases.find("sha256:%064d" % 3)
    rolling.record(host.site, host.operation)
    rolling.close(host.site, host.operation)
    host.site.driver().start([one for one in host.site.definitions(newer) if one.name == "extra"], 10)  # by whatever was tried
    assert host.site.drain.status()["on"]
    follow(host, host.new, "done")
    is_as(host, host.new)
    assert set(host.site.driver().status()) == set(SERVICES)


def test_a_release_that_cannot_be_had_is_named_with_where_to_put_it(host):
    forward.drain(host.site, host.operation)
    gone = type("Gone", (), {"id": "3.0-000000000003", "digest": "sha256:%064d" % 3, "package": "shop:3.0", "reference": "3.0"})
    with pytest.raises(SlipwayError, match="shop:3.0, which is live .* is not here.*Copy the folder .*/releases/3.0-000000000000 from"):
        follow(host, gone, "done")
    assert open_operation(host.root)["id"] == host.operation.id
