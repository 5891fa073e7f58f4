# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the mode advisor for statements that read and change rows: whose rows are locked, and for how long.

How many rows a condition names cannot be told from its form, unless it is by a key.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.plugin_utils._advice_functions import unknown
from ansible_collections.slipway.app.plugins.plugin_utils._advice_world import NOT_KNOWN, all_of, name_of, table_of, walk

KEYS = ("id", "pk", "uuid", "ctid")  # columns of which each value is in one row
BATCH = 10000  # rows that may be locked together: about what is changed in a second


def select(statement, world):
    if statement.intoClause is not None:
        world.make_table(statement.intoClause.rel)
    yield from _inside(statement, world)


def insert(statement, world):
    yield from _inside(statement, world)


def change_rows(statement, world):
    inside = list(_inside(statement, world))  # before it has locked anything itself
    yield from _changed(statement, world)
    yield from inside


def truncate(statement, world):
    for relation in statement.relations:
        yield from unknown(world.write(table_of(relation)))
        world.lock(table_of(relation))
        if not world.is_new("table", table_of(relation)):
            yield "emptied", table_of(relation), None


def copy(statement, world):
    if statement.is_program or not statement.is_from:
        yield "unknown", "COPY to or from the outside", None
    if statement.relation is not None and statement.is_from:
        yield from unknown(world.write(table_of(statement.relation)))


def held(what, world):
    """Tables that are locked already stay so while something, in words, is read."""
    if world.held:
        yield "held-lock", ", ".join(world.held), what


def _inside(statement, world):
    """What a statement changes in its WITH clauses, which rows it locks, and what it reads with locks that are there already."""
    big = ["%s (%s)" % found for found in _read(statement, world)] if world.held else []
    if big:
        yield from held(big[0], world)
    for node in walk(statement):
        kind = type(node).__name__
        if kind in ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
            yield from unknown(world.write(table_of(node.relation)))
        if kind in ("UpdateStmt", "DeleteStmt", "MergeStmt") and node is not statement:
            yield from _changed(node, world)
        elif kind == "InsertStmt" and node.onConflictClause is not None:
            yield from _changed_instead(node, statement, world)
        elif kind == "SelectStmt" and node.lockingClause:
            yield from _locked_rows(node, world)


def _changed(statement, world):
    table = table_of(statement.relation)
    if world.is_new("table", table):
        return
    kind, size = type(statement).__name__, world.size(table)
    where = getattr(statement, "whereClause", None)
    if kind == "DeleteStmt" and (where is None or _always_true(where)):
        yield "emptied", table, None
        size = None  # said already
    elif kind == "DeleteStmt" or any(item.commandType.name == "CMD_DELETE" for item in getattr(statement, "mergeWhenClauses", None) or ()):
        yield "deleted", table, None  # a condition says which rows, not whether anybody still needs them
    yield from _other_values(statement, table, world)
    if not _bounded(where, statement.relation, alone=not _sources(statement)):
        world.lock(table)
        if size:
            yield "all-rows", table, size


def _other_values(statement, table, world):
    """Which columns that were there have other values afterwards, in rows of which the old release knows."""
    kind = type(statement).__name__
    updates = [statement] if kind in ("UpdateStmt", "OnConflictClause") else [
        item for item in getattr(statement, "mergeWhenClauses", None) or () if item.commandType.name == "CMD_UPDATE"]
    names = [target.name for update in updates for target in update.targetList or ()]
    old = sorted({name for name in names if world.column(table, name) is None})
    if old and not world.is_new("table", table):
        yield "behaviour", "%s of %s" % (", ".join(old), table), None


def _changed_instead(statement, whole, world):
    """ON CONFLICT DO UPDATE is an UPDATE of as many rows as are inserted."""
    table, source = table_of(statement.relation), statement.selectStmt
    yield from _other_values(statement.onConflictClause, table, world)
    if statement.onConflictClause.action.name != "ONCONFLICT_UPDATE" or source is None or source.valuesLists or _is_few(source):
        return
    size = world.size(table)
    if size and (all_of(source, "RangeFunction") or any(_read(whole, world, new_too=True))):
        world.lock(table)
        yield "all-rows", table, size


def _locked_rows(statement, world):
    """FOR UPDATE and the like; FOR KEY SHARE is what every foreign key does."""
    clauses = [clause for clause in statement.lockingClause if clause.strength.name != "LCS_FORKEYSHARE"]
    relations = all_of(statement.fromClause, "RangeVar")  # in its parts, too
    alone = len(relations) == len(_sources(statement)) == 1
    named = {relation.relname for clause in clauses for relation in clause.lockedRels or ()}
    meant = [relation for relation in relations if _called(relation) in named]
    if len(meant) < len(named) or any(not clause.lockedRels for clause in clauses):
        meant = relations
    for relation in meant if clauses else ():
        table = table_of(relation)
        if _is_few(statement) or world.is_new("table", table) or _bounded(statement.whereClause, relation, alone):
            continue
        world.lock(table)
        size = world.size(table)
        if size:
            yield "all-rows", table, size


