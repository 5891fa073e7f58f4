# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver against a real systemd, and what root's modules leave for the user of the application."""

from __future__ import annotations

import itertools
import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition
from ansible_collections.slipway.app.tests.hosts.machine import Driver, Machine
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import entry, put_package
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.driver_contract import failures_are_told
from ansible_collections.slipway.app.tests.waiting import until

HANGING = "trap '' TERM; sleep 600 & echo $! > \"$OUT.child\"; while :; do sleep 0.1; done"
FOREVER = [True] * 1000


@pytest.fixture(scope="module")
def machine():
    machine = Machine()
    machine.run("useradd", "--create-home", "--groups", "adm", "shopkeeper")
    yield machine
    machine.end()


_numbers = itertools.count(1)


@pytest.fixture
def root(machine):
    """The folder of an application, of a user, with all in its path that paths may have."""
    root = "/srv/%d/my shop 100%% [x] 'old' $5" % next(_numbers)
    machine.run("mkdir", "-p", root)
    machine.run("chown", "shopkeeper:shopkeeper", root)
    return root


@pytest.fixture
def driver(machine, root):
    driver = Driver(machine, root)
    yield driver
    driver.remove(list(driver.status()))
    driver.end()


@pytest.fixture
def define(root):
    def defined(name, text="exec sleep 600", stop_timeout=10, schedule=None, **environment):
        environment = dict({"PATH": "/usr/bin:/bin", "OUT": os.path.join(root, "out")}, **environment)
        return Definition(name=name, kind="consumer", argv=["/bin/sh", "-c", text], cwd=root, environment=environment,
                          stop_signal="TERM", stop_timeout=stop_timeout, schedule=schedule, secrets=["s3cret"])
    return defined


def lives(machine, pid):
    return machine.shell('test -d "/proc/$1" && ! grep -q "^State:.[ZX]" "/proc/$1/status" && echo yes', str(pid), check=False)


def test_a_program_gets_its_words_its_folder_its_user_and_its_environment(machine, driver, define, root):
    odd = "a 'b' \"c\" %d %% %i ; # $HOME ${HOME} $$ `id` \\ \\n ä\nsecond line\r\t\x1b\\"
    service = define("web@2", 'pwd > "$OUT"; id -un >> "$OUT"; id -nG >> "$OUT"; umask >> "$OUT"; env -0 >> "$OUT"; exec sleep 600',
                     ODD=odd, EMPTY="", SPACES="  both  ")
    service.argv.extend(["zero", odd])
    service.argv[2] = 'printf %s "$1" > "$OUT.word"; ' + service.argv[2]
    service.argv[0] = "sh"  # looked for in the PATH
    driver.start([service], 10)
    folder, user, groups, umask, variables = machine.run("cat", root + "/out").split("\n", 4)
    assert (folder, user, groups.split(), umask) == (root, "shopkeeper", ["shopkeeper", "adm"], "0022")
    seen = dict(variable.split("=", 1) for variable in variables.split("\0") if variable)
    assert {name: seen[name] for name in service.environment} == service.environment
    assert machine.shell('cat "$1"; echo .', root + "/out.word").rstrip(".") == odd


def test_secrets_are_in_no_unit_and_readable_by_root_only(machine, driver, define, root):
    driver.start([define("web", "echo $TOKEN; exec sleep 600", TOKEN="s3cret")], 10)
    unit = machine.shell('grep -l "^Root=$1\\$" /etc/systemd/system/*.service', root.replace("[", "\\[").replace("$", "\\$"))
    name = os.path.basename(unit)
    assert "s3cret" not in machine.run("systemctl", "show", name) + machine.run("systemctl", "cat", name)
    files = machine.run("grep", "-rl", "s3cret", "/etc", root, "/run/systemd", check=False).splitlines()
    assert files and all(machine.run("stat", "-c", "%a %U", path) == "600 root" for path in files)
    assert machine.run("stat", "-c", "%a", os.path.dirname(files[0])) == "700"
    driver.remove(["web"])
    assert machine.run("grep", "-rl", "s3cret", "/etc", check=False) == ""


