# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_roles
short_description: Say what a host is to the application
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - The inventory says by its groups C(app) and C(consumer) which hosts run the application. The first host of C(app) is the leader.
positional: _input, host
options:
  _input:
    description: The groups of the inventory, which C(groups) has.
    type: dict
    required: true
  host:
    description: The name of the host in the inventory.
    type: str
    required: true
seealso:
  - plugin: slipway.app.service
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: See what runs
  slipway.app.service_info:
    root: /srv/shop
    roles: "{{ groups | slipway.app.host_roles(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The roles V(app), V(consumer) and V(leader) as far as the host has them; none for a host that does not run the application.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.app.plugins.plugin_utils._board import hosts_of


def host_roles(groups, host):
    try:
        return hosts_of(groups).get(host, [])
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise AnsibleFilterError("host_roles wants the groups of an inventory that has a host in the group app: %s" % error) from error


class FilterModule:
    """Filters of the inventory."""

    def filters(self):
        return {"host_roles": host_roles}
