# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What stands in the table of contents of an archive of pg_dump's directory format: names of files, and what belongs to a table.

The names are looked at before pg_restore goes after them. toc.dat and the lists of large objects name the files with the rows.
pg_restore puts each name behind the archive's folder as it is and loads what it finds there: a name like ../../etc/shadow
would put a file of the host into the database.
"""

from __future__ import annotations

import collections
import os
import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

CONTENTS = "toc.dat"
MAGIC = b"PGDMP"
VERSIONS = ((1, 14, 0), (1, 15, 0), (1, 16, 0))  # of archives: pg_dump 14 and 15, 16, 17 and 18
HEAD = b"\4\10\3"  # bytes of an integer and of a file offset, and the format, as every pg_dump of ours writes them
SUFFIXES = ("", ".gz", ".lz4", ".zst")  # what pg_restore tries behind a name
LONGEST = 255  # bytes in a name of a file, and more than any kind of entry has
WIDEST = 1 << 20  # bytes in the name of a thing, which for a function has the types of its arguments
LARGE_OBJECTS = b"BLOBS"  # the kind of entry whose file is a list of files
_LIST = re.compile(r"blobs.*\.toc")  # what such a list is called; pg_restore before 17 takes blobs.toc, whatever the entry says
# What a table has: entries that name it, and such that need one of it and can belong to nothing else.
_NAMING = (b"DEFAULT", b"CONSTRAINT", b"CHECK CONSTRAINT", b"FK CONSTRAINT", b"TRIGGER", b"RULE", b"POLICY", b"ROW SECURITY")
_NEEDING = (b"SEQUENCE", b"SEQUENCE OWNED BY", b"SEQUENCE SET", b"INDEX", b"INDEX ATTACH", b"TABLE ATTACH", b"STATISTICS", b"COMMENT")
_LISTED = re.compile(rb"[0-9]{1,10} ([A-Za-z0-9_.-]{1,200})\n?")


def contents(manifest):
    """The names of those files of an archive that name others: all that check_names reads."""
    return {CONTENTS} | {item["name"] for item in manifest["files"] if _LIST.match(item["name"])}


def check_names(folder, manifest):
    """Refuse an archive in a folder that names any file but those of its manifest."""
    known = {item["name"] for item in manifest["files"]}
    lists = contents(manifest) - {CONTENTS}
    try:
        for entry in _entries(os.path.join(folder, CONTENTS)):
            if entry.file:
                _require(entry.file, known, CONTENTS)
                if entry.kind == LARGE_OBJECTS:
                    lists.add(entry.file.decode("ascii"))
        for name in sorted(lists):
            if name not in known or not _LIST.fullmatch(name):  # one that is compressed could not be read here
                raise _refused("%s is no list of large objects" % name)
            with open(os.path.join(folder, name), "rb") as stream:
                for line in iter(lambda: stream.readline(2 * LONGEST), b""):  # pg_restore cuts longer ones into several
                    listed = _LISTED.fullmatch(line)
                    if not listed:
                        raise _refused("%s has a line that names no file of it: %s" % (name, _spoken(line)))
                    _require(listed.group(1), known, name)
    except OSError as error:
        raise SlipwayError("Cannot read the archive %s: %s." % (folder, error.strerror)) from error


def rows_of(folder, tables, kind=b"TABLE DATA"):
    """The ids of those entries of an archive in a folder that bring the rows of tables {(schema, name)}, in bytes of its encoding, or are of another kind."""
    return {entry.id for entry in _entries(os.path.join(folder, CONTENTS)) if entry.kind == kind and (entry.schema, entry.tag) in tables}


def tablespaces(folder):
    """The names of the tablespaces, other than the database's own, that things of an archive in a folder are in, in bytes of its encoding."""
    return {entry.tablespace for entry in _entries(os.path.join(folder, CONTENTS))} - {b""}


