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
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
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
  environment:
    description:
      - The environment whose overlay applies, for V(prod) C(slipway_prod.yml) over C(slipway.yml).
      - Without it, C(slipway.yml) alone.
    type: str
    choices: [dev, stag, uat, prod]
notes:
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
    msg: We are moving to a larger warehouse.
    expected_seconds: 600

- name: Let users in again
  slipway.app.maintenance:
    root: /srv/shop
    state: "off"
"""

RETURN = r"""
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
seconds:
  description: How long it has been on, or when it was just turned off, how long it was. Null when it was not on.
  returned: success
  type: float
  sample: 12.5
"""

import os
import pwd

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective
from ansible_collections.slipway.app.plugins.module_utils._config.schema import ENVIRONMENTS
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance
from ansible_collections.slipway.app.plugins.module_utils._maintenance.pages import page_of
from ansible_collections.slipway.app.plugins.module_utils._operation.guard import refuse_if_open
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore

# The configuration before the first release is live.
NOTHING = {"base": {"application": "none", "profile": "generic"}, "overlays": {}}


def run(module):
    options = module.params
    refuse_if_open(options["root"])
    maintenance = Maintenance(options["root"])
    before = maintenance.status()
    if options["state"] == "on":
        words, page = _words(options)
        by = before["by"] or options["by"] or _user()
        changed = maintenance.on(by=by, page_html=page, check=module.check_mode, **words)
        after = maintenance.status()
        if module.check_mode:
            after.update(words, on=True, by=by, overdue=(before["seconds"] or 0) > words["lifetime"])
    else:
        changed = maintenance.off(check=module.check_mode)
        after = dict(dict.fromkeys(before), on=False, seconds=before["seconds"])
    return dict(after, changed=changed, diff={"before": _shown(before), "after": _shown(after)})


def _words(options):
    """The message, the expected seconds and the lifetime, as given or as the live release has them, and its own page."""
    release = ReleaseStore(options["root"]).current()
    settings = effective(release.documents if release else NOTHING, options["environment"])["maintenance"]
    given = {"message": options["msg"], "expected_seconds": options["expected_seconds"]}
    words = {name: settings[name] if value is None else value for name, value in given.items()}
    words["lifetime"] = words["expected_seconds"] if options["lifetime"] is None else options["lifetime"]
    for name in ("expected_seconds", "lifetime"):
        if words[name] < 1:
            raise SlipwayError("%s must be at least 1." % name, untouched="Maintenance is as it was.")
    return words, page_of(release.path, settings["page"]) if release else None


def _user():
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name


def _shown(status):
    return {name: status[name] for name in ("on", "message", "expected_seconds", "lifetime")}


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            state=dict(type="str", choices=["on", "off"], default="on"),
            msg=dict(type="str"),
            expected_seconds=dict(type="int"),
            lifetime=dict(type="int"),
            by=dict(type="str"),
            environment=dict(type="str", choices=list(ENVIRONMENTS)),
        ),
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except SlipwayError as error:
        module.fail_json(msg=str(error), **error.facts)


if __name__ == "__main__":
    main()
