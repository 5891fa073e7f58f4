# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The proof of a sanitized dump: raw values of a sample are looked for in all that is written, whole and as words.

Of the values that are looked for nothing is kept but fingerprints, which Python's hash makes with a key that this process alone has and that
ends with it. What is looked for: whole values of masked columns, e-mail addresses and what stands before their @, words with
letters and digits in them, and words of last names.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
import re
import unicodedata

from ansible_collections.slipway.app.plugins.module_utils._core.errors import one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import suspicion
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import ADDRESSES, FLOATS, INTEGERS, MOMENTS, NUMBERS, TEXTS, Column
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import SETTING
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.passwords import PREFIXES
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.placeholders import all_written
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.words import LOREM, MAILBOXES, WORDS

SAMPLE = 1000  # rows of each masked column, more or less
FIRST = 100  # rows that are looked at whatever is drawn
MOST = 200000  # fingerprints, which take some 50 MB
SHORTEST_WORD, SHORTEST_VALUE, SHORTEST_CODE = 6, 8, 8  # characters; shorter ones meet by chance
LONGEST = 300  # characters of a value that are looked at
DROPPED = 10  # texts of a document of JSON that are looked for, of those that its rule drops
KEYS = 10000  # of documents of JSON in a column whose names are looked at
ROOM = 256 * 1024  # bytes for the values of a column that are not looked at again: so few that they stay in the caches of a processor, too
ROOMS = 8 * 1024 * 1024  # bytes for those of all columns of a table
OBJECT = 100  # bytes that a value takes beside its own
MOST_FOUND = 5  # places that are told
AGAIN = 2  # times that a secret may be met in a sample: states, which everybody has one of, are met again and again
READ = 30000  # runs of letters that JSON writes with backslashes whose reading is kept
DEFINITIONS = "the schema"  # where something was found that is in no row
# Rules whose masks may be raw values of others: to find one says nothing.
ALIKE = ("number", "date", "inet", "keep", "postal_code", "digits_mask", "phone")
# Types whose values say nobody, or meet by chance; of ranges those of numbers and moments.
PLAIN = NUMBERS + MOMENTS + ADDRESSES + ("bool", "bytea", "money", "interval", "time", "timetz", "bit", "varbit", "enum")
RANGES = tuple(of + kind for of in ("int4", "int8", "num", "date", "ts", "tstz") for kind in ("range", "multirange"))
# What says somebody, wherever it stands: of other values under the rule fixed, as states, any table may have the same words.
SURELY = "(%%(v)s ~ %s)" % " OR %(v)s ~ ".join(quote_literal(form).replace("%", "%%") for form, _what, _rule in suspicion.SURE)
# What the rule json drops is personal data where its key's name says so. Of firms, towns and messages other tables may well have the same.
PERSONAL = ("email", "first_name", "last_name", "hash", "street", "iban")  # rules that such a name makes one think of
# What SQL calls a key of a document: nobody without the key of the masks can tell what it is. Two of the same number do no harm.
KEYED = "hashtext(%%s || current_setting('%s'))" % SETTING
OBJECTS = 'strict $.** ? (@.type() == "object")'
BETWEEN = quote_literal(r"""[\s"'<>(),;:=|]+""")  # what addresses in a text stand between
# Several words, and none that may be a uuid, a moment or an order number: other tables keep those rightly.
SAYING = "%%(v)s ~ %s AND %%(v)s !~ %s" % (quote_literal(r"\S\s+\S"), quote_literal(r"(^|\s)(?=\S*[0-9])[^\s@]{%d,}" % SHORTEST_CODE))
NAMES = ("last_name", "name")  # rules whose values have words that are looked for though they are plain letters