def belonging(folder, tables, schemas):
    """The ids of those entries of an archive in a folder that make tables {(schema, name)} as they were, but for rows and privileges.

    With them are the entries of schemas {name}. All names are in bytes of its encoding. An entry comes after all that it needs.
    """
    found = set()
    for entry in _entries(os.path.join(folder, CONTENTS)):
        if entry.kind == b"TABLE":
            ours = (entry.schema, entry.tag) in tables
        elif entry.kind == b"SCHEMA":
            ours = entry.tag in schemas
        elif entry.kind in _NAMING:  # its tag is the table's name, and its own behind it
            ours = not found.isdisjoint(entry.needs) and any(
                entry.schema == schema and (entry.tag + b" ").startswith(name + b" ") for schema, name in tables)
        else:
            ours = entry.kind in _NEEDING and not found.isdisjoint(entry.needs)
        if ours:
            found.add(entry.id)
    return found


def _require(name, known, where):
    text = name.decode("ascii", "replace")
    if not any(text + suffix in known for suffix in SUFFIXES):
        raise _refused("%s names a file that is none of its manifest: %s" % (where, _spoken(name)))


def _refused(what):
    return SlipwayError("The archive is not one that pg_dump writes: %s." % what, untouched="Nothing was changed.",
                        hint="Whoever can write to the store may have changed it. Use another dump.")


def _spoken(data):
    return repr(data[:100].decode("utf-8", "backslashreplace"))


_Entry = collections.namedtuple("_Entry", "id kind schema tag tablespace needs file")  # numbers are ints, all else bytes; needs has ids


def _entries(path):
    """Each _Entry of a table of contents."""
    with open(path, "rb") as stream:
        contents = _Contents(stream)
        version = contents.header()
        for _number in range(contents.integer()):
            identity = contents.integer()
            contents.integer()
            contents.skip(2)  # table's oid, oid
            tag = contents.text(WIDEST)
            kind = contents.text().partition(b"\0")[0]  # to pg_restore a text ends there
            contents.integer()
            contents.skip(3)  # definition, drop, copy
            schema = contents.text(WIDEST)
            tablespace = contents.text()
            contents.skip(version >= (1, 14, 0))  # table access method
            if version >= (1, 16, 0):
                contents.integer()
            contents.skip(2)  # owner, with oids
            needs = set(iter(contents.need, None))
            yield _Entry(identity, kind, schema, tag, tablespace, needs, contents.text())


class _Contents:
    """Reads toc.dat front to back, without having more than one entry's names in memory."""

    def __init__(self, stream):
        self._stream = stream

    def header(self):
        """Read what comes before the number of entries; the version of the archive."""
        begin = self._bytes(len(MAGIC) + 3 + len(HEAD))
        version = tuple(begin[len(MAGIC):len(MAGIC) + 3])
        if not begin.startswith(MAGIC) or not begin.endswith(HEAD) or version not in VERSIONS:
            raise _refused("the beginning of %s is %s" % (CONTENTS, _spoken(begin)))
        if version >= (1, 15, 0):
            self._bytes(1)  # compression
        else:
            self.integer()
        for _part in range(7):  # of the time it was made
            self.integer()
        self.skip(3)  # database, versions of server and pg_dump
        return version

    def integer(self):
        data = self._bytes(5)
        value = int.from_bytes(data[1:], "little")
        if value >= 1 << 31:  # C and Python would not agree on it
            raise _refused("%s has a number that is none" % CONTENTS)
        return -value if data[0] else value

    def text(self, longest=LONGEST):
        """A text, or no bytes where there is none."""
        return self._text(longest) or b""

    def need(self):
        """The id of an entry as a text, or None behind the last of them."""
        text = self._text(LONGEST)
        return None if text is None else int(text) if text.isdigit() else -1

    def _text(self, longest):
        size = self.integer()
        if size > longest:
            raise _refused("%s has a name of %d bytes" % (CONTENTS, size))
        return self._bytes(size) if size >= 0 else None

    def skip(self, texts):
        """Pass over some texts; whether the last of them is one."""
        for _number in range(texts):
            size = self.integer()
            self._stream.seek(max(size, 0), os.SEEK_CUR)
        return size >= 0

    def _bytes(self, size):
        data = self._stream.read(size)
        if len(data) != size:
            raise _refused("%s ends in the middle" % CONTENTS)
        return data
