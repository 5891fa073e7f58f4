# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans are made from what is defined and what runs; no process manager is needed for them."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service.base import Status, StopReport
from ansible_collections.slipway.app.plugins.module_utils._service.control import perform, plan
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition


def definition(name, kind="consumer", release="1"):
    return Definition(name, kind, ["run"], "/srv/shop/releases/" + release, {}, "TERM", 30)


def status(name, state="running", kind="consumer", release="1", autostart=True):
    return Status(name, kind, state, 1, 1.0, release == "1", autostart)


def actions(state, definitions, statuses, **options):
    steps = plan(state, definitions, {one.name: one for one in statuses}, **options)
    return {step.name: (step.before, step.action, step.after) for step in steps}


MAILER, CRON, WEB = definition("mailer"), definition("cron", "cron"), definition("web", "web")


@pytest.mark.parametrize("now, expected", [
    ([], ("absent", "started", "running")),
    ([status("mailer", "stopped")], ("stopped", "started", "running")),
    ([status("mailer", "failed")], ("failed", "started", "running")),
    ([status("mailer", "stopping")], ("stopping", "started", "running")),
    ([status("mailer")], ("running", "none", "running")),
    ([status("mailer", "starting")], ("starting", "none", "starting")),
    ([status("mailer", release="0")], ("running", "restarted", "running")),
    ([status("mailer", autostart=False)], ("running", "updated", "running")),
])
def test_started(now, expected):
    assert actions("started", [MAILER], now) == {"mailer": expected}


@pytest.mark.parametrize("now, expected", [
    ([], ("absent", "none", "absent")),
    ([status("mailer")], ("running", "stopped", "stopped")),
    ([status("mailer", "starting")], ("starting", "stopped", "stopped")),
    ([status("mailer", "stopping")], ("stopping", "stopped", "stopped")),
    ([status("mailer", "stopped")], ("stopped", "updated", "stopped")),
    ([status("mailer", "stopped", autostart=False)], ("stopped", "none", "stopped")),
    ([status("mailer", "failed")], ("failed", "updated", "failed")),
])
def test_stopped(now, expected):
    assert actions("stopped", [MAILER], now) == {"mailer": expected}


@pytest.mark.parametrize("now, expected", [
    ([], ("absent", "none", "absent")),
    ([status("mailer")], ("running", "restarted", "running")),
    ([status("mailer", "stopped")], ("stopped", "none", "stopped")),
    ([status("mailer", "failed")], ("failed", "none", "failed")),
])
def test_restarted_never_starts_what_does_not_run(now, expected):
    assert actions("restarted", [MAILER], now) == {"mailer": expected}


@pytest.mark.parametrize("now, action", [
    ("running", "restarted"), ("stopped", "started"), ("stopping", "started"), ("failed", "started"), (None, "none")])
def test_restarted_goes_on_with_a_restart_that_was_cut_off(now, action):
    for autostart in (True, False):
        known = [status("mailer", now, autostart=autostart)] if now else []
        expected = action if autostart or now == "running" else "none"  # somebody has stopped it for good since then
        assert actions("restarted", [MAILER], known, wanted=["mailer"])["mailer"][1] == expected


@pytest.mark.parametrize("wanted, now, expected", [
    (["mailer"], [status("mailer", "stopped", release="0")], ("stopped", "started", "running")),
    (["mailer"], [status("mailer")], ("running", "none", "running")),
    ([], [], ("absent", "none", "absent")),
    ([], [status("mailer", "stopped", autostart=False)], ("stopped", "none", "stopped")),
    ([], [status("mailer", "stopped", release="0", autostart=False)], ("stopped", "updated", "stopped")),
    ([], [status("mailer", "stopped", autostart=True)], ("stopped", "updated", "stopped")),
    ([], [status("mailer", release="0")], ("running", "none", "running")),
    ([], [status("mailer", "failed")], ("failed", "none", "failed")),
    ([], [status("mailer", "failed", release="0")], ("failed", "updated", "failed")),
])
def test_resumed_starts_what_is_wanted_only(wanted, now, expected):
    assert actions("resumed", [MAILER], now, wanted=wanted) == {"mailer": expected}


@pytest.mark.parametrize("state, action", [("started", "removed"), ("resumed", "removed"), ("stopped", "stopped")])
def test_what_an_earlier_release_left(state, action):
    now = [status("web", kind="web"), status("old")]
    assert actions(state, [WEB], now, wanted=["web"])["old"][1] == action
    assert "old" not in actions("restarted", [WEB], now)
    if state != "stopped":
        assert "old" not in actions(state, [WEB], now, names=["web"], wanted=["web"])


def test_names_and_kinds_choose():
    two = [definition("mailer@1"), definition("mailer@2")]
    everything = [WEB, *two, CRON]
    assert list(actions("started", everything, [], names=["mailer"])) == ["mailer@1", "mailer@2"]
    assert list(actions("started", everything, [], names=["mailer@2", "web"])) == ["web", "mailer@2"]
    assert list(actions("started", everything, [], kinds=["cron", "web"])) == ["web", "cron"]
    assert list(actions("started", everything, [], kinds=["cron"], names=["web"])) == []
    with pytest.raises(SlipwayError, match="no service mialer. .* There are: cron, mailer@1, mailer@2, web"):
        plan("started", everything, {}, names=["mialer"])


def test_a_service_of_another_host_is_no_mistake_and_nothing_to_do():
    assert actions("restarted", [WEB], [status("web", kind="web")], names=["mailer"], elsewhere=["mailer@1"]) == {}


WEBSOCKET = definition("websocket", "websocket")
TWO = [definition("mailer@1"), definition("mailer@2")]


