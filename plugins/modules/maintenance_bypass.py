#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_bypass
short_description: Let an operator past the maintenance page
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Signs a link that gives the browser which opens it a cookie. With it the browser gets the application itself while all
    others get the maintenance page, until the link's end. So a new release can be tested before users see it.
  - While an upgrade may still put the database back, nobody gets past the page, since what is written then would be lost.
    Turn maintenance on (M(slipway.app.maintenance)), upgrade, test, turn it off.
  - The web server checks signature and end by itself, with what the template C(nginx.conf.j2) of the role
    P(slipway.app.maintenance#role) has. No reload is needed for a link, but for a new O(secret).
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
options:
  secret:
    description:
      - What links are signed with, 20 to 200 letters, digits and C(_+/=.-). It must be the same on all hosts of the application.
      - It is kept in the file O(path), readable by the user of this task only. Needed unless O(state=absent).
    type: str
  state:
    description:
      - With V(absent) the secret is removed from the file O(path), which stays. After a reload of the web server no link is good any more.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - The file that the web server reads the secret from, by default one below C(/etc/slipway), called after a digest of O(root).
        Writing there takes root.
      - Only for a web server that does not run as root. One that does would read as root whatever is put there, so nobody else may be
        able to write to the folder or to one above it. The folder of an application never is such a place.
    type: path
  seconds:
    description:
      - How long the link and its cookie are good for. V(0) makes no link.
    type: int
    default: 3600
notes:
  - Who knows the link gets past maintenance until its end; it is returned, since it is made to be passed on.
  - To take all links back, change or remove the secret and reload the web server.
seealso:
  - module: slipway.app.maintenance
"""

EXAMPLES = r"""
---
- name: Sign a link for two hours
  slipway.app.maintenance_bypass:
    root: /srv/shop
    secret: "{{ vault_maintenance_secret }}"
    seconds: 7200
  register: result

- name: Show it
  ansible.builtin.debug:
    msg: "https://shop.example.com{{ result.link }}"

- name: Let no link be good any more
  slipway.app.maintenance_bypass:
    root: /srv/shop
    state: absent
  notify: Reload nginx
"""

RETURN = r"""
link:
  description: Path and query of the link. Null when O(seconds) is V(0), with O(state=absent), and in check mode.
  returned: success
  type: str
  sample: /.slipway-maintenance/pass?key=mL0WnGxOQd0ZTqSmFJ1-3A.1795640000
until:
  description: When the link ends, in UTC. Null when there is none, and in check mode.
  returned: success
  type: str
  sample: "2026-11-21T12:20:30Z"
reload:
  description:
    - Whether the web server has to be reloaded, since the secret is new, or gone. Also where that was so in an earlier run, and no reload has
      followed, which is known of an nginx with C(/run/nginx.pid) that is touched when it was reloaded.
  returned: success
  type: bool
  sample: false
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._config.fields import MOST
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._maintenance.bypass import Bypass, remove, unread


def run(module):
    options = module.params
    if options["state"] == "absent":
        changed = remove(options["root"], options["path"], check=module.check_mode)
        return {"changed": changed, "reload": changed or unread(options["root"], options["path"]), "link": None, "until": None,
                "diff": {"before": {"secret": "some" if changed else "none"}, "after": {"secret": "none"}}}
    if not 0 <= options["seconds"] <= MOST:
        raise SlipwayError("seconds must be at least 0 and at most %d." % MOST, untouched="Nothing was changed.")
    bypass = Bypass(options["root"], options["secret"], options["path"])
    changed = bypass.present(check=module.check_mode)
    result = {"changed": changed, "reload": changed or unread(options["root"], options["path"]), "link": None, "until": None,
              "diff": {"before": {"secret": "another or none" if changed else "as given"}, "after": {"secret": "as given"}}}
    if options["seconds"] and not module.check_mode:
        end = int(time.time()) + options["seconds"]
        result.update(link=bypass.link(end), until=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)))
    return result


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            secret=dict(type="str", no_log=True),
            state=dict(type="str", choices=["present", "absent"], default="present"),
            path=dict(type="path"),
            seconds=dict(type="int", default=3600),
        ),
        required_if=[("state", "present", ["secret"])],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except SlipwayError as error:
        module.fail_json(msg=str(error), **error.facts)
    except OSError as error:
        module.fail_json(msg=str(SlipwayError("The secret cannot be read or written: %s." % error, untouched="Links are as good as before.")))


if __name__ == "__main__":
    main()
