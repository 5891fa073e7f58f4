# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans are made from what is defined and what runs; no process manager is needed for them."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service.base import Status
from ansible_collections.slipway.app.plugins.module_utils._service.control import plan
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition


def definition(name, kind="consumer", release="1"):
    return Definition(name, kind, ["run"], "/srv/shop/releases/" + release, {}, "TERM", 30)


def status(name, state="running", kind="consumer", release="1", autostart=True):
    return Status(name, kind, state, 1, 1.0, definition(name, kind, release).digest, autostart)


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


@pytest.mark.parametrize("wanted, now, expected", [
    (["mailer"], [status("mailer", "stopped", release="0")], ("stopped", "started", "running")),
    (["mailer"], [status("mailer")], ("running", "none", "running")),
    ([], [], ("absent", "none", "absent")),
    ([], [status("mailer", "stopped", autostart=False)], ("stopped", "none", "stopped")),
    ([], [status("mailer", "stopped", release="0", autostart=False)], ("stopped", "updated", "stopped")),
    ([], [status("mailer", "stopped", autostart=True)], ("stopped", "updated", "stopped")),
    ([], [status("mailer", release="0")], ("running", "none", "running")),
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
