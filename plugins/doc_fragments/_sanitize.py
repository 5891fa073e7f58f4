# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # Where else the rules of a sanitized dump come from.
    DOCUMENTATION = r"""
options:
  sanitize_file:
    description:
      - A file on the controller with rules in YAML, of the same shape as O(sanitize). Those of O(sanitize), which may be V({}), override them.
    type: path
  sanitize_content:
    description:
      - The rules themselves, in place of O(sanitize_file).
    type: dict
  sanitize_root:
    description:
      - Folder of the application on the host. What the live release has under C(sanitize) in its C(slipway.yml), with the overlay of
        O(environment), are rules below those of O(sanitize_file); before the first release there are none. A folder that is not there, or is none of
        an application, is an error.
      - V(policy=scan) and C(residue) of a release do not count, which a warning says. Whoever makes the dump says them.
    type: path
"""
