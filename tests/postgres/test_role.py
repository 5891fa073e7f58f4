# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks and the role alone decide, mostly before any module reaches the database: its hosts are this machine."""

from __future__ import annotations

import json
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application, running_daemon


@pytest.fixture
def play(tmp_path):
    """play(entry, **variables) -> the output of an entry of the role, or a playbook, on three hosts, which fails; the first of them has the application.

    The second has one of which the live release is gone, and the third is empty.
    """
    Application(tmp_path / "first").release({})
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "current").symlink_to("releases/gone")
    (tmp_path / "hosts").write_text("[app]\nfirst\nsecond\nthird\n", encoding="utf-8")

    def run(entry, *options, **more):
        variables = dict({
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "slipway_environment": "uat",
            "slipway_root": "%s/{{ inventory_hostname }}" % tmp_path, "slipway_database": {"login_host": str(tmp_path), "login_db": "shop"}}, **more)
        tasks = [{"ansible.builtin.include_role": {"name": "slipway.app.database", "tasks_from": entry}}]
        (tmp_path / "play.json").write_text(json.dumps([{"hosts": "app", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        playbook = entry if entry.startswith("slipway.app.") else "play.json"
        done = playbook_process.run(["-i", "hosts", playbook, "-e", json.dumps(variables), *options], tmp_path)
        assert done.returncode, done.stdout
        return done.stdout

    return run


@pytest.fixture
def back(postgres):
    """Variables of a way back that there is, on a server."""
    postgres.sql("CREATE DATABASE shop__pre OWNER shop ALLOW_CONNECTIONS false")
    postgres.sql("COMMENT ON DATABASE shop__pre IS '[closed by Slipway]'")
    server = {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret", "login_db": "shop"}
    return {"database_configs": {"back": {"source": ":pre"}}, "database_config": "back", "database_migrate": False, "slipway_database": server}


def test_nothing_is_put_in_its_place_unless_all_hosts_have_stopped_their_services(play, postgres, back):
    """Ansible alone would go on with the first host."""
    with running_daemon() as daemon:
        output = play("restore", **back, slipway_service_driver="supervisor", slipway_supervisor_socket=daemon.socket,
                      slipway_supervisor_conf_dir=daemon.conf_dir)
    assert "Services may run on second, so what was restored is not put in its place" in output, output
    assert postgres.databases() == {"shop", "shop__pre"}
    left_out = [task.partition("]")[0].rpartition(" : ")[2] for task in output.split("TASK [") if "skipping: [third]" in task]
    assert "Stop the services that run" in left_out and "the services that ran" in left_out[-1]


@pytest.mark.long
def test_the_only_host_tells_how_to_go_on_when_its_services_cannot_be_stopped(play, postgres, back, tmp_path):
    """No other one is left to say it."""
    (tmp_path / "hosts").write_text("[app]\nsecond\n", encoding="utf-8")
    output = play("restore", **back)
    assert "points to releases/gone" in output and postgres.databases() == {"shop", "shop__pre"}, output
    assert "The live database was not touched. When what has failed is mended, database_restore with -e source=:pre" in output, output


def test_what_may_not_be_restored_is_not_copied_over_either(play):
    output = play("copy", database_copy_source="other", slipway_allow_restore="no")  # as a text, which -e makes of it
    assert "Database shop may not be restored: slipway_allow_restore forbids it" in output
    assert "database : Copy the database]" not in output


def test_no_host_is_left_out_whose_services_would_run_on(play):
    output = play("restore", "--limit", "second", database_source=":ready")
    assert "say it without --limit" in output and "Take the lock" not in output


@pytest.mark.long
@pytest.mark.parametrize("playbook", ["service_start", "maintenance_on"])
def test_a_host_that_knows_nothing_of_a_restore_is_left_alone_while_the_leader_has_one(play, tmp_path, playbook):
    Lock(str(tmp_path / "first")).acquire("20261127-restore-1", {"user": "eve", "controller": "desk", "pid": 1, "ticks": None})
    output = play("slipway.app." + playbook, "--limit", "second")
    assert "Operation 20261127-restore-1 holds the lock: started by eve on desk" in output, output
    assert "service : Bring the services" not in output and "maintenance : Turn maintenance on or off" not in output


@pytest.mark.long
def test_no_service_is_stopped_anywhere_where_one_host_is_not_free(play, back, tmp_path):
    Lock(str(tmp_path / "second")).acquire("20261127-upgrade-1", {"user": "eve", "controller": "desk", "pid": 1, "ticks": None})
    output = play("restore", **back)
    assert "Operation 20261127-upgrade-1 holds the lock" in output and "no service was stopped, because of second." in output, output
    assert "Stop the services that run" not in output and "was not recorded" not in output


@pytest.mark.long
def test_services_are_started_where_the_leader_is_down_if_it_is_known_to_be(play, tmp_path):
    (tmp_path / "hosts").write_text("[app]\nfirst way=ssh\nsecond way=local\n", encoding="utf-8")
    for lost, words in ((False, "say -e leader_lost=true to service_start"), (True, "second/current points to releases/gone")):
        output = play("slipway.app.service_start", "--limit", "second", ansible_connection="{{ way }}", ansible_host="127.0.0.1", ansible_port=1,
                      leader_lost=lost)
        assert "second -> first" in output and "UNREACHABLE" in output and words in output, output


@pytest.mark.long
def test_another_database_of_the_server_does_not_count_as_one_of_this_environment(play):
    refusal = "A copy of a database of an environment that is not named, which counts as prod, is not allowed"
    assert refusal in play("copy", database_copy_source="other", database_migrate=False, database_stop_services=False)
    assert "Cannot reach database" in play("copy", database_copy_source="other", database_source_environment="uat", database_migrate=False,
                                           database_stop_services=False)


@pytest.mark.long
@pytest.mark.parametrize("said, words", [({"database_sanitize": {}}, "A sanitized dump needs a key"), ({}, "Cannot reach database")])
def test_rules_that_say_nothing_yet_make_no_raw_dump(play, tmp_path, said, words):
    output = play("dump", slipway_dump_store=str(tmp_path / "dumps"), **said)
    assert words in output, output


@pytest.mark.long
def test_what_is_on_the_server_is_listed_without_a_store(play):
    output = play("slipway.app.database_list", local=True)
    assert "slipway_dump_store" not in output and "Cannot reach database" in output, output
