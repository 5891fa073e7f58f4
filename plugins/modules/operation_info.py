#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: operation_info
short_description: Read the lock and the journals of an application
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Returns who holds the lock of an application, and its operations with their steps, seconds and outcomes, newest first.
  - The journal of the leader (the first host of the group C(app)) is that of the whole operation; other hosts keep their own part.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
options:
  id:
    description: Return this operation only.
    type: str
  limit:
    description: Return at most so many operations.
    type: int
    default: 10
seealso:
  - module: slipway.app.operation
"""

EXAMPLES = r"""
---
- name: Who works on the shop, and what happened last
  slipway.app.operation_info:
    root: /srv/shop
    limit: 1
  register: journal
"""

RETURN = r"""
lock:
  description: Who holds the lock, or null.
  returned: success
  type: dict
  contains:
    operation:
      description: The operation that holds it.
      type: str
    fence:
      description: Its fencing number; who has a lower one has lost the lock.
      type: int
    owner:
      description: User, controller and process.
      type: dict
    acquired:
      description: Since when, in seconds since 1970.
      type: float
    expires:
      description: When the lease runs out, in seconds since 1970.
      type: float
    lease:
      description: How many seconds each heartbeat adds to it.
      type: int
    alive:
      description: Whether its owner may still be at work, as far as this host can see; when it is not, the playbook slipway.app.recover is due.
      type: bool
operations:
  description: Operations, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The operation.
      type: str
    kind:
      description: What it is.
      type: str
    outcome:
      description: V(open), V(done), V(undone) or V(failed).
      type: str
    message:
      description: How it ended, in one sentence.
      type: str
    owner:
      description: User, controller and process that started it.
      type: dict
    begun:
      description: When it began, UTC.
      type: str
    ended:
      description: When it ended, UTC; null while it is open.
      type: str
    seconds:
      description: How long it took; null while it is open.
      type: float
    fence:
      description: Its fencing number.
      type: int
    plan:
      description: What was asked for, such as package, digest and the hosts.
      type: dict
    steps:
      description: Each step's name, begin, seconds, outcome and what it did.
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal, operations, summary
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock, alive


def run(module):
    params, root = module.params, module.params["root"]
    known = operations(root)
    if params["id"] and params["id"] not in known:
        raise SlipwayError("There is no operation %s in %s." % (params["id"], root),
                           hint="Known: %s." % (", ".join(known[:5]) or "none"))
    chosen = [params["id"]] if params["id"] else known[:params["limit"]]
    found = [summary(Journal(root, operation).records()) for operation in chosen]
    holder = Lock(root).holder()
    return {"changed": False, "lock": holder and dict(holder, alive=alive(holder)), "operations": [operation for operation in found if operation]}


def main():
    module = AnsibleModule(
        argument_spec=dict(root=dict(type="path", required=True), id=dict(type="str"), limit=dict(type="int", default=10)),
        supports_check_mode=True,
    )
    finish(module, run, "The operations cannot be read")


if __name__ == "__main__":
    main()
