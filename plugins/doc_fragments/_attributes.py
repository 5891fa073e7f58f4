# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # What every module of the collection has.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second run does not change anything.
    support: full
"""

    # Modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - This module only reads.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: N/A
    details:
      - This module only reads.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second run does not change anything.
    support: full
"""

    # Modules in the action group of those that work on the application's folder.
    ACTIONGROUP_APP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/slipway.app.app) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - slipway.app.app
"""

    # Modules in the action group of those that take the connection to a database as their own options.
    ACTIONGROUP_POSTGRES = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/slipway.app.postgres) in C(module_defaults) to say once for all of them how to reach the database.
    support: full
    membership:
      - slipway.app.postgres
"""
