# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every place an operation can stop at, and what is right to do there."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.decide import decide, refuse_restore

TO_CLOSE = {"stage", "drain", "close"}
TO_MIGRATE = TO_CLOSE | {"protect", "migrate"}
OK = {"state": "exited", "rc": 0}
BAD = {"state": "exited", "rc": 1}
LOST = {"state": "lost"}
ABSENT = {"state": "absent"}
CHANGED = ["Rows of public.orders changed."]


@pytest.mark.parametrize(("begun", "failed", "migration", "changes", "expected"), [
    ({"stage"}, set(), ABSENT, [], ("back", False)),
    ({"stage"}, {"stage"}, ABSENT, [], ("back", False)),
    (TO_CLOSE, set(), ABSENT, [], ("back", False)),
    (TO_CLOSE | {"protect"}, {"protect"}, ABSENT, [], ("back", False)),
    (TO_MIGRATE, {"migrate"}, BAD, [], ("back", False)),
    (TO_MIGRATE, {"migrate"}, BAD, CHANGED, ("back", True)),
    (TO_MIGRATE, set(), LOST, CHANGED, ("back", True)),
    (TO_MIGRATE, set(), ABSENT, [], ("back", False)),
    (TO_MIGRATE, set(), OK, CHANGED, ("forward", False)),
    (TO_MIGRATE | {"activate"}, set(), OK, CHANGED, ("forward", False)),
    (TO_MIGRATE | {"activate"}, {"activate"}, OK, CHANGED, ("back", True)),
    (TO_MIGRATE | {"activate"}, {"activate"}, OK, [], ("back", False)),
    (TO_MIGRATE | {"activate", "open"}, {"open"}, OK, CHANGED, ("forward", False)),
    (TO_MIGRATE | {"activate", "open", "finish"}, set(), OK, CHANGED, ("forward", False)),
])
def test_auto(begun, failed, migration, changes, expected):
    decision = decide(begun, failed, migration, changes)
    assert (decision.direction, decision.restore) == expected
    assert decision.reason


def test_a_wish_is_followed_where_it_is_safe():
    assert decide(TO_MIGRATE, set(), OK, CHANGED, wish="back").restore
    with pytest.raises(SlipwayError, match="can only go forward"):
        decide(TO_MIGRATE | {"open"}, set(), OK, CHANGED, wish="back")
    with pytest.raises(SlipwayError, match="can only go back"):
        decide(TO_MIGRATE, {"migrate"}, BAD, CHANGED, wish="forward")


# rolling: the database never goes back. source: there is no migration.
TO_ROLL = {"stage", "record", "advise", "protect", "migrate"}
TO_SWITCH = {"stage", "record", "advise"}


@pytest.mark.parametrize(("mode", "begun", "failed", "migration", "direction", "reason"), [
    ("rolling", {"stage"}, {"stage"}, ABSENT, "back", "no host was switched"),
    ("rolling", TO_ROLL - {"migrate"}, set(), ABSENT, "back", "had not begun"),
    ("rolling", TO_ROLL, {"migrate"}, BAD, "back", "Rows of public.orders changed"),
    ("rolling", TO_ROLL, set(), LOST, "back", "killed or lost"),
    ("rolling", TO_ROLL, set(), OK, "forward", "migration ended well"),
    ("rolling", TO_ROLL, {"migrate"}, OK, "forward", "migration ended well"),
    ("rolling", TO_ROLL | {"close", "activate"}, set(), OK, "forward", "Nothing had failed"),
    ("rolling", TO_ROLL | {"close", "activate"}, {"activate"}, OK, "back", "activate failed. The code goes back"),
    ("rolling", TO_ROLL | {"close", "activate", "open", "renew"}, {"renew"}, OK, "back", "renew failed"),
    ("rolling", TO_ROLL | {"close", "activate", "open", "renew", "finish"}, {"renew"}, OK, "forward", "Every host"),
    ("source", TO_SWITCH, {"advise"}, ABSENT, "back", "No host was switched"),
    ("source", TO_SWITCH | {"close"}, set(), ABSENT, "forward", "Nothing had failed"),
    ("source", TO_SWITCH | {"close", "activate"}, {"activate"}, ABSENT, "back", "activate failed"),
    ("source", TO_SWITCH | {"close", "activate", "open", "renew", "finish"}, set(), ABSENT, "forward", "Every host"),
])
def test_among_users_only_the_code_goes_back(mode, begun, failed, migration, direction, reason):
    decision = decide(begun, failed, migration, CHANGED, mode=mode)
    assert (decision.direction, decision.restore) == (direction, False)
    assert reason in decision.reason


def test_a_wish_among_users():
    begun = TO_ROLL | {"close"}
    assert decide(begun, set(), OK, CHANGED, wish="back", mode="rolling").direction == "back"
    with pytest.raises(SlipwayError, match="can only go back"):
        decide(begun, {"close"}, OK, CHANGED, wish="forward", mode="rolling")
    with pytest.raises(SlipwayError, match="can only go forward"):
        decide(begun | {"finish"}, set(), OK, CHANGED, wish="back", mode="rolling")


NINE, TEN = "2026-01-01T09:00:00.000Z", "2026-01-01T10:00:00.000Z"


def _survey(on=True, since=NINE, closed=NINE, held_by="an-upgrade"):
    return {"maintenance": {"on": on, "since": since if on else None, "held_by": held_by if on else None}, "closed_since": closed}


@pytest.mark.parametrize(("surveys", "expected"), [
    ({"a": _survey(), "c": _survey(on=False)}, None),
    ({"a": _survey(), "b": _survey(since=TEN, closed=TEN), "c": _survey()}, None),  # its clock is an hour ahead
    ({"a": _survey()}, "c cannot be asked"),
    ({"a": _survey(on=False), "c": _survey()}, "maintenance is off on a"),
    ({"a": _survey(since=TEN), "c": _survey()}, "turned on at %s, and the upgrade had found it on since %s" % (TEN, NINE)),
    ({"a": _survey(closed=None), "c": _survey()}, "since never"),
    ({"a": _survey(held_by=None), "c": _survey()}, "the bypass of maintenance is open on a"),
])
def test_a_restore_that_could_lose_a_write_is_refused(surveys, expected):
    hosts = {host: ["consumer"] if host == "c" else ["app"] for host in {"a", "c", *surveys}}
    reason = refuse_restore(surveys, hosts, crashed=True)
    assert reason is None if expected is None else expected in reason


def test_a_host_that_died_in_this_run_had_not_opened():
    hosts = {"a": ["app", "leader"], "b": ["app"]}
    assert refuse_restore({"a": _survey()}, hosts, crashed=False) is None
    assert "b cannot be asked" in refuse_restore({"a": _survey()}, hosts, crashed=True)