def test_what_runs_by_its_definition_is_left_alone(machine, driver, define):
    driver.start([define("web"), define("mail@1"), define("mail@2")], 10)
    first = driver.status()
    assert {(one.state, one.kind, one.autostart) for one in first.values()} == {("running", "consumer", True)}
    driver.start([define("web"), define("mail@2", VERSION="2")], 10)
    second = driver.status()
    assert {name for name in first if first[name].pid != second[name].pid} == {"mail@2"}
    assert not lives(machine, first["mail@2"].pid)
    asked = driver.status([define("web"), define("mail@1"), define("mail@2", VERSION="2")])
    assert {name for name, one in asked.items() if one.up_to_date} == {"web", "mail@1", "mail@2"}
    assert not driver.status([define("mail@2")])["mail@2"].up_to_date


def test_units_have_names_that_people_can_type_and_no_two_applications_share_one(machine, define):
    roots = ["/srv/one/crm", "/srv/two/crm", "/srv/crm-db"]
    for root in roots:
        machine.run("mkdir", "-p", root)
    first, second, third = (Driver(machine, root) for root in roots)
    service = Definition("db-web@2", "web", ["/bin/sleep", "600"], "/srv", {}, "TERM", 5)
    first.start([service], 10, FOREVER)
    second.start([service], 10, FOREVER)
    third.start([Definition("web@2", "web", ["/bin/sleep", "600"], "/srv", {}, "TERM", 5)], 10, FOREVER)
    assert machine.run("systemctl", "is-active", "crm-db-web@2.service") == "active"
    assert list(first.status()) == list(second.status()) == ["db-web@2"] and list(third.status()) == ["web@2"]
    assert len({driver.status().popitem()[1].pid for driver in (first, second, third)}) == 3
    first.remove(["db-web@2"])
    assert second.status()["db-web@2"].state == third.status()["web@2"].state == "running"
    first.stop(["web@2", "db-web@2", "ssh", "never-there"])
    assert second.status()["db-web@2"].state == third.status()["web@2"].state == "running"
    for driver in (second, third):
        driver.remove(["db-web@2", "web@2"])
    for driver in (first, second, third):
        driver.end()


def test_stop_waits_for_the_work_in_hand(machine, driver, define, root):
    driver.start([define("busy", "trap 'sleep 1; echo done > \"$OUT\"; exit 3' TERM; while :; do sleep 0.1; done")], 10)
    report = driver.stop(["busy"], 9)["busy"]
    assert not report.killed and report.seconds >= 1
    assert machine.run("cat", root + "/out") == "done"
    assert driver.status()["busy"].state == "stopped"


def test_what_does_not_end_is_killed_with_all_it_started(machine, driver, define, root):
    driver.start([define("hanging", HANGING, stop_timeout=30), define("short", HANGING, stop_timeout=1), define("polite")], 10)
    pid = driver.status()["hanging"].pid
    reports = driver.stop(["short", "polite"])
    assert reports["short"].killed and reports["short"].seconds >= 1
    assert not reports["polite"].killed and reports["polite"].seconds <= reports["short"].seconds  # a machine that has much to do sees both end at once
    child = machine.run("cat", root + "/out.child")
    assert lives(machine, pid) and driver.stop(["hanging"], 0)["hanging"].killed
    assert not lives(machine, pid) and not lives(machine, child)
    assert {one.state for one in driver.status().values()} == {"stopped"}


def test_children_that_outlive_an_ended_program_are_killed(machine, driver, define, root):
    driver.start([define("parent", "trap 'exit 0' TERM; setsid sleep 600 & echo $! > \"$OUT.child\"; wait")], 10)
    child = machine.run("cat", root + "/out.child")
    assert lives(machine, child)
    assert not driver.stop(["parent"])["parent"].killed
    assert not lives(machine, child)


def test_programs_that_fail_to_start_are_an_error_with_their_logs(driver, define):
    failures_are_told(driver, define, "No such file or directory")


def test_a_program_whose_health_is_proven_need_not_show_that_it_stays_up(driver, define):
    brief = define("web", "sleep 0.5")
    driver.start([brief], 10, [False] + FOREVER)
    driver.stop(["web"])
    with pytest.raises(SlipwayError, match="The service web does not stay up"):
        driver.start([brief], 10)
    with pytest.raises(SlipwayError, match="The service late was not up after 0 seconds"):
        driver.start([define("late")], 0)
    with pytest.raises(SlipwayError, match="The service taken was not up after 0 seconds"):
        driver.start([define("taken")], 0, FOREVER)  # somebody else answered before it was started