# What columns of some types can hold at all, as _spaced has it; they are looked at only where something like it is looked for.
FORMS = {
    "number": re.compile(rb"-?[0-9]+(\.[0-9]+)?|nan|-?infinity"),
    "float": re.compile(rb"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?|nan|-?infinity"),  # 12e34567 may as well be a code, or a piece of one
    "moment": re.compile(rb"[0-9]{4,6}-[0-9]{2}-[0-9]{2}([ t][0-9]{2} [0-9]{2}( [0-9]{2}(\.[0-9]+)?)?(z| ?[+-][0-9 ]+)?)?( bc)?"
                         rb"|[0-9]+(\.[0-9]+)?([+-][0-9]+)?|-?infinity"),
    "truth": re.compile(b"[tf]"),
    "address": re.compile(rb" *(%s)?( +(%s))* *" % ((rb"[0-9a-f]{1,4}|[0-9]{1,3}(\.[0-9]{1,3}){3}",) * 2)),
    "uuid": re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}

_FORM_OF = {base: form for form, bases in (
    ("number", (*INTEGERS, "numeric")), ("float", FLOATS), ("moment", MOMENTS), ("truth", ("bool",)), ("address", ADDRESSES),
    ("uuid", ("uuid",))) for base in bases}

# Texts that are nothing but an amount or a moment, also as people in Europe write its day, and no longer than those: places, telephones and numbers
# of persons and customers may look like them, but have more digits, or a month that is none.
_YEAR, _MONTH, _DAY = rb"[0-9]{4}", rb"(0?[1-9]|1[0-2])", rb"(0?[1-9]|[12][0-9]|3[01])"
_TIME = rb"[0-9]{2} [0-9]{2}( [0-9]{2}(\.[0-9]{1,9})?)?(z| ?[+-][0-9]{2}( ?[0-9]{2}){0,2})?"
_CHANCE = re.compile(rb"-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,2})?|%s-%s-%s([ t]%s)?( bc)?" % (_YEAR, _MONTH, _DAY, _TIME)
                     + rb"|%s\.%s\.%s" % (_DAY, _MONTH, _YEAR))

_WORD = re.compile(rb"[0-9a-z@._+\-\x80-\xff]")
_QUOTE = b"\v"  # a space as others to whoever wants words, and none that COPY writes
# What stands in words in lower case, all else a space; but fields stay apart, quotes can be told, and what is left of NULL is a word that is none.
_SPACED = bytes(0x09 if byte in b"\t\n" else 0x5f if byte == 0x5c else 0x0b if byte == 0x22 else byte if _WORD.match(bytes([byte])) else 0x20
                for byte in bytes(range(256)).lower())
_DIGIT, _NO_NUMBER, _JOINT = re.compile(rb"[0-9]"), re.compile(rb"[^0-9._+-]"), re.compile(rb"[._+-]")
_ESCAPE = re.compile(rb"\\[^N]", re.DOTALL)  # as COPY writes them, less NULL
# What JSON writes with a backslash, which COPY doubles: letters beyond ASCII, as PHP and Python do unless told otherwise, and ends of lines.
_LETTERS = re.compile(rb"(\\\\\\*u[0-9A-Fa-f]{4}(?:\\+u[0-9A-Fa-f]{4})*)")
_APART = bytes.maketrans(b"\t\n\\", b"   ")  # what would end a field, or begin an escape
_END = re.compile(rb"\\\\\\*([bfnrt])([0-9A-Za-z@._+\-\x80-\xff]*)")
_LETTERS_ONLY = re.compile(rb"[a-z\x80-\xff]+")


def _spaced(data, codec="ascii"):
    """Some bytes, as COPY writes them, in lower case and with nothing but spaces (_QUOTE for quotes) between words, and tabs between fields.

    Of a word behind what may be the end of a line in JSON, or else the beginning of the word, both are there.
    """
    if b"\\" in data:
        if b"\\\\" in data:
            if b"\\\\u" in data:
                parts = _LETTERS.split(data)  # what is between them, and they, in turn
                parts[1::2] = map(_read(codec).__getitem__, parts[1::2])
                data = b"".join(parts)
            data = _both(data)
        data = _ESCAPE.sub(b" ", data)
    return data.translate(_SPACED)


