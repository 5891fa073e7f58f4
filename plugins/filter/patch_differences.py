# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: patch_differences
short_description: Say in which patches hosts differ, and what mends it
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - A patch is applied to every host or to none. Where a run was killed half-way, hosts differ.
  - Hosts whose live release is another one are not compared.
positional: _input
options:
  _input:
    description: What M(slipway.app.patch_info) has returned, by host.
    type: dict
    required: true
seealso:
  - plugin: slipway.app.patch_info
    plugin_type: module
"""

EXAMPLES = r"""
---
- name: Read the patches
  slipway.app.patch_info:
    root: /srv/shop
  register: patches

- name: Say in which patches the hosts differ
  ansible.builtin.debug:
    msg: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'patches'))) | slipway.app.patch_differences }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: Sentences, each of which names the hosts it is about; none where all have the same patches.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.app.plugins.plugin_utils._patched import differences


def patch_differences(hosts):
    try:
        return ["%s: %s" % (", ".join(names), sentence) for names, sentence in differences(hosts)]
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError("patch_differences wants {host: what patch_info has returned}: %s" % error) from error


class FilterModule:
    """Filters of the patches."""

    def filters(self):
        return {"patch_differences": patch_differences}
