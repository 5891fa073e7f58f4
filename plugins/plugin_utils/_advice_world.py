# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules of the mode advisor know of the database: what the release that serves can see, and what is new.

What a pending migration has made itself, no release that serves can know of, so nothing done to it can hurt one; unless
it is a part of a table that was there, or has one as a part: then the old release uses it under that one's name.
Names are taken as they are written: "orders" and "public.orders" may be two tables. Where one is made and the other becomes a part, they may be one.
"""

from __future__ import annotations

from enum import Enum

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
NOT_KNOWN = "its size is not known"
PUBLIC = "public."


class Links:
    """Which table pending migrations have made a part of which other.

    Nobody has tried yet whether PostgreSQL takes what is read here: they may go in a circle. is_old says of a table whether it was there before, which
    does not change while it has links.
    """

    def __init__(self, is_old):
        self._is_old = is_old
        self.parts = {}  # table: its parts
        self.parents = {}  # table: those that it is a part of
        self._to_old = {}  # table: those of its parts that are old, or have had an old one below: of thousands of new ones none

    def add(self, part, parent):
        self.parts.setdefault(parent, set()).add(part)
        self.parents.setdefault(part, set()).add(parent)
        left = [(part, parent)] if self._is_old(part) or self._to_old.get(part) else []
        while left:
            part, parent = left.pop()
            ways = self._to_old.setdefault(parent, set())
            if part not in ways:
                ways.add(part)
                left += [(parent, above) for above in self.parents.get(parent, ())]

    def discard(self, part, parent):
        self.parts.get(parent, set()).discard(part)
        self.parents.get(part, set()).discard(parent)
        self._to_old.get(parent, set()).discard(part)

    def forget(self, table):
        """Returns the links that it had."""
        links = [(part, table) for part in self.parts.get(table, ())] + [(table, parent) for parent in self.parents.get(table, ())]
        for link in links:
            self.discard(*link)
        return links

    def rename(self, old, new):
        for link in self.forget(old):
            self.add(*(new if one == old else one for one in link))

    def below(self, table):
        """The table and all its parts."""
        return _reached(table, self.parts)

    def old_below(self, table):
        """Those of the table and its parts that were there before."""
        return {one for one in _reached(table, self._to_old) if self._is_old(one)}

    def above(self, table):
        """The table and all that it is a part of."""
        return _reached(table, self.parents)


def _reached(table, ways):
    left, reached = [table], set()
    while left:
        one = left.pop()
        if one not in reached:
            reached.add(one)
            left += ways.get(one, ())
    return reached


class World:
    """The database while the statements of all pending migrations pass, one after the other.

    tables: those that are there, as mentioned() of module_utils/_postgres/tables.py has them, or None where nobody has
    looked; big: bytes from which on a table is big; server_version: server_version_num, such as 150004.
    """

    def __init__(self, tables, server_version, big):
        self.tables = tables
        self.server_version = server_version
        self.limit = big
        self.made = set()  # (kind, name) of what a pending migration has made
        self.temporary = set()  # those of them that end with the session
        self.empty = set()  # the tables among them that have no rows yet, and to which nobody else writes
        self.skipped = {}  # new table: names of the functions in it that nobody has judged, as nobody calls them yet
        self.views = {}  # new view: names of the functions that are called where it is read
        self.keyed = set()  # the new tables that have a unique or a foreign key, which their parts get
        self.links = Links(lambda table: not self.is_made("table", table))
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
        self.keyed.discard(table)
        self.skipped.pop(table, None)
        self.links.forget(table)

    def make_view(self, name, functions):
        self.make("view", name)
        self.views[name] = functions

    def make_sequence(self, name, table):
        """What numbers a column of a table: it ends where the table does."""
        self.make("sequence", name)
        if ("table", table) in self.temporary:
            self.temporary.add(("sequence", name))

    def write(self, table):
        """From now on it may have rows; where it is a view, or nobody knows what it is, any new table may.

        Returns the names of the functions that were skipped and that are called for these rows.
        """
        if not self.is_new("view", table) and (self.is_made("table", table) or self._named(table)):
            self.empty.discard(table)
            return self._take(self._related(table)) if self.skipped else set()
        self.empty = set()
        return self._take(set(self.skipped))

    def is_empty(self, table):
        return table in self.empty and self.is_new("table", table)

    def skip(self, table, functions):
        """Nobody judges these functions, unless somebody comes to use the new table in which they are."""
        if functions:
            self.skipped.setdefault(table, set()).update(functions)

    def _take(self, tables):
        """What was skipped in them, which is said once."""
        return set().union(*(self.skipped.pop(table, ()) for table in tables))

    def join(self, part, parent):
        """One table becomes a part of another: either may have rows now, and what is done to the parent is done to the part.

        Returns the names of the functions that were skipped and that the old release may call from now on.
        """
        parts = self._alike(part)
        for one in parts:
            for above in self._alike(parent):
                self.empty -= {one, above}
                self.links.add(one, above)
        related = set().union(*map(self._related, parts))
        return self._take({table for table in self.skipped.keys() & related if not self.is_new("table", table)})

    def _alike(self, table):
        """A table, and where no migration has made it, one that has been made by the same name with public or without: tools write both."""
        other = table[len(PUBLIC):] if table.startswith(PUBLIC) else PUBLIC + table
        return [table] if self.is_made("table", table) or not self.is_made("table", other) else [table, other]

    def leave(self, part, parent):
        """No longer a part: it keeps what it got from the parent."""
        self.skip(part, set().union(*(self.skipped.get(table, ()) for table in self.links.above(parent))))
        if self.may_give_keys(parent):
            self.keyed.add(part)
        self.links.discard(part, parent)

    def _related(self, table):
        return self.links.above(table) | self.links.below(table)

    def may_give_keys(self, table):
        """Whether what becomes a part of it may get a unique or a foreign key that it lacks; those of an old table nobody knows."""
        return any(one in self.keyed or not self.is_made("table", one) for one in self.links.above(table))

    def has_old_part(self, table):
        """Whether a table, or a part of it, was there before."""
        return bool(self.links.old_below(table))

    def _is_of_old(self, table):
        """Whether a table, a part of it, or what it is a part of, was there before."""
        return self.has_old_part(table) or not all(self.is_made("table", one) for one in self.links.above(table))

    def end_session(self):
        """Each migration may have a session of its own, and the old table of a temporary one's name is back then."""
        self.made -= self.temporary
        for _kind, name in self.temporary:
            self._begin(name)
        self.temporary = set()

    def is_made(self, kind, name):
        """Whether a pending migration has made it: the old release does not know its name."""
        return (kind, name) in self.made

    def is_new(self, kind, name):
        """Whether the old release does not use it, or a table in it, under the name of another one, either."""
        if not self.is_made(kind, name):
            return False
        tables = [name] if kind == "table" else []
        if kind == "schema":
            tables = [table for made, table in self.made if made == "table" and table.rpartition(".")[0] == name]
        return not any(self._is_of_old(table) for table in tables)

    def forget(self, kind, name):
        """It was dropped: what has its name from now on is another one."""
        self.made.discard((kind, name))
        if kind == "view":
            self.views.pop(name, None)
        if kind == "table":
            self._begin(name)
            self.columns = {key: value for key, value in self.columns.items() if key[0] != self._full(name)}

    def rename(self, kind, old, new):
        self.made.discard((kind, old))
        self.made.add((kind, new))
        if kind == "view":
            self.views[new] = self.views.pop(old, set())
        if kind == "table":
            self.empty -= {old, new}
            self.skip(new, self.skipped.pop(old, ()))
            self.keyed = {new if name == old else name for name in self.keyed}
            self.links.rename(old, new)

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
        found = self._named(table)
        return "%(schema)s.%(name)s" % found[0] if len(found) == 1 and not self.is_made("table", table) else table

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

    def _named(self, table):
        """The tables that may be meant by a name: one without a schema may mean one in any schema."""
        schema, dot, name = table.rpartition(".")
        return [one for one in self.tables or [] if one["name"] == name and (not dot or one["schema"] == schema)]

    def missing(self, table):
        """Whether there surely is no such table."""
        return self.tables is not None and not any(self.is_made("table", one) for one in self._alike(table)) and not self._named(table)

    def is_partitioned(self, table):
        """Whether that is known of an old table."""
        found = [] if self.is_made("table", table) else self._named(table)
        return bool(found) and all(one.get("partitioned") for one in found)

    def size(self, table):
        """Its size in words when it is big, or may be; else None. What is new in it does not count."""
        return self._largest("bytes", self.links.old_below(table))

    def default_size(self, table, part):
        """As size(), of its default partition where another part comes; what migrations have made a part of it may be the default as well."""
        others = self.links.old_below(table) - self.links.below(part) - {table}
        return self._largest("default_bytes", {table} & self.links.old_below(table)) or self._largest("bytes", others)

    def _largest(self, fact, tables):
        found = [self._named(table) for table in tables]
        if not all(found):
            return NOT_KNOWN
        sizes = [one.get(fact) for alike in found for one in alike]
        largest = max((size for size in sizes if size is not None), default=None)
        return readable(largest) if largest is not None and largest >= self.limit else None

    def type_of(self, table, column):
        """The type of an old column as PostgreSQL writes it, or None where that is not known."""
        types = {one["columns"].get(column) for name in self.links.old_below(table) for one in self._named(name)}
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


def uncast(expression):
    while type(expression).__name__ == "TypeCast":
        expression = expression.arg
    return expression


def type_words(type_name):
    """(name of a type, its numbers) of a TypeName: ("varchar", (20,))."""
    numbers = tuple(item.val.ival for item in type_name.typmods or () if hasattr(getattr(item, "val", None), "ival"))
    return name_of(type_name), numbers