class Recorder:
    """A driver that does nothing and tells what it was asked for; what is in broken does not come up, what is in disabled
    has been stopped by somebody else, with late by the time it has ended, or does not come back after a reboot."""

    def __init__(self, broken=(), disabled=(), late=False):
        self.calls, self._broken, self._disabled, self._late = [], broken, disabled, late

    def status(self):
        stopped = " ".join(call for call in self.calls if call.startswith("stop ")).split()
        disabled = [name for name in self._disabled if name in stopped or not self._late]
        return {name: status(name, autostart=name not in disabled) for name in ("web", "websocket", "mailer@1", "mailer@2")}

    def stop(self, names, deadline=None, again=False):
        self.calls.append("stop %s%s" % (" ".join(names), " again" if again else ""))
        return {name: StopReport(float(deadline), name == "mailer@2") for name in names}

    def remove(self, names, deadline=None):
        self.calls.append("remove " + " ".join(names))
        return {name: StopReport(float(deadline), False) for name in names}

    def start(self, definitions, timeout, healthy=None):
        self.calls.append("start " + " ".join(item.name for item in definitions))
        for item in definitions:
            if item.name in self._broken:
                raise SlipwayError("The service %s does not stay up." % item.name)
        return {item.name: 0.5 for item in definitions}

    def install(self, definitions, fallen=()):
        self.calls.append("install " + " ".join(item.name + "!" * (item.name in fallen) for item in definitions))

    def autostart(self, name, enabled):
        self.calls.append("autostart %s %s" % (name, enabled))


def performed(state, definitions, statuses, driver=None, **options):
    driver = driver or Recorder()
    statuses = {one.name: one for one in statuses}
    steps = plan(state, definitions, statuses, **options)
    perform(state, steps, definitions, statuses, driver, 9, 10, failed=options.get("failed") or ())
    return driver.calls, {step.name: (step.seconds, step.killed) for step in steps}


ALL = [WEB, WEBSOCKET, *TWO, CRON]
RUNNING = [status("web", kind="web"), status("websocket", kind="websocket"), status("mailer@1"), status("mailer@2"), status("cron", kind="cron")]


def test_what_stops_stops_kind_by_kind_and_web_last():
    calls, steps = performed("stopped", ALL, RUNNING)
    assert calls == ["stop cron", "stop mailer@1 mailer@2", "stop websocket", "stop web"]
    assert steps["web"] == (9, False) and steps["mailer@2"] == (9, True)


def test_web_is_down_for_its_own_restart_only():
    calls, steps = performed("restarted", ALL, RUNNING[:4])
    assert calls == ["stop web again", "start web", "stop websocket again", "start websocket", "stop mailer@1 mailer@2 again",
                     "start mailer@1 mailer@2"]
    assert steps == {"web": (9.5, False), "websocket": (9.5, False), "mailer@1": (9.5, False), "mailer@2": (9.5, True), "cron": (0, False)}


def test_what_does_not_run_is_started_at_once_and_does_not_wait_for_what_ends():
    assert performed("started", ALL, [])[0] == ["start web websocket mailer@1 mailer@2 cron"]
    now = [status("mailer@1", release="0"), status("mailer@2"), status("old"), status("site", kind="web")]
    assert performed("started", ALL, now)[0] == [
        "remove old", "remove site", "start web websocket", "stop mailer@1 again", "start mailer@1 cron"]
    assert performed("resumed", ALL, [status("mailer@1", "stopped", release="0"), status("web", kind="web", autostart=False)], wanted=["web"])[0] == [
        "install web mailer@1", "autostart web True"]


def test_what_is_still_stopping_does_not_come_back_by_the_release_before():
    """install() writes nothing down for a program that has not ended."""
    assert performed("resumed", [CRON], [status("cron", "stopping")], failed=[])[0] == ["install cron", "autostart cron False"]


@pytest.mark.parametrize("now, failed", [("failed", []), ("stopped", ["mailer@1"])], ids=["it has", "it had, before an upgrade that was undone"])
def test_what_has_failed_is_not_kept_from_coming_back_by_an_operation_that_stops_the_others(now, failed):
    before = [status("mailer@1", now, release="0")]
    assert performed("stopped", ALL, before, failed=failed)[0] == []
    calls, _steps = performed("resumed", ALL, before, wanted=["web"], failed=failed)
    assert calls == ["install mailer@1" + "!" * bool(failed), "start web"]
    assert plan("resumed", ALL, {"mailer@1": status("mailer@1", now)}, failed=failed)[2].action == "none"
    assert performed("stopped", ALL, before)[0] == ["autostart mailer@1 False"], "a person stops it for good"


def test_where_web_does_not_come_up_the_rest_goes_on_as_it_ran():
    driver = Recorder(broken=["web"])
    with pytest.raises(SlipwayError, match="web does not stay up"):
        performed("restarted", ALL, RUNNING, driver)
    assert driver.calls == ["stop web again", "start web"]


@pytest.mark.parametrize("late", [False, True])
def test_what_somebody_has_stopped_since_a_restart_began_is_not_started_again(late):
    now = [status("mailer@1"), status("mailer@2"), status("web", kind="web", autostart=False)]
    driver, promised = Recorder(disabled=["mailer@2", "web"], late=late), []
    statuses = {one.name: one for one in now}
    steps = plan("restarted", ALL, statuses)
    perform("restarted", steps, ALL, statuses, driver, 9, 10, promised.extend)
    assert driver.calls == ["stop web again", "start web", "stop mailer@1%s again" % (" mailer@2" if late else ""), "start mailer@1"]
    assert ("mailer@2" in promised) is late
    stopped = {step.name: step for step in steps}["mailer@2"]
    assert (stopped.action, stopped.after, stopped.seconds, stopped.reason) == ("stopped", "stopped", 9 if late else 0, "somebody has stopped it meanwhile")
