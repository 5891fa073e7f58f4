# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile oro at work on real hosts, and every trap of the platform that an upgrade can fall into."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.slipway.app.tests.waiting import until

PLACES = {"app1": {"web", "websocket", "cron"}, "app2": {"web", "websocket"}, "jobs1": {"consumer@1", "consumer@2", "index"}}


def states(seen):
    return {host: {service: state for service, (state, _pid) in services.items()} for host, services in seen.services.items()}


def pid(seen, host, service):
    return seen.services[host][service][1]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def releases(seen):
    return {host: path.rpartition("/")[2].rpartition("-")[0] for host, path in seen.current.items()}


def one_session(*stages):
    """See that the session of the first of them is that of all."""
    sessions = {seen.page["session"] for seen in stages}
    assert len(sessions) == 1 and sessions.pop().startswith("since "), sessions


# The first installation

def test_deploy_builds_with_composer_installs_and_serves(lab, deployed):
    assert deployed.front == 200 and deployed.page["user"] == "oro"
    assert deployed.page["version"] == "5.1.0" and deployed.page["platform"] == "5.1.8"
    assert deployed.migrations == ["v1_0"]
    assert lab.sql("SELECT username, email FROM oro_user") == [{"username": "admin", "email": "admin@oro.example"}]


def test_each_service_runs_as_a_unit_where_it_belongs(deployed):
    assert states(deployed) == {host: dict.fromkeys(services, "active") for host, services in PLACES.items()}


def test_a_queue_is_the_work_of_its_own_consumer(deployed):
    assert {row["process"] for row in deployed.reindexed} == {pid(deployed, "jobs1", "index")}


def test_cron_is_a_timer_whose_command_ends(lab, deployed):
    shown = lab.ssh("app1", ["systemctl", "show", "--property=Type,Result", "oro-cron.service"]).stdout.split()
    assert sorted(shown) == ["Result=success", "Type=oneshot"]
    assert "Scheduling run" in lab.log("app1", "cron")


def test_the_password_of_the_administrator_is_neither_printed_nor_noted(lab, deployed):
    password = lab.secrets["upload_token"]
    assert password not in deployed.result.output
    for host in lab.apps:
        assert password not in lab.ssh(host, ["sh", "-c", "cat /srv/oro/state/journal/*; journalctl --quiet --output=cat"]).stdout
    stored = lab.sql("SELECT password FROM oro_user")[0]["password"]
    code = "exit(password_verify(trim(fgets(STDIN)), trim(fgets(STDIN))) ? 0 : 1);"
    lab.ssh("app1", ["php", "-r", code], input="%s\n%s\n" % (password, stored))


def test_install_on_what_is_installed_is_a_refusal_and_says_so(lab, deployed):
    asked = "SELECT count(*) FROM information_schema.tables"
    tables = lab.sql(asked)
    result = lab.module("app1", "console", root="/srv/oro", environment="prod", command="oro:install",
                        variables=lab.placeholders)
    assert result["rc"] == 3
    assert "failed with exit status 3. Oro is installed in this database already; nothing was changed." in result["msg"]
    assert lab.sql(asked) == tables


# The upgrade in maintenance

def test_the_upgrade_migrates_and_the_new_code_is_served(upgraded):
    """The gate before it, oro:platform:update without --force, ended well too and changed nothing."""
    assert upgraded.before["migrations"] == ["v1_0"] and upgraded.migrations == ["v1_0", "v1_1"]
    assert [row["name"] for row in upgraded.products] == ["Rope", "Bell"]
    assert upgraded.page["version"] == "6.0.0" and upgraded.page["platform"] == "6.0.2"
    assert set(releases(upgraded).values()) == {"6.0.0"}


def test_the_gate_runs_before_anything_changes_and_the_migration_with_force(upgraded):
    steps = {record["step"]: record["data"] for record in upgraded.journal if record["event"] == "done"}
    gate = [command["argv"] for command in steps["stage"]["checked"] if "oro:platform:update" in command["argv"]]
    assert len(gate) == 1 and "--force" not in gate[0]
    assert "--force" in steps["migrate"]["commands"][0]["argv"]


def test_php_does_not_look_at_files_again_so_a_release_needs_new_processes(upgraded):
    assert upgraded.before["page"]["validates"] is False and upgraded.page["validates"] is False
    for host in ("app1", "app2"):
        assert pid(upgraded, host, "web") != upgraded.before["services"][host]["web"][1]


