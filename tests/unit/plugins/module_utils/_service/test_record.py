# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.base import Status
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition


def definitions(*names):
    return [Definition(name, "consumer", ["run"], "/", {}, "TERM", 30) for name in names]


class Running:
    """A driver as far as record() looks at it."""

    def __init__(self, **states):
        self.states = states

    def status(self):
        return {name: Status(name, "consumer", state, 1, 1.0, True, True) for name, state in self.states.items()}


def names(found):
    return [definition.name for definition in found]


def test_only_the_first_call_of_an_operation_notes(tmp_path):
    root = str(tmp_path)
    assert record.read(root, "one") is None
    assert record.record(root, "one", Running(web="running", mailer="starting", cron="stopped", feed="failed"),
                         definitions("web")) == ["mailer", "web"]
    assert record.record(root, "one", Running(web="stopped"), definitions("web")) == ["mailer", "web"]
    assert record.read(root, "one") == ["mailer", "web"]
    assert record.record(root, "two", Running(web="stopped"), definitions("web")) == []
    assert record.read(root, "one") is None and record.read(root, "two") == []


def test_what_had_failed_is_asked_again_of_the_new_release_only(tmp_path):
    root = str(tmp_path)
    record.record(root, "one", Running(web="failed", mailer="stopped"), definitions("web", "mailer"))
    defined = definitions("web", "mailer", "feed")
    assert names(record.to_run(root, "one", defined, revive=True)) == ["web", "feed"]
    assert names(record.to_run(root, "one", defined)) == []


def test_what_ran_runs_again_and_what_was_stopped_does_not(tmp_path):
    root = str(tmp_path)
    record.record(root, "one", Running(web="running", mailer="stopped"), definitions("web", "mailer", "cron"))
    assert names(record.to_run(root, "one", definitions("web", "mailer", "cron"))) == ["web"]


def test_services_that_are_new_run(tmp_path):
    root = str(tmp_path)
    record.record(root, "one", Running(web="running", mailer="stopped"), definitions("web", "mailer"))
    assert names(record.to_run(root, "one", definitions("web", "mailer", "feed"))) == ["web", "feed"]


def test_further_programs_of_a_service_do_as_it_did(tmp_path):
    root = str(tmp_path)
    states = {"mailer@1": "running", "mailer@2": "stopped", "feed": "stopped", "web": "running"}
    record.record(root, "one", Running(**states), [])
    new = definitions("mailer@1", "mailer@2", "mailer@3", "feed@1", "feed@2", "web@1", "web@2")
    assert names(record.to_run(root, "one", new)) == ["mailer@1", "mailer@3", "web@1", "web@2"]


def test_what_belongs_here_and_was_not_there_came_with_a_role_unless_it_rests(tmp_path):
    root = str(tmp_path)
    record.record(root, "one", Running(web="running", mailer="stopped"), definitions("web", "mailer", "cron", "feed"))
    defined = definitions("web", "mailer", "cron", "feed")
    assert names(record.to_run(root, "one", defined, resting=["feed"])) == ["web", "cron"]
    assert record.there(root, "one") == ["mailer", "web"] and record.there(root, "two") == []
    record.record(root, "two", Running(web="stopped"), defined)
    assert record.to_run(root, "two", defined, resting=[]) == []


def test_nothing_new_runs_where_nothing_ran(tmp_path):
    root = str(tmp_path)
    record.record(root, "one", Running(web="stopped"), definitions("web"))
    assert record.to_run(root, "one", definitions("web", "feed")) == []


def test_what_an_operation_has_not_started_again_is_owed_until_somebody_says_otherwise(tmp_path):
    root = str(tmp_path)
    assert record.debts(root)["services"] == []
    record.record(root, "one", Running(web="running", mailer="running"), definitions("web", "mailer"), owed=True)
    assert record.debts(root) == {"operation": "one", "services": ["mailer", "web"]}
    assert record.record(root, "two", Running(feed="running"), definitions("web", "mailer", "feed"), owed=True) == ["feed", "mailer", "web"]
    record.settle(root, ["mailer"])
    assert record.debts(root) == {"operation": "two", "services": ["feed", "web"]}
    assert record.read(root, "two") == ["feed", "mailer", "web"]
    assert record.record(root, "upgrade", Running(feed="stopped", clock="running"), definitions("web")) == ["clock", "feed", "web"]
    assert record.debts(root) == {"operation": "upgrade", "services": ["feed", "web"]}, "it may be refused before it starts anything"
    record.settle(root, ["feed", "web"])
    assert record.debts(root)["services"] == []


def test_a_restart_goes_on_with_what_a_restart_has_stopped_and_with_nothing_of_an_upgrade(tmp_path):
    root = str(tmp_path)
    record.promise(root, ["web"], ["web", "mailer"])
    assert record.debts(root) == {"operation": "service_restart", "services": ["web"]}
    record.record(root, "upgrade", Running(mailer="running"), definitions("web", "mailer"))
    assert record.restarting(root) == ["web"], "the upgrade may be refused before it starts anything"
    record.owe(root, "upgrade", ["mailer"])
    assert record.restarting(root) == []
    record.promise(root, ["web"], ["web", "mailer"])
    assert (record.debts(root), record.restarting(root)) == ({"operation": "upgrade", "services": ["mailer", "web"]}, ["web"])
    record.settle(root, ["web"])
    assert (record.debts(root)["services"], record.restarting(root)) == (["mailer"], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray")
@pytest.mark.parametrize("work", [lambda root: record.owe(root, "one", []), lambda root: record.settle(root, ["web"])], ids=["owe", "settle"])
def test_root_writes_nothing_where_a_folder_that_the_applications_user_put_there_leads(tmp_path, work):
    root = str(tmp_path)
    record.record(root, "one", Running(web="running"), definitions("web"), owed=True)
    before = (tmp_path / "state" / "services.json").read_text()
    os.chown(tmp_path / "state", 65534, 65534)
    with pytest.raises(SlipwayError, match="state is not root's alone"):
        work(root)
    assert (tmp_path / "state" / "services.json").read_text() == before


def test_what_one_person_notes_is_not_lost_to_another(tmp_path, monkeypatch):
    """A restart and a stop may be at work beside each other."""
    root = str(tmp_path)
    record.promise(root, ["web", "mailer"], ["web", "mailer"])
    write = record.write_json
    others = [threading.Thread(target=record.promise, args=(root, ["feed"], ["feed"]))]

    def slowly(path, noted):
        if others:
            other = others.pop()
            other.start()
            other.join(0.3)
            joined.append(other)
        write(path, noted)

    joined = []
    monkeypatch.setattr(record, "write_json", slowly)
    record.settle(root, ["web"])
    joined.pop().join()
    assert record.debts(root)["services"] == ["feed", "mailer"]
