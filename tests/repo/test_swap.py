# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services that were stopped for a swap run again, and when caches are warmed before."""

from __future__ import annotations

import jinja2
import pytest


STOPPED = {"changed": True, "services": []}


@pytest.mark.parametrize("stopped, result, resumed, warm", [
    (None, None, False, False),  # somebody was at work on a host: none was to stop anything
    ({"failed": True, "msg": "The module console is at work", "recorded": False}, None, False, False),
    ({"failed": True, "msg": "mailer does not end", "recorded": True}, None, True, False),
    ({"failed": True, "msg": "MODULE FAILURE"}, None, True, False),
    (STOPPED, None, True, False),  # another host could not stop its services: only beside it was restored
    (STOPPED, {"restored": ":ready"}, True, True),
    (STOPPED, {"restored": ":pre"}, True, True),
    (STOPPED, {"failed": True, "msg": "adopt.commands"}, True, True),  # when the database was in its place
    (STOPPED, {"unreachable": True}, True, True),
])
def test_what_was_stopped_is_resumed_and_warmed_where_another_database_may_be_live(repository, stopped, result, resumed, warm):
    begin, swap = repository.yaml("roles/database/tasks/swap.yml")
    _told, resume = swap["always"]
    variables = dict(begin["ansible.builtin.set_fact"], database_stop=True, database_hosts_live=["app1"], inventory_hostname="app1",
                     ansible_check_mode=False)
    variables.update({name: value for name, value in (("database_stopped", stopped), ("database_result", result)) if value})
    for expression, meant in ((resume["when"], resumed), (resume["slipway.app.service"]["warm"].strip("{ }"), warm)):
        assert jinja2.Environment().compile_expression(expression)(**variables) is meant


@pytest.mark.parametrize("host, lost, result, check, told", [
    ("app1", ["app1"], {}, False, True), ("app2", ["app1"], {}, False, False), ("app1", ["app2"], {}, False, False),  # an assert says it there
    ("app1", ["app1"], {"failed": True}, False, False), ("app1", ["app1"], {}, True, False)])
def test_a_leader_that_is_out_says_how_to_go_on(repository, host, lost, result, check, told):
    """It may be the only host, and then nobody is left for what the others are told."""
    _begin, swap = repository.yaml("roles/database/tasks/swap.yml")
    say, _resume = swap["always"]
    assert jinja2.Environment().compile_expression(say["when"])(
        inventory_hostname=host, database_leader="app1", database_hosts_lost=lost, database_result=result, ansible_check_mode=check) is told
    assert "{{ database_again }}" in say["ansible.builtin.debug"]["msg"]
