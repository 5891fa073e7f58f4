#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_info
short_description: Tell whether users are kept out of an application
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Tells whether maintenance is on for an application on a host, since when, by whom, and what users are told.
  - Tells also whether the host has left its balancer, as hosts do in turn in an upgrade in the modes V(rolling) and V(source).
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
seealso:
  - module: slipway.app.maintenance
"""

EXAMPLES = r"""
---
- name: Look whether users are kept out
  slipway.app.maintenance_info:
    root: /srv/shop
  register: result

- name: Wake somebody up when it takes too long
  ansible.builtin.fail:
    msg: "{{ result.by }} keeps users out since {{ result.since }}."
  when: result.overdue
"""

RETURN = r"""
"on":
  description: Whether maintenance is on.
  returned: success
  type: bool
  sample: true
since:
  description: Since when, in UTC. Null when it is off, as all that follows.
  returned: success
  type: str
  sample: "2026-11-21T10:20:30.123Z"
by:
  description: Who turned it on.
  returned: success
  type: str
  sample: ann
message:
  description: What users are told.
  returned: success
  type: str
  sample: We are moving to a larger warehouse.
expected_seconds:
  description: How long it is to take.
  returned: success
  type: int
  sample: 600
lifetime:
  description: After how many seconds it is overdue.
  returned: success
  type: int
  sample: 600
overdue:
  description: Whether it is on for longer than RV(lifetime).
  returned: success
  type: bool
  sample: false
seconds:
  description: How long it has been on.
  returned: success
  type: float
  sample: 12.5
held_by:
  description: The operation that keeps out whoever has a bypass, too; null where the bypass is open.
  returned: success
  type: str
  sample: 20261121T102030Z-upgrade-4
drained:
  description: Whether the host fails the health check of its balancer, so that users are sent elsewhere.
  returned: success
  type: bool
  sample: false
drained_since:
  description: Since when, in seconds since 1970; null when it is not drained.
  returned: success
  type: float
  sample: 1795602033.2
drained_by:
  description: The operation for which it is drained; null when it is not.
  returned: success
  type: str
  sample: 20261121T102030Z-upgrade-4
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._maintenance.drain import Drain
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance


def run(module):
    drain = Drain(module.params["root"]).status()
    return dict(Maintenance(module.params["root"]).status(), changed=False, drained=drain["on"], drained_since=drain["since"],
                drained_by=drain["by"])


def main():
    module = AnsibleModule(
        argument_spec=dict(root=dict(type="path", required=True)),
        supports_check_mode=True,
    )
    finish(module, run, "Maintenance cannot be looked at")


if __name__ == "__main__":
    main()
