# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the mode advisor for tables that become parts of others, as partitions or by INHERIT, or no longer are."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.plugin_utils._advice_functions import unknown
from ansible_collections.slipway.app.plugins.plugin_utils._advice_world import all_of, kind_of, table_of

KEYS = {"primary", "unique", "exclusion", "foreign"}  # the constraints that a partition gets from its parent when it is attached


def note_keys(statement, table, world):
    """Whether a statement gives a table keys, which what becomes a part of it gets, too."""
    copied = any(like.options for like in all_of(statement, "TableLikeClause"))  # INCLUDING INDEXES may be among them
    if copied or getattr(statement, "unique", False) or KEYS & {kind_of(item.contype) for item in all_of(statement, "Constraint")}:
        world.keyed.add(table)


def link(command, table, world):
    """Which table is a part of which from now on, and what that does to the old release, whichever of them is new."""
    kind = command.subtype.name[3:]
    if kind == "AttachPartition":
        yield from unknown(world.join(table_of(command.def_.name), table))
    elif kind == "AddInherit":
        if not world.is_new("table", table):
            yield "behaviour", table, None
        yield from unknown(world.join(table, table_of(command.def_)))
    elif kind in ("DetachPartition", "DetachPartitionFinalize"):
        yield from _leave(table_of(command.def_.name), table, world)
    elif kind == "DropInherit":
        yield from _leave(table, table_of(command.def_), world)


def _leave(part, parent, world):
    if not world.is_new("table", part):
        yield "partition", parent, None
    world.leave(part, parent)


def attach_partition(command, table, world):
    bound = command.def_.bound
    if bound is None:  # of an index, for which nothing is read
        return
    part = table_of(command.def_.name)
    world.lock(part)
    size = world.size(part)
    if size:
        yield "scan", part, size
    yield from check_default(bound, part, table, world)
    if world.has_old_part(part) and (not bound.is_default or world.may_give_keys(table)):
        yield "constraint", part, None


def check_default(bound, part, parent, world):
    """PostgreSQL reads all of the default partition where a new one takes rows that could be in there."""
    size = None if bound.is_default else world.default_size(parent, part)
    if size:
        yield "scan", "the default partition of " + parent, size
