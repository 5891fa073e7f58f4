# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import glob
import json
import os
import socket
import sys
import time
import urllib.request
from unittest.mock import Mock

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.base import Status
from ansible_collections.slipway.app.plugins.modules import service_info
from ansible_collections.slipway.app.tests.selection import long_but
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import script

FOREVER = script("exec sleep 600")
SERVICES = {
    "web": {"kind": "web", "command": FOREVER},
    "mailer": {"kind": "consumer", "command": FOREVER, "count": 2},
    "clock": {"kind": "cron", "command": FOREVER},
}


@pytest.fixture
def service(run_module, application, supervisord):
    """service(state, ...) runs the module, service.info(...) tells {name: service}; in a path with odd characters."""

    def options(more):
        return dict({"root": application.root, "driver": "supervisor", "supervisor_socket": supervisord.socket,
                     "supervisor_conf_dir": supervisord.conf_dir, "roles": ["app", "consumer", "leader"]}, **more)

    def run(state, check=False, **more):
        return run_module("service", options(dict(more, state=state)), check=check)

    run.told = lambda **more: run_module("service_info", options(more))
    run.info = lambda **more: {one["name"]: one for one in run.told(**more)["services"]}
    return run


def actions(result):
    assert not result.get("failed"), result
    assert result["changed"] == (result["environment_variables_changed"] or any(one["action"] != "none" for one in result["services"]))
    return {one["name"]: one["action"] for one in result["services"]}


def both(service, state, **options):
    """Run in check mode, then really: both must tell the same. The latter's result."""
    predicted = service(state, check=True, **options)
    result = service(state, **options)
    assert predicted["diff"] == result["diff"] and predicted["changed"] == result["changed"]
    assert set(predicted) == set(result)
    for one in result["services"]:
        one.update(seconds=0.0, killed=False, cut=False)
    assert predicted["services"] == result["services"]
    return result


@pytest.mark.one_core
def test_a_day_in_the_life(service, application):
    application.release(SERVICES)
    assert {one["state"] for one in service.info().values()} == {"absent"}
    assert list(actions(both(service, "started")).items()) == [
        ("web", "started"), ("mailer@1", "started"), ("mailer@2", "started"), ("clock", "started")]
    first = service.info()
    assert {(one["state"], one["autostart"], one["up_to_date"]) for one in first.values()} == {("running", True, True)}
    assert set(actions(service("started")).values()) == {"none"}

    # One is stopped by hand, an operation stops all, a new release is live when it starts again what ran.
    assert actions(service("stopped", names=["mailer@2"])) == {"mailer@2": "stopped"}
    assert actions(both(service, "stopped", kinds=["cron", "consumer"], operation="upgrade")) == {
        "mailer@1": "stopped", "mailer@2": "none", "clock": "stopped"}
    assert actions(service("stopped", operation="upgrade"))["web"] == "stopped"
    feed = {"kind": "consumer", "command": FOREVER}
    application.release({"web": SERVICES["web"], "mailer": SERVICES["mailer"], "feed": feed}, number=2)
    assert actions(both(service, "resumed", operation="upgrade")) == {
        "web": "started", "feed": "started", "mailer@1": "started", "mailer@2": "updated", "clock": "removed"}
    second = service.info()
    assert {name: one["state"] for name, one in second.items()} == {
        "web": "running", "feed": "running", "mailer@1": "running", "mailer@2": "stopped"}
    assert all(one["up_to_date"] for one in second.values()) and not second["mailer@2"]["autostart"]

    assert actions(both(service, "restarted")) == {
        "web": "restarted", "feed": "restarted", "mailer@1": "restarted", "mailer@2": "none"}
    third = service.info()
    assert third["web"]["pid"] != second["web"]["pid"] and third["mailer@2"]["state"] == "stopped"


@pytest.mark.one_core
def test_what_was_stopped_by_somebody_who_is_gone_is_resumed_by_the_next(service, application):
    application.release(SERVICES)
    service("started")
    service("stopped", names=["clock"])
    service("stopped", operation="killed")
    assert service.told()["owed"] == {"operation": "killed", "services": ["mailer@1", "mailer@2", "web"]}
    service("stopped", names=["mailer@2"])  # what a person says since then counts
    result = both(service, "resumed")
    assert {name: one["state"] for name, one in service.info().items()} == {
        "web": "running", "mailer@1": "running", "mailer@2": "stopped", "clock": "stopped"}
    assert service.told()["owed"]["services"] == [] and result["changed"]
    assert both(service, "resumed")["services"] == []


