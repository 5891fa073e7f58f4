#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Start, stop, restart and resume the services of an application
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Brings the services that the live release defines in C(slipway.yml) into a state, on one host.
  - Services that run are stopped by draining. They get the time to end what they are doing, and are killed after it;
    a scheduled job is asked to end first.
  - Services come back after a reboot of the host exactly when they ran before it.
  - Where web was started, the module waits until it answers, for ten seconds at most. Whether the application is well is not asked.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
  - slipway.app._service
  - slipway.app._service.runtime
attributes:
  diff_mode:
    details:
      - Of environment variables only the names are shown.
  idempotent:
    support: partial
    details:
      - O(state=restarted) restarts every time.
options:
  state:
    description:
      - V(started) starts what does not run, restarts what runs by a definition or in a release that is no longer the
        live one, as another user than the owner of O(root), or by what another version of the collection has written for
        O(driver), and leaves the rest alone. Services that the release no longer has are removed, unless O(names) or
        O(kinds) is given.
      - V(stopped) stops what runs, in the order cron, consumers, websocket, web.
      - V(restarted) restarts what runs, kind by kind in the order web, websocket, consumers, cron, so that users miss web for its own
        restart only. Where one does not come up, those after it go on as they ran. It never starts what does not run, but for what
        a restart has stopped that was killed before it had started it again. What somebody stops while it ends stays down, and what
         anything else has left stopped waits for V(resumed).
      - V(resumed) is V(started) for what ran when O(operation) was recorded, whatever O(roles) are by now, and for services that are new
        since then. Without O(operation) it is for what the last one has stopped and not resumed, such as a playbook that was killed,
        and for what an upgrade could not start. There is nothing to do where there is none, or where somebody has started or stopped
        these services since.
    type: str
    choices: [started, stopped, restarted, resumed]
    default: started
  names:
    description:
      - Only these services; without any, all. A service with a count is meant as a whole by its name, or a single one as V(mailer@2).
    type: list
    elements: str
    default: []
  kinds:
    description:
      - Only services of these kinds.
    type: list
    elements: str
    choices: [web, websocket, consumer, cron]
    default: []
  roles:
    description:
      - The roles of this host, which decide what services belong here.
    type: list
    elements: str
    choices: [app, consumer, leader]
    required: true
  environment_variables:
    description:
      - Variables for the application's processes in the live release, all of them, such as a password that has changed. What runs with
        others is thereby of another definition. Ignored with O(state=stopped), and where nothing is to be resumed.
      - They are written outside of the release, readable by their owner only. If omitted, those there are stay as they are.
    type: dict
  drain:
    description:
      - How many seconds the services of a kind may take to end. It can only shorten the C(stop_timeout) that C(slipway.yml) gives
        each.
      - Without it, C(timeouts.drain) of C(slipway.yml).
    type: int
  warm:
    description:
      - With O(state=resumed), whether the commands that warm caches (C(commands.warm) of C(slipway.yml) or the profile) are run in the live
        release before anything is started, since its database has become another one. There may be none, as with the profile C(django).
      - Where one fails, the services are started all the same, and the module fails after it.
      - Without O(operation) they are run only where an operation has stopped the services, and not where an upgrade could not start them.
    type: bool
    default: false
  operation:
    description:
      - Name of the operation that this is part of.
      - With O(state=stopped), what ran is recorded under it, once, for O(state=resumed). The module then waits, for two minutes at
        most, until nobody else is at work on the host, such as a restart that still drains and would start what is stopped here.
      - The module refuses to work while another operation is open on the host, and no step of one begins while it works.
    type: str
seealso:
  - module: slipway.app.service_info
"""

EXAMPLES = r"""
---
- name: Start what does not run, restart what changed
  slipway.app.service:
    root: /srv/shop
    roles: [app, leader]
    environment: prod
    variables:
      port: 8000

- name: Let the application know the new password of its database, whatever of it runs
  slipway.app.service:
    root: /srv/shop
    roles: [app, leader]
    environment: prod
    variables:
      port: 8000
    state: restarted
    environment_variables:
      DATABASE_URL: "{{ vault_database_url }}"

- name: Stop the consumers, and kill the ones that work longer than two minutes
  slipway.app.service:
    root: /srv/shop
    roles: [consumer]
    environment: prod
    variables:
      port: 8000
    state: stopped
    kinds: [consumer]
    drain: 120
  register: stopped

- name: Say what was killed in the middle of its work
  ansible.builtin.debug:
    msg: "{{ stopped.services | selectattr('killed') | map(attribute='name') | list }}"

- name: Stop all for a while
  slipway.app.service:
    root: /srv/shop
    roles: [app, consumer, leader]
    environment: prod
    variables:
      port: 8000
    state: stopped
    operation: move-the-disk

