# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules by which people act on a host: while one works, no step of an operation begins."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import read_json, write_json
from ansible_collections.slipway.app.plugins.module_utils._core.process import start_ticks
from ansible_collections.slipway.app.plugins.module_utils._operation import action as actions
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.control import Step
from ansible_collections.slipway.app.plugins.modules import patch, release, service
from ansible_collections.slipway.app.tests import module_process
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import script
from ansible_collections.slipway.app.tests.waiting import until

BUSY = ["sh", "-c", "echo $$ >> ../../pids; while test ! -e ../../go; do sleep 0.05; done"]
STUBBORN = script("trap '' TERM; while test ! -e ../../go; do sleep 0.05; done")


@pytest.fixture
def begun(run_module, application, supervisord, monkeypatch, tmp_path):
    """begun(module, **options): a block beside which the module is at work; its result is in the yielded list when it has ended."""
    os.mkdir(os.path.join(application.root, "state"))
    application.release({"mailer": {"kind": "consumer", "command": STUBBORN}}, console="env", maintenance={"on": [BUSY]})
    monkeypatch.setattr(actions, "PATIENCE", 0)
    manager = {"driver": "supervisor", "supervisor_socket": supervisord.socket, "supervisor_conf_dir": supervisord.conf_dir, "roles": ["consumer"]}

    @contextlib.contextmanager
    def beside(module, **options):
        results = []
        if module == "service":
            options = dict(options, **manager)
            assert not run_module(module, dict(options, root=application.root, state="started")).get("failed")
        arguments = dict(options, root=application.root, _ansible_check_mode=False, _ansible_diff=False, _ansible_no_log=False)
        thread = threading.Thread(target=lambda: results.append(_answer(*module_process.run(module, arguments, str(tmp_path)))))
        thread.start()
        try:
            until(lambda: actions.at_work(application.root) or results)
            yield results
        finally:
            with open(os.path.join(application.root, "go"), "wb"):
                pass
            thread.join(60)

    return beside


def _answer(_status, printed, _said):
    """What a module has answered, None where it had no time to."""
    return json.loads(printed.splitlines()[-1]) if printed else None


@pytest.mark.one_core
@pytest.mark.parametrize("module, options", [
    ("service", {"state": "stopped"}), ("maintenance", {"state": "on"}), ("console", {"command": BUSY})])
def test_no_step_begins_while_a_module_is_at_work(begun, application, module, options):
    with begun(module, **options) as results:
        with pytest.raises(SlipwayError, match="The module %s, run by " % module), actions.without_actions(application.root, "drain"):
            pass
        assert results == []
    assert not results[0].get("failed") and results[0]["changed"]
    with actions.without_actions(application.root, "drain"):
        pass


@pytest.mark.parametrize("module, step", [(release, "ReleaseStore"), (patch, "open_patches")])
def test_releases_and_their_files_are_changed_by_an_action_as_well(application, monkeypatch, module, step):
    """A release that is fetched for minutes must not go live, and the old ones away, in the middle of an upgrade that began meanwhile."""
    os.mkdir(os.path.join(application.root, "state"))
    found = []

    def look(root):
        found.extend(actions.at_work(root))
        raise SlipwayError("stopped here")

    monkeypatch.setattr(module, step, look)
    with pytest.raises(SlipwayError, match="stopped here"):
        module.run(*[{"root": application.root, "operation": None, "state": "absent"}] + [None] * (module is release) + [False])
    assert len(found) == 1 and "The module %s, run by " % module.__name__.rpartition(".")[2] in found[0]


@pytest.mark.one_core
def test_nobody_begins_while_services_are_stopped_for_an_operation(begun, application):
    """A restart that still drains would start them again, and a database is replaced meanwhile."""
    with begun("service", state="stopped", operation="restore") as results:
        with pytest.raises(SlipwayError, match="still at work on this host"), actions.action(application.root, "service"):
            pass
        assert results == []
    assert results[0]["changed"]


