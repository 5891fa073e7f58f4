# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""toc.dat of an archive in the directory format, read as a whole and written again, with entries for rows that we write.

What is read is what pg_dump wrote a moment ago: archives of others are looked at by the module archive.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.archive import HEAD, MAGIC, VERSIONS

DATA, POST_DATA = 3, 4  # sections
# Kinds of entries that have passwords of other servers.
SECRET = (b"USER MAPPING", b"SUBSCRIPTION", b"SUBSCRIPTION TABLE")

# Kinds of entries that have raw values.
RAW = (b"BLOB", b"BLOBS", b"BLOB METADATA", b"LARGE OBJECT", b"STATISTICS DATA")


class Entry:
    """One entry; texts are bytes, or None. needs are the ids of those it depends on."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


class Toc:
    """The table of contents that some bytes are."""

    def __init__(self, data):
        self._data, self._at = data, 0
        begin = self._bytes(len(MAGIC) + 3 + len(HEAD))
        self.version = tuple(begin[len(MAGIC):len(MAGIC) + 3])
        if not begin.startswith(MAGIC) or not begin.endswith(HEAD) or self.version not in VERSIONS:
            raise SlipwayError("pg_dump has written an archive of a form that is not known.")
        if self.version >= (1, 15, 0):
            self._bytes(1)
        else:
            self._integer()
        for _part in range(7):
            self._integer()
        for _text in range(3):
            self._text()
        self._head = data[:self._at]
        self.entries = [self._entry() for _number in range(self._integer())]
        if self._at != len(data):
            raise SlipwayError("The table of contents that pg_dump has written has %d bytes too many." % (len(data) - self._at))

    # Reading

    def _bytes(self, size):
        data = self._data[self._at:self._at + size]
        if len(data) != size:
            raise SlipwayError("The table of contents that pg_dump has written ends in the middle.")
        self._at += size
        return data

    def _integer(self):
        data = self._bytes(5)
        return int.from_bytes(data[1:], "little") * (-1 if data[0] else 1)

    def _text(self):
        size = self._integer()
        return None if size < 0 else self._bytes(size)

    def _entry(self):
        entry = Entry(id=self._integer(), dumper=self._integer(), catalog=self._text(), oid=self._text(), tag=self._text(), kind=self._text(),
                      section=self._integer(), definition=self._text(), drop=self._text(), copy=self._text(), schema=self._text(),
                      tablespace=self._text(), method=self._text(),
                      relkind=self._integer() if self.version >= (1, 16, 0) else 0, owner=self._text(), oids=self._text())
        entry.needs = list(iter(self._text, None))
        entry.file = self._text()
        return entry

    # Changing

    def remove_secrets(self):
        """Take out what has passwords of other servers, and return its tags; with it what is said of the database itself, its settings and comment."""
        def of_database(entry):
            return entry.kind == b"DATABASE PROPERTIES" or entry.kind in (b"COMMENT", b"SECURITY LABEL") and entry.tag.startswith(b"DATABASE ")

        gone = [entry for entry in self.entries if entry.kind in SECRET]
        self.entries = [entry for entry in self.entries if entry not in gone and not of_database(entry)]
        return [entry.tag for entry in gone]

    def require_no_rows_of(self, tables):
        """Refuse what has rows of tables, {(schema, name)}, or large objects, or statistics: pg_dump was told to read none."""
        for entry in self.entries:
            if entry.kind in RAW or entry.kind == b"TABLE DATA" and (entry.schema, entry.tag) in tables:
                raise SlipwayError("pg_dump has read what it was told not to: %s %s." % (
                    entry.kind.decode("ascii"), one_line((entry.tag or b"").decode("utf-8", "replace"))))

    def tables(self):
        """{oid: entry} of the tables."""
        return {int(entry.oid): entry for entry in self.entries if entry.kind == b"TABLE"}

    def free_id(self):
        """An id from which on none is taken."""
        return max([entry.id for entry in self.entries] or [0]) + 1

    def add_rows(self, table, number, copy, file):
        """An entry for the rows of a table (its entry): they come before all that is made after rows."""
        entry = Entry(id=number, dumper=1, catalog=b"0", oid=table.oid, tag=table.tag, kind=b"TABLE DATA", section=DATA, definition=None, drop=None,
                      copy=copy, schema=table.schema, tablespace=None, method=None, relkind=0, owner=table.owner, oids=b"false",
                      needs=[b"%d" % table.id], file=file)
        place = next((place for place, other in enumerate(self.entries) if other.section == POST_DATA), len(self.entries))
        self.entries.insert(place, entry)

    # Writing

    def written(self):
        """The bytes."""
        parts = [self._head, _integer(len(self.entries))]
        for entry in self.entries:
            parts += [_integer(entry.id), _integer(entry.dumper)]
            parts += map(_text, (entry.catalog, entry.oid, entry.tag, entry.kind))
            parts.append(_integer(entry.section))
            parts += map(_text, (entry.definition, entry.drop, entry.copy, entry.schema, entry.tablespace, entry.method))
            if self.version >= (1, 16, 0):
                parts.append(_integer(entry.relkind))
            parts += map(_text, [entry.owner, entry.oids] + entry.needs + [None, entry.file])
        return b"".join(parts)


def _integer(value):
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def _text(value):
    return _integer(-1) if value is None else _integer(len(value)) + value