def test_the_profile_sends_the_notification_before_anything_is_stopped(lab, upgraded):
    """A consumer that runs has seconds for it."""
    sent = lab.sql("SELECT done_at FROM standin_done WHERE subject = 'begins' ORDER BY id LIMIT 1")[0]["done_at"]
    stopping = next(record["at"] for record in upgraded.journal if record["step"] == "drain")
    assert moment(sent) < moment(stopping)
    assert not upgraded.looks["before"]["lock"] and upgraded.looks["before"]["front"] == 200


def test_both_locks_hold_in_the_window(upgraded):
    assert upgraded.looks["inside"]["lock"] and upgraded.looks["inside"]["front"] == 503


def test_users_stay_outside_when_somebody_else_unlocks_the_application(upgraded):
    assert not upgraded.looks["unlocked"]["lock"] and upgraded.looks["unlocked"]["front"] == 503


def test_open_pages_hear_of_it_because_the_lock_comes_before_the_websocket_server_stops(lab, upgraded):
    assert {"message": "oro/maintenance on"} in lab.sql("SELECT message FROM standin_pushed")


def test_cron_is_stopped_before_the_lock_and_so_never_fails(upgraded):
    assert "Scheduling run" in upgraded.cron and "aborting" not in upgraded.cron


def test_only_what_ran_before_runs_again(upgraded):
    expected = {host: dict.fromkeys(services, "active") for host, services in PLACES.items()}
    expected["jobs1"]["consumer@2"] = "inactive"
    assert states(upgraded) == expected
    assert upgraded.locks == [] and upgraded.front == 200


# Restart

@pytest.mark.long
def test_code_that_was_changed_in_place_is_served_after_a_restart_only(edited):
    assert edited.before["page"]["version"] == "6.0.0" and edited.page["version"] == "edited"


@pytest.mark.long
def test_a_restart_does_not_start_what_was_stopped(upgraded, edited):
    assert states(edited) == states(upgraded)
    assert pid(edited, "jobs1", "consumer@1") != edited.before["services"]["jobs1"]["consumer@1"][1]


# An upgrade whose requirements are not met

@pytest.mark.long
def test_requirements_that_are_not_met_refuse_before_anything_changes(refused):
    assert refused.result.rc != 0
    assert "PHP version must be at least 9.9" in refused.result.output
    for what in ("services", "current", "migrations", "products", "locks", "front"):
        assert getattr(refused, what) == refused.before[what], what


# Locked by hand, and an upgrade that fails

def test_the_lock_outlives_the_cache(locked):
    assert locked.locks == ["maintenance_lock"] and locked.inside == 503


def test_a_consumer_that_is_deaf_while_locked_is_killed_at_the_deadline_and_named(undone):
    assert "KILLED at the deadline: consumer@1" in undone.result.output


def test_a_migration_that_fails_half_way_is_undone_with_everything_as_it_was(upgraded, undone):
    assert undone.result.rc != 0
    assert "SQLSTATE[22P02]" in undone.result.output
    assert undone.migrations == upgraded.migrations and undone.products == upgraded.products
    assert undone.current == upgraded.current and states(undone) == states(upgraded)
    assert undone.page["platform"] == undone.page["metadata"] == "6.0.2"


def test_no_lock_is_left_behind(undone):
    """Of the two that the application's flow had taken before it failed."""
    assert "run-script --no-dev --timeout=0 upgrade:full failed" in undone.result.output
    assert undone.locks == [] and undone.front == 200


def test_who_was_logged_in_still_is(deployed, upgraded, undone):
    """Caches were cleared in every upgrade, in a store that has sessions as well."""
    one_session(deployed, upgraded, undone)


