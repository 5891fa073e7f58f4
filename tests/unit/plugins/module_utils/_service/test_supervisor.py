# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver against a real supervisord."""

from __future__ import annotations

import os
import pwd
import signal

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import start_ticks
from ansible_collections.slipway.app.plugins.module_utils._service import record, supervisor_files
from ansible_collections.slipway.app.plugins.module_utils._service.control import perform, plan
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition
from ansible_collections.slipway.app.plugins.module_utils._service.driver import open_driver
from ansible_collections.slipway.app.plugins.module_utils._service.supervisor_files import ProgramFiles
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import running_daemon
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.driver_contract import failures_are_told
from ansible_collections.slipway.app.tests.waiting import until

HANGING = "trap '' TERM; sleep 600 & echo $! > \"$OUT.child\"; while :; do sleep 0.1; done"


def driver_of(application, supervisord):
    return open_driver({"root": application.root, "driver": "supervisor", "supervisor_socket": supervisord.socket,
                        "supervisor_conf_dir": supervisord.conf_dir})


@pytest.fixture
def driver(supervisord, application):
    return driver_of(application, supervisord)


@pytest.fixture
def define(application):
    def defined(name, text="exec sleep 600", stop_timeout=10, **environment):
        environment = dict({"PATH": os.environ["PATH"], "OUT": os.path.join(application.root, "out")}, **environment)
        return Definition(name=name, kind="consumer", argv=["/bin/sh", "-c", text], cwd=application.root,
                          environment=environment, stop_signal="TERM", stop_timeout=stop_timeout, secrets=["s3cret"])
    return defined


def test_a_program_gets_its_words_its_folder_and_nothing_but_its_environment(driver, define, application):
    odd = "a 'b' \"c\" %d %(here)s ; # $HOME `id` \\ ä\nsecond line"
    service = define("web", "pwd > \"$OUT\"; env -0 >> \"$OUT\"; exec sleep 600", ODD=odd)
    service.argv.extend(["zero", odd])
    service.argv[2] = 'printf %s "$1" > "$OUT.word"; ' + service.argv[2]
    driver.start([service], 10)
    with open(os.path.join(application.root, "out"), encoding="utf-8") as stream:
        folder, variables = stream.read().split("\n", 1)
    assert folder == application.root
    seen = dict(variable.split("=", 1) for variable in variables.split("\0") if variable)
    assert {name: seen[name] for name in service.environment} == service.environment
    assert set(seen) - set(service.environment) <= {"PWD", "OLDPWD", "SHLVL", "_"}
    with open(os.path.join(application.root, "out.word"), encoding="utf-8") as stream:
        assert stream.read() == odd


def test_secrets_are_readable_by_the_owner_only(driver, define, supervisord, application):
    driver.start([define("web", "echo $TOKEN; exec sleep 600", TOKEN="s3cret")], 10)
    assert "s3cret" not in supervisord.ctl("avail") + supervisord.ctl("status")
    for folder in (supervisord.conf_dir, os.path.join(application.root, "logs")):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as stream:
                if "s3cret" in stream.read():
                    assert (os.stat(path).st_mode & 0o77) == 0 or (os.stat(folder).st_mode & 0o77) == 0


def test_what_everybody_may_read_tells_nothing_of_a_secret(define, tmp_path):
    """A weak one could be guessed by a digest of it."""
    texts = set()
    for secret in ("summer", "winter"):
        ProgramFiles("/srv/shop", str(tmp_path)).write(define("web", TOKEN=secret), True, None, "/srv/shop/logs/web.log")
        texts.add(next(tmp_path.glob("*.conf")).read_text())
    assert len(texts) == 1


def test_what_runs_by_its_definition_is_left_alone(driver, define):
    driver.start([define("web")], 10)
    first = driver.status()["web"]
    assert (first.state, first.kind, first.autostart) == ("running", "consumer", True)
    driver.start([define("web")], 10)
    assert driver.status()["web"].pid == first.pid
    driver.start([define("web", VERSION="2")], 10)
    second = driver.status()["web"]
    assert second.state == "running" and second.pid != first.pid and start_ticks(first.pid) is None
    assert not second.up_to_date and not driver.status([define("web")])["web"].up_to_date
    assert driver.status([define("web", VERSION="2")])["web"].up_to_date


