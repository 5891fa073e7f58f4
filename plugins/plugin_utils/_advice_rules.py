# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the mode advisor: for each kind of statement, what it does to a release that goes on serving.

A rule is given one statement and the World, and yields (name of a reason, what it is about, size in words or None).
A kind of statement without a rule cannot be judged; so what PostgreSQL learns tomorrow is not taken for safe.
"""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.plugin_utils._advice_functions import STABLE, is_harmless, unknown
from ansible_collections.slipway.app.plugins.plugin_utils._advice_parts import attach_partition, check_default, link, note_keys
from ansible_collections.slipway.app.plugins.plugin_utils._advice_rows import (
    change_rows, copy, held, insert, select, truncate)
from ansible_collections.slipway.app.plugins.plugin_utils._advice_sequences import SERIAL, alter_sequence, make_sequence, set_sequence
from ansible_collections.slipway.app.plugins.plugin_utils._advice_world import (
    all_of, functions_in, kind_of, name_of, table_of, type_words, uncast)

# reason: (why it is unsafe beside the old release, what is safe instead). %(what)s and %(size)s are filled in.
REASONS = {
    "drop": ("the old release still uses %(what)s",
             "first release code that no longer uses it, drop it in the release after that"),
    "rename": ("the old release knows %(what)s by the old name only",
               "add the new one beside it, let the application write both, drop the old one in a later release"),
    "type": ("the old release still writes and reads %(what)s in the old type, and the table is locked while it is rewritten",
             "add a column of the new type, fill it in batches while the application writes both, drop the old one in a later release"),
    "not-null": ("the old release may leave out %(what)s, and then its writes are refused",
                 "let it have a default that stays in the database (Django: db_default), or allow NULL until only code that sets it serves"),
    "no-default": ("the old release leaves out %(what)s and relies on its default in the database",
                   "keep the default in the database (Django: db_default) and drop it in a later release"),
    "rewrite": ("every row of %(what)s (%(size)s) is written anew while nobody can read or write it",
                "add the column without it, set the default for new rows, fill the old rows in batches"),
    "index": ("nobody can write to %(what)s (%(size)s) while the index is built",
              "CREATE INDEX CONCURRENTLY, outside of a transaction (Django: AddIndexConcurrently and atomic = False), between SET lock_timeout"
              " = '10min' and RESET lock_timeout: it waits for every transaction that is older"),
    "partitioned-index": ("nobody can write to %(what)s%(of_size)s while the indexes of all partitions are built, and CONCURRENTLY PostgreSQL refuses it",
                          "CREATE INDEX ON ONLY the partitioned table, CREATE INDEX CONCURRENTLY on each partition, then ALTER INDEX ... ATTACH"
                          " PARTITION for each"),
    "scan": ("nobody can write to %(what)s (%(size)s) while all its rows are checked",
             "add the constraint NOT VALID, and VALIDATE CONSTRAINT in a migration after that"),
    "constraint": ("the old release does not know the rule, so its writes to %(what)s may be refused",
                   "first release code that keeps to it; in the release after that add it NOT VALID (a unique one: by CREATE UNIQUE INDEX "
                   "CONCURRENTLY), validate it, and accept this rule for that migration"),
    "drop-constraint": ("the old release may rely on %(what)s (ON CONFLICT, cascades, no duplicates)",
                        "drop it in the release after the one that no longer relies on it"),
    "deleted": ("the old release may still need the rows of %(what)s that are deleted",
                "delete them in the release after the one that no longer reads them"),
    "emptied": ("the old release still needs the rows of %(what)s", "delete them in the release after the one that no longer reads them"),
    "all-rows": ("the rows of %(what)s (%(size)s) stay locked until all of them are changed",
                 "change them in batches, each a transaction of its own, after the upgrade"),
    "lock": ("nobody can write to %(what)s%(of_size)s while it is locked", "let the application lock rows, or use maintenance mode"),
    "held-lock": ("nobody can write to %(what)s, which the transaction has locked, while %(size)s is read",
                  "commit before it: what reads much, or checks rows, belongs into a migration of its own, or before what locks"),
    "lock-timeout": ("users wait behind it for as long as it waits for a lock: lock_timeout is set to %(what)s",
                     "leave lock_timeout to Slipway (slipway_lock_timeout), or set it to seconds; where only what is CONCURRENTLY, outside of a"
                     " transaction, comes before RESET lock_timeout, it may be more"),
    "access": ("the old release may lose its access to %(what)s", "take access away in the release after the one that needs it"),
    "behaviour": ("what the old release reads from or writes to %(what)s changes without its knowing",
                  "add a new one under another name, and drop the old one in a later release"),
    "partition": ("rows that the old release uses leave %(what)s", "detach it in the release after the one that no longer uses them"),
    "unknown": ("it cannot be judged what %(what)s does to a release that serves", None),
}
# What an author may vouch for by naming the migration under migrations.compatible in slipway.yml.
CANNOT_JUDGE = ("unknown", "behaviour", "deleted", "unparsable", "unread", "code")

# Functions that are NULL where what they are given is.
STRICT = {"lower", "upper", "md5", "length", "char_length", "octet_length", "btrim", "ltrim", "rtrim", "abs", "round", "date_trunc", "timezone",
          "jsonb_typeof", "array_length", "cardinality"}
# Types that are no domains, as PostgreSQL and well-known extensions have them, beside those that are made by the migrations themselves.
PLAIN = set("""bool boolean bit varbit bytea char bpchar varchar text name uuid int2 int4 int8 smallint int integer bigint oid float4 float8 real
    numeric decimal money date time timetz timestamp timestamptz interval json jsonb jsonpath xml inet cidr macaddr macaddr8 tsvector tsquery
    point line lseg box path polygon circle int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange
    nummultirange tsmultirange tstzmultirange datemultirange xid xid8 cid tid pg_lsn pg_snapshot txid_snapshot regclass regcollation
    regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype citext hstore ltree geometry geography vector""".split())
SHARE_LOCK = 5  # from this mode of LOCK TABLE on, writers wait
PATIENCE = 60000  # milliseconds that a migration may let itself wait for a lock, with users behind it
UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60000, "h": 3600000, "d": 86400000}  # of time, in milliseconds
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(%s)?" % "|".join(UNITS))

# Statements that call the functions in them, at once or for each row that the old release writes from then on.
CALLS = {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt", "AlterTableStmt", "IndexStmt", "CreateDomainStmt",
         "AlterDomainStmt"}
# Those of them that call nothing where there are no rows yet.
CALLS_BY_ROW = {"AlterTableStmt", "IndexStmt"}

RULES = {}
# Nothing that serves is touched by these.
for _name in ("CommentStmt", "ConstraintsSetStmt", "CreateCastStmt", "CreateConversionStmt", "CreateExtensionStmt", "CreateRoleStmt",
              "CreateStatsStmt", "CheckPointStmt", "DeallocateStmt", "ListenStmt", "NotifyStmt",
              "UnlistenStmt", "VariableShowStmt", "CreateOpClassStmt", "CreateOpFamilyStmt"):
    RULES[_name] = lambda statement, world: ()
RULES.update(SelectStmt=select, InsertStmt=insert, TruncateStmt=truncate, CopyStmt=copy, AlterSeqStmt=alter_sequence, **dict.fromkeys(
    ("UpdateStmt", "DeleteStmt", "MergeStmt"), change_rows))
# The kinds of objects that CREATE makes, and where the statement holds the name.
for _name, _kind, _place in (
        ("CreateEnumStmt", "type", "typeName"), ("CreateRangeStmt", "type", "typeName"), ("CompositeTypeStmt", "type", "typevar"),
        ("CreateDomainStmt", "domain", "domainname"), ("CreateSeqStmt", "sequence", "sequence")):
    def _make(statement, world, kind=_kind, place=_place):
        named = getattr(statement, place)
        if not getattr(statement, "if_not_exists", False):  # else it may be an old one
            world.make(kind, table_of(named) if hasattr(named, "relname") else name_of(named))
        return ()
    RULES[_name] = _make


def rule(*kinds):
    """Decorator: the function judges statements of these kinds."""

    def add(function):
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return add


def judge(statement, world):
    """Everything that speaks against a statement, as (reason, what, size)."""
    kind = type(statement).__name__
    if kind != "VariableSetStmt" and not _is_concurrent(statement):  # behind what is CONCURRENTLY nobody waits
        yield from impatient(world)
    idle = kind in CALLS_BY_ROW and world.is_empty(table_of(statement.relation))
    if idle and not all_of(statement, "PartitionBoundSpec"):  # which calls them at once
        world.skip(table_of(statement.relation), _harmful(statement, world))
    elif kind in CALLS or getattr(statement, "partbound", None):
        yield from _called(statement, world)
    if kind in RULES:
        yield from RULES[kind](statement, world) or ()
    else:
        yield "unknown", "a statement of this kind (%s)" % kind, None


def impatient(world):
    """That users may wait behind what follows, which is said once."""
    if world.lock_timeout is not None:
        yield "lock-timeout", world.lock_timeout, None
    world.lock_timeout = None


def _called(statement, world):
    """Functions that can do anything, and setval, which does what ALTER SEQUENCE ... RESTART does."""
    yield from unknown(_harmful(statement, world) - {"setval"})
    for call in all_of(statement, "FuncCall"):
        if name_of(call.funcname) == "setval":
            yield from set_sequence((call.args or (None,))[0], world)


def _harmful(node, world):
    """The functions that a node calls, also by way of new views."""
    viewed = [world.views.get(table_of(relation), ()) for relation in all_of(node, "RangeVar")]
    return {name for name in functions_in(node) if not is_harmless(name)}.union(*viewed)


def _is_concurrent(statement):
    kind = type(statement).__name__
    return kind in ("IndexStmt", "DropStmt") and statement.concurrent or kind == "ReindexStmt" and option(statement, "concurrently", "params")


def option(statement, name, holder="options"):
    """Whether an option in parentheses, such as FULL of VACUUM, is there and not off."""
    for item in getattr(statement, holder) or ():
        if item.defname == name:
            value = getattr(item.arg, "sval", getattr(item.arg, "boolval", getattr(item.arg, "ival", True)))
            return value not in ("false", "off", False, 0)
    return False


# Tables and columns


@rule("CreateStmt", "CreateForeignTableStmt")
def create_table(statement, world):
    base = getattr(statement, "base", None) or statement
    for parent in (base.inhRelations or ()) if base.partbound else ():
        world.lock(table_of(parent))
        yield from check_default(base.partbound, table_of(base.relation), table_of(parent), world)
    _lock_referenced(statement, world)
    table = table_of(base.relation)
    if not base.if_not_exists or world.missing(table):
        world.make_table(base.relation, empty=not base.inhRelations)  # others write to a partition
        for column in all_of(base.tableElts, "ColumnDef"):
            make_sequence(table, column.colname, column, world)
        note_keys(base, table, world)
        if not base.partbound:  # whose functions have been judged
            world.skip(table, _harmful(base, world))
        for like in all_of(base.tableElts, "TableLikeClause"):
            world.skip(table, world.skipped.get(table_of(like.relation), ()))
        for parent in base.inhRelations or ():
            yield from unknown(world.join(table, table_of(parent)))


@rule("CreateTableAsStmt")
def create_table_as(statement, world):
    if not statement.if_not_exists or world.missing(table_of(statement.into.rel)):
        world.make_table(statement.into.rel, kind_of(statement.objtype))
    yield from judge(statement.query, world)


@rule("CreateSchemaStmt")
def create_schema(statement, world):
    if not statement.if_not_exists:
        world.make("schema", statement.schemaname)
    for inner in statement.schemaElts or ():
        yield from judge(inner, world)


@rule("AlterTableStmt")
def alter_table(statement, world):
    kind, name = kind_of(statement.objtype), table_of(statement.relation)
    _lock_referenced(statement, world)
    note_keys(statement, name, world)
    for command in statement.cmds:
        if not command.missing_ok:  # else the column may be an old one
            make_sequence(name, command.name or getattr(command.def_, "colname", None), command.def_, world)
        if kind in ("table", "foreign table"):  # before it is asked what is new, which this may end
            yield from link(command, name, world)
    if world.is_new(kind, name) or (statement.missing_ok and kind == "table" and world.missing(name)):
        return
    if kind == "type":
        yield "type", "the type " + name, None
        return
    if kind != "index" and any(command.subtype.name[3:] not in BESIDE_WRITERS for command in statement.cmds):
        world.lock(name)
    for command in statement.cmds:
        judged = ALTERATIONS.get(command.subtype.name[3:])
        if judged is None:
            yield "unknown", "this change of %s (%s)" % (name, command.subtype.name[3:]), None
        else:
            yield from judged(command, name, world) or ()


def _lock_referenced(statement, world):
    """Nobody can write to the tables that new foreign keys lead to, either."""
    for constraint in all_of(statement, "Constraint"):
        if constraint.pktable is not None:
            world.lock(table_of(constraint.pktable))


def nothing(command, table, world):
    """A short lock, and nothing that the old release could see."""


def only_if_big(reason):
    def alteration(command, table, world):
        size = world.size(table)
        if size:
            yield reason, table, size

    return alteration


def always(reason, words="%s"):
    def alteration(command, table, world):
        yield reason, words % table, None

    return alteration


def add_column(command, table, world):
    column = command.def_
    name, constraints = column.colname, {kind_of(item.contype): item for item in column.constraints or ()}
    default = constraints.get("default") or constraints.get("generated") or constraints.get("identity")
    serial = type_words(column.typeName)[0] in SERIAL
    null_by_default = default is not None and _is_null(default.raw_expr)
    has_default = serial or (default is not None and not null_by_default)
    required = any(kind in constraints for kind in ("notnull", "primary"))
    if not command.missing_ok:  # else it may be an old one
        world.add_column(table, name, {"default": has_default, "required": required})
    where, size = "%s.%s" % (table, name), world.size(table)
    if required and not has_default:
        yield "not-null", where, None
    if size and _may_be_domain(column.typeName, world):
        yield "unknown", "a column of the type %s, for which %s (%s) is written anew if it is a domain with a constraint," % (
            name_of(column.typeName), table, size), None
    if size and (serial or "identity" in constraints or _stored(constraints.get("generated"), world) or _volatile(constraints.get("default"))):
        yield "rewrite", table, size
    if ("unique" in constraints or "primary" in constraints) and size:
        yield "index", table, size
    if size and ("check" in constraints or ("foreign" in constraints and has_default)):
        yield "scan", table, size
    if any(_binds_old_code(constraints[kind], kind, table, world, name) for kind in ("check", "unique", "foreign") if kind in constraints):
        yield "constraint", table, None


def _may_be_domain(type_name, world):
    name = name_of(type_name)
    return not type_name.arrayBounds and name.rpartition(".")[2] not in PLAIN.union(SERIAL) and not world.is_new("type", name)


def _is_null(expression):
    return bool(getattr(uncast(expression), "isnull", False))


def _stored(generated, world):
    """Whether a generated column is written to disk; a server before 18 knows no other."""
    return generated is not None and not (generated.generated_kind == "v" and world.server_version >= 180000)


def _volatile(default):
    """Whether a default differs from row to row, as far as is known."""
    if default is None:
        return False
    return bool(functions_in(default.raw_expr) - STABLE)


def column_default(command, table, world):
    known = world.column(table, command.name)
    if command.def_ is not None and not _is_null(command.def_):
        if known is None:  # what leaves it out wrote something else, or NULL
            yield "behaviour", "%s.%s" % (table, command.name), None
        else:
            known["default"] = True
        return
    if known is None or known["required"]:
        yield "no-default", "%s.%s" % (table, command.name), None
    if known:
        known["default"] = False


def set_not_null(command, table, world, name=None):
    name = name or command.name
    known, size = world.column(table, name), world.size(table)
    if known is None or not known["default"]:
        yield "not-null", "%s.%s" % (table, name), None
    elif size:
        yield "scan", table, size
    if known:
        known["required"] = True


def drop_column(command, table, world):
    if world.take_column(table, command.name) is None:
        yield "drop", "the column %s.%s" % (table, command.name), None


def column_type(command, table, world):
    if not _widened(world.type_of(table, command.name), command.def_):
        yield "type", "%s.%s" % (table, command.name), None


def _widened(old, column):
    """Whether a type only becomes wider, for which PostgreSQL changes no row and the old release needs not know."""
    if old is None or column.raw_default is not None:  # raw_default is USING
        return False
    name, numbers = type_words(column.typeName)
    before, _paren, inside = old.partition("(")
    had = [int(number) for number in inside.rstrip(")").split(",")] if inside else []
    if before == "character varying":
        return name == "text" or (name == "varchar" and (not numbers or bool(had) and numbers[0] >= had[0]))
    if before == "numeric" and name == "numeric" and had:
        return not numbers or (len(numbers) == len(had) and numbers[0] >= had[0] and numbers[1:] == tuple(had[1:]))
    return False


def add_constraint(command, table, world):
    constraint = command.def_
    kind = kind_of(constraint.contype)
    if kind == "notnull":
        for key in constraint.keys:
            yield from set_not_null(command, table, world, key.sval)
        return
    if constraint.indexname:  # what is unique has been so since its index was made; the columns of a key may not be NULL from now on
        if kind == "primary":
            yield "constraint", table, None
        return
    size = world.size(table)
    if size and not constraint.skip_validation:
        yield ("index" if kind in ("primary", "unique", "exclusion") else "scan"), table, size
    if _binds_old_code(constraint, kind, table, world):  # NOT VALID spares the rows that are there, not those to come
        yield "constraint", table, None


def _binds_old_code(constraint, kind, table, world, column=None):
    """Whether rows that the old release writes can break a new constraint; column: the one it was added with."""
    if kind == "check":
        names = [ref.fields[-1].sval for ref in all_of(constraint.raw_expr, "ColumnRef") if hasattr(ref.fields[-1], "sval")]
        return not names or any(world.column(table, name) is None for name in names) or (
            _minds_null(constraint.raw_expr) and not all(world.column(table, name)["default"] for name in names))
    if kind == "exclusion":
        return True
    names = [column] if column else [key.sval for key in (constraint.fk_attrs if kind == "foreign" else constraint.keys) or ()]
    return _all_written(names, table, world, constraint.nulls_not_distinct)


def _minds_null(expression):
    """Whether a condition may be false, and not NULL, where a column is NULL: a CHECK is broken by the former only."""
    negated = [node for node in all_of(expression, "BoolExpr") if node.boolop.name == "NOT_EXPR"]
    return bool(
        [test for test in all_of(expression, "NullTest") if test.nulltesttype.name == "IS_NOT_NULL"] or all_of(negated, "NullTest")
        or all_of(expression, "CoalesceExpr") or all_of(expression, "BooleanTest") or all_of(expression, "CaseExpr")
        or functions_in(expression) - STRICT
        or [node for node in all_of(expression, "A_Expr") if "DISTINCT" in node.kind.name])


def _all_written(names, table, world, nulls_count=False):
    """Whether the old release fills all these columns; a NULL in a new one breaks neither uniqueness nor a reference."""
    return nulls_count or not any(world.column(table, name) and not world.column(table, name)["default"] for name in names)


def validate_constraint(command, table, world):
    size = world.size(table)
    if size:  # it lets others write, if nothing before it in the transaction keeps them from that
        yield from held("%s (%s)" % (table, size), world)


def add_identity(command, table, world):
    if command.def_.generated_when == "a":
        yield "constraint", "%s.%s" % (table, command.name), None


def replica_identity(command, table, world):
    """Where it is published and has none, or DEFAULT and no primary key, all who change or delete its rows are refused from then on."""
    if command.def_.identity_type in ("n", "d"):
        yield "unknown", "another replica identity of %s, which may be published," % table, None


def change_owner(command, table, world):
    """The rights to what is read and written by way of an old table are those to that one."""
    if not world.is_made("table", table):
        yield "access", table, None


ALTERATIONS = {
    "AddColumn": add_column, "ReplicaIdentity": replica_identity, "ColumnDefault": column_default, "SetNotNull": set_not_null, "DropColumn": drop_column,
    "AlterColumnType": column_type, "AddConstraint": add_constraint, "AttachPartition": attach_partition,
    "ValidateConstraint": validate_constraint, "AddIdentity": add_identity,
    "DropConstraint": lambda command, table, world: [("drop-constraint", "the constraint %s of %s" % (command.name, table), None)],
    "DropIdentity": lambda command, table, world: [("no-default", "%s.%s" % (table, command.name), None)],
    "DropExpression": lambda command, table, world: [("behaviour", "%s.%s" % (table, command.name), None)],
    "SetExpression": lambda command, table, world: [("type", "%s.%s" % (table, command.name), None)],
    "AlterConstraint": always("behaviour"), "ChangeOwner": change_owner, "EnableRowSecurity": always("access"),
    "ForceRowSecurity": always("access"), "DisableTrig": always("behaviour"), "DisableTrigAll": always("behaviour"),
    "DisableTrigUser": always("behaviour"), "DisableRule": always("behaviour"), "EnableTrig": always("behaviour"),
    "EnableAlwaysTrig": always("behaviour"), "EnableTrigAll": always("behaviour"), "EnableTrigUser": always("behaviour"),
    "EnableRule": always("behaviour"),
    "SetTableSpace": only_if_big("rewrite"), "SetLogged": only_if_big("rewrite"), "SetUnLogged": only_if_big("rewrite"),
    "SetAccessMethod": only_if_big("rewrite"),
}
# Those that let others write meanwhile.
BESIDE_WRITERS = {"ValidateConstraint", "SetStatistics", "SetOptions", "ResetOptions", "SetRelOptions", "ResetRelOptions", "ClusterOn",
                  "DropCluster", "AttachPartition"}
ALTERATIONS.update(dict.fromkeys(
    ("DropNotNull", "SetStatistics", "SetOptions", "ResetOptions", "SetStorage", "SetCompression", "ClusterOn",
     "DropCluster", "SetRelOptions", "ResetRelOptions", "NoForceRowSecurity", "DisableRowSecurity",
     "AddInherit", "DropInherit", "DetachPartition", "DetachPartitionFinalize"), nothing))  # the last four link() has judged


@rule("IndexStmt")
def create_index(statement, world):
    table = table_of(statement.relation)
    if statement.idxname and not statement.if_not_exists:
        world.make("index", statement.idxname)
    note_keys(statement, table, world)
    if world.is_new("table", table) or world.is_new("materialized view", table):
        return
    size, partitioned = world.size(table), world.is_partitioned(table)
    if not statement.concurrent:
        world.lock(table)
    if partitioned and (statement.concurrent or size and statement.relation.inh):
        yield "partitioned-index", table, size
    elif size and not statement.concurrent and not partitioned:  # ON ONLY a partitioned one nothing is built
        yield "index", table, size
    names = [item.name for item in statement.indexParams]
    if statement.unique and _all_written(names, table, world, statement.nulls_not_distinct):
        yield "constraint", table, None


# Names


@rule("DropStmt")
def drop(statement, world):
    kind = kind_of(statement.removeType)
    for item in statement.objects:
        name = name_of(item)
        holder, _dot, own = name.rpartition(".")  # of a trigger, a policy or a rule: its table
        if world.is_new(kind, name) or world.is_new("schema", holder):
            world.forget(kind, name)
        elif kind in ("trigger", "policy", "rule"):
            world.lock(holder)
            if not world.is_new("table", holder):
                yield ("behaviour" if kind != "policy" else "access"), "%s, by its %s %s," % (holder, kind, own), None
        elif kind == "index":
            yield "drop-constraint", "the index " + name, None
        elif kind not in ("statistics", "publication") and not (kind == "table" and statement.missing_ok and world.missing(name)):
            yield "drop", "the %s %s" % (kind, name), None


@rule("RenameStmt")
def rename(statement, world):
    kind = kind_of(statement.renameType)
    if statement.relation is not None:
        table, holder = table_of(statement.relation), kind_of(statement.relationType)
        if kind in ("column", "tabconstraint", "trigger", "policy", "rule", "attribute"):
            yield from _rename_inside(statement, kind, table, holder, world)
        elif world.is_made(kind, table):
            schema, dot, _name = table.rpartition(".")
            world.rename(kind, table, schema + dot + statement.newname)
        elif kind != "index":
            yield "rename", "the %s %s" % (kind, table), None
        return
    name = name_of(statement.object) if statement.object is not None else statement.subname
    if world.is_made(kind, name):
        world.rename(kind, name, statement.newname)
    elif kind not in ("domconstraint", "statistic ext"):
        yield "rename", "the %s %s" % (kind, name), None


def _rename_inside(statement, kind, table, holder, world):
    if world.is_new(holder, table) or world.is_new("table", table):
        return
    world.lock(table)
    if kind in ("trigger", "policy", "rule"):
        return
    if kind == "column" and world.column(table, statement.subname):
        world.add_column(table, statement.newname, world.take_column(table, statement.subname))
        return
    words = "constraint" if kind == "tabconstraint" else kind
    yield "rename", "the %s %s of %s" % (words, statement.subname, table), None


@rule("AlterObjectSchemaStmt", "AlterOwnerStmt")
def moved(statement, world):
    kind = kind_of(statement.objectType)
    name = table_of(statement.relation) if statement.relation is not None else name_of(statement.object)
    if not world.is_made(kind, name):
        owner = type(statement).__name__ == "AlterOwnerStmt"
        yield ("access" if owner else "rename"), "the %s %s" % (kind, name), None
    elif hasattr(statement, "newschema"):
        world.rename(kind, name, "%s.%s" % (statement.newschema, name.rpartition(".")[2]))


# Types, functions, views


@rule("CreatePublicationStmt")
def create_publication(statement, world):
    """Where a table has no replica identity, such as a primary key, all who change or delete its rows are refused from then on."""
    published = {word.strip() for item in statement.options or () if item.defname == "publish" for word in item.arg.sval.split(",")}
    if published and not published & {"update", "delete"}:
        return
    named = [item.pubtable and table_of(item.pubtable.relation) for item in statement.pubobjects or ()]
    if statement.for_all_tables or not all(name and world.is_new("table", name) for name in named):
        yield "unknown", "the publication %s of tables that may lack a replica identity" % statement.pubname, None


@rule("AlterEnumStmt")
def alter_enum(statement, world):
    name = name_of(statement.typeName)
    if statement.oldVal and not world.is_new("type", name):
        yield "rename", "the value %s of the type %s" % (statement.oldVal, name), None


@rule("AlterDomainStmt")
def alter_domain(statement, world):
    name = name_of(statement.typeName)
    if world.is_new("domain", name) or statement.subtype == "N":  # DROP NOT NULL
        return
    if statement.subtype == "V":
        yield "unknown", "the check of all tables that have the domain %s, to none of which anybody can write meanwhile," % name, None
        return
    default = "no-default" if statement.def_ is None or _is_null(statement.def_) else "behaviour"
    yield {"T": default, "O": "not-null", "X": "drop-constraint"}.get(statement.subtype, "constraint"), "the domain " + name, None


@rule("CreateFunctionStmt")
def create_function(statement, world):
    kind, name = "procedure" if statement.is_procedure else "function", name_of(statement.funcname)
    if statement.replace and not world.is_new(kind, name):
        yield "behaviour", "the %s %s" % (kind, name), None
    else:
        world.make(kind, name)


@rule("ViewStmt")
def create_view(statement, world):
    name = table_of(statement.view)
    if statement.replace:
        world.lock(name, "view")
    if statement.replace and not world.is_new("view", name):
        yield "behaviour", "the view " + name, None
    else:
        world.make_view(name, _harmful(statement.query, world))


@rule("DefineStmt")
def define(statement, world):
    kind, name = kind_of(statement.kind), name_of(statement.defnames)
    if statement.replace:
        yield "behaviour", "the %s %s" % (kind, name), None
    else:
        world.make(kind, name)


@rule("CreateTrigStmt", "RuleStmt", "CreatePolicyStmt", "AlterPolicyStmt")
def watch_table(statement, world):
    relation = getattr(statement, "relation", None) or statement.table
    world.lock(table_of(relation))
    if not world.is_new("table", table_of(relation)):
        yield "behaviour", table_of(relation), None
    elif type(statement).__name__ == "RuleStmt":  # it may do anything when the table is written to
        yield "unknown", "the rule " + statement.rulename, None
    elif type(statement).__name__ == "CreateTrigStmt":
        world.skip(table_of(relation), {name for name in [name_of(statement.funcname)] if not is_harmless(name)})


# Locks and maintenance


@rule("LockStmt")
def lock(statement, world):
    for relation in statement.relations if statement.mode >= SHARE_LOCK else ():
        world.lock(table_of(relation))
        if not world.is_new("table", table_of(relation)):
            yield "lock", table_of(relation), None


@rule("VacuumStmt")
def vacuum(statement, world):
    if statement.is_vacuumcmd and option(statement, "full"):
        yield from _locked([item.relation for item in statement.rels or ()], world)


@rule("ClusterStmt")
def cluster(statement, world):
    yield from _locked([statement.relation] if statement.relation is not None else [], world)


@rule("ReindexStmt")
def reindex(statement, world):
    if not option(statement, "concurrently", "params"):
        of_table = kind_of(statement.kind) == "object table"
        yield from _locked([statement.relation] if of_table else [], world)


@rule("RefreshMatViewStmt")
def refresh(statement, world):
    yield from held("what %s is made of" % table_of(statement.relation), world)
    if not statement.concurrent and not world.is_new("materialized view", table_of(statement.relation)):
        yield from _locked([statement.relation], world)


def _locked(relations, world):
    """Tables that nobody can use for as long as it takes; none named means all, or one that cannot be told."""
    if not relations:
        yield "lock", "the tables meant", None
    for relation in relations:
        table = table_of(relation)
        world.lock(table)
        size = world.size(table)
        if size:
            yield "lock", table, size


# Rights, settings, transactions


@rule("GrantRoleStmt")
def grant_role(statement, world):
    if not statement.is_grant:
        yield "access", "what the role allows", None


@rule("GrantStmt")
def grant(statement, world):
    if not statement.is_grant:
        yield "access", ", ".join(name_of(item) if not hasattr(item, "relname") else table_of(item) for item in statement.objects or ()), None


@rule("AlterDefaultPrivilegesStmt")
def default_privileges(statement, world):
    if not statement.action.is_grant:
        yield "access", "tables made from now on", None


@rule("VariableSetStmt")
def setting(statement, world):
    back = statement.kind.name in ("VAR_RESET", "VAR_SET_DEFAULT", "VAR_RESET_ALL")  # to what the session began with
    if statement.name in ("search_path", "session_replication_role") or (statement.name in ("role", "session_authorization") and not back):
        yield "unknown", "what follows another %s" % statement.name, None
    elif statement.name == "lock_timeout" or statement.kind.name == "VAR_RESET_ALL":
        value = [getattr(item.val, "sval", getattr(item.val, "ival", getattr(item.val, "fval", ""))) for item in statement.args or ()]
        if not back and not _brief(value[0] if value else ""):
            world.lock_timeout = str(value[0] if value else "something else")
        elif world.in_transaction or not statement.is_local:  # SET LOCAL outside of a transaction does nothing
            world.lock_timeout = None
        if world.in_transaction or statement.is_local:
            yield from impatient(world)


def _brief(value):
    """Whether a value of lock_timeout lets nobody wait long: a number of milliseconds, or one with a unit; 0 is for ever."""
    parts = DURATION.fullmatch(str(value).strip())
    return bool(parts) and 0 < float(parts.group(1)) * UNITS[parts.group(2) or "ms"] <= PATIENCE


@rule("TransactionStmt")
def transaction(statement, world):
    kind = statement.kind.name.replace("TRANS_STMT_", "")
    if kind in ("BEGIN", "START"):
        world.begin()
    elif kind in ("COMMIT", "ROLLBACK", "PREPARE"):
        world.end(statement.chain)
    if "ROLLBACK" in statement.kind.name or "PREPARE" in statement.kind.name:
        yield "unknown", "a transaction that is taken back or prepared", None


@rule("ExplainStmt")
def explain(statement, world):
    if option(statement, "analyze"):
        yield from judge(statement.query, world)
