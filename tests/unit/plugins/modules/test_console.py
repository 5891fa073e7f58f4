# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import signal
import sys
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal
from ansible_collections.slipway.app.tests import playbook_process


@pytest.fixture
def console(run_module, application):
    application.release({}, console="sh", environment={"SHOP": "{shared}/x", "PLAIN": "1"}, private={"TOKEN": "s3cret"})

    def run(command, check=False, **options):
        return run_module("console", dict(options, root=application.root, command=command), check=check)
    return run


def test_a_command_runs_in_the_release_with_its_environment(console, application):
    result = console(["-c", "pwd; echo $SHOP; echo to stderr >&2; echo \"$0\"", "two words"])
    assert result["changed"] and result["rc"] == 0 and result["argv"][0] == "sh" and result["seconds"] > 0
    release = os.path.join(application.root, "releases", result["release"])
    assert result["stdout"].splitlines() == [release, application.root + "/shared/x", "two words"]
    assert result["stderr"] == "to stderr\n"


def test_a_text_is_split_as_a_shell_does_it_and_braces_are_left_alone(console):
    assert console("-c 'printf %s \"$1\"' sh '{port} a  b'")["stdout"] == "{port} a  b"
    assert "cannot be split" in console("-c 'open")["msg"]
    assert "must be a text or a list" in console({"a": 1})["msg"]


def test_secrets_are_hidden_wherever_they_appear(console):
    result = console(["-c", "echo $TOKEN $EXTRA; echo $TOKEN >&2; exit 3", "s3cret"],
                     environment_variables={"EXTRA": "another one"})
    assert result["failed"] and result["rc"] == 3
    assert "s3cret" not in str(result) and "another one" not in str(result)
    assert "failed with exit status 3. It printed:\n********" in result["msg"]


@pytest.mark.one_core
def test_who_wants_to_hear_all_hears_the_command_and_its_output(application, tmp_path):
    application.release({}, console="sh", environment={}, private={"TOKEN": "s3cret"})
    task = {"slipway.app.console": {"root": application.root, "command": ["-c", "echo to stdout $TOKEN; echo to stderr $EXTRA >&2", "of s3cret"],
                                    "environment_variables": {"EXTRA": "another one"}}}
    play = {"hosts": "all", "gather_facts": False, "vars": {"ansible_python_interpreter": sys.executable}, "tasks": [task]}
    (tmp_path / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    done = playbook_process.run(["-i", "host,", "-c", "local", "-vvv", "play.json"], tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for words in ("echo to stdout $TOKEN; echo to stderr $EXTRA >&2", "of ********", "to stdout ********", "to stderr ********"):
        assert words in said, said
    assert "s3cret" not in said and "another one" not in said, said


def test_short_values_do_not_make_results_unreadable(console):
    result = console("-c 'echo $DEBUG; exit 1'", environment_variables={"DEBUG": 1})
    assert result["rc"] == 1 and result["stdout"] == "1\n"


def test_a_release_that_is_not_live(console, application):
    path = application.release({}, number=2, live=False, console="sh")
    assert console("-c pwd", release=os.path.basename(path))["stdout"] == path + "\n"
    assert "There is no release 9.9" in console("-c pwd", release="9.9-000000000000")["msg"]


@pytest.mark.one_core
def test_a_command_that_takes_too_long_is_stopped(console):
    begun = time.monotonic()
    result = console("-c 'echo begun; sleep 600'", timeout=1)
    assert result["failed"] and "did not end within 1 seconds and was stopped. It printed:\nbegun" in result["msg"]
    assert result["rc"] == -signal.SIGTERM
    assert time.monotonic() - begun < 60


def test_creates_and_check_mode(console, application):
    made = os.path.join(application.root, "made")
    predicted = console(["-c", "touch \"$0\"", made], check=True, creates=made)
    assert predicted["changed"] and predicted["rc"] is None and not os.path.exists(made)
    result = console(["-c", "touch \"$0\"", made], creates=made)
    assert result["changed"] and os.path.exists(made)
    assert set(result) == set(predicted) and result["argv"] == predicted["argv"]
    again = console(["-c", "exit 1"], creates=made)
    assert not again["changed"] and not again.get("failed")


def test_a_program_that_is_not_there_is_named(console, application):
    application.release({}, number=3, console="/no/such/program")
    assert "Cannot start /no/such/program" in console("check")["msg"]


@pytest.mark.one_core
def test_it_keeps_out_of_an_open_operation(console, application):
    Journal(application.root, "20261121-open").append(
        "operation", "begin", data={"kind": "upgrade", "owner": {"user": "ann", "controller": "here"}})
    result = console("-c true")
    assert result["failed"] and "is open on this host" in result["msg"]
