# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: said
short_description: What a person has said, or else a default
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - A blank counts as not said, such as a question of a survey that is left so, or C(-e drain=$UNSET).
  - Unlike C(default) with a second argument V(true), it takes V(false), V(0) and an empty list for what was said.
positional: _input, default
options:
  _input:
    description: What was said.
    type: raw
    required: true
  default:
    description: What counts where nothing was said.
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: Say whether the database is migrated, which it is where nobody has said otherwise
  ansible.builtin.debug:
    msg: "{{ migrate | default('') | slipway.app.said(true) | bool }}"
"""

RETURN = r"""
_value:
  description: What was said as it is, or the default.
  type: raw
"""


def said(value, default):
    return default if value is None or value == "" else value


class FilterModule:
    """What a person has said with -e."""

    def filters(self):
        return {"said": said}