def test_stop_waits_for_the_work_in_hand(driver, define, application):
    text = "trap 'sleep 1; echo done > \"$OUT\"; exit 0' TERM; while :; do sleep 0.1; done"
    driver.start([define("busy", text)], 10)
    report = driver.stop(["busy"], 9)["busy"]
    assert not report.killed and report.seconds >= 1
    assert os.path.exists(os.path.join(application.root, "out"))
    assert driver.status()["busy"].state == "stopped"


def test_what_does_not_end_is_killed_with_all_it_started(driver, define, application):
    driver.start([define("hanging", HANGING, stop_timeout=30), define("short", HANGING, stop_timeout=1),
                  define("polite")], 10)
    pid = driver.status()["hanging"].pid
    with open(os.path.join(application.root, "out.child"), encoding="utf-8") as stream:
        child = int(stream.read())
    reports = driver.stop(["short", "polite"])
    assert reports["short"].killed and reports["short"].seconds >= 1
    assert not reports["polite"].killed and reports["polite"].seconds < reports["short"].seconds
    assert start_ticks(pid) and driver.stop(["hanging"], 0)["hanging"].killed
    assert start_ticks(pid) is None and until(lambda: start_ticks(child) is None)


def test_children_that_outlive_an_ended_program_are_killed(driver, define, application):
    driver.start([define("parent", "trap 'exit 0' TERM; sleep 600 & echo $! > \"$OUT.child\"; wait")], 10)
    with open(os.path.join(application.root, "out.child"), encoding="utf-8") as stream:
        child = int(stream.read())
    assert start_ticks(child)
    assert not driver.stop(["parent"])["parent"].killed
    assert until(lambda: start_ticks(child) is None)


def test_a_reboot_brings_back_what_ran_and_only_that(application, define):
    with running_daemon() as daemon:
        driver = driver_of(application, daemon)
        driver.start([define("web"), define("consumer"), define("late"), define("again")], 10)
        driver.stop(["consumer"])
        driver.stop(["again"], again=True)  # a restart that gets no further
        driver.install([define("cron"), define("early")])
        driver.autostart("late", False)
        driver.autostart("early", True)
        assert {name: status.state for name, status in driver.status().items()} == {
            "web": "running", "late": "running", "consumer": "stopped", "cron": "stopped", "early": "stopped",
            "again": "stopped"}
        daemon.restart()
        until(lambda: driver.status()["web"].state == driver.status()["early"].state == "running")
        assert {name: status.state for name, status in driver.status().items()} == {
            "web": "running", "late": "stopped", "consumer": "stopped", "cron": "stopped", "early": "running",
            "again": "running"}


def test_programs_that_fail_to_start_are_an_error_with_their_logs(driver, define):
    failures_are_told(driver, define, "not found")


def test_a_program_that_is_well_need_not_prove_that_it_stays_up(driver, define, application):
    brief = define("brief", "touch \"$OUT\"; sleep 0.8")  # never up for the second that supervisord wants to see
    driver.start([brief], 20, lambda: os.path.exists(os.path.join(application.root, "out")))


def test_an_answer_from_before_the_program_ran_proves_nothing(driver, define):
    with pytest.raises(SlipwayError, match="(?s)The service bad does not stay up.*port is taken"):
        driver.start([define("bad", "echo port is taken; exit 1")], 20, lambda: True)


def test_an_answer_of_a_program_that_ended_meanwhile_proves_nothing(driver, define):
    def ends_while_asked():
        pid = driver.status()["web"].pid if "web" in driver.status() else None
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return until(lambda: driver.status()["web"].pid != pid)

    with pytest.raises(SlipwayError, match="The service web "):
        driver.start([define("web")], 1, ends_while_asked)


def test_what_has_failed_stays_so_until_it_is_started_by_another_definition(driver, define, application, monkeypatch):
    monkeypatch.setattr(supervisor_files, "CONF", supervisor_files.CONF.replace("startretries=20", "startretries=0"))
    with pytest.raises(SlipwayError, match="does not stay up"):
        driver.start([define("mailer", "exit 1")], 10)
    for program in ("exit 1", "exit 2"):
        for state in ("stopped", "resumed") * 2:
            statuses = driver.status([define("mailer", program)])
            steps = plan(state, [define("mailer", program)], statuses, failed=["mailer"])
            perform(state, steps, [define("mailer", program)], statuses, driver, 1, 1, failed=["mailer"])
            assert (driver.status()["mailer"].state, driver.status()["mailer"].autostart) == ("failed", True)
        assert steps[0].action == "none"
    record.record(application.root, "next", driver, [])
    (again,) = record.to_run(application.root, "next", [define("mailer")], revive=True)
    assert driver.start([again], 10) and driver.status()["mailer"].state == "running"


