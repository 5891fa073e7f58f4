# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found in an inventory before any host is asked."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.action.inventory_check import _others


@pytest.mark.parametrize("sources", [None, [], "/srv/inventories/uat", ["/srv/inventories/uat"], ("localhost,",)])
def test_one_inventory_says_what_its_hosts_are(sources):
    assert _others(sources) == []


def test_several_are_a_finding():
    """Production's hosts would be those of uat: group_vars/all of the last one goes before."""
    finding, = _others(("/srv/inventories/prod", "/srv/inventories/uat"))
    assert "(/srv/inventories/prod, /srv/inventories/uat)" in finding and "several_inventories=true" in finding
