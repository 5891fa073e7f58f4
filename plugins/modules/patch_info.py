#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: patch_info
short_description: List the patches of the live release
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Returns the patches that are applied to the live release on the host, oldest first.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
seealso:
  - module: slipway.app.patch
"""

EXAMPLES = r"""
---
- name: What was patched on this host
  slipway.app.patch_info:
    root: /srv/shop
  register: shop

- name: Say so
  ansible.builtin.debug:
    msg: "{{ shop.patches | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
release:
  description: Id of the live release, or null.
  returned: success
  type: str
  sample: 1.1.0-9f86d081884c
interrupted:
  description: Whether a run was killed while it changed the release. The next one that changes something takes back what it had begun.
  returned: success
  type: bool
patches:
  description: The patches, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: fix-totals.patch
    digest:
      description: SHA-256 of the diff.
      type: str
    strip:
      description: How many folders were taken off its paths.
      type: int
      sample: 1
    keep:
      description: Whether an upgrade applies it again.
      type: bool
    by:
      description: Who applied it.
      type: str
    at:
      description: When, UTC.
      type: str
      sample: "2026-11-21T11:02:33Z"
    files:
      description: The files it changes.
      type: list
      elements: str
    text:
      description: The diff.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._release.patches import Patches
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore


def run(module):
    releases = ReleaseStore(module.params["root"])
    release = releases.current()
    if release is None:
        return {"changed": False, "release": None, "interrupted": False, "patches": []}
    patches = Patches(releases, release)
    return {"changed": False, "release": release.id, "interrupted": patches.interrupted(),
            "patches": [dict(one, text=patches.text(one).decode("utf-8", "replace")) for one in patches.list()]}


def main():
    module = AnsibleModule(argument_spec=dict(root=dict(type="path", required=True)), supports_check_mode=True)
    finish(module, run, "The patches cannot be read")


if __name__ == "__main__":
    main()
