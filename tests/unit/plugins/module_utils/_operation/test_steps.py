# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps on one host: none that ends without a word."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation import steps
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import TakenOver

MIGRATE = {"host": "app1", "roles": ["app"], "environment": "prod", "steps": ["migrate"], "database": {"login_password": "sesame"}, "store_auth": None,
           "environment_variables": {"WEB_CONCURRENCY": 4000, "SECRET": "hush"}}


@pytest.fixture
def params(tmp_path):
    return dict(MIGRATE, root=str(tmp_path))


def test_a_mistake_of_ours_is_told_like_a_failure_and_tells_no_secret(params, monkeypatch):
    def fail(*_arguments):
        raise TypeError("object sesame with 4000, hush")

    monkeypatch.setattr(steps, "run_step", fail)
    result = steps.run_steps(params)
    assert (result["failed"], result["step"]) == (True, "migrate")
    assert result["msg"] == "TypeError: object ******** with ********, ********"
    assert "sesame" not in result["exception"] and "TypeError" in result["exception"]


def test_that_another_run_has_taken_over_is_told_beside_the_failure(params, monkeypatch):
    """The controller is to know it from any other failure, whatever its words are."""
    def fail(*_arguments):
        raise TakenOver("op-1 has ended.")

    monkeypatch.setattr(steps, "run_step", fail)
    result = steps.run_steps(params)
    assert (result["failed"], result["msg"], result["taken_over"]) == (True, "op-1 has ended.", True)
