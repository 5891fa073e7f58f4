# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemctl is asked, where it matters when; the driver against a real systemd is tested in tests/hosts."""

from __future__ import annotations

import contextlib
import os
import pwd

import pytest

from ansible_collections.slipway.app.plugins.module_utils._service import systemd
from ansible_collections.slipway.app.plugins.module_utils._service.control import perform, plan
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition
from ansible_collections.slipway.app.plugins.module_utils._service.systemd_units import UnitFiles
from ansible_collections.slipway.app.plugins.plugin_utils._words import outcome_line

# A manager of units that are active while there is a file of their name; one that is stopped goes away unless it is stubborn.
SYSTEMCTL = """#!/bin/sh
cd "$UNITS" || exit
verb=$2
shift 2
test "$verb" = show || echo "$verb" "$@" >> said
for unit; do
  case "$verb $unit" in
    *" --"*) ;;
    show*) state=inactive; test -e "$unit" && state=active; test -e "$unit.failed" && state=failed; unread=no; test -e "$unit.unread" && unread=yes
      printf 'Id=%s\\nLoadState=loaded\\nActiveState=%s\\nNeedDaemonReload=%s\\n\\n' "$unit" $state $unread ;;
    stop*) test -e stubborn && test "$unit" = shop-cron.service || rm -f "$unit" ;;
    kill*) rm -f "$unit" ;;
  esac
done
"""


CRON = Definition("cron", "cron", ["/bin/true"], "/", {}, "TERM", 30, schedule="hourly")


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """The driver of an application in the folder shop, whose program cron is written down for root."""
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    monkeypatch.setenv("UNITS", str(tmp_path))
    driver = systemd.Systemd(str(tmp_path / "shop"))
    driver._files = UnitFiles(driver.root, str(tmp_path / "system"), str(tmp_path / "environments"))
    (tmp_path / "shop").mkdir()
    (tmp_path / "system").mkdir()
    driver._files.write(CRON, None)
    return driver


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("asking", [0, 65534])
def test_a_program_runs_as_the_owner_of_the_folder_or_is_restarted(driver, tmp_path, monkeypatch, asking):
    """Whoever asks: who is not root is told the same."""
    monkeypatch.setattr(os, "geteuid", lambda: asking)
    (tmp_path / "shop-cron.timer").touch()
    for uid, reason in ((0, "it is to come back after a reboot"), (pwd.getpwnam("nobody").pw_uid, "it runs by what has changed since")):
        os.chown(driver.root, uid, -1)
        (step,) = plan("started", [CRON], driver.status([CRON]))
        assert step.reason.startswith(reason)


def test_what_runs_by_what_systemd_has_not_read_anew_is_not_up_to_date(driver, tmp_path):
    """As where somebody starts a unit by hand before it was read, for whoever wrote it was killed."""
    driver._write([CRON])
    (tmp_path / "shop-cron.timer").touch()
    assert driver.status([CRON])["cron"].up_to_date
    (tmp_path / "shop-cron.service.unread").touch()
    assert not driver.status([CRON])["cron"].up_to_date


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_scheduled_job_that_does_not_end_in_time_is_asked_to_before_it_is_killed(driver, tmp_path, monkeypatch, stubborn):
    monkeypatch.setattr(systemd, "_LATE", 0.5, raising=False)
    for name in ("shop-cron.service", "shop-cron.timer", *["stubborn"] * stubborn):
        (tmp_path / name).touch()
    report = driver.stop(["cron"], 0.3)["cron"]
    assert report.killed is stubborn and report.seconds >= (0.8 if stubborn else 0.3)
    told = outcome_line("app1", "drain", 1.0, "maintenance", {"recorded": ["cron"], "stopped": {"cron": vars(report)}})
    assert ("stopped cron; KILLED at the deadline: cron (" if stubborn else "stopped cron; asked to end at the deadline: cron (") in told
    asked = ["stop shop-cron.timer", "stop --no-block shop-cron.service"]
    assert (tmp_path / "said").read_text().splitlines() == asked + ["kill --signal=SIGKILL shop-cron.service"] * stubborn


def test_what_has_failed_comes_back_also_where_it_is_cut_off_when_it_is_written_down(driver, tmp_path, monkeypatch):
    mailer = Definition("mailer", "consumer", ["/bin/true"], "/", {}, "TERM", 30)
    driver.install([mailer])
    driver.autostart("mailer", True)
    (tmp_path / "shop-mailer.service.failed").touch()
    monkeypatch.setattr(driver, "_reload_for", lambda *_arguments: 1 / 0)
    defined = [Definition(**dict(vars(mailer), argv=["/bin/false"]))]
    for failure in (pytest.raises(ZeroDivisionError), contextlib.nullcontext()):
        statuses = driver.status(defined)
        steps = plan("resumed", defined, statuses, names=["mailer"])
        with failure:
            perform("resumed", steps, defined, statuses, driver, 1, 1)
        assert (driver.status()["mailer"].state, driver.status()["mailer"].autostart) == ("failed", True)
    assert steps[0].action == "none"
