# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found in an inventory before any host is asked."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.action.inventory_check import _environments, _others


@pytest.mark.parametrize("sources", [None, [], "/srv/inventories/uat", ["/srv/inventories/uat"], ("localhost,",)])
def test_one_inventory_says_what_its_hosts_are(sources):
    assert _others(sources) == []


def test_several_are_a_finding():
    """Production's hosts would be those of uat: group_vars/all of the last one goes before."""
    finding, = _others(("/srv/inventories/prod", "/srv/inventories/uat"))
    assert "(/srv/inventories/prod, /srv/inventories/uat)" in finding and "several_inventories=true" in finding


@pytest.mark.parametrize("variables, words", [
    (({}, {"slipway_environment": "prod"}), None), (({"slipway_environment": "uat"}, {"slipway_environment": "uat"}), None),
    (({"slipway_environment": "uat"}, {"slipway_environment": ""}), "two of prod; one of uat"),
    (({"slipway_environment": "prod"}, {"slipway_environment": "uat"}), "one of prod; two of uat")])
def test_hosts_of_one_run_are_of_one_environment(variables, words):
    found = _environments({"one": ["app", "leader"], "two": ["consumer"]}, dict(zip(("one", "two"), variables)))
    assert (found == []) is (words is None) and (words or "") in "".join(found)
