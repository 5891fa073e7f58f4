# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules of the mode advisor know of the database: what the release that serves can see, and what is new.

What a pending migration has made itself, no release that serves can know of, so nothing done to it can hurt one.
Names are taken as they are written: "orders" and "public.orders" may be two tables.
"""

from __future__ import annotations

from enum import Enum

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class World:
    """The database while the statements of all pending migrations pass, one after the other.

    tables: a list of {schema, name, bytes, columns {name: type}} of those that are there, or None where nobody has
    looked; big: bytes from which on a table is big; server_version: server_version_num, such as 150004.
    """

    def __init__(self, tables, server_version, big):
        self.tables = tables
        self.server_version = server_version
        self.limit = big
        self.made = set()  # (kind, name) of what a pending migration has made
        self.temporary = set()  # those of them that end with the session
        self.empty = set()  # the tables among them that have no rows yet, and to which nobody else writes
        self.skipped = {}  # new table: names of the functions in it that nobody has judged, as no release that serves calls them
        self.links = set()  # (part, parent): tables that a pending migration has made a part of another
        self.parts = {}  # table that was new: the old tables that are parts of it, for which it is old as well
        self.columns = {}  # (table, column) that is new in an old table: {"default": bool, "required": bool}
        self.lock_timeout = None  # what it is set to where users could wait behind the migration for that long
        self.in_transaction = False  # whether there was a BEGIN without a COMMIT
        self.held = []  # the old tables that nobody can write to until the transaction ends, or not to some of their rows

    # What is new

    def make(self, kind, name):
        self.made.add((kind, name))

    def make_table(self, relation, kind="table", empty=False):
        """What CREATE makes, by its RangeVar."""
        self._begin(table_of(relation))
        self.make(kind, table_of(relation))
        if empty:
            self.empty.add(table_of(relation))
        if relation.relpersistence == "t":
            self.temporary.add((kind, table_of(relation)))

    def _begin(self, table):
        """What is known of an earlier new table is not true of the next one of its name."""
        self.empty.discard(table)
        self.skipped.pop(table, None)
        self.links = {link for link in self.links if table not in link}

    def make_sequence(self, name, table):
        """What numbers a column of a table: it ends where the table does."""
        self.make("sequence", name)
        if ("table", table) in self.temporary:
            self.temporary.add(("sequence", name))

    def fill(self, table):
        """From now on it may have rows; where it is a view, or nobody knows what it is, any new table may."""
        known = self.is_new("table", table) or self._found(table)
        self.empty = self.empty - {table} if known and not self.is_new("view", table) else set()

    def is_empty(self, table):
        return table in self.empty and self.is_new("table", table)

    def skip(self, table, functions):
        """Nobody judges these functions, unless the old release comes to use the new table in which they are."""
        self.skipped.setdefault(table, set()).update(functions)

    def join(self, part, parent):
        """One table becomes a part of another: either may have rows now, and what is done to the parent is done to the part.

        Returns the names of the functions that were skipped and that the old release may call from now on.
        """
        self.empty -= {part, parent}
        self.links.add((part, parent))
        if not self.is_new("table", part):
            self._age(parent, self.parts.get(part, [part]))
        functions = self.skipped.get(part, set()) | self.skipped.get(parent, set())
        if self.is_new("table", parent):
            self.skip(parent, functions)
            return set()
        return functions

    def _age(self, table, parts):
        """A new table that has old ones as parts is as old as they are, and so is what it is a part of itself."""
        left, seen = [table], set()
        while left:
            one = left.pop()
            if one not in seen and (self.is_new("table", one) or one in self.parts):
                seen.add(one)  # nobody has tried yet whether PostgreSQL takes what is read here: it may go in a circle
                self.made.discard(("table", one))
                self.parts.setdefault(one, []).extend(parts)
                left += [parent for part, parent in self.links if part == one]

    def end_session(self):
        """Each migration may have a session of its own, and the old table of a temporary one's name is back then."""
        self.made -= self.temporary
        self.temporary = set()

    def is_new(self, kind, name):
        return (kind, name) in self.made

    def forget(self, kind, name):
        """It was dropped: what has its name from now on is another one."""
        self.made.discard((kind, name))
        if kind == "table":
            self._begin(name)
            self.columns = {key: value for key, value in self.columns.items() if key[0] != self._full(name)}

    def rename(self, kind, old, new):
        self.made.discard((kind, old))
        self.made.add((kind, new))
        if kind == "table":
            self.empty -= {old, new}
            self.skipped[new] = self.skipped.pop(old, set())
            self.links = {tuple(new if name == old else name for name in link) for link in self.links}

    def column(self, table, name):
        """What is known of a new column in an old table, or None for a column that was there."""
        return self.columns.get((self._full(table), name))

    def add_column(self, table, name, known):
        self.columns[(self._full(table), name)] = known

    def take_column(self, table, name):
        """As column(), which is gone from now on."""
        return self.columns.pop((self._full(table), name), None)

    def _full(self, table):
        """The name of an old table with its schema, where only one can be meant."""
        found = self._found(table)
        return "%(schema)s.%(name)s" % found[0] if len(found) == 1 and not self.is_new("table", table) else table

    # What is locked

    def lock(self, name, kind="table"):
        """A statement locks it against those who write, which lasts as long as the transaction does."""
        if name not in self.held and not self.is_new(kind, name):
            self.held.append(name)

    def begin(self):
        self.in_transaction = True

    def end(self, chain=False):
        """COMMIT; the end of a migration is none, for some tools print one transaction around all of them."""
        self.in_transaction, self.held = chain, []

    def end_statement(self):
        if not self.in_transaction:  # each statement is a transaction of its own
            self.held = []

    # What was there

    def _found(self, table):
        """The tables that may be meant by a name, or its parts; a name without a schema may mean one in any schema."""
        names = [name.rpartition(".") for name in self.parts.get(table, [table])]
        return [one for schema, dot, name in names for one in self.tables or [] if one["name"] == name and (not dot or one["schema"] == schema)]

    def missing(self, table):
        """Whether there surely is no such table."""
        return self.tables is not None and table not in self.parts and not self._found(table)

    def size(self, table):
        """Its size in words when it is big, or may be; else None."""
        found = self._found(table)
        if not found:
            return "its size is not known"
        largest = max(one["bytes"] for one in found)
        return readable(largest) if largest >= self.limit else None

    def type_of(self, table, column):
        """The type of an old column as PostgreSQL writes it, or None where that is not known."""
        types = {one["columns"].get(column) for one in self._found(table)}
        return types.pop() if len(types) == 1 else None