def _read(statement, world, new_too=False):
    """(table, size) of each big table that a statement goes through, where nothing says that it stops early.

    new_too: also tables that are new, of which nobody knows how big they are.
    """
    parts = {part.ctename for part in all_of(statement, "CommonTableExpr")}
    for node in walk(statement):
        places = _sources(node)
        relations = [place for place in places if type(place).__name__ == "RangeVar"]
        if not relations or _ends_of_index(node) or _begins_of_table(node):
            continue
        alone = len(places) == 1 and type(node).__name__ == "SelectStmt"
        for relation in relations:
            table = table_of(relation)
            if table in parts or table.startswith(("pg_", "information_schema.")):
                continue
            new = any(world.is_new(kind, table) for kind in ("table", "view", "materialized view"))
            size = world.size(table) if not new else NOT_KNOWN if new_too else None
            if size and not _bounded(getattr(node, "whereClause", None), relation, alone):
                yield table, size


def _sources(node):
    """What a statement has in FROM, or where others have it, out of joins."""
    kind = type(node).__name__
    place = {"SelectStmt": "fromClause", "UpdateStmt": "fromClause", "DeleteStmt": "usingClause", "MergeStmt": "sourceRelation"}.get(kind)
    left, found = [getattr(node, place)] if place else [], []
    while left:
        item = left.pop()
        if isinstance(item, (tuple, list)):
            left.extend(item)
        elif type(item).__name__ == "JoinExpr":
            left.extend((item.larg, item.rarg))
        elif type(item).__name__ == "RangeTableSample":
            left.append(item.relation)
        elif item is not None:
            found.append(item)
    return found


def _called(relation):
    return relation.alias.aliasname if relation.alias is not None else relation.relname


def _always_true(where):
    return not all_of(where, "ColumnRef") and not all_of(where, "SubLink")


def _bounded(where, relation, alone):
    """Whether a condition, by its form, names a limited number of rows of a table: id = 1, id IN (1, 2), BETWEEN, a LIMIT inside.

    alone: no other table is there to which a column could belong.
    """
    kind = type(where).__name__
    if kind == "BoolExpr":
        parts = [_bounded(part, relation, alone) for part in where.args]
        return {"AND_EXPR": any, "OR_EXPR": all}.get(where.boolop.name, lambda parts: False)(parts)
    if kind == "SubLink":
        return where.subLinkType.name == "ANY_SUBLINK" and _is_key(where.testexpr, relation, alone) and _is_few(where.subselect)
    if kind != "A_Expr" or not _is_key(where.lexpr, relation, alone) or all_of(where.rexpr, "ColumnRef"):
        return False
    if where.kind.name == "AEXPR_BETWEEN":
        low, high = map(_number, where.rexpr)
        return low is not None and high is not None and high - low < BATCH
    return where.kind.name in ("AEXPR_OP", "AEXPR_IN") and name_of(where.name) == "="


def _is_key(column, relation, alone):
    """Whether an expression is a column of the table by whose value there is one row."""
    if type(column).__name__ != "ColumnRef" or getattr(column.fields[-1], "sval", "") not in KEYS:
        return False
    return column.fields[-2].sval == _called(relation) if len(column.fields) > 1 else alone


def _is_few(node):
    """Whether a statement says that it has few rows."""
    limit = getattr(node, "limitCount", None)
    number = _number(limit) if limit is not None and node.limitOption.name == "LIMIT_OPTION_COUNT" else None
    return number is not None and number <= BATCH


def _ends_of_index(node):
    """Whether a statement asks a table for nothing but the greatest and least of a key, which its index knows."""
    if type(node).__name__ != "SelectStmt" or node.whereClause is not None or node.groupClause or len(_sources(node)) != 1:
        return False
    calls = [call for call in all_of(node.targetList, "FuncCall") if name_of(call.funcname) in ("max", "min")]
    asked = [column for column in all_of(calls, "ColumnRef") if getattr(column.fields[-1], "sval", "") in KEYS]
    return bool(asked) and len(asked) == len(all_of(node.targetList, "ColumnRef"))


def _begins_of_table(node):
    """Whether a statement ends when it has a few rows of a table, whichever: with a condition it may have to look at all of them."""
    return _is_few(node) and not any((node.whereClause, node.sortClause, node.groupClause, node.distinctClause))


def _number(constant):
    """The whole number that a constant is, or None."""
    return getattr(getattr(constant, "val", None), "ival", None)
