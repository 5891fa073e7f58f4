# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile oro at work, and every trap of the platform that an upgrade can fall into."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.slipway.app.plugins.plugin_utils._advice import advise

pytestmark = pytest.mark.timeout(300)


def states(seen):
    return {service: state for services in seen.services.values() for service, (state, _pid) in services.items()}


def pids(seen):
    return {service: pid for services in seen.services.values() for service, (_state, pid) in services.items()}


def looks(lab):
    """{what: the last look at that moment} of the application's own eye."""
    return {row["what"]: row for row in lab.sql("SELECT * FROM standin_seen ORDER BY id")}


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


# The first installation

def test_deploy_builds_with_composer_installs_and_serves(lab, deployed):
    assert deployed.front == 200
    assert deployed.page["version"] == "5.1.0" and deployed.page["platform"] == "5.1.8"
    assert deployed.migrations == ["v1_0"]
    assert set(states(deployed).values()) == {"RUNNING"} and len(states(deployed)) == 5
    assert lab.sql("SELECT username, email FROM oro_user") == [{"username": "admin", "email": "admin@oro.example"}]
    assert (lab.release("app1") / "public" / "build" / "app.css").exists()


def test_the_password_of_the_administrator_is_neither_printed_nor_noted(lab, deployed, journal):
    password = lab.secrets["upload_token"]
    assert password not in deployed.result.output and password not in str(journal())
    stored = lab.sql("SELECT password FROM oro_user")[0]["password"]
    done = lab.php("exit(password_verify($argv[1], $argv[2]) ? 0 : 1);", password, stored)
    assert done.returncode == 0


def test_install_on_what_is_installed_is_a_refusal_and_says_so(lab, deployed, run_module):
    tables = lab.sql("SELECT count(*) FROM information_schema.tables")
    result = run_module("console", {
        "root": str(lab.root("app1")), "environment": "prod", "variables": lab.placeholders("app1"), "command": "oro:install"})
    assert result["failed"] and result["rc"] == 3
    assert "failed with exit status 3. Oro is installed in this database already; nothing was changed." in result["msg"]
    assert lab.sql("SELECT count(*) FROM information_schema.tables") == tables


# The upgrade

def test_the_upgrade_migrates_and_the_new_code_is_served(upgraded):
    """The gate before it, oro:platform:update without --force, ended well too and changed nothing."""
    assert upgraded.before["migrations"] == ["v1_0"] and upgraded.migrations == ["v1_0", "v1_1"]
    assert [row["name"] for row in upgraded.products] == ["Rope", "Bell"]
    assert upgraded.page["version"] == "6.0.0" and upgraded.page["platform"] == "6.0.2"


def test_the_gate_runs_before_anything_changes_and_the_migration_with_force(upgraded, journal):
    steps = {record["step"]: record["data"] for record in journal() if record["event"] == "done"}
    gate = [command["argv"] for command in steps["stage"]["checked"] if "oro:platform:update" in command["argv"]]
    assert len(gate) == 1 and "--force" not in gate[0]
    assert "--force" in steps["migrate"]["commands"][0]["argv"]


def test_php_does_not_look_at_files_again_so_a_release_needs_new_processes(upgraded):
    assert upgraded.before["page"]["validates"] is False
    assert upgraded.page["validates"] is False and upgraded.page["cached"] is True
    assert pids(upgraded)["web"] != upgraded.before["services"]["app1"]["web"][1]


def test_the_notification_was_sent_and_not_only_queued_before_anything_was_stopped(lab, upgraded, journal):
    sent = lab.sql("SELECT done_at FROM standin_done WHERE subject = 'begins' ORDER BY id")[-1]["done_at"]
    stopping = next(record["at"] for record in journal() if record["step"] == "drain")
    assert sent < moment(stopping)
    assert not looks(lab)["before"]["lock"] and looks(lab)["before"]["front"] == 200


def test_both_locks_hold_in_the_window(lab, upgraded):
    assert looks(lab)["inside"]["lock"] and looks(lab)["inside"]["front"] == 503


def test_users_stay_outside_when_somebody_else_unlocks_the_application(lab, upgraded):
    assert not looks(lab)["unlocked"]["lock"] and looks(lab)["unlocked"]["front"] == 503


def test_open_pages_hear_of_it_because_the_lock_comes_before_the_websocket_server_stops(lab, upgraded):
    assert {"message": "oro/maintenance on"} in lab.sql("SELECT message FROM standin_pushed")


def test_cron_is_stopped_before_the_lock_and_so_never_fails(upgraded):
    assert "Scheduling run" in upgraded.cron and "aborting" not in upgraded.cron


def test_only_what_ran_before_runs_again(upgraded):
    assert states(upgraded) == {"web": "RUNNING", "websocket": "RUNNING", "cron": "RUNNING",
                                "consumer@1": "RUNNING", "consumer@2": "STOPPED"}
    assert upgraded.lock is False and upgraded.front == 200


# Restart

def test_code_that_was_changed_in_place_is_served_after_a_restart_only(edited):
    assert edited.before["page"]["version"] == "6.0.0" and edited.page["version"] == "edited"


def test_a_restart_does_not_start_what_was_stopped(edited):
    assert states(edited)["consumer@2"] == "STOPPED"
    assert states(edited)["consumer@1"] == "RUNNING" and pids(edited)["consumer@1"] != edited.before["services"][
        "consumer1"]["consumer@1"][1]


# An upgrade whose requirements are not met

def test_requirements_that_are_not_met_refuse_before_anything_changes(refused):
    assert refused.result.rc != 0
    assert "PHP version must be at least 9.9" in refused.result.output
    for what in ("services", "current", "migrations", "products", "lock", "front"):
        assert getattr(refused, what) == refused.before[what], what


# Locked by hand, and an upgrade that fails

def test_the_lock_outlives_the_cache(locked):
    assert locked.lock and locked.inside == 503


def test_a_consumer_that_is_deaf_while_locked_is_killed_at_the_deadline_and_named(undone):
    assert "KILLED at the deadline: consumer@1" in undone.result.output


def test_a_migration_that_fails_half_way_is_undone_with_everything_as_it_was(upgraded, undone):
    assert undone.result.rc != 0
    assert "SQLSTATE[22P02]" in undone.result.output
    assert undone.migrations == upgraded.migrations and undone.products == upgraded.products
    assert undone.current == upgraded.current and undone.page["platform"] == "6.0.2"
    assert states(undone) == states(upgraded)


def test_no_lock_is_left_behind(undone):
    assert undone.lock is False and undone.front == 200


def test_the_advisor_reads_what_the_platform_prints_of_its_migrations(lab, undone, run_module):
    """Of the release that is unpacked still, without anything having changed."""
    release = next(path.name for path in (lab.root("app1") / "releases").iterdir() if path.name.startswith("6.1.0-"))
    facts = run_module("migration_info", {
        "root": str(lab.root("app1")), "release": release, "environment": "prod", "variables": lab.placeholders("app1")})
    against = [reason["statement"] for reason in advise(facts)["rolling"]]
    assert facts["problem"] is None
    for words in ("DROP COLUMN price", "TYPE integer"):
        assert [statement for statement in against if words in statement], against
