# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When caches are warmed before services that were stopped for a swap run again."""

from __future__ import annotations

import jinja2
import pytest


@pytest.mark.parametrize("result, only_put, warm", [
    ({"restored": ":ready"}, False, True),
    ({"restored": "prod/shop/none/20261126T031500.123456Z"}, False, False),  # services could not be stopped: only beside it was restored
    ({"failed": True, "msg": "adopt.commands"}, False, True),  # when the database was in its place
    ({"unreachable": True}, False, True),
    ({"restored": ":pre"}, True, True),
    ({"failed": True}, True, True),
    (None, True, False),
])
def test_caches_are_warmed_where_another_database_may_be_live(repository, result, only_put, warm):
    (resumed,) = repository.yaml("roles/database/tasks/swap.yml")[0]["always"]
    expression = resumed["slipway.app.service"]["warm"].strip("{ }")
    variables = {"database_only_put": only_put} if result is None else {"database_only_put": only_put, "database_result": result}
    assert jinja2.Environment().compile_expression(expression)(**variables) is warm
