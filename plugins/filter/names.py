# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: names
short_description: Names out of a text with commas, or a list
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Several names come from a shell as a text with commas, and from AWX as a list.
  - Blanks around a name are none of it, and what is blank is no name.
positional: _input
options:
  _input:
    description: A text, or a list of texts.
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: Restart services that somebody names, or all
  slipway.app.service:
    root: /srv/shop
    roles: [app, leader]
    state: restarted
    names: "{{ services | slipway.app.names }}"
"""

RETURN = r"""
_value:
  description: The names.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError


def names(value):
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, (str, type(None))):
            raise AnsibleFilterError("names wants a text with commas, or a list of texts (a number in quotes), and not %r." % (text,))
    return [name.strip() for text in texts for name in (text or "").split(",") if name.strip()]


class FilterModule:
    """Names that a person has given."""

    def filters(self):
        return {"names": names}