def test_the_advisor_reads_what_the_platform_prints_of_its_migrations(lab, undone):
    """Of the release that is unpacked still, without anything having changed."""
    release = lab.ssh("app1", ["sh", "-c", "cd /srv/oro/releases && ls -d 6.1.0-*"]).stdout.strip()
    facts = lab.module("app1", "migration_info", root="/srv/oro", release=release, environment="prod", variables=lab.placeholders)
    assert facts["problem"] is None and facts["safe_modes"] == ["maintenance"]
    against = [reason["statement"] for reason in facts["advice"]["rolling"]]
    for words in ("DROP COLUMN price", "TYPE integer"):
        assert [statement for statement in against if words in statement], against
    assert "unparsable" not in [reason["rule"] for reason in facts["advice"]["rolling"]]
    assert [one["name"] for one in facts["migrations"] if "StandInBundle" not in one["name"]] == []  # not what every load does
    data = "Oro\\Bundle\\StandInBundle\\Migrations\\Data\\ORM\\LoadPrices"  # is no SQL, and no "no migration" either
    assert data in [reason["migration"] for reason in facts["advice"]["source"]]
    assert ("code", data) in [(reason["rule"], reason["migration"]) for reason in facts["advice"]["rolling"]]


# The modes in which users are served all the time

@pytest.mark.long
def test_users_are_served_by_both_releases_while_hosts_take_turns(rolled, swapped):
    for seen, versions in ((rolled, {"edited", "6.0.2"}), (swapped, {"6.0.2", "6.0.3"})):
        assert {status for status, *_page in seen.visits} == {200}, seen.visits
        assert {version for _status, version, *_page in seen.visits} == versions
        assert seen.before["page"]["version"] in versions and seen.page["version"] in versions


@pytest.mark.long
def test_a_host_that_turns_red_stops_the_rollout_and_all_go_back_and_no_user_sees_it(rolled, red):
    """The first host serves the new release by then; the second one is asked for its health past the balancer."""
    assert red.result.rc != 0 and "app2" in red.result.output
    assert {record["event"] for record in red.journal if record["step"] == "activate"} == {"begin", "done"}  # of the first host
    assert red.current == rolled.current and states(red) == states(rolled)
    assert {status for status, *_page in red.visits} == {200}, red.visits
    assert {version for _status, version, *_page in red.visits} == {"6.0.2", "6.0.3"}


@pytest.mark.long
def test_a_host_without_a_way_to_the_registry_gets_its_package_by_ssh(lab, rolled):
    """From the controller, which has one; it finds so by itself."""
    assert "jobs1 has no way to the package store: it is relayed." in rolled.result.output
    assert "app1 has no way" not in rolled.result.output
    assert releases(rolled)["jobs1"] == "6.0.2"
    for secret in (lab.secrets["registry"], lab.secrets["database"]):
        assert secret not in rolled.result.output


@pytest.mark.long
def test_a_release_never_reads_what_another_one_has_cached(rolled, swapped):
    """The platform's commands warm a cache that all hosts share, while the old release serves."""
    for seen in (rolled, swapped):
        assert all(platform == metadata for _status, _version, platform, metadata in seen.visits), seen.visits


@pytest.mark.long
def test_rolling_migrates_and_source_does_not(refused, rolled, swapped):
    assert rolled.migrations == refused.migrations + ["v1_2"] and swapped.migrations == rolled.migrations
    assert set(releases(rolled).values()) == {"6.0.2"} and set(releases(swapped).values()) == {"6.0.3"}


@pytest.mark.long
def test_the_applications_own_flow_is_run_where_it_was_chosen(lab, upgraded, rolled, swapped):
    """By composer, as the user that the application belongs to; services are still Slipway's."""
    ran = [record["data"]["commands"][0]["argv"] for seen in (upgraded, rolled) for record in seen.journal
           if (record["step"], record["event"]) == ("migrate", "done")]
    assert [argv[-1] for argv in ran] == ["--skip-search-reindexation", "upgrade:rolling"]
    until(lambda: lab.sql("SELECT id FROM standin_done WHERE subject = 'flow-ended'"))
    warmed = [[command["argv"][-1] for command in record["data"]["warm"]] for record in swapped.journal
              if (record["step"], record["event"]) == ("activate", "done")]
    assert warmed == [["upgrade:source", "cache:clear"]]


@pytest.mark.long
def test_data_that_a_release_brings_is_loaded(rolled):
    assert [row["note"] for row in rolled.products] == ["new", "new"]


@pytest.mark.long
def test_workers_follow_and_what_was_stopped_stays_stopped(upgraded, rolled, swapped):
    for seen in (rolled, swapped):
        assert states(seen) == states(upgraded) and seen.locks == []
        assert pid(seen, "jobs1", "index") != seen.before["services"]["jobs1"]["index"][1]


@pytest.mark.long
def test_who_was_logged_in_still_is_in_every_mode(deployed, rolled, swapped):
    one_session(deployed, rolled, swapped)