def test_a_program_that_ends_on_purpose_comes_back_however_often(machine, driver, define, root):
    driver.start([define("consumer", 'if test -e "$OUT"; then echo >> "$OUT"; exit 0; fi; touch "$OUT"; exec sleep 600')], 10)
    first = driver.status()["consumer"].pid
    machine.run("kill", "-9", str(first))
    until(lambda: int(machine.run("wc", "-l", root + "/out").split()[0]) >= 6)  # more often than systemd's limit of 5
    assert driver.status()["consumer"].alive
    driver.stop(["consumer"])
    assert driver.status()["consumer"].state == "stopped"


def test_a_schedule_runs_its_command_and_a_stop_waits_for_the_running_job(machine, driver, define, root):
    job = define("cron", "echo begun >> \"$OUT\"; sleep 1.5; echo done >> \"$OUT\"", schedule="*:*:*")
    driver.start([job], 10)
    assert (driver.status()["cron"].state, driver.status()["cron"].autostart) == ("running", True)
    until(lambda: "begun" in machine.run("cat", root + "/out", check=False))
    report = driver.stop(["cron"])["cron"]
    printed = machine.run("cat", root + "/out").split()
    assert not report.killed and printed and printed.count("begun") == printed.count("done")
    assert (driver.status()["cron"].state, driver.status()["cron"].autostart) == ("stopped", False)
    driver.start([define("cron", "trap 'echo asked >> \"$OUT\"; exit 0' TERM; sleep 600 & wait", schedule="*:*:*")], 10)
    until(lambda: driver.status()["cron"].pid)
    late = driver.stop(["cron"], 1)["cron"]  # in time or not: it did not do its work to the end
    assert not late.killed and 1 <= late.seconds < 5 and machine.run("cat", root + "/out").split()[-1] == "asked"
    driver.start([define("cron", HANGING, schedule="*:*:*")], 10)
    until(lambda: driver.status()["cron"].pid)
    assert driver.stop(["cron"], 0)["cron"].killed
    assert driver.status()["cron"].state == "stopped"
    driver.start([define("cron")], 10)
    assert machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "*cron.timer") == ""


def test_a_schedule_that_systemd_does_not_understand_is_named(driver, define):
    driver.check([define("cron", schedule="Mon..Fri *-*-* 07:30:00 Europe/Berlin")])
    with pytest.raises(SlipwayError, match="The schedule 'now and then' of the service cron is none"):
        driver.check([define("cron", schedule="now and then")])


def test_a_process_killed_at_every_second_effect_leaves_what_the_next_run_repairs(machine, driver, define, root):
    def version(number):
        return [define("web", VERSION=str(number)), define("cron", VERSION=str(number), schedule="hourly")]

    driver.start(version(-1), 10, FOREVER)
    for effects in itertools.count(step=2):
        if survives(machine, root, effects, lambda mortal: mortal.start(version(effects), 10, [False] + FOREVER)):
            break
        driver.start(version(effects), 10, [False] + FOREVER)
        status = driver.status(version(effects))
        assert {name: (one.state, one.up_to_date, one.autostart) for name, one in status.items()} == dict.fromkeys(
            ("web", "cron"), ("running", True, True))
        seen = machine.shell('tr "\\0" "\\n" < /proc/$1/environ | grep VERSION', str(status["web"].pid))
        assert seen == "VERSION=%d" % effects
    assert effects > 10


def test_a_process_killed_at_every_third_effect_of_removing_leaves_nothing_that_the_next_run_does_not_find(machine, driver, define, root):
    for effects in itertools.count(step=3):
        driver.install([define("web"), define("cron", schedule="hourly")])
        if survives(machine, root, effects, lambda mortal: mortal.remove(["web", "cron"])):
            break
        driver.remove(["web", "cron"])
        assert driver.status() == {}
        assert machine.shell('ls /etc/slipway /etc/systemd/system /etc/systemd/system/*.wants | grep "my_shop"', check=False) == ""
    assert effects > 5