class _Read(dict):
    """{letters as JSON writes them: bytes of a codec}: most of them come again and again, and a dict is asked in C."""

    def __init__(self, codec):
        super().__init__()
        self._codec = codec

    def __missing__(self, letters):
        if len(self) >= READ:
            self.clear()
        text = binascii.unhexlify(letters.translate(None, b"\\u")).decode("utf-16-be", "replace")  # some letters are two
        found = self[letters] = text.encode(self._codec, "replace").translate(_APART)
        return found


_read = functools.lru_cache(maxsize=None)(_Read)


def _both(data):
    """Some bytes with a word behind what may be the end of a line, and with the same word and the letter before it; as sub() does it, but in C."""
    parts = _END.split(data)  # what is between, the letter, the word
    if len(parts) == 1:
        return data
    found = [b" "] * (2 * len(parts) - 1)
    found[0::6], found[2::6], found[3::6], found[5::6] = parts[0::3], parts[1::3], parts[2::3], parts[2::3]
    return b"".join(found)


# How fields begin that the rule text makes: all of these words are harmless.
_SAYINGS = tuple(_spaced(b"\t" + text.encode("ascii").rstrip() + b" ") for text in (LOREM, LOREM[:len(LOREM) // 4], LOREM[:124], LOREM[:57]))


def form(column):
    """The name of the form that what is in a Column has, or None."""
    return None if column.array else _FORM_OF.get(column.base)


class _Print(int):
    """A fingerprint, which a set takes for what it was made of: it has its hash, and is equal to all that does.

    So what is in a set of them can be asked in C for a whole list of words, and no word itself is in it.
    """

    __slots__ = ()

    def __hash__(self):
        return int(self)

    def __eq__(self, other):
        return hash(other) == int(self)


def _copied(text):
    """A text as COPY writes it."""
    for character, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"), ("\v", "\\v")):
        text = text.replace(character, escape)
    return text


def sources(session, tables):
    """What there is to be looked for of the masked columns of tables (of a Plan), as a Residue takes it, the names of those left out, and the texts that
    rules put into rows, whoever they are of.

    The session is at the snapshot that the rows are dumped from.
    """
    found, left_out, constants = [], [], []
    for table in tables:
        rows = None
        for column in table.masked():
            rule = table.decisions[column.name].rule
            name = "%s.%s.%s" % (table.relation["schema"], table.relation["name"], column.name)
            constants += rule.constants()
            if _says_nothing(column, rule):
                left_out.append(name)
            else:
                rows = rows or _rows(session, table)
                keys = _keys(session, rows, column, name) if rule.name == "json" and rule["rest"] == "drop" else None
                found.append({"name": name, "rule": rule.name, "query": _sample(rows, _values(column, rule, keys), rule.always(column))})
    return found, left_out, constants


def _says_nothing(column, rule):
    """Whether nothing is looked for of what a rule masks in a column."""
    nowhere = rule.name == "json" and rule["rest"] == "keep" and all(inner.name in ALIKE for inner in rule.paths.values())
    plain = column.base in PLAIN or (column.element_type or column.type) in RANGES
    return rule.name in ALIKE or plain or rule.name == "fixed" and column.array or nowhere


def _values(column, rule, keys=None):
    """SQL for the texts in a column that a rule masks, several where it is an array or an object, each with whether it says somebody however often it comes.

    keys are as _keys() has them, where the rule drops what stands there.
    """
    if column.array:
        return "unnest(%s)::text, true" % column.value
    if rule.name == "json":
        document = "(%s)::jsonb" % column.value
        places = {path: "ARRAY[%s]" % ", ".join(map(quote_literal, path)) for path in rule.paths}
        parts = [(Column(path[-1], "text", "text", value="(%s #>> %s)" % (document, places[path])), inner)
                 for path, inner in rule.paths.items() if inner.name not in ALIKE]
        texts, surely = zip(*(_telling(part, inner) for part, inner in parts)) if parts else ((), ())
        dropped = "'{}'" if keys is None else _dropped(document, places.values(), keys)
        # Of what is dropped there is no word on whether it says somebody: what comes again and again, as states, does not.
        return "unnest(ARRAY[%s]::text[] || %s), unnest(ARRAY[%s]::bool[])" % (", ".join(texts), dropped, ", ".join(surely))
    return "%s, %s" % _telling(column, rule)


def _keys(session, rows, column, name):
    """The keys in documents of JSON in a column below which there is personal data, by their names; each as KEYED has it.

    A document may have somebody's login for a key: no SQL names one. What says somebody by itself, as an address, is no name of anything at all.
    """
    documents = " UNION ALL ".join("(SELECT (%s)::jsonb FROM %s)" % (column.value, some) for some in rows)
    # Each is looked at once, since most documents have the same: the server moves no condition below OFFSET.
    keys = "SELECT DISTINCT k FROM (%s) s (v), jsonb_path_query(s.v, '%s') o, jsonb_object_keys(o) k OFFSET 0" % (documents, OBJECTS)
    found = session.query_rows("SELECT k AS key, %s AS keyed FROM (%s) d WHERE NOT %s LIMIT %d" % (
        KEYED % "k", keys, SURELY % {"v": suspicion.as_it_stands("k")}, KEYS), name)
    looks = ((row["keyed"], suspicion.by_name_and_type(Column(row["key"], "text", "text", value="v"))) for row in found)
    return sorted({keyed for keyed, look in looks if look and look[1] in PERSONAL})


def _dropped(document, places, keys):
    """SQL for some texts of a document of JSON, in an array, of those that no rule names the places of: addresses and what else says somebody by
    itself, and sayings below some keys. Of what else is dropped, as ids, moments and names of goods, most is kept elsewhere, and rightly.
    """
    texts = "SELECT left(t #>> '{}', %d) FROM " % (LONGEST + 1) + "%s jsonb_path_query(%s, '%s ? (@.type() == \"string\")') t"
    everywhere = texts % ("", document, "strict $.**")
    named = texts % ("unnest(ARRAY[%s]) named (v)," % ", ".join("%s #> %s" % (document, place) for place in places), "named.v", "strict $.**")
    below = texts % ("jsonb_path_query(%s, '%s') o, jsonb_each(o) e," % (document, OBJECTS), "e.value", "lax $[*]")
    sure = ("SELECT p.v FROM (%s EXCEPT %s) d (v), LATERAL (SELECT w FROM regexp_split_to_table(d.v, %s) w WHERE strpos(w, '@') > 0 "
            "UNION SELECT d.v WHERE strpos(d.v, '@') = 0) p (v) WHERE %s") % (
                everywhere, named, BETWEEN, SURELY % {"v": suspicion.as_it_stands("p.v")})
    personal = "SELECT v FROM (%s WHERE %s = ANY (ARRAY[%s]::int[]) EXCEPT %s) d (v) WHERE %s" % (
        below, KEYED % "e.key", ", ".join(map(str, keys)), named, SAYING % {"v": suspicion.as_it_stands("v")})
    return "ARRAY(%s UNION %s LIMIT %d)" % (sure, personal, DROPPED)


def _telling(column, rule):
    """SQL for the text in a column that a rule masks, NULL where it need not say anybody, and for whether it says somebody however often it comes."""
    text = suspicion.as_it_stands(column.value)
    if rule.name != "fixed":
        return text, "true"
    surely = SURELY % {"v": text}
    suspicious = column.base in TEXTS and suspicion.by_name_and_type(column)
    # A database that was filled from a sanitized dump has the value itself.
    other = "%s <> (%s::%s)::text" % (text, quote_literal(rule["value"]), column.type)
    told = "CASE WHEN %s THEN %s END" % (other if suspicious else "%s AND %s" % (other, surely), text)
    return told, surely if suspicious else "true"


def _rows(session, table):
    """SQL for some rows of a table, in a list, each behind FROM: of all, and where not all are dumped as many of those that are.

    Of what is left out nothing is to stand elsewhere in the dump, either.
    """
    # Drawn are pages, in their order: a lower limit than twice what is to be expected would leave out those at the end.
    share = min(100.0, 150.0 * SAMPLE / max(table.estimate, 1))
    found = ["ONLY %s TABLESAMPLE SYSTEM (%f) LIMIT %d" % (table.sql, share, 3 * SAMPLE)]
    if share < 100:  # of a few pages none may be drawn
        found.append("ONLY %s LIMIT %d" % (table.sql, FIRST))
    if table.part and table.part.where:
        # Which rows are dumped is worked out once, and not for each of the columns.
        drawn = session.query_rows("%sSELECT ctid::text AS id FROM ONLY %s WHERE %s ORDER BY hashtext(ctid::text) LIMIT %d" % (
            table.part.with_, table.sql, table.part.where, SAMPLE), table.sql)
        ids = quote_literal("{%s}" % ",".join('"%s"' % row["id"] for row in drawn))
        found.append("ONLY %s WHERE ctid = ANY (%s::tid[]) LIMIT %d" % (table.sql, ids, SAMPLE))
    return found


def _sample(rows, values, harmless):
    """A query for some values, less the one that is no value of anybody: a database that was filled from a sanitized dump has it."""
    found = " UNION ALL ".join("(SELECT %s FROM %s)" % (values, some) for some in rows)
    # A row may be in each of the samples.
    return "SELECT %s AS v FROM (%s) s (v, surely) WHERE v IS NOT NULL%s GROUP BY 1 HAVING bool_or(surely) OR count(*) <= %d" % (
        "left(%s, %d)" % (suspicion.as_it_stands("v"), LONGEST + 1), found, " AND v <> %s" % quote_literal(harmless) if harmless else "", max(AGAIN, len(rows)))


def _cases(text):
    """How a text may be written otherwise: what makes the letters of rows the same, for each of them, knows those of ASCII alone."""
    cases = [] if text.isascii() else [text, text.lower(), text.upper(), text.title()]
    return {unicodedata.normalize(form, case) for case in cases for form in ("NFC", "NFD")} - {text}


def _whole(data):
    """What _spaced() made of a value, or of a field, less what makes no difference between the two."""
    return data.replace(_QUOTE, b" ").strip().rstrip(b" .")


def _ended(words, joined):
    """The words of some joined fields, and those that end with several full stops without them; with one they are looked for themselves."""
    return [*words, *(word.rstrip(b".") for word in words if word.endswith(b".."))] if b".." in joined else words


class _Seen:
    """The values of a column of which none is looked at twice: in many a column they come again and again, and those of the rule text have nothing of
    their own but their length. Where many are new there is no use in it.
    """

    def __init__(self, room):
        self._values = set()
        self._room = room

    def fresh(self, fields):
        """The fields less those that it had before."""
        if self._values is None:
            return fields
        fresh = set(fields).difference(self._values)
        size = sum(map(len, fresh)) + OBJECT * len(fresh)
        if size <= self._room:
            self._values |= fresh
            self._room -= size
        elif 4 * len(fresh) > len(fields):
            self._values = None
        return fresh


class Residue:
    """What is looked for, and where it was found.

    sources_ are [{name: of the column, rule: its name, query: for its values, as v}], accepted names of columns that may have any,
    constants texts that rules put into rows; after learn() has asked for values, look() is given what is written. found has
    (name of the source, where) and bytes how much was looked at.
    """

    def __init__(self, sources_, codec, accepted=(), constants=()):
        self.sources = sources_
        self.found = set()
        self.silent = []  # names of those that have nothing that says anybody
        self.cut = []  # and of those that not all is looked for of, since there would be too much
        self.bytes = 0
        self._codec = codec
        self._accepted = set(accepted)
        self._prints = {}  # fingerprint: number of its source
        self._words, self._wholes = set(), set()  # those of one word, with and without a full stop, and of values with more than a word in them
        self._clues = set()  # those of words without which nothing is there: all of _words, and one of each of _wholes
        self._plain = set()  # those of words of plain letters
        self._impossible = set(FORMS)  # names of forms that nothing has that is looked for
        self._columns, self._seen = None, {}  # of the table that is looked at, and {place of a column: _Seen} of those with more than a word in a field
        harmless = " ".join([LOREM, *MAILBOXES, *PREFIXES, *all_written(), *constants] + [
            word for locale in WORDS.values() for kind in locale.values() for word in kind])
        self._harmless = {form for text in harmless.split(" ") for data in (self._as_it_stands(text), *self._otherwise(text)) for word in data.split()
                          for form in (word, word.strip(b"._-+"))}

    @property
    def values(self):
        return len(self._prints)

    @property
    def left_out(self):
        return self.silent + self.cut

    def learn(self, session):
        """Learn the values of all sources as they stand, and only then how they may be written otherwise: no value is left out for that."""
        beyond = []  # number of a source, value and whether it is a name, of those with letters beyond ASCII
        for number, source in enumerate(self.sources):
            rows = session.query_rows(source["query"], source["name"])
            values, name = [row["v"] for row in rows if row["v"]], source["rule"] in NAMES
            if source["rule"] == "fixed" and not values:  # as where all of it are states
                self.silent.append(source["name"])
            for value in values:
                before = self.values
                if not self._has_room(number):
                    break
                self._learn(number, value, name, [self._as_it_stands(value)])
                if self.values > before and not value.isascii():
                    beyond.append((number, value, name))
        for number, value, name in beyond:
            if self._has_room(number):
                self._learn(number, value, name, self._otherwise(value))

    def _has_room(self, number):
        """Whether more can be learned of a source; where not, it is told."""
        name = self.sources[number]["name"]
        if len(self._prints) >= MOST and name not in self.cut:
            self.cut.append(name)
        return len(self._prints) < MOST

    def _as_it_stands(self, text):
        """A text as _spaced() has it where it stands in rows."""
        return _spaced(_copied(text).encode(self._codec, "replace"), self._codec)

    def _otherwise(self, text):
        """How else a text may be written in rows, as _spaced() has it."""
        found = set()
        for other in _cases(text):
            with contextlib.suppress(UnicodeEncodeError):  # the encoding does not have letters of it
                found.add(_spaced(_copied(other).encode(self._codec), self._codec))
        return found

    def _length(self, data):
        """How many characters some bytes are, however their accents are written; those of Chinese, Japanese and Korean say as much as two."""
        text = unicodedata.normalize("NFC", data.decode(self._codec, "replace"))
        return len(text) + (0 if text.isascii() else sum(unicodedata.east_asian_width(letter) in "WF" for letter in text))

    def _learn(self, number, value, name, written):
        for data in written:
            whole, parts = _whole(data), data.split()
            if len(value) > LONGEST:  # where it was cut the last word is none, and the whole is none
                whole, parts = b"", parts[:-1]
            if not _CHANCE.fullmatch(whole):
                self._learn_written(number, whole, parts, name)

    def _learn_written(self, number, whole, parts, name):
        telling = [part for part in (part.rstrip(b".") for part in parts) if part and part not in self._harmless and not part.isdigit()]
        if self._length(whole) >= SHORTEST_VALUE and telling:
            if len(parts) > 1:
                self._add(number, whole, self._wholes, max(telling, key=len))
            else:
                self._add(number, whole, self._words)
            if _LETTERS_ONLY.fullmatch(whole):
                self._learn_plain(whole)
        for part in parts:
            if not name and part.isalpha():  # a word as any other
                continue
            part = part.strip(b"._-+")
            if part in self._harmless:  # an address, too
                continue
            local, at, _domain = part.partition(b"@")
            if at:
                if self._length(part) >= SHORTEST_WORD:
                    self._add(number, part, self._words)
                part = local
            coded = _DIGIT.search(part) and _NO_NUMBER.search(part)
            shortest = SHORTEST_CODE if coded and not at else SHORTEST_WORD
            if part in self._harmless or not (at or name or coded) or self._length(part) < shortest or part.isdigit():
                continue
            self._add(number, part, self._words)
            if not coded and not (at and _JOINT.search(part)):
                self._learn_plain(part)

    def _learn_plain(self, word):
        self._plain |= {_Print(hash(word)), _Print(hash(word + b"."))}

    def _add(self, number, data, prints, clue=None):
        self._columns = None  # what was looked at was not looked at for this
        fingerprint = _Print(hash(data))
        self._prints.setdefault(fingerprint, number)
        prints.add(fingerprint)
        words = {_Print(hash(word)) for word in (clue or data, (clue or data) + b".")}  # which ends a sentence
        self._clues |= words
        if prints is self._words:
            prints |= words
        self._impossible -= {name for name in self._impossible if FORMS[name].fullmatch(data)}

    def forget(self):
        """Forget what was found and looked at, as another process tells that; what is looked for stays."""
        self.found, self.bytes = set(), 0
        self._columns = None

    def look(self, data, columns):
        """Look at whole rows of a table as COPY writes them; columns are [(name, its form() or None)] of all in a row.

        Some 64 KB at a time are looked at fastest: what comes of them stays in the caches of a processor.
        """
        self.bytes += len(data)
        if columns is not self._columns:
            self._columns, self._seen = columns, {}
        fields = _spaced(data, self._codec).split(b"\t")
        if fields[-1]:
            fields.append(b"")
        if columns and len(fields) % len(columns) != 1 % len(columns):  # no table has such rows
            columns = [("?", None)]
        for place, (name, form_) in enumerate(columns):
            if form_ not in self._impossible and name not in self._accepted:
                self._note(self._met(place, fields[place:-1:len(columns)]), name)

    def _met(self, place, fields):
        """Those of the fields of a column, and of the words in them, that are looked for."""
        if place not in self._seen:
            joined = b"\t".join(fields)
            if b" " not in joined and _QUOTE not in joined:  # each is a word
                words = _ended(fields, joined)
                return () if self._words.isdisjoint(words) else self._words.intersection(words)
            self._seen[place] = _Seen(min(ROOM, ROOMS // len(self._columns)))
        fields = self._seen[place].fresh(fields)
        joined = b"\t" + b"\t".join(fields)
        for saying in _SAYINGS if _SAYINGS[-1] in joined else ():
            while saying in joined:
                joined = joined.replace(saying, b"\t")
        parts = _ended(joined.split(), joined)
        if self._clues.isdisjoint(parts):
            return ()
        quoted = b"\t".join(fields).replace(_QUOTE, b"\t").split(b"\t")  # in JSON, arrays and rows a text has its own quotes
        return self._words.intersection(parts) | self._wholes.intersection(map(_whole, [*fields, *quoted]))

    def look_at_schema(self, data):
        """Look at the definitions of a table of contents; plain words of people are those of tables and comments, too."""
        self.bytes += len(data)
        words = _spaced(data.replace(b"\\", b"\\\\"), self._codec).split()
        self._note((word for word in self._words.intersection(words) if word not in self._plain), DEFINITIONS)

    def _note(self, met, where):
        if where not in self._accepted:
            self.found.update((self.sources[self._prints[word if word in self._prints else word[:-1]]]["name"], where) for word in met)

    def seen(self):
        """What was found, and in how many bytes: few words, however many columns there are."""
        return {"bytes": self.bytes, "found": sorted(self.found)[:MOST_FOUND]}

    def told(self):
        return dict(self.seen(), columns=len(self.sources) - len(self.left_out), left_out=self.left_out, values=self.values, warnings=self._warnings())

    def _warnings(self):
        """That the proof had too much to look for, in words."""
        more = ", and %d more" % (len(self.cut) - MOST_FOUND) if len(self.cut) > MOST_FOUND else ""
        return ["Not all that is in %s was looked for in the dump, since there is room for %d values and words alone: that none of the rest stands in "
                "another column is for the rules to see to." % (one_line(", ".join(self.cut[:MOST_FOUND]) + more), MOST)] if self.cut else []
