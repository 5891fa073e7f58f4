# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Keep people's single actions out of a running operation, and what is a part of one within its lock."""

from __future__ import annotations

import contextlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import beating
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import open_operation
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import BEAT, Lock, advice, held

# How modules that have no root take the operation that they are a part of, as an option.
PART_OF = {"type": "dict", "options": {"root": {"type": "path", "required": True}, "id": {"type": "str", "required": True}}}


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


@contextlib.contextmanager
def part_of(operation):
    """Keep the lock of an operation for as long as the block does a part of its work; refused where it does not hold the lock.

    operation is as PART_OF has it, or None. Yields objections(): sentences that speak against doing what cannot be taken back,
    for whoever was thought to be dead may have lost the lock meanwhile.
    """
    if operation is None:
        yield list
        return
    lock = Lock(operation["root"])

    def beat():
        lock.beat(operation["id"])

    def objections():
        try:
            beat()
        except SlipwayError as error:
            return [str(error)]
        return []

    lost = objections()
    if lost:
        raise SlipwayError(*lost, untouched="Nothing was changed.")
    with beating(beat, BEAT):
        yield objections