def test_the_time_to_start_is_limited(driver, define):
    with pytest.raises(SlipwayError, match="The service slow was not up after 0 seconds. It printed nothing"):
        driver.start([define("slow")], 0)


def test_a_schedule_is_refused(driver, define):
    service = Definition(**dict(vars(define("cron")), schedule="hourly"))
    with pytest.raises(SlipwayError, match="The service cron has a schedule, which supervisord has no way to follow"):
        driver.start([service], 10)
    assert driver.status() == {}


def test_a_crashed_program_comes_back_and_can_be_stopped(driver, define):
    driver.start([define("web")], 10)
    first = driver.status()["web"].pid
    os.kill(first, signal.SIGKILL)
    until(lambda: driver.status()["web"].pid not in (None, first))
    assert driver.status()["web"].alive
    driver.stop(["web"])
    assert driver.status()["web"].state == "stopped"


def test_removed_programs_are_gone(driver, define, supervisord):
    driver.start([define("web"), define("cron")], 10)
    driver.remove(["cron"])
    assert list(driver.status()) == ["web"]
    assert not [name for name in os.listdir(supervisord.conf_dir) if "cron" in name]
    assert driver.remove(["cron", "never-there"])["never-there"].seconds == 0


def test_programs_of_others_are_neither_seen_nor_touched(driver, define, supervisord, tmp_path):
    driver.start([define("web")], 10)
    (tmp_path / "other").mkdir()
    other = open_driver({"root": str(tmp_path / "other"), "driver": "supervisor", "supervisor_socket": supervisord.socket,
                         "supervisor_conf_dir": supervisord.conf_dir})
    assert other.status() == {}
    other.stop(["web", "somebody-elses"])
    assert driver.status()["web"].state == "running"
    assert "RUNNING" in supervisord.ctl("status", "somebody-elses")


def test_supervisord_that_is_not_there_is_named(application):
    driver = open_driver({"root": application.root, "driver": "supervisor", "supervisor_socket": "/tmp/no-such.sock",
                          "supervisor_conf_dir": "/tmp"})
    with pytest.raises(SlipwayError, match="supervisord does not answer at /tmp/no-such.sock: No such file"):
        driver.status()


def test_a_folder_that_supervisord_does_not_include_is_named(application, supervisord, define, tmp_path):
    driver = open_driver({"root": application.root, "driver": "supervisor", "supervisor_socket": supervisord.socket,
                          "supervisor_conf_dir": str(tmp_path)})
    with pytest.raises(SlipwayError, match="does not read .*files = .*conf"):
        driver.start([define("web")], 10)
    spaced = open_driver({"root": application.root, "driver": "supervisor", "supervisor_socket": supervisord.socket, "supervisor_conf_dir": "/etc/two  words"})
    with pytest.raises(SlipwayError, match=r"cannot be written to.*files = /etc/two\?\?words/\*.conf"):
        spaced.check([define("web")])


def test_paths_that_supervisord_cannot_take_are_refused(supervisord, define, tmp_path):
    root = tmp_path / "shop ;1"
    root.mkdir()
    driver = open_driver({"root": str(root), "driver": "supervisor", "supervisor_socket": supervisord.socket,
                          "supervisor_conf_dir": supervisord.conf_dir})
    with pytest.raises(SlipwayError, match="supervisord cannot work with '"):
        driver.start([define("web")], 10)


@pytest.mark.parametrize("text", ["stop_signal", "kind"])
def test_no_text_of_a_service_adds_a_line_to_its_conf(define, tmp_path, text):
    service = Definition(**dict(vars(define("web")), **{text: "TERM\nuser=root"}))
    with pytest.raises(SlipwayError, match="supervisord cannot work with 'TERM"):
        ProgramFiles("/srv/shop", str(tmp_path)).write(service, True, None, "/srv/shop/logs/web.log")
    assert not [name for name in os.listdir(str(tmp_path)) if name.endswith(".conf")]


