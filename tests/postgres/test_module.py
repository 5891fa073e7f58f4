# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.slipway.app.tests.selection import long_but

MODULE = "ansible_collections.slipway.app.plugins.modules.postgres_restore_point"


@pytest.fixture
def run(postgres):
    """run(state, check=False, **changes) -> the result of the module as the real process it is on a host."""

    def runner(state, check=False, **changes):
        params = dict({"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop",
                       "login_password": "no secret", "login_db": "shop", "name": "op1", "state": state}, **changes)
        arguments = dict(params, _ansible_check_mode=check, _ansible_diff=True)
        done = subprocess.run([sys.executable, "-m", MODULE], input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
                              capture_output=True, text=True, timeout=120, env=os.environ, check=False)
        assert done.stdout, done.stderr
        assert "no secret" not in done.stdout + done.stderr
        return json.loads(done.stdout)

    return runner


@pytest.mark.long
def test_life_of_a_restore_point(run):
    for state, before, changed in (("absent", "absent", False),
                                   ("present", "absent", True), ("present", "present", False),
                                   ("restored", "present", True), ("restored", "restored", False),
                                   ("absent", "restored", True), ("absent", "absent", False)):
        told, done = run(state, check=True), run(state)
        assert (done["before"], done["after"], done["changed"]) == (before, state, changed)
        assert done["diff"] == {"before": {"restore_point": before}, "after": {"restore_point": state}}
        assert set(told) == set(done)
        for key in ("changed", "before", "after", "diff", "copy", "kept", "database"):
            assert told[key] == done[key]
        assert done["copy"] == ("shop__slipway_op1" if state == "present" else None)
        assert done["kept"] == ("shop__slipway_failed_op1" if state == "restored" else None)
        assert done["size"] > 5000000


REFUSED = [
    ({"login_user": "guest"}, "CREATEDB"),
    ({"login_db": "nowhere"}, 'no database "nowhere"'),
    ({"login_port": 1}, "Cannot reach"),
    ({"login_password": "wrong"}, "password authentication failed"),
    ({"maintenance_db": "shop"}, "maintenance_db"),
    ({"name": "part_1"}, "cannot name a restore point"),
]


@pytest.mark.parametrize("changes, message, check", [(*one, False) for one in REFUSED] + long_but([(*one, True) for one in REFUSED], (*REFUSED[0], True)))
def test_what_stands_against_it_is_said_before_anything_changes(postgres, run, changes, message, check):
    result = run("present", check, **changes)
    assert result["failed"] and message in result["msg"]
    assert postgres.databases() == {"shop"}


def test_what_stays_behind_is_a_warning(postgres, run):
    postgres.sql("ALTER DATABASE shop SET log_statement = 'all'")
    result = run("present")
    assert "log_statement" in json.dumps(result["warnings"])
