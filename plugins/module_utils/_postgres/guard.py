# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What may be done with the database of an environment. One that is not named counts as prod."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# Where a database may be dumped, replaced, copied or blocked for a copy without a word of the operator. A dump of prod
# holds the data of real people, and travels.
SAFE = ("dev", "stag", "uat")
ENVIRONMENTS = SAFE + ("prod",)


def require_allowed(action, environment, said, option):
    """Refuse an action (in a word) in an environment (None: not named) unless it is allowed there.

    said is what the operator says of it, True or False, or None; option is the name it is said by.
    """
    allowed = environment in SAFE if said is None else said
    if not allowed:
        raise SlipwayError("A %s of a database of %s is not allowed." % (
            action, "environment %s" % environment if environment else "an environment that is not named, which counts as prod,"),
            untouched="Nothing was changed.", hint="%s allows it." % option if said is None else "%s forbids it." % option)
