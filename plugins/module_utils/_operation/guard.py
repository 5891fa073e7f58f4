# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Keep people's single actions out of a running operation."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import open_operation
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock, advice, held


def refuse_if_open(root, own=None):
    """Raise when an operation is open on this host: what it has recorded must stay true until it ends.

    On the leader one that only holds the lock counts as well. own: id of the operation that this action is a part of.
    """
    operation, holder = open_operation(root), Lock(root).holder()
    if operation and operation["id"] != own:
        who = operation["owner"]
        raise SlipwayError(
            "Operation %s is open on this host: started by %s on %s at %s." % (
                operation["id"], who.get("user"), who.get("controller"), operation["begun"]),
            untouched="Nothing was changed.",
            hint="Wait until it ends; if it is no longer at work, run the playbook slipway.app.recover.",
            operation=operation["id"])
    if holder and holder["operation"] != own:
        raise SlipwayError(held(holder), untouched="Nothing was changed.", hint=advice(holder), operation=holder["operation"])
