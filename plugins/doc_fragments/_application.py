# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # Where the application lives on the host.
    DOCUMENTATION = r"""
options:
  root:
    description:
      - Folder of the application on the host; it holds C(releases), C(current), C(shared), C(state) and C(maintenance).
    type: path
    required: true
"""