def test_root_works_for_the_owner_of_the_application(machine, root, tmp_path):
    """Unpack, activate, run commands and services as root: the application gets no more rights than its user has."""
    script = "id -un; id -nG; touch shared-files/new var/cache/warm && echo can write; touch VERSION app 2>&1; env | grep TOKEN"
    put_package(tmp_path / "packages", "shop:1.0.0", {
        "source": [entry("VERSION", b"1.0.0"), entry("var/cache/built", b"1"), entry("shared-files/first", b"1")]},
        shared=["shared-files", "var/log"], base={
            "writable": ["var/cache", "tmp"], "console": ["/bin/sh", "-c", script, "--"],
            "services": {"web": {"kind": "web", "command": ["/bin/sh", "-c", "id -un > var/log/who; exec sleep 600"]},
                         "cron": {"kind": "cron", "command": "/bin/true", "schedule": "hourly"}}})
    machine.copy(tmp_path / "packages", "/srv/packages")
    result = machine.module("release", {"root": root, "state": "active", "store": "/srv/packages", "package": "shop:1.0.0",
                                        "environment_variables": {"TOKEN": "s3cret"}})
    assert not result.get("failed"), result
    path = result["release"]["path"]
    owners = machine.run("find", path + "/", root + "/shared", "-printf", "%u %P\n")
    theirs = {line.split(" ", 1)[1] for line in owners.splitlines() if line.startswith("shopkeeper ")}
    assert theirs == {"", "var/cache", "var/cache/built", "tmp", "shared-files", "shared-files/first", "var", "var/log"}
    assert "root " in owners.splitlines() and "shopkeeper " in owners.splitlines()  # the release's folder, the shared one
    console = machine.module("console", {"root": root, "command": "x"})
    assert console["stdout"].splitlines()[:3] == ["shopkeeper", "shopkeeper adm", "can write"], console
    assert console["stdout"].count("Permission denied") == 2 and "TOKEN=********" in console["stdout"]
    options = {"root": root, "driver": "systemd", "roles": ["app", "leader"]}
    older = "sed -i /^KillMode=/d /etc/systemd/system/my_shop*.service"  # as another version of the collection would have it
    for before, state, action in (("", "started", "started"), ("", "started", "none"), (older, "started", "restarted"), ("", "started", "none"),
                                  ("", "restarted", "restarted"), ("", "stopped", "stopped"), ("", "restarted", "none")):
        machine.shell(before)
        checked = machine.module("service", dict(options, state=state), check=True)
        done = machine.module("service", dict(options, state=state))
        assert [(one["name"], one["action"]) for one in done["services"]] == [("web", action), ("cron", action)], done
        assert [{**one, "seconds": 0} for one in done["services"]] == checked["services"]
    assert machine.run("cat", root + "/shared/var/log/who") == "shopkeeper"
    assert {one["state"] for one in machine.module("service_info", options)["services"]} == {"stopped"}