- name: Start just what ran before
  slipway.app.service:
    root: /srv/shop
    roles: [app, consumer, leader]
    environment: prod
    variables:
      port: 8000
    state: resumed
    operation: move-the-disk
"""

RETURN = r"""
recorded:
  description: Whether what ran before O(operation) is recorded here, which is what O(state=resumed) needs.
  returned: failure
  type: bool
  sample: false
release:
  description: Id of the live release. Null where there was nothing to resume.
  returned: success
  type: str
  sample: 1.1.0-3f2a9c0d1e4b
environment_variables_changed:
  description: Whether the environment variables of the live release are others now.
  returned: success
  type: bool
  sample: false
warmed:
  description: The commands that have warmed caches. Empty in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    argv:
      description: The command.
      type: list
      elements: str
      sample: [php, bin/console, "--env=prod", "--no-interaction", "cache:clear"]
    rc:
      description: Its exit status.
      type: int
      sample: 0
    seconds:
      description: How long it took.
      type: float
      sample: 21.5
answers_after:
  description:
    - Seconds until web answered at the address of the health check, whatever it answered, where it was started here. Null where it was not,
      where there is no such address, and where nothing has answered within ten seconds.
  returned: success
  type: float
  sample: 1.3
services:
  description: What was done with each service that was meant, or in check mode what would be.
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
    before:
      description: State before, one of V(absent), V(running), V(starting), V(stopping), V(stopped), V(failed).
      type: str
      sample: running
    after:
      description: State after.
      type: str
      sample: stopped
    action:
      description:
        - One of V(none), V(started), V(restarted), V(stopped), V(removed), V(updated).
        - V(updated) means that it goes on as it was, but whether it comes back after a reboot, or in which release,
          changed.
      type: str
      sample: stopped
    reason:
      description: Why.
      type: str
      sample: it ran
    seconds:
      description: How long it took to end, to start, or both. V(0) in check mode.
      type: float
      sample: 2.4
    killed:
      description: Whether it was killed since it did not end in time. V(false) in check mode.
      type: bool
      sample: false
    cut:
      description: Whether it is a scheduled job that had not done its work in time and was asked to end all the same. V(false) in check mode.
      type: bool
      sample: false