def readable(size):
    """A number of bytes for people."""
    step = 0
    while size >= 1024 and step < len(UNITS) - 1:
        size, step = size / 1024, step + 1
    return "%.*f %s" % (1 if step and size < 10 else 0, size, UNITS[step])


# The tree of the parser


def table_of(relation):
    """The name in a RangeVar."""
    return ".".join(part for part in (relation.schemaname, relation.relname) if part)


def name_of(parts):
    """The name of an object in a tree: a tuple of strings, or something that holds one."""
    for holder in ("objname", "names"):
        parts = getattr(parts, holder, parts)
    if hasattr(parts, "sval"):
        return parts.sval
    return ".".join(part.sval for part in parts if getattr(part, "sval", None) and part.sval != "pg_catalog")


def kind_of(enum):
    """OBJECT_FOREIGN_TABLE is "foreign table"."""
    return enum.name.partition("_")[2].lower().replace("_", " ").replace("matview", "materialized view")


def walk(node):
    """A node of the tree and all below it; not by recursion, for a UNION of a thousand parts is as deep."""
    left = [node]
    while left:
        node = left.pop()
        if isinstance(node, (tuple, list)):
            left += reversed(node)
        elif hasattr(node, "__slots__") and not isinstance(node, Enum):
            yield node
            left += reversed([getattr(node, name) for name in node])


def all_of(node, kind):
    """Every node of a kind, by the name of its class."""
    return [found for found in walk(node) if type(found).__name__ == kind]


def functions_in(node):
    """The names of the functions that are called in a node."""
    return {name_of(call.funcname) for call in all_of(node, "FuncCall")}


def type_words(type_name):
    """(name of a type, its numbers) of a TypeName: ("varchar", (20,))."""
    numbers = tuple(item.val.ival for item in type_name.typmods or () if hasattr(getattr(item, "val", None), "ival"))
    return name_of(type_name), numbers
