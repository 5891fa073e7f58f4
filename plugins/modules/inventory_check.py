#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: inventory_check
short_description: Check that the inventory says all that a playbook of Slipway needs
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Finds an inventory without hosts in the group C(app), hosts that lack a variable, a database that is not named, several environments
    at once, and names that YAML has made numbers of, before any host is asked anything. All findings are reported together.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
options:
  variables:
    description: Variables that every host of the groups C(app) and C(consumer) must have.
    type: list
    elements: str
    default: []
  database:
    description: Whether the leader must know a database (C(slipway_database) with C(login_db)).
    type: bool
    default: false
  alone:
    description:
      - Whether several inventories at once (C(-i) more than once) are a finding, of which more than one brings hosts in the group C(app), unless all
        of these say the same C(slipway_environment) for their hosts, or any of which says another one. The last would say for all hosts what they are.
      - They are none when the variable C(several_inventories) is true.
      - Hosts of the groups C(app) and C(consumer) that differ in C(slipway_environment), which is V(prod) where it is not set, are one in any case.
        So are two of them that are reached at the same C(ansible_host) and have the same C(slipway_root), since a machine has one name.
      - V(false) is for playbooks that do nothing but read.
    type: bool
    default: true
  texts:
    description:
      - Variables that are texts where they are set, such as a git reference. C(1.10) in a file of variables, in JSON or in AWX is the number 1.1
        without quotes, which may be the name of something else.
      - With ansible-core 2.17 and 2.18 and C(jinja2_native), so are texts in quotes that templates make a number of.
    type: list
    elements: str
    default: []
notes:
  - Runs on the controller; no host is connected to.
  - In a play of C(hosts) V(localhost:all) with C(run_once), it also looks where C(--limit) leaves out C(localhost).
"""

EXAMPLES = r"""
---
- name: Check the inventory
  hosts: localhost:all
  run_once: true
  gather_facts: false
  tasks:
    - name: Check that all is there
      slipway.app.inventory_check:
        variables: [slipway_root, slipway_store]
        database: true
"""

RETURN = r"""
addresses:
  description: How every host of the inventory is reached; its C(ansible_host), or its name where it has none.
  returned: success
  type: dict
hosts:
  description: Roles of each host, such as V(app), V(consumer) and V(leader).
  returned: success
  type: dict
findings:
  description: What is missing, or is no text.
  returned: failure
  type: list
  elements: str
"""
