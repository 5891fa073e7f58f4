#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
short_description: List the releases of an application on a host
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Returns the releases that are unpacked on the host, newest first, and which of them is live.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
seealso:
  - module: slipway.app.release
"""

EXAMPLES = r"""
---
- name: What is on this host
  slipway.app.release_info:
    root: /srv/shop
  register: shop

- name: Say which release serves
  ansible.builtin.debug:
    msg: "{{ shop.current.package if shop.current else 'nothing' }} is live"
"""

RETURN = r"""
releases:
  description: The releases, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id, tag and first digits of the digest.
      type: str
      sample: 1.1.0-9f86d081884c
    path:
      description: Its folder.
      type: str
      sample: /srv/shop/releases/1.1.0-9f86d081884c
    digest:
      description: The digest of its package.
      type: str
    package:
      description: The package as it was asked for.
      type: str
      sample: shop:1.1.0
    reference:
      description: The git reference the package was built from.
      type: str
    commit:
      description: The commit the package was built from.
      type: str
    label:
      description: The label of the package.
      type: str
      sample: "Reference: 1.1.0"
    unpacked_at:
      description: When it was unpacked, UTC.
      type: str
      sample: "2026-11-21T11:02:33.512345Z"
    current:
      description: Whether it is the live one.
      type: bool
current:
  description: The live one of RV(releases), or null.
  returned: success
  type: dict
previous:
  description: The one of RV(releases) that was live before, or null.
  returned: success
  type: dict
patched:
  description: Which patches the live one has. The same on all hosts unless a run was killed half-way.
  returned: success
  type: dict
  contains:
    release:
      description: Its id, or null.
      type: str
      sample: 1.1.0-9f86d081884c
    patches:
      description: The patches, oldest first, with their name, digest and whether an upgrade is to keep them (keep).
      type: list
      elements: dict
    interrupted:
      description: Whether a run was killed while it changed the release.
      type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._release.patches import patched
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore


def run(module):
    root = module.params["root"]
    store = ReleaseStore(root)
    current, previous = store.current(), store.previous()
    found = {release.id: dict(release.as_dict(), current=release == current) for release in store.list()}
    return {"changed": False, "releases": list(found.values()),
            "current": found.get(current.id) if current else None,
            "previous": found.get(previous.id) if previous else None, "patched": patched(root)}


def main():
    module = AnsibleModule(argument_spec=dict(root=dict(type="path", required=True)), supports_check_mode=True)
    finish(module, run, "The releases cannot be read")


if __name__ == "__main__":
    main()
