# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The proof of a sanitized dump: raw values of a sample are looked for in all that is written, whole and as words.

Of the values nothing is kept but fingerprints, which Python's hash makes with a key that this process alone has and that
ends with it. What is looked for: whole values of masked columns, e-mail addresses and what stands before their @, words with
letters and digits in them, and words of last names.
"""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import ADDRESSES, MOMENTS, NUMBERS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.words import LOREM, WORDS

SAMPLE = 1000  # rows of each masked column
MOST = 200000  # fingerprints, which take some 20 MB
SHORTEST_WORD, SHORTEST_VALUE, SHORTEST_CODE = 6, 8, 8  # characters; shorter ones meet by chance
LONGEST = 300  # characters of a value that are looked at
MOST_FOUND = 5  # places that are told
# Rules whose masks may be raw values of others: to find one says nothing.
ALIKE = ("number", "date", "inet", "keep", "fixed", "postal_code", "digits_mask", "phone")
# Types whose values say nobody, or meet by chance.
PLAIN = NUMBERS + MOMENTS + ADDRESSES + ("bool", "bytea")
NAMES = ("last_name", "name")  # rules whose values have words that are looked for though they are plain letters

_WORD = rb"0-9a-z@._+\-\x80-\xff"
_APART = bytes(byte if re.match(b"[" + _WORD + b"]", bytes([byte])) else 0x20 for byte in range(256))
_FIELDS = bytes(0x09 if byte == 0x0a else byte for byte in range(256))
_ESCAPES = re.compile(rb"\\[bfnrtv]")


def words(data):
    """The words in some bytes in lower case, as COPY writes them or as they are."""
    if b"\\" in data:
        data = _ESCAPES.sub(b" ", data)
    return data.translate(_APART).split()


def _copied(text):
    """A text as COPY writes it."""
    for character, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"), ("\v", "\\v")):
        text = text.replace(character, escape)
    return text


def sources(tables):
    """What there is to be looked for of the masked columns of tables (of a Plan), as a Residue takes it, and the names of those left out."""
    found, left_out = [], []
    for table in tables:
        for column in table.masked():
            rule = table.decisions[column.name].rule
            name = "%s.%s.%s" % (table.relation["schema"], table.relation["name"], column.name)
            if rule.name in ALIKE or column.base in PLAIN:
                left_out.append(name)
            else:
                found.append({"name": name, "rule": rule.name, "query": _sample(table, _values(column, rule))})
    return found, left_out


def _values(column, rule):
    """SQL for the texts in a column that a rule masks: several, where it is an array or an object."""
    if column.array:
        return "unnest(%s)::text" % column.value
    if rule.name == "json":
        return "unnest(ARRAY[%s]::text[])" % ", ".join(
            "(%s)::jsonb #>> ARRAY[%s]" % (column.value, ", ".join(map(quote_literal, path)))
            for path, inner in rule.paths.items() if inner.name not in ALIKE)
    return "(%s)::text" % column.value


def _sample(table, values):
    share = min(100.0, 200.0 * SAMPLE / max(table.relation["estimate"], 1))
    return "SELECT DISTINCT left(v, %d) AS v FROM (SELECT %s AS v FROM ONLY %s TABLESAMPLE SYSTEM (%f) LIMIT %d) s WHERE v IS NOT NULL" % (
        LONGEST, values, table.sql, share, SAMPLE)


class Residue:
    """What is looked for, and where it was found.

    sources_ are [{name: of the column, rule: its name, query: for its values, as v}], accepted names of columns that may have any;
    after learn() has asked for them, look() is given what is written. found has (name of the source, where) and bytes how much
    was looked at.
    """

    def __init__(self, sources_, codec, accepted=()):
        self.sources = sources_
        self.found = set()
        self.left_out = []  # names of those that not all is looked for of, since there would be too much
        self.bytes = 0
        self._codec = codec
        self._accepted = set(accepted)
        self._prints = {}  # fingerprint: number of its source
        self._plain = set()  # those of words of plain letters
        self._known = frozenset()
        self._harmless = set(words(" ".join([LOREM] + [word for locale in WORDS.values() for kind in locale.values() for word in kind])
                                   .encode(codec, "replace").lower()))

    @property
    def values(self):
        return len(self._prints)

    def learn(self, session):
        for number, source in enumerate(self.sources):
            for row in session.query_rows(source["query"], source["name"]):
                if len(self._prints) >= MOST:
                    self.left_out.append(source["name"])
                    break
                if row["v"]:
                    self._learn(number, row["v"], source["rule"] in NAMES)
        self._known = frozenset(self._prints)

    def _learn(self, number, value, name):
        data = _copied(value).encode(self._codec, "replace").lower()  # letters beyond ASCII stay as they are, as those of rows do
        parts = words(data)
        if len(data) >= SHORTEST_VALUE and any(part not in self._harmless and not part.isdigit() for part in parts):
            self._prints.setdefault(hash(data), number)
        for part in parts:
            part = part.strip(b"._-+")
            local, at, _domain = part.partition(b"@")
            if at:
                self._prints.setdefault(hash(part), number)
                part = local
            coded = re.search(rb"[0-9]", part) and re.search(rb"[^0-9._+-]", part)
            shortest = SHORTEST_CODE if coded and not at else SHORTEST_WORD
            if part in self._harmless or not (at or name or coded) or len(part) < shortest or part.isdigit():
                continue
            self._prints.setdefault(hash(part), number)
            if not at and not coded:
                self._plain.add(hash(part))

    def forget(self):
        """Forget what was found and looked at, as another process tells that; what is looked for stays."""
        self.found, self.bytes = set(), 0

    def look(self, data, where):
        """Look at whole rows of a table as COPY writes them; where are the names of its columns."""
        self.bytes += len(data)
        data = data.lower()
        if self._meets(words(data)) or self._meets(data.translate(_FIELDS).split(b"\t")):
            for line in data.splitlines():
                for place, field in enumerate(line.split(b"\t")):
                    self._note(self._meets([field]) | self._meets(words(field)), where[place] if place < len(where) else "?")

    def look_at_schema(self, data):
        """Look at the definitions of a table of contents; plain words of people are those of tables and comments, too."""
        self.bytes += len(data)
        self._note(self._meets(words(data.lower())) - self._plain, "the schema")

    def _meets(self, parts):
        return self._known.intersection(map(hash, parts))

    def _note(self, prints, where):
        if where not in self._accepted:
            self.found.update((self.sources[self._prints[found]]["name"], where) for found in prints)

    def told(self):
        return {"columns": len(self.sources) - len(self.left_out), "left_out": self.left_out, "values": self.values,
                "bytes": self.bytes, "found": sorted(self.found)[:MOST_FOUND]}
