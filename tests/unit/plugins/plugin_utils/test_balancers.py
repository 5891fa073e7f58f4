# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where balancers are asked."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError

from ansible_collections.slipway.app.plugins.plugin_utils._balancers import status_urls

TASK_VARS = {"groups": {"balancer": ["lb1", "lb2"]}, "hostvars": {"lb1": {}, "lb2": {"ansible_host": "fd00::2"}}}


def test_by_themselves_those_of_the_group_are_asked():
    assert status_urls("auto", TASK_VARS) == ["http://lb1/.slipway/balancer/{host}", "http://[fd00::2]/.slipway/balancer/{host}"]
    assert status_urls("auto", {"groups": {}, "hostvars": {}}) == []


@pytest.mark.parametrize(("port", "there"), [(80, ""), ("8080", ":8080")])
def test_they_are_asked_where_users_come_in(port, there):
    hosts = {"lb1": {"balancer_port": port}, "lb2": {"ansible_host": "fd00::2", "balancer_port": port}}
    assert status_urls("auto", {"groups": {"balancer": ["lb1", "lb2"]}, "hostvars": hosts}) == [
        "http://lb1%s/.slipway/balancer/{host}" % there, "http://[fd00::2]%s/.slipway/balancer/{host}" % there]


@pytest.mark.parametrize(("wanted", "expected"), [
    ([], []), ("https://lb/{host}", ["https://lb/{host}"]), (["http://a/{host}", "http://b/x"], ["http://a/{host}", "http://b/x"])])
def test_those_that_are_named_are_asked(wanted, expected):
    assert status_urls(wanted, TASK_VARS) == expected


@pytest.mark.parametrize("wanted", ["lb1", ["lb1"], ["file:///etc/passwd"], {"lb1": "http://lb1"}, [1]])
def test_what_is_no_url_is_refused_before_anything_changes(wanted):
    with pytest.raises(AnsibleError, match="Nothing was changed. slipway_balancer_status is auto, or a list of URLs"):
        status_urls(wanted, TASK_VARS)