"""

import contextlib

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.action import action
from ansible_collections.slipway.app.plugins.module_utils._operation.health import HealthCheck
from ansible_collections.slipway.app.plugins.module_utils._release import environment
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.control import STATES, perform, plan
from ansible_collections.slipway.app.plugins.module_utils._service.definition import (
    ROLES, START_ORDER, definitions, program_names)
from ansible_collections.slipway.app.plugins.module_utils._service.driver import DRIVER_ARGUMENTS, open_driver
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import RUNTIME_ARGUMENTS, open_runtime

PATIENCE = 10  # seconds until web is to answer; hosts beyond Ansible's forks wait for it


def run(module, variables):
    """variables: the environment variables to write, or None."""
    options = module.params
    root, state, operation, debts = options["root"], options["state"], options["operation"], record.debts(options["root"])
    due = debts["services"] if state == "resumed" and not operation else None
    if due == []:
        return {"changed": False, "release": None, "services": [], "environment_variables_changed": False, "warmed": [], "answers_after": None,
                "diff": {"before": {}, "after": {}}}
    if due:
        operation = debts["operation"]
    private = None if variables is None else environment.texts(variables)
    runtime, driver = open_runtime(options, private=private), open_driver(options)
    # What ran is resumed, even where the host has no role for it any more.
    defined = definitions(runtime, options["roles"], (due or record.read(root, operation) or ()) if state == "resumed" else ())
    if state != "stopped" or operation:  # which starts again what it stops
        driver.check(defined)
    wanted = (due or _recorded(root, operation, defined)) if state == "resumed" else record.restarting(root)
    statuses = driver.status(defined)
    failed = record.failed(root) if operation else None
    steps = plan(state, defined, statuses, options["names"], options["kinds"], wanted,
                 elsewhere=program_names(runtime.config), owed=debts["services"], failed=failed)
    diff = {"before": {step.name: step.before for step in steps}, "after": {step.name: _described(step) for step in steps}}
    caches = runtime.config["commands"]["warm"] if state == "resumed" and options["warm"] and (
        options["operation"] or record.has_stopped(root, operation)) else []
    written, warmed, answers_after = False, [], None
    if private is not None:
        diff["before"]["environment variables"], diff["after"]["environment variables"] = environment.names(
            root, runtime.release.id, private)
        written = environment.write(root, runtime.release.id, private, check=module.check_mode)
    if not module.check_mode:
        if state == "stopped" and operation:
            record.record(root, operation, driver, defined, owed=True)
        timeouts = runtime.config["timeouts"]
        drain = timeouts["drain"] if options["drain"] is None else options["drain"]
        with _warm(runtime, caches) as warmed:
            # An operation has noted what it is to start.
            promise = None if operation else _promise(root, {*statuses, *(one.name for one in defined)})
            perform(state, steps, defined, statuses, driver, drain, timeouts["start"], promise, failed or ())
            if state == "resumed" or not operation:
                _settle(root, state, steps)
            if "app" in options["roles"] and any(step.kind == "web" and step.action in ("started", "restarted") for step in steps):
                answers_after = _answers(runtime)
    return {
        "changed": written or bool(caches) or any(step.action != "none" for step in steps),
        "release": runtime.release.id,
        "services": [step.as_dict() for step in steps],
        "environment_variables_changed": written,
        "warmed": warmed,
        "answers_after": answers_after,
        "diff": diff,
    }


def _answers(runtime):
    """Seconds until web, which has been started, answers anything: a process is there some time before it listens. Whether it is well is not asked."""
    try:
        check = HealthCheck.of(runtime)
    except SlipwayError:  # a placeholder without a value, which no service needs
        return None
    return check and check.answers(PATIENCE)


@contextlib.contextmanager
def _warm(runtime, commands):
    """Run the commands, then the block, which gets what ran: where they fail it is run first, and that is told at its end.

    The database is another one already, and there is no way back from here: users would wait for nothing.
    """
    ran, failure = [], None
    try:
        ran = runtime.run_all(commands, runtime.config["timeouts"]["command"])
    except SlipwayError as error:
        failure = "caches of this host are not warm, and may be of the database that was live before. %s" % error
    try:
        yield ran
    except SlipwayError as error:
        if failure:
            raise SlipwayError("%s The %s" % (error, failure), **error.facts) from error
        raise
    if failure:
        raise SlipwayError("What ran before runs again, but the %s" % failure,
                           hint="Mend it, run the command by slipway.app.console, then the playbook slipway.app.service_restart.")


def _promise(root, known):
    """What notes the programs that are stopped next to be started again; by then those before them have been.

    On a full disk nothing is noted, and they are restarted all the same, which may be what frees it.
    """
    done = []

    def promise(names):
        with contextlib.suppress(OSError):
            record.settle(root, done)
            record.promise(root, names, known)
        done.extend(names)

    return promise


def _settle(root, state, steps):
    """Note that these programs are owed no more. Of one that does not run, a restart says nothing.

    On a full disk they stay noted, and whoever starts what is owed finds that they run; but what somebody has stopped would be started.
    """
    with contextlib.suppress(*[OSError] if state != "stopped" else ()):
        record.settle(root, [step.name for step in steps if state != "restarted" or step.action != "none"])


def _recorded(root, operation, defined):
    if record.read(root, operation) is None:
        raise SlipwayError("What ran before the operation %s was not recorded on this host." % operation,
                           untouched="No service was touched.",
                           hint="state=stopped with the same operation records it.")
    return [definition.name for definition in record.to_run(root, operation, defined)]


def _described(step):
    """The state after; for what changes without another state, what is done."""
    return step.after if step.after != step.before or step.action == "none" else "%s (%s)" % (step.after, step.action)


def is_recorded(root, operation):
    """Whether there is something to resume; not where what is recorded cannot be read."""
    with contextlib.suppress(SlipwayError):
        return bool(operation) and record.read(root, operation) is not None
    return False


def take_secrets(module):
    """The variables to write, or None; nothing this module returns has their values, so Ansible need not look for them."""
    variables = module.params["environment_variables"]
    if variables is None:
        return None
    module.params["environment_variables"] = dict.fromkeys(variables, "********")
    module.no_log_values.clear()
    return variables if module.params["state"] != "stopped" else None


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            state=dict(type="str", choices=list(STATES), default="started"),
            names=dict(type="list", elements="str", default=[]),
            kinds=dict(type="list", elements="str", choices=list(START_ORDER), default=[]),
            roles=dict(type="list", elements="str", choices=list(ROLES), required=True),
            drain=dict(type="int"),
            operation=dict(type="str"),
            warm=dict(type="bool", default=False),
            environment_variables=dict(type="dict", no_log=True),
            **DRIVER_ARGUMENTS,
            **RUNTIME_ARGUMENTS,
        ),
        supports_check_mode=True,
    )
    try:
        variables = take_secrets(module)
        operation = module.params["operation"]
        with action(module.params["root"], "service", operation, module.check_mode, alone=bool(operation) and module.params["state"] == "stopped"):
            result = run(module, variables)
        module.exit_json(**result)
    except SlipwayError as error:
        module.fail_json(msg=str(error), recorded=is_recorded(module.params["root"], operation), **error.facts)
    except OSError as error:
        failure = SlipwayError("This host refuses what is needed: %s." % error,
                               hint="The playbook slipway.app.status tells what runs. Mend it, then run this again.")
        module.fail_json(msg=str(failure), recorded=is_recorded(module.params["root"], operation))


if __name__ == "__main__":
    main()