@pytest.fixture
def anothers(driver, application, tmp_path, monkeypatch):
    """The account whose folder the application is, which supervisord runs as root for."""
    nobody = pwd.getpwnam("nobody")
    os.chown(application.root, nobody.pw_uid, nobody.pw_gid)
    monkeypatch.setattr(supervisor_files, "LOGS", str(tmp_path / "var" / "log"), raising=False)
    return nobody


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run programs as somebody else")
def test_programs_run_as_the_owner_of_the_application(driver, define, anothers, monkeypatch):
    service = define("web")
    service = Definition(**dict(vars(service), cwd="/"))
    driver.start([service], 10)
    assert os.stat("/proc/%d" % driver.status()["web"].pid).st_uid == anothers.pw_uid
    for asking in (0, anothers.pw_uid):
        monkeypatch.setattr(os, "geteuid", lambda asking=asking: asking)
        assert driver.status([service])["web"].up_to_date


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_launcher_is_its_users_from_the_first_moment(driver, define, anothers, monkeypatch):
    """Where it is cut off before, it is not there: nobody would notice later that its user cannot read it."""
    service = Definition(**dict(vars(define("web")), cwd="/"))
    monkeypatch.setattr(os, "fchown", lambda *_arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        driver.install([service])
    assert not driver._files.names() and "web" not in driver.status()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be led astray")
def test_what_a_program_prints_goes_where_its_user_leads_nobody(driver, define, application, anothers, tmp_path):
    """supervisord opens the log anew for each start, as root."""
    service = Definition(**dict(vars(define("web", "echo printed; exec sleep 600")), cwd="/"))
    driver.start([service], 10)
    assert [os.stat(tmp_path / "var" / folder).st_mode & 0o777 for folder in (".", "log")] == [0o755, 0o700], "an application may be beside it"
    logs = os.path.join(application.root, "logs")
    if os.path.exists(logs):
        os.rename(logs, logs + ".old")
    os.mkdir(logs)
    os.symlink(tmp_path / "astray", os.path.join(logs, "web.log"))
    os.chown(logs, anothers.pw_uid, anothers.pw_gid)
    first = driver.status()["web"].pid
    os.kill(first, signal.SIGKILL)
    until(lambda: driver.status()["web"].pid not in (None, first))
    assert not (tmp_path / "astray").exists()
    assert "\nprinted" in driver.last_words(service)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be led astray")
@pytest.mark.parametrize("folder", [".", "log"])
def test_nothing_is_stopped_for_a_folder_of_logs_that_is_not_roots(driver, define, anothers, tmp_path, folder):
    """Whoever owns the folder that it is in can put another one in its place."""
    driver.start([Definition(**dict(vars(define("web")), cwd="/"))], 10)
    first = driver.status()["web"].pid
    os.chown(tmp_path / "var" / folder, anothers.pw_uid, anothers.pw_gid)
    with pytest.raises(SlipwayError, match="is not root's alone"):
        driver.start([Definition(**dict(vars(define("web", "exec sleep 601")), cwd="/"))], 10)
    assert driver.status()["web"].pid == first


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run programs as somebody else")
def test_a_program_that_prints_to_the_folder_of_the_application_is_out_of_date(driver, define, application, anothers):
    service = Definition(**dict(vars(define("web")), cwd="/"))
    os.chown(application.root, 0, 0)
    driver.start([service], 10)
    first = driver.status([service])["web"]
    os.chown(application.root, anothers.pw_uid, anothers.pw_gid)
    assert first.up_to_date and not driver.status([service])["web"].up_to_date
    driver.start([service], 10)
    second = driver.status([service])["web"]
    assert second.up_to_date and second.pid != first.pid


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_the_end_of_a_log_is_that_of_a_plain_file(driver, define, application, tmp_path, kind):
    (tmp_path / "shadow").write_text("root:hash\n")
    log = os.path.join(application.root, "logs", "web.log")
    os.mkdir(os.path.dirname(log))
    if kind == "link":
        os.symlink(tmp_path / "shadow", log)
    else:
        os.mkfifo(log)
        signal.alarm(10)
    assert driver.last_words(define("web")) == "It printed nothing (%s)." % log
    signal.alarm(0)
