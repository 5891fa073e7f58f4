#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: operation_step
short_description: Run one journaled step of a deploy, an upgrade or a recovery
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - The engine of the playbooks C(slipway.app.deploy), C(slipway.app.upgrade) and C(slipway.app.recover).
    Use those; this module is documented so that their steps can be understood.
  - Each step writes its intent to the journal of the host before it acts, and its outcome after. Each can be run again after a
    crash in the middle of it.
  - Must be registered as C(operation_step_result). What all hosts have registered decides whether a step runs, and on
    which hosts.
    For that reason a step never fails by itself, and an unreachable host stays in the play. V(report) comes last, and fails
    when the operation did not end as it was asked to.
  - Options that are not given are taken from the variables of the role C(slipway.app.operation), such as C(operation_root).
  - V(preflight), V(survey) and V(report) change nothing.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
  - slipway.app._package
  - slipway.app._package.relay
  - slipway.app._postgres.required_database
  - slipway.app._service
attributes:
  check_mode:
    support: partial
    details:
      - The preflight runs as always, since it changes nothing. Later steps say what they would do, in C(msg), and what only their work can
        tell, such as RV(outcomes) and RV(seconds), is null.
  diff_mode:
    support: none
    details:
      - What a step changes can be known only from its work. RV(outcomes) and the journal tell it.
  idempotent:
    support: partial
    details:
      - A step that is run again brings the host to the same state, and adds to the journal.
options:
  step:
    description:
      - The step to run, or several to run one after the other on the same hosts in one go.
      - Of deploy and of an upgrade in maintenance mode, in this order, V(preflight), V(start), V(stage), V(drain), V(close),
        V(protect), V(migrate), V(activate), V(open), V(finish).
      - Of an upgrade in the modes V(rolling) and V(source), V(preflight), V(start), V(stage), V(record), V(advise), (only rolling)
        V(protect) and V(migrate), batch by batch V(watch), V(close), V(activate), V(open), then V(renew), V(finish).
      - Of going back and recovering, V(survey), V(assess), V(quiesce), V(restore), V(reinstate), V(reopen), V(undo).
      - V(report) says how it ended.
    type: list
    elements: str
  kind:
    description: What the operation is.
    type: str
    choices: [deploy, upgrade, recover]
  mode:
    description: How to upgrade; see the role C(slipway.app.operation), as for the five options that follow.
    type: str
    choices: [maintenance, rolling, source]
    default: maintenance
  batch:
    description: How many app hosts take their turn together.
    type: raw
    default: 1
  balancer_status:
    description: Where the balancers say whether they send users to a host.
    type: raw
    default: auto
  fall_seconds:
    description: How long the balancer takes to see that a host has left.
    type: float
    default: 8
  rise_seconds:
    description: How long the balancer takes to see that a host is back.
    type: float
    default: 5
  accept_unsafe_mode:
    description: What speaks against the mode and is accepted all the same.
    type: raw
    default: ""
  turn:
    description: Which batch of hosts has its turn, counted from 0.
    type: int
  package:
    description: The package to deploy, as C(repository:tag) or C(repository@sha256:digest).
    type: str
  digest:
    description: What O(package) has to be, where it has just been built. When its tag leads to another package by now, V(preflight) finds it.
    type: str
  application:
    description: Name of the application; the package must be of this one.
    type: str
    required: true
  environment:
    description: The environment; it chooses the overlay of C(slipway.yml).
    type: str
    choices: [dev, stag, uat, prod]
    required: true
  python:
    description: Python interpreter of the application. By default the one that runs this module.
    type: path
  variables:
    description: Values for the placeholders of C(slipway.yml) on this host, such as C(port).
    type: dict
    default: {}
  environment_variables:
    description:
      - Environment variables of the application that do not belong into its repository, such as passwords.
      - Written to a file that only the application's user can read.
    type: dict
    default: {}
  keep_releases:
    description: How many releases stay on a host; the live one and the one before it always stay.
    type: int
    default: 3
  skip_check_patches:
    description: Go on although patches of the live release will be lost, since they are not kept or do not fit the new release.
    type: bool
    default: false
  lock_timeout:
    description:
      - How many seconds a migration beside users (V(rolling)) may wait for a lock, before it fails. 0 sets no limit.
    type: float
    default: 5
  takeover:
    description: Take over an operation whose owner may still be at work.
    type: bool
    default: false
  direction:
    description: Whether V(assess) may choose, or must go this way.
    type: str
    choices: [auto, forward, back]
    default: auto
  accept_loss:
    description: Put the restore point back even if writes may have been accepted after it.
    type: bool
    default: false
  leader_lost:
    description:
      - The leader of the operation is gone for good. The one of today decides by what the database shows.
      - To the V(preflight) of an upgrade, that the leader of the last operation is, which else is refused where the inventory lacks it.
    type: bool
    default: false
  by:
    description: Who does this, for the journal and for whoever is refused meanwhile. By default the user on the controller.
    type: str
  steps:
    description: Set by the action plugin. The steps that were asked for.
    type: list
    elements: str
  host:
    description: Set by the action plugin. The host's name in the inventory.
    type: str
  roles:
    description: Set by the action plugin. What the host is.
    type: list
    elements: str
    choices: [app, consumer, leader]
  plan:
    description: Set by the action plugin. What a step has to know beyond its host.
    type: dict
  operation:
    description: Set by the action plugin. The running operation.
    type: dict
  decision:
    description: Set by the action plugin. What V(assess) decided.
    type: dict
  shelf:
    description: Set by the action plugin. Under which name the host keeps the library for the steps to come.
    type: str