@pytest.mark.parametrize("roles, state, answers", [(["app"], "started", True), (["consumer"], "started", False), (["app"], "restarted", False)])
def test_web_that_was_started_answers_when_the_module_ends(service, application, roles, state, answers):
    """Its process is there long before. Whether it is well is not asked: what keeps users out may make it answer otherwise."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    late = [sys.executable, "-c", "import http.server as h, time; time.sleep(2); h.HTTPServer(('127.0.0.1', %d), "
                                  "h.SimpleHTTPRequestHandler).serve_forever()" % port]
    application.release({"web": {"kind": "web", "command": late}}, health={"url": "http://127.0.0.1:%d/" % port, "status": 204})
    done = service(state, roles=roles)
    assert not done.get("failed") and (done["answers_after"] is not None) is answers, done
    if answers:
        assert urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=5).status == 200
    service("stopped")


def test_an_address_that_cannot_be_told_keeps_nothing_from_being_started(service, application):
    application.release({"web": SERVICES["web"]}, health={"url": "http://127.0.0.1:{nowhere}/"})
    done = service("started", roles=["app"])
    assert actions(done) == {"web": "started"} and done["answers_after"] is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be led astray")
def test_nothing_is_stopped_for_an_operation_that_could_not_start_it_again(service, application):
    application.release(SERVICES)
    service("started", names=["web"])
    os.chown(os.path.join(application.root, "logs"), 65534, 65534)
    refused = service("stopped", operation="swap")
    assert "is not root's alone" in refused["msg"] and refused["recorded"] is False and service.info()["web"]["state"] == "running"
    assert actions(service("stopped"))["web"] == "stopped", "what is not to be started again can be stopped"


def test_what_is_due_and_has_run_for_a_while_is_not_waited_for(tmp_path):
    """As where another process is in the place of one that an upgrade has started; one that ends again and again runs most of the time."""
    record.record(str(tmp_path), "upgrade", Mock(status=dict), [])
    record.owe(str(tmp_path), "upgrade", ["well", "loops", "down", "gone"])
    now = time.time()
    statuses = {name: Status(name, "consumer", state, 1, since, True, True) for name, state, since in (
        ("well", "running", now - 100), ("loops", "running", now - 5), ("down", "failed", None))}
    assert service_info._owed(str(tmp_path), statuses) == {"operation": "upgrade", "services": ["down", "gone", "loops"]}


@pytest.fixture
def cold(service, application):
    """cold(command of web, command that warms, operation) -> the path of a release, stopped by an operation."""
    def make(web, warm, operation):
        path = application.release({"web": {"kind": "web", "command": script(web)}}, commands={"warm": [["/bin/sh", "-c", warm]]})
        service("started")
        service("stopped", operation=operation)
        return path

    return make


@pytest.mark.one_core
@pytest.mark.parametrize("name", ["swap", pytest.param(None, marks=pytest.mark.long)], ids=["by the operation", "by whoever comes after it"])
def test_caches_are_warm_before_anything_is_resumed(service, cold, name):
    path = cold("exec sleep 600$(cat warmed)", "printf 1 >> warmed", "swap")
    result = both(service, "resumed", warm=True, **({"operation": name} if name else {}))
    assert actions(result) == {"web": "started"} and [one["argv"][2] for one in result["warmed"]] == ["printf 1 >> warmed"]
    with open("/proc/%d/cmdline" % service.info()["web"]["pid"], "rb") as stream:
        assert stream.read() == b"sleep\0006001\0"
    assert service("resumed", warm=True)["warmed"] == [] and os.path.getsize(os.path.join(path, "warmed")) == 1


@pytest.mark.one_core
def test_what_an_upgrade_could_not_start_is_resumed_with_the_settings_of_now_and_caches_are_left_alone(service, cold, application):
    """An upgrade that could not start all it was to start has warmed them, and users are served."""
    path = cold("exec sleep 600", "touch warmed", "swap")
    assert service("resumed", operation="swap")["warmed"] == []
    service("stopped")
    with open(os.path.join(application.root, "state", "services.json"), "r+", encoding="utf-8") as stream:
        noted = dict(json.load(stream), running=[], failed=["web"], owed=["web"], stopped=False)  # it had failed by the old release, too
        stream.seek(0)
        json.dump(noted, stream)
        stream.truncate()
    result = both(service, "resumed", warm=True, environment_variables={"MENDED": "by now"})
    assert result["warmed"] == [] and not os.path.exists(os.path.join(path, "warmed"))
    assert actions(result) == {"web": "started"} and result["environment_variables_changed"] and service.told()["owed"]["services"] == []
    with open("/proc/%d/environ" % service.info()["web"]["pid"], "rb") as stream:
        assert b"MENDED=by now" in stream.read().split(b"\0")


@pytest.mark.one_core
def test_services_come_back_where_caches_cannot_be_warmed_and_that_is_told(service, cold):
    cold("exec sleep 600", "echo no room for caches; exit 3", "swap")
    result = service("resumed", operation="swap", warm=True)
    assert result["failed"] and result["recorded"] and service.info()["web"]["state"] == "running" and service.told()["owed"]["services"] == []
    for said in ("no room for caches", "exit status 3", "runs again, but the caches of this host are not warm", "slipway.app.console"):
        assert said in result["msg"]


@pytest.mark.one_core
def test_who_cannot_start_without_warm_caches_is_told_why(service, cold):
    path = cold("test -e cold && exit 1; exec sleep 600", "touch cold; exit 3", "swap")
    result = service("resumed", operation="swap", warm=True)
    assert os.path.exists(os.path.join(path, "cold"))
    for said, is_said in (("The caches of this host are not warm", True), ("The service web does not stay up.", True), ("runs again", False)):
        assert (said in result["msg"]) is is_said
    assert service.told()["owed"]["services"] == ["web"]  # for recover, when it is mended


@pytest.mark.one_core
def test_what_ran_is_resumed_where_the_host_has_no_role_for_it_any_more(service, application):
    application.release(SERVICES)
    service("started", names=["web", "clock"])
    service("stopped", operation="restore", roles=["app"])
    assert actions(both(service, "resumed", operation="restore", roles=["app"])) == {"web": "started", "clock": "started"}


@pytest.mark.one_core
def test_a_changed_definition_is_a_restart_and_nothing_else_is(service, application):
    application.release({"web": SERVICES["web"], "clock": SERVICES["clock"]})
    assert actions(service("started")) == {"web": "started", "clock": "started"}
    application.release({"web": {"kind": "web", "command": ["sleep", "60{port}"]}}, number=2)
    result = both(service, "started", variables={"port": 1})
    assert actions(result) == {"web": "restarted", "clock": "removed"}
    assert result["diff"]["after"] == {"web": "running (restarted)", "clock": "absent"}
    with open("/proc/%d/cmdline" % service.info(variables={"port": 1})["web"]["pid"], "rb") as stream:
        assert stream.read() == b"\0".join([b"sleep", b"601", b""])


@pytest.mark.one_core
def test_what_a_version_before_has_written_is_restarted_once_and_by_nobody_who_only_asks(service, application, supervisord):
    application.release({"web": SERVICES["web"], "clock": SERVICES["clock"]})
    service("started")
    service("stopped", names=["clock"])
    first = service.info()
    for path in glob.glob(os.path.join(supervisord.conf_dir, "*.conf")):
        with open(path, "r+", encoding="utf-8") as stream:
            text = stream.read().replace("killasgroup=true\n", "")
            stream.seek(0)
            stream.truncate()
            stream.write(text)
    second = service.info()
    assert [(one["pid"], one["state"], one["up_to_date"]) for one in second.values()] == [
        (first["web"]["pid"], "running", False), (None, "stopped", False)]
    assert actions(both(service, "started", names=["web"])) == {"web": "restarted"}
    third = service.info()
    assert third["web"]["up_to_date"] and third["web"]["pid"] != first["web"]["pid"] and third["clock"] == second["clock"]
    assert actions(both(service, "started", names=["web"])) == {"web": "none"}


def test_where_no_release_is_live_there_is_nothing_or_what_was_left(service, application):
    told = service.told()
    told.pop("invocation", None)  # which Ansible adds, but for its newest versions
    assert told == {"changed": False, "release": None, "services": [], "owed": {"operation": "", "services": []}}
    application.release(SERVICES)
    service("started", names=["web"])
    os.unlink(os.path.join(application.root, "current"))
    (left,) = service.told()["services"]
    assert (left["name"], left["kind"], left["state"], left["defined"]) == ("web", "web", "running", False)


@pytest.mark.one_core
@pytest.mark.parametrize("state", long_but(["started", "restarted"], "started"))
def test_other_environment_variables_reach_what_runs(service, application, state):
    application.release(SERVICES, private={"TOKEN": "s3cret", "DEBUG": "1"})
    service("started", names=["web", "clock"])
    service("stopped", names=["clock"])
    variables = {"TOKEN": "n3w-s3cret", "DEBUG": 1, "MORE": ""}
    assert "There is no service wep" in service(state, names=["wep"], environment_variables=variables)["msg"]
    assert all(one["up_to_date"] for one in service.info().values() if one["state"] != "absent")
    result = both(service, state, names=["web", "clock"], environment_variables=variables)
    assert actions(result) == {"web": "restarted", "clock": "started" if state == "started" else "none"}
    assert result["environment_variables_changed"] and "s3cret" not in str(result)
    assert result["diff"]["before"]["environment variables"] == ["DEBUG", "TOKEN"]
    assert result["diff"]["after"]["environment variables"] == ["DEBUG", "MORE", "TOKEN (another value)"]
    with open("/proc/%d/environ" % service.info()["web"]["pid"], "rb") as stream:
        assert {b"TOKEN=n3w-s3cret", b"DEBUG=1", b"MORE="} <= set(stream.read().split(b"\0"))
    again = service("started", names=["web"], environment_variables=variables)
    assert not again["changed"] and not again["environment_variables_changed"]
    service("stopped", environment_variables={})
    assert service("started", names=["clock"])["environment_variables_changed"] is False
    with open("/proc/%d/environ" % service.info()["clock"]["pid"], "rb") as stream:
        assert b"TOKEN=n3w-s3cret" in stream.read().split(b"\0")


@pytest.mark.one_core
def test_killed_work_is_told(service, application):
    hanging = script("trap '' TERM; while :; do sleep 0.1; done")
    application.release({"mailer": {"kind": "consumer", "command": hanging}})
    service("started")
    (mailer,) = service("stopped", drain=1)["services"]
    assert mailer["killed"] and mailer["seconds"] >= 1


@pytest.mark.one_core
def test_a_service_that_fails_is_told_with_its_log_and_without_secrets(service, application):
    application.release({"web": {"kind": "web", "command": script("echo cannot open $TOKEN; exit 1")}},
                        private={"TOKEN": "s3cret"})
    result = service("started")
    assert result["failed"] and "The service web does not stay up." in result["msg"]
    assert "cannot open ********" in result["msg"] and "s3cret" not in str(result)


def test_what_cannot_be_is_refused(service, application):
    assert "No release is live" in service("started")["msg"]
    application.release(SERVICES)
    assert "There is no service wep." in service("started", names=["wep"])["msg"]
    assert service("started", names=["clock"], roles=["app"])["services"] == []  # it belongs on another host
    assert "was not recorded" in service("resumed", operation="never")["msg"]
    refused = service("stopped", operation="swap", supervisor_socket="/tmp/none.sock")
    assert "does not answer at /tmp/none.sock" in refused["msg"] and refused["recorded"] is False


def test_it_waits_for_an_open_operation_to_end(service, application):
    application.release(SERVICES)
    Journal(application.root, "20261121-open").append(
        "operation", "begin", data={"kind": "upgrade", "owner": {"user": "ann", "controller": "here"}})
    result = service("stopped")
    assert result["failed"] and "is open on this host" in result["msg"]
    assert not service("stopped", operation="20261121-open").get("failed")
