# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules of sanitized dumps as people write them: which tables and columns they are for, checked before any server is asked.

They may stand in several documents, which are read one after the other as if they were one: what comes later goes before. Each
knows what it is called, so that a decision can say where it comes from.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing

from ansible_collections.slipway.app.plugins.module_utils._config.fields import nearest
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.manifest import MOST_SQL
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import masks
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.presets import PRESETS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.residue import DEFINITIONS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.subset import ORPHANS_DROPPED, ORPHANS_NULL, Condition, Sample
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Pattern

STRICT, SCAN = "strict", "scan"
REFUSE, DROP = "refuse", "drop"
ALL, NONE = "all", "none"
WITH_THE_CALL = "sanitize"  # what a document is called that comes with the call
# What a document has, and what each value may be; None: looked at by itself.
OPTIONS = {"policy": (STRICT, SCAN), "large_objects": (REFUSE, DROP), "presets": None, "tables": None, "residue": None, "after_restore": None}
TABLE_OPTIONS = {"rows": (ALL, NONE), "columns": None, "where": None, "sample": None, "orphans": (ORPHANS_DROPPED, ORPHANS_NULL)}
NOBODYS = re.compile(r"(^|\.)(invalid|test|localhost|example|example\.(com|net|org))\Z")  # domains of nobody, to which no mail leaves a host (RFC 2606)
SHORT = {"keep": {"columns": {"*": "keep"}}, "truncate": {"rows": NONE}}  # what a table may have in a word


class Document(typing.NamedTuple):
    """A document of rules, and what it is called. One of a package comes with a release, and not from whoever makes the dump."""

    source: str
    said: dict
    of_package: bool = False


class Matcher:
    """A pattern of tables, or of columns; exact where it means one name, and whole where that has its schema."""

    def __init__(self, text):
        self.text = text
        self._pattern = Pattern(text)
        self.exact = not re.search(r"[*?]", re.sub(r'"(?:[^"]|"")*"', "", text))
        self.whole = self.exact and self._pattern.has_schema

    def matches(self, schema, name):
        return self._pattern.matches({"schema": schema, "name": name})


class Entry:
    """What is said of the tables that a pattern matches: rows (all, none; None: nothing), columns [(Matcher, Rule)], and which rows: where (a Condition),
    sample (a Sample), orphans (what becomes of rows that refer to one that is not dumped).

    source is what the document is called that says it, of_package whether that is one, and level tells which of them it is, the last the highest; those
    of presets are 0. Of a preset, which knows no database, what does not fit one is passed over.
    """

    def __init__(self, text, said, source=WITH_THE_CALL, level=1, of_package=False):
        where = "%s.tables.%s" % (_place(source), text)
        self.matcher = Matcher(text)
        self.source = source
        self.level = level
        self.preset = level == 0
        self.of_package = of_package
        self.kept_whole = said == "keep" and self.matcher.exact  # a name of a table, and this is said of all that is in it
        if isinstance(said, str) and said in SHORT:
            said = SHORT[said]
        if not isinstance(said, dict):
            raise SlipwayError("%s has to be %s, or a mapping with columns or rows, and is %r." % (where, " or ".join(SHORT), said))
        if "orphans" in said and said["orphans"] is None:  # as YAML reads it
            said = dict(said, orphans=ORPHANS_NULL)
        _check(said, TABLE_OPTIONS, where)
        self.rows = said.get("rows")
        self.where = Condition(said["where"], "%s.where" % where) if "where" in said else None
        self.sample = Sample(said["sample"], "%s.sample" % where) if "sample" in said else None
        self.orphans = said.get("orphans")
        if self.rows == NONE and (self.where or self.sample):
            raise SlipwayError("%s has no rows, and says which." % where)
        if self.matcher.exact and (self.where or self.sample):  # so it has some, also where a pattern empties tables
            self.rows = ALL
        columns = said.get("columns") or {}
        if not isinstance(columns, dict) or not all(isinstance(name, str) for name in columns):
            raise SlipwayError("%s.columns has to be a mapping of columns to rules." % where)
        self.columns = [(Matcher(name), masks.parse(rule, "%s.%s" % (where, name))) for name, rule in columns.items()]

    @property
    def told(self):
        """Where a decision comes from that it makes, in words."""
        return "%s, %s" % (self.source, self.matcher.text)


