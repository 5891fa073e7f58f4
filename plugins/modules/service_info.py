#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: Tell which services of an application run on a host
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Lists the services that the live release defines for this host, and those that an earlier release left.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
  - slipway.app._service
  - slipway.app._service.runtime
options:
  roles:
    description:
      - The roles of this host, which decide what services belong here.
    type: list
    elements: str
    choices: [app, consumer, leader]
    required: true
seealso:
  - module: slipway.app.service
"""

EXAMPLES = r"""
---
- name: Look at the services
  slipway.app.service_info:
    root: /srv/shop
    roles: [app, leader]
    environment: prod
    variables:
      port: 8000
  register: result

- name: Make sure that all of them run
  ansible.builtin.assert:
    that: result.services | rejectattr('state', 'eq', 'running') | length == 0
"""

RETURN = r"""
release:
  description: Id of the live release; null where none is live.
  returned: success
  type: str
  sample: 1.1.0-3f2a9c0d1e4b
services:
  description:
    - The services of the application on this host, in the order they are started. Where no release is live, those that an earlier
      one left; none where there was none.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the service; with C(@) and a number when it has a count.
      type: str
      sample: mailer@2
    kind:
      description: Kind of the service.
      type: str
      sample: consumer
    state:
      description: One of V(absent), V(running), V(starting), V(stopping), V(stopped), V(failed).
      type: str
      sample: running
    pid:
      description: Number of its process; null when it does not run.
      type: int
      sample: 4711
    since:
      description: When it was started, in UTC; null when it does not run.
      type: str
      sample: "2026-11-21T10:20:30Z"
    autostart:
      description: Whether it comes back after a reboot of the host.
      type: bool
      sample: true
    defined:
      description: Whether the live release defines it for this host.
      type: bool
      sample: true
    up_to_date:
      description:
        - Whether it runs, or ran last, just as C(state=started) of M(slipway.app.service) would start it now.
        - That is by the definition of the live release, as the user that the folder of the application belongs to, and by what this
          version of the collection writes for the process manager.
      type: bool
      sample: true
owed:
  description:
    - Services that an operation has stopped and not started again, such as a playbook that was killed or is at work, or an upgrade
      that could not start them, and that do not run, or not for a minute yet.
    - M(slipway.app.service) with C(state=resumed) starts them.
  returned: success
  type: dict
  contains:
    operation:
      description: The operation; empty where there was none.
      type: str
      sample: 20261126-restore-7
    services:
      description: Names of the services.
      type: list
      elements: str
      sample: [web]
"""

import datetime
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.definition import ROLES, definitions
from ansible_collections.slipway.app.plugins.module_utils._service.driver import DRIVER_ARGUMENTS, open_driver
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import RUNTIME_ARGUMENTS, open_runtime


SETTLED = 60  # seconds after which a program that runs is not one that ends again and again


def run(module):
    release = ReleaseStore(module.params["root"]).current()
    defined = _defined(module.params, release) if release else {}
    statuses = open_driver(module.params).status(defined.values())
    names = list(defined) + sorted(set(statuses) - set(defined))
    return {"changed": False, "release": release.id if release else None,
            "owed": _owed(module.params["root"], statuses),
            "services": [_service(name, defined.get(name), statuses.get(name)) for name in names]}


def _owed(root, statuses):
    """What is owed and does not run, or not for long: another process may be in the place of one that was started, and be well by now."""
    debts, settled = record.debts(root), time.time() - SETTLED
    return dict(debts, services=[name for name in debts["services"] if name not in statuses or statuses[name].state != "running"
                                 or statuses[name].since > settled])


def _defined(params, release):
    runtime = open_runtime(params, release.id)
    return {definition.name: definition for definition in definitions(runtime, params["roles"])}


def _service(name, definition, status):
    since = status.since if status else None
    return {
        "name": name,
        "kind": definition.kind if definition else status.kind,
        "state": status.state if status else "absent",
        "pid": status.pid if status else None,
        "since": since and datetime.datetime.fromtimestamp(since, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "autostart": bool(status and status.autostart),
        "defined": definition is not None,
        "up_to_date": bool(status and status.up_to_date),
    }


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            roles=dict(type="list", elements="str", choices=list(ROLES), required=True),
            **DRIVER_ARGUMENTS,
            **RUNTIME_ARGUMENTS,
        ),
        supports_check_mode=True,
    )
    finish(module, run, "The services cannot be told")


if __name__ == "__main__":
    main()
