# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # Where packages are kept.
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where packages are kept. This is a folder with an OCI image layout, which C(skopeo) and others can read.
    type: str
    required: true
"""