class Rules:
    """What documents of rules say together: policy (None: not said), large_objects, entries in their order, and their digest.

    document is the one that comes with the call, below those that it goes before, each a Document, the last the
    highest. Lowest are the presets that any of them names. accepted are the names, schema.table.column, of columns that may have
    raw values of others, after_restore texts of SQL to be run on what is restored. warnings are sentences on what is passed over, and
    on what may reach somebody; a Plan adds those on what it does not try.
    """

    def __init__(self, document, below=()):
        written = [*(Document(*one) for one in below), Document(WITH_THE_CALL, document)]
        for source, said, _of_package in written:
            _check_document(said, _place(source))
        presets = list(dict.fromkeys(name for _source, said, _of_package in written for name in said.get("presets") or []))
        self.entries = [Entry(text, said, "preset %s" % name, 0) for name in presets for text, said in PRESETS[name]["tables"].items()]
        self.entries += [Entry(text, said, source, level, of_package) for level, (source, whole, of_package) in enumerate(written, 1)
                         for text, said in (whole.get("tables") or {}).items()]
        self.warnings = list(filter(None, [*map(_passed_over, written), self._reaching()]))
        documents = [_as_heard(one) for one in written]
        self.policy = _highest(documents, "policy")
        self.large_objects = _highest(documents, "large_objects") or REFUSE
        self.accepted = [name for said in documents for name in (said.get("residue") or {}).get("accept", [])]
        self.after_restore = [text for said in documents for text in said.get("after_restore") or []]
        if sum(map(len, self.after_restore)) > MOST_SQL:
            raise SlipwayError("sanitize: after_restore has more than %d characters, which nobody would read before they are run." % MOST_SQL,
                               untouched="Nothing was dumped.")
        everything = [_in_order(said) for said in [PRESETS[name] for name in presets] + documents]
        self.digest = hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode("utf-8")).hexdigest()

    def _reaching(self):
        """A sentence on addresses that mail may be delivered to, or None."""
        rules = [rule.told() for entry in self.entries for _matcher, rule in entry.columns]
        domains = sorted(domain for domain in set().union(*map(_domains, rules)) if not NOBODYS.search(domain))
        return "Mail to addresses at %s can be delivered, if there is such a domain: what is restored may send some. None can to example.invalid," \
               " which the rule email has without at." % ", ".join(domains) if domains else None

    def salted(self, salt):
        """Give all rules what they work out by the key on our side."""
        for entry in self.entries:
            for _matcher, rule in entry.columns:
                rule.salted(salt)


def _domains(told):
    """The domains of the addresses that a rule makes, as it is told, also inside of an object or an array."""
    if not isinstance(told, dict):
        return set()
    return {told["at"]} if "at" in told else set().union(*map(_domains, [*told.get("paths", {}).values(), told.get("of")]))


def _place(source):
    """What errors call the top of a document."""
    return source if source == WITH_THE_CALL else "%s: %s" % (source, WITH_THE_CALL)


def _lax(document):
    """What a document says that lets something pass which nobody has looked at, as people write it."""
    accepted = (document.said.get("residue") or {}).get("accept")
    return ["policy: scan"] * (document.said.get("policy") == SCAN) + (["residue: accept (%s)" % ", ".join(accepted)] if accepted else [])


def _passed_over(document):
    """A sentence on what does not count of a document, or None."""
    lax = _lax(document) if document.of_package else []
    return "%s of %s %s not count: only whoever makes the dump can say so, with the call, in its config, or in a file of rules." % (
        " and ".join(lax), document.source, "do" if len(lax) > 1 else "does") if lax else None


def _as_heard(document):
    """What a document says as far as it counts: a package makes no check of those who dump weaker."""
    if not document.of_package or not _lax(document):
        return document.said
    return {name: value for name, value in document.said.items() if name != "residue" and (name, value) != ("policy", SCAN)}


def _in_order(said):
    """A document with tables and columns in pairs: what comes later goes before, and so their order says something."""
    def pairs(entry):
        columns = entry.get("columns") if isinstance(entry, dict) else None
        return dict(entry, columns=list(columns.items())) if columns else entry

    return dict(said, tables=[(name, pairs(entry)) for name, entry in (said.get("tables") or {}).items()])


def _highest(documents, option):
    """What the highest of the documents says that says anything of an option, or None."""
    return next((said[option] for said in reversed(documents) if said.get(option) is not None), None)


def _check_document(document, where):
    if not isinstance(document, dict):
        raise SlipwayError("%s has to be a mapping with tables, and is %r." % (where, document))
    _check(document, OPTIONS, where)
    tables = document.get("tables") or {}
    if not isinstance(tables, dict) or not all(isinstance(name, str) for name in tables):
        raise SlipwayError("%s.tables has to be a mapping of tables to what is done with their columns." % where)
    presets = document.get("presets") or []
    if not isinstance(presets, list) or not all(isinstance(name, str) for name in presets):
        raise SlipwayError("%s.presets has to be a list of names, and is %r." % (where, presets))
    for name in presets:
        if name not in PRESETS:
            raise SlipwayError("%s: there is no preset %s. %s" % (where, name, nearest(name, PRESETS)))
    _check_residue(document.get("residue") or {}, where)
    _check_texts(document.get("after_restore") or [], where)


def _check(said, options, where):
    for name, value in said.items():
        if name not in options:
            raise SlipwayError("%s: unknown option %s. %s" % (where, name, nearest(name, options)))
        if options[name] and value not in options[name]:
            raise SlipwayError("%s.%s has to be %s, and is %r." % (where, name, " or ".join(options[name]), value))


def _check_texts(said, where):
    if not isinstance(said, list) or not all(isinstance(text, str) and text.strip() and "\0" not in text for text in said):
        raise SlipwayError("%s.after_restore has to be a list of texts of SQL, and is %r." % (where, said))


def _check_residue(said, where):
    names = said.get("accept", []) if isinstance(said, dict) else None
    fine = isinstance(names, list) and all(isinstance(name, str) and (name.count(".") >= 2 or name == DEFINITIONS) for name in names)
    if not fine or set(said) - {"accept"}:
        raise SlipwayError("%s.residue has to be a mapping with accept, a list of columns as schema.table.column or %s, and is %r." % (
            where, DEFINITIONS, said))