@pytest.mark.one_core
def test_a_restart_that_was_killed_is_gone_on_with_by_the_next_one(begun, application, supervisord, run_module):
    """The program, which was not meant to stay down, comes back after a reboot as well."""
    options = {"root": application.root, "driver": "supervisor", "supervisor_socket": supervisord.socket,
               "supervisor_conf_dir": supervisord.conf_dir, "roles": ["consumer"]}

    def mailer():
        told = run_module("service_info", options)
        return told["services"][0]["state"], told["services"][0]["autostart"], told["owed"]["services"]

    def restart():
        foretold, done = (run_module("service", dict(options, state="restarted", drain=0), check=check) for check in (True, False))
        assert foretold["services"][0]["action"] == done["services"][0]["action"]
        return done["services"][0]["action"], mailer()

    with begun("service", state="restarted") as results:
        until(lambda: mailer()[0] == "stopping")
        with open(os.path.join(application.root, "state", ".action"), encoding="utf-8") as stream:
            os.kill(json.loads(stream.readlines()[-1])["pid"], signal.SIGKILL)
        until(lambda: results == [None])
    assert until(lambda: mailer()[0] == "stopped" and mailer()) == ("stopped", True, ["mailer"])
    os.unlink(os.path.join(application.root, "go"))
    noted = os.path.join(application.root, "state", "services.json")
    promised = read_json(noted)
    write_json(noted, dict(promised, operation="upgrade", restarting=[]))  # what an upgrade could not start is left to it
    for check in (True, False):
        (step,) = run_module("service", dict(options, state="restarted"), check=check)["services"]
        assert step["action"] == "none" and "slipway.app.recover" in step["reason"]
    assert mailer() == ("stopped", True, ["mailer"])
    write_json(noted, promised)
    assert restart() == ("started", ("running", True, []))
    assert restart() == ("restarted", ("running", True, []))
    run_module("service", dict(options, state="stopped", drain=0))
    assert restart() == ("none", ("stopped", False, []))


def test_services_are_restarted_on_a_full_disk(tmp_path, monkeypatch):
    """Which may be what frees it, where one holds a file that was removed; that it is to come back is noted only where there is room."""
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    record.promise(str(tmp_path), ["web"], ["web"])
    monkeypatch.setattr(record, "write_json", full)
    promise = service._promise(str(tmp_path), ["web", "mailer"])
    promise(["web"])
    promise(["mailer"])
    steps = [Step(name, "consumer", "running", "restarted", "it ran") for name in ("web", "mailer")]
    service._settle(str(tmp_path), "restarted", steps)
    with pytest.raises(OSError, match="No space"):
        service._settle(str(tmp_path), "stopped", steps)  # somebody would start them


@pytest.mark.one_core
def test_a_command_ends_with_its_module(begun, application):
    """Nobody would know of it any more, and an upgrade could begin beside it."""
    pids, register = (os.path.join(application.root, *path) for path in (("pids",), ("state", ".action")))
    with begun("console", command=BUSY) as results:
        command = until(lambda: os.path.exists(pids) and int(open(pids, encoding="utf-8").read() or 0))
        with open(register, encoding="utf-8") as stream:
            os.kill(json.loads(stream.read())["pid"], signal.SIGKILL)
        until(lambda: start_ticks(command) is None)
        until(lambda: results == [None])
    with actions.without_actions(application.root, "stage"):
        assert os.path.getsize(register) == 0


@pytest.mark.one_core
def test_what_is_stopped_while_a_restart_drains_stays_down(begun, application, supervisord, run_module):
    """Who has stopped a restart on the controller, where the host goes on with it, would find running what he was told is stopped."""
    options = {"root": application.root, "driver": "supervisor", "supervisor_socket": supervisord.socket,
               "supervisor_conf_dir": supervisord.conf_dir, "roles": ["consumer"]}

    def mailer():
        return {name: run_module("service_info", options)["services"][0][name] for name in ("state", "autostart")}

    with begun("service", state="restarted") as results:
        until(lambda: mailer()["state"] == "stopping")
        stopped = run_module("service", dict(options, state="stopped", drain=0))
        assert stopped["services"][0]["action"] == "stopped"
    assert not results[0].get("failed"), results
    assert [(one["action"], one["reason"]) for one in results[0]["services"]] == [("stopped", "somebody has stopped it meanwhile")]
    assert mailer() == {"state": "stopped", "autostart": False}