seealso:
  - module: slipway.app.operation_info
"""

EXAMPLES = r"""
---
- name: Check everything that can be checked before anything changes
  slipway.app.operation_step:
    step: preflight
    kind: upgrade
    package: shop:1.1.0
    application: shop
    environment: prod
    root: /srv/shop
    store: /srv/packages
    database:
      login_host: db1
      login_user: shop
      login_password: "{{ vault_shop_password }}"
      login_db: shop
  register: operation_step_result
"""

RETURN = r"""
step:
  description: The steps that were asked for.
  returned: always
  type: list
  elements: str
outcome:
  description: Whether they went well (V(ok)), failed (V(failed)) or were not to run on this host now (V(skipped)).
  returned: always
  type: str
outcomes:
  description: What each step did. Null in check mode, but of steps that run there too.
  returned: when steps ran, or would
  type: dict
seconds:
  description: How long each step took. Null in check mode, but of steps that run there too.
  returned: when steps ran, or would
  type: dict
failures:
  description: Error messages of this host's failed steps, by step.
  returned: when a step failed
  type: dict
lost:
  description: The step of which the host did not say how it ended, as when the connection breaks.
  returned: when there is one
  type: str
taken_over:
  description: Whether the host has told that another run has taken over the operation, or has ended it. This run does nothing more.
  returned: when it has
  type: bool
found:
  description:
    - What V(preflight) found. The package's digest, the live release and its patches, which services are there and whether they are to run,
      which folder of which machine it is, on the leader the hosts of the last operation that ended well, and which layers the controller has
      to relay.
  returned: after preflight
  type: dict
findings:
  description: Reasons not to begin, as sentences.
  returned: after preflight
  type: list
  elements: str
survey:
  description: What this host knows of the operation.
  returned: after survey, and on the leader once more after assess, which decides by what it knows by then
  type: dict
turns:
  description: One number for each batch of hosts that take turns, from 0.
  returned: always
  type: list
  elements: int
may_go_back:
  description: Whether steps of the way back may have to run.
  returned: always
  type: bool
shelf:
  description:
    - The Python that runs later steps from the library that lies on the host.
    - Null where there is no place for it; every step brings the library along then, as it does without pipelining.
  returned: when steps ran
  type: str
remarks:
  description: What a person has to know when it has ended, beyond how, as sentences.
  returned: when there is any
  type: list
  elements: str
operation:
  description: The running operation, its id, fencing number and plan. Null in check mode.
  returned: on the leader, after start
  type: dict
decision:
  description:
    - Direction, whether the database goes back, and the reason. With the direction V(follow), which hosts were away when the operation
      ended, and are brought to what is live.
  returned: on the leader, after assess
  type: dict
ended:
  description: How the operation ended (V(done), V(undone), V(open), V(taken over), V(refused), V(nothing to do) or V(checked)).
  returned: from report
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import warn
from ansible_collections.slipway.app.plugins.module_utils._operation.arguments import OPERATION_ARGUMENTS
from ansible_collections.slipway.app.plugins.module_utils._operation.steps import run_steps


def take_secrets(module):
    """The options, and the values of the environment no longer among those that the module returns.

    So Ansible need not look for them in the result, where it would replace every "1" by stars for the sake of DEBUG=1.
    What steps say of errors is redacted by the library.
    """
    options = dict(module.params)
    environment = options["environment_variables"]
    module.params["environment_variables"] = dict.fromkeys(environment, "********")
    module.no_log_values.difference_update(map(str, environment.values()))
    return options


def left_on_shelf(module):
    """Which Python the steps after this one can run the library with, that this one leaves here."""
    if not module.params["shelf"]:
        return {}
    from ansible_collections.slipway.app.plugins.module_utils._operation.shelf import leave

    return {"shelf": leave(module.params["shelf"], check=module.check_mode)}


def main():
    module = AnsibleModule(argument_spec=OPERATION_ARGUMENTS, supports_check_mode=True)
    result = run_steps(take_secrets(module), module.check_mode)
    warn(module, result.pop("warnings", ()))
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result, **left_on_shelf(module))


if __name__ == "__main__":
    main()
