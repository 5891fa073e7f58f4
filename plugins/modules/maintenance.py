#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Keep users out of an application, and let them in again
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - While maintenance is on, the web server answers every request with status 503 and C(Retry-After). People get a
    page, and programs that ask for JSON get JSON.
  - It is a link in the folder C(maintenance) of the application, which the web server looks for at every request. So
    switching needs no reload, and works whatever the release is. The template C(nginx.conf.j2) of the role
    P(slipway.app.maintenance#role) has what C(nginx) needs for it.
  - An application with a lock of its own is locked behind that page, and unlocked before users are let in, by the commands
    C(maintenance.on) and C(maintenance.off) of the C(slipway.yml) of the live release. While one of them fails, the page stays up.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
  - slipway.app._service.runtime
options:
  state:
    description:
      - Whether users are kept out.
    type: str
    choices: ["on", "off"]
    default: "on"
  msg:
    description:
      - What users are told.
      - Without it, C(maintenance.message) of the live release.
      - Where the live release has a page of its own (C(maintenance.page) of C(slipway.yml)), only programs get it.
    type: str
  expected_seconds:
    description:
      - How long it will take, counted from when it was turned on. It is the value of C(Retry-After), too.
      - Without it, C(maintenance.expected_seconds) of the live release.
    type: int
  lifetime:
    description:
      - After how many seconds somebody has to look after it, RV(slipway.app.maintenance_info#module:overdue) is true then.
        Nothing else happens by itself.
      - Without it, O(expected_seconds).
    type: int
  by:
    description:
      - Who does this. Without it, the user who logged in on the host.
    type: str
notes:
  - An upgrade in the mode C(maintenance) that begins while it is on leaves it on as it was, message and beginning included, and
    closes the bypass (M(slipway.app.maintenance_bypass)) from before its restore point until nothing is taken back any more. After an
    upgrade the application's own lock is off, so that the new release can be tried behind the page.
  - It is refused while an operation is open on the host, and no step of one begins while it works.
  - Turning it on while it is on changes the message and the expected duration, if they are others. Since when it is
    on, and who turned it on, stays.
  - The user of the web server must be allowed to read the folder C(maintenance) below O(root).
seealso:
  - module: slipway.app.maintenance_info
  - module: slipway.app.maintenance_bypass
"""

EXAMPLES = r"""
---
- name: Keep users out for about ten minutes
  slipway.app.maintenance:
    root: /srv/shop
    environment: prod
    msg: We are moving to a larger warehouse.
    expected_seconds: 600

- name: Let users in again
  slipway.app.maintenance:
    root: /srv/shop
    environment: prod
    state: "off"
"""

RETURN = r"""
locked:
  description: Whether the application is locked by its own means, too, as far as this module did it.
  returned: success
  type: bool
  sample: false
"on":
  description: Whether maintenance is on, or in check mode would be.
  returned: success
  type: bool
  sample: true
since:
  description: Since when, in UTC. Null when it is off, and in check mode when it is not on yet.
  returned: success
  type: str
  sample: "2026-11-21T10:20:30.123Z"
by:
  description: Who turned it on. Null when it is off.
  returned: success
  type: str
  sample: ann
message:
  description: What users are told. Null when it is off.
  returned: success
  type: str
  sample: We are moving to a larger warehouse.
expected_seconds:
  description: How long it is to take. Null when it is off.
  returned: success
  type: int
  sample: 600
lifetime:
  description: After how many seconds it is overdue. Null when it is off.
  returned: success
  type: int
  sample: 600
overdue:
  description: Whether it is on for longer than RV(lifetime). Null when it is off.
  returned: success
  type: bool
  sample: false
held_by:
  description: Null, since an operation that keeps out whoever has a bypass, too, refuses this module.
  returned: success
  type: str
seconds:
  description: How long it has been on, or when it was just turned off, how long it was. Null when it was not on.
  returned: success
  type: float
  sample: 12.5
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._config.fields import MOST
from ansible_collections.slipway.app.plugins.module_utils._config.load import effective
from ansible_collections.slipway.app.plugins.module_utils._core.account import user
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance
from ansible_collections.slipway.app.plugins.module_utils._maintenance.pages import page_or_ours
from ansible_collections.slipway.app.plugins.module_utils._operation.action import action
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import RUNTIME_ARGUMENTS, Runtime

# The configuration before the first release is live.
NOTHING = {"base": {"application": "none", "profile": "generic"}, "overlays": {}}


def run(module):
    options = module.params
    maintenance = Maintenance(options["root"])
    release = ReleaseStore(options["root"]).current()
    config = effective(release.documents if release else NOTHING, options["environment"])
    runtime = release and Runtime(options["root"], release, config, options["variables"], options["python"])
    before = dict(maintenance.status(), locked=maintenance.locked)
    switch = on if options["state"] == "on" else off
    after, changed = switch(maintenance, runtime, config, before, module)
    return dict(after, changed=changed, diff={"before": _shown(before), "after": _shown(after)})


def on(maintenance, runtime, config, before, module):
    """Show the page, then lock the application, unless that was done before; (the status after, changed)."""
    words = _words(module.params, config["maintenance"])
    page = _page(runtime.release, config["maintenance"]["page"], module) if runtime else None
    by = before["by"] or module.params["by"] or user()
    commands = [] if before["locked"] else config["maintenance"]["on"]
    _argvs(runtime, commands)
    changed = maintenance.on(by=by, page_html=page, check=module.check_mode, **words) or bool(commands)
    if commands and not module.check_mode:
        _run(runtime, commands, config, "The page is up, users are kept out.")
        maintenance.note_locked()
    after = dict(maintenance.status(), locked=before["locked"] or bool(commands))
    if module.check_mode:
        after.update(words, on=True, by=by, held_by=None, overdue=(before["seconds"] or 0) > words["lifetime"])
    return after, changed


def off(maintenance, runtime, config, before, module):
    """Unlock the application, then let users in; (the status after, changed)."""
    commands = config["maintenance"]["off"] if before["on"] else []
    _argvs(runtime, commands)
    changed = maintenance.off(check=True)  # where it is refused, the application stays locked as well
    if not module.check_mode:
        if commands:
            _run(runtime, commands, config, "Users are still kept out.")
        maintenance.off()
    return dict(dict.fromkeys(before), on=False, seconds=before["seconds"], locked=False), changed


def _page(release, page, module):
    releases = ReleaseStore(module.params["root"])
    return page_or_ours(releases.within(release.id), page, module.warn)


def _argvs(runtime, commands):
    """Find out before anything changes that a placeholder has no value."""
    for command in commands:
        runtime.argv(command)


def _run(runtime, commands, config, so_far):
    try:
        runtime.run_all(commands, config["timeouts"]["command"])
    except SlipwayError as error:
        raise SlipwayError(error.message, untouched=so_far, hint="Run this again when that is mended.") from error


def _words(options, settings):
    """The message, the expected seconds and the lifetime, as given or as the live release has them."""
    given = {"message": options["msg"], "expected_seconds": options["expected_seconds"]}
    words = {name: settings[name] if value is None else value for name, value in given.items()}
    words["lifetime"] = words["expected_seconds"] if options["lifetime"] is None else options["lifetime"]
    for name in ("expected_seconds", "lifetime"):
        if not 1 <= words[name] <= MOST:
            raise SlipwayError("%s must be at least 1 and at most %d." % (name, MOST), untouched="Maintenance is as it was.")
    return words


def _shown(status):
    return {name: status[name] for name in ("on", "message", "expected_seconds", "lifetime", "locked")}


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            state=dict(type="str", choices=["on", "off"], default="on"),
            msg=dict(type="str"),
            expected_seconds=dict(type="int"),
            lifetime=dict(type="int"),
            by=dict(type="str"),
            **RUNTIME_ARGUMENTS,
        ),
        supports_check_mode=True,
    )
    try:
        with action(module.params["root"], "maintenance", check=module.check_mode):
            result = run(module)
        module.exit_json(**result)
    except SlipwayError as error:
        module.fail_json(msg=str(error), **error.facts)
    except OSError as error:
        shown = "The page is up, users are kept out." if Maintenance(module.params["root"]).keeps_out else "Users are not kept out."
        module.fail_json(msg=str(SlipwayError("A file could not be read or written: %s." % error, untouched=shown,
                                              hint="Run this again when that is mended.")))


if __name__ == "__main__":
    main()