def test_an_upgrade_step_by_step(machine, root, tmp_path):
    """What an operation does with services, all as root: what hangs is killed and named, what was stopped stays stopped."""
    loop = ["/bin/sh", "-c", "while :; do sleep 0.1; done"]
    services = {
        "web": {"kind": "web", "command": loop}, "mail": {"kind": "consumer", "command": loop, "count": 2, "on": "app"},
        "stuck": {"kind": "consumer", "command": ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], "on": "app"},
        "idle": {"kind": "consumer", "command": loop, "on": "app"},
        "cron": {"kind": "cron", "command": "/bin/true", "schedule": "hourly", "on": "app"}}
    for tag in ("1.0.0", "1.1.0"):
        put_package(tmp_path / "packages", "shop:" + tag, {"source": [entry("VERSION", tag.encode())]}, base={
            "services": services, "timeouts": {"drain": 1}, "commands": {"warm": [["/bin/sh", "-c", "id -un > ../../warmed"]]}})
    machine.copy(tmp_path / "packages", "/srv/packages-of-an-upgrade")
    options = {"root": root, "driver": "systemd", "roles": ["app"]}
    old = machine.module("release", {"root": root, "state": "active", "store": "/srv/packages-of-an-upgrade", "package": "shop:1.0.0"})
    machine.module("service", dict(options))
    machine.module("service", dict(options, state="stopped", names=["idle"]))

    def step(name, **more):
        done = machine.module("operation_step", dict(
            options, steps=[name], kind="upgrade", application="shop", environment="prod", store="/srv/packages-of-an-upgrade",
            host="app1", database={"login_db": "none"}, **more))
        assert not done.get("failed") and not done.get("findings"), done
        return done

    found = step("preflight", plan={"kind": "upgrade", "mode": "maintenance", "package": "shop:1.1.0", "digest": None, "balancer": {"status": []}})["found"]
    plan = {"kind": "upgrade", "mode": "maintenance", "package": "shop:1.1.0", "digest": found["digest"], "reference": "1.1.0",
            "hosts": {"app1": ["app"]}, "previous": {"app1": old["release"]["id"]},
            "owner": {"user": "ann", "controller": "desk", "pid": 1}}
    operation = step("start", plan=plan)["operation"]
    outcomes = {name: step(name, operation=operation)["outcomes"][name]
                for name in ("stage", "drain", "close", "activate", "open", "finish")}
    assert {name: one["killed"] for name, one in outcomes["drain"]["stopped"].items()} == {
        "mail@1": False, "mail@2": False, "stuck": True, "cron": False}
    assert list(outcomes["close"]["stopped"]) == ["web"]
    services = {one["name"]: one for one in machine.module("service_info", options)["services"]}
    assert {name for name, one in services.items() if one["state"] == "running"} == {"web", "mail@1", "mail@2", "stuck", "cron"}
    assert all(one["up_to_date"] and one["autostart"] == (name != "idle") for name, one in services.items())
    place = machine.run("runuser", "-u", "shopkeeper", "readlink", "/proc/%d/cwd" % services["mail@2"]["pid"])
    assert os.path.basename(place).startswith("1.1.0-") and machine.run("cat", root + "/warmed") == "shopkeeper"
    assert machine.run("stat", "-c", "%U", "/proc/%d" % services["mail@2"]["pid"]) == "shopkeeper"
    machine.module("service", dict(options, state="stopped"))


def test_a_detached_program_of_the_owner_goes_on_as_the_owner(machine, root):
    code = """
import sys
from ansible_collections.slipway.app.plugins.module_utils._core.account import owner_of
from ansible_collections.slipway.app.plugins.module_utils._core.process import Detached
root = sys.argv[1]
program = Detached(root + "/state/detached")
program.start(["/bin/sh", "-c", "id -un; id -nG; umask; env; exit 3"], root, {"TOKEN": "s3cret"}, owner_of(root))
print(program.wait(20)["rc"], program.output())
"""
    printed = machine.run("python3", "-c", code, root).split()
    assert printed[:5] == ["3", "shopkeeper", "shopkeeper", "adm", "0022"] and "TOKEN=s3cret" in printed


def survives(machine, root, effects, work):
    """Whether a process that is killed in the place of an effect gets to the end of its work before."""
    mortal = Driver(machine, root, dies=effects)
    try:
        work(mortal)
        return True
    except ConnectionError:
        return False
    finally:
        mortal.end()


def test_a_reboot_brings_back_what_ran_and_only_that(machine, define, root):
    driver = Driver(machine, root)
    driver.start([define("web"), define("consumer"), define("late"), define("hourly", schedule="hourly"), define("again")], 10)
    driver.stop(["consumer"])
    driver.stop(["again"], again=True)  # a restart that gets no further
    driver.install([define("cron", schedule="hourly"), define("early")])
    driver.autostart("late", False)
    driver.autostart("early", True)
    assert {name: status.state for name, status in driver.status().items()} == {
        "web": "running", "late": "running", "consumer": "stopped", "cron": "stopped", "early": "stopped", "hourly": "running",
        "again": "stopped"}
    machine.reboot()
    driver.end()
    again = Driver(machine, root)
    until(lambda: {again.status()[name].state for name in ("web", "early", "again")} == {"running"})
    assert {name: status.state for name, status in again.status().items()} == {
        "web": "running", "late": "stopped", "consumer": "stopped", "cron": "stopped", "early": "running", "hourly": "running",
        "again": "running"}
    again.remove(list(again.status()))
    again.end()
