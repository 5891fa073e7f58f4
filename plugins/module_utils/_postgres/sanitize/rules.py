# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules of sanitized dumps as people write them: which tables and columns they are for, checked before any server is asked."""

from __future__ import annotations

import hashlib
import json
import re

from ansible_collections.slipway.app.plugins.module_utils._config.fields import nearest
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import masks
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Pattern

STRICT, SCAN = "strict", "scan"
REFUSE, DROP = "refuse", "drop"
ALL, NONE = "all", "none"
# What a document has, and what each value may be; None: looked at by itself.
OPTIONS = {"policy": (STRICT, SCAN), "large_objects": (REFUSE, DROP), "tables": None, "residue": None}
TABLE_OPTIONS = {"rows": (ALL, NONE), "columns": None}
SHORT = {"keep": {"columns": {"*": "keep"}}, "truncate": {"rows": NONE}}  # what a table may have in a word


class Matcher:
    """A pattern of tables, or of columns; exact where it means one name."""

    def __init__(self, text):
        self.text = text
        self._pattern = Pattern(text)
        self.exact = not re.search(r"[*?]", re.sub(r'"(?:[^"]|"")*"', "", text))

    def matches(self, schema, name):
        return self._pattern.matches({"schema": schema, "name": name})


class Entry:
    """What is said of the tables that a pattern matches: rows (all, none; None: nothing), columns [(Matcher, Rule)]."""

    def __init__(self, text, said):
        where = "sanitize.tables.%s" % text
        self.matcher = Matcher(text)
        self.kept_whole = said == "keep" and self.matcher.exact  # somebody named the table, and said this of all that is in it
        if isinstance(said, str) and said in SHORT:
            said = SHORT[said]
        if not isinstance(said, dict):
            raise SlipwayError("%s has to be %s, or a mapping with columns or rows, and is %r." % (where, " or ".join(SHORT), said))
        _check(said, TABLE_OPTIONS, where)
        self.rows = said.get("rows")
        columns = said.get("columns") or {}
        if not isinstance(columns, dict) or not all(isinstance(name, str) for name in columns):
            raise SlipwayError("%s.columns has to be a mapping of columns to rules." % where)
        self.columns = [(Matcher(name), masks.parse(rule, "%s.%s" % (where, name))) for name, rule in columns.items()]


class Rules:
    """A document of rules: policy (None: not said), large_objects, entries in their order, and their digest.

    accepted are the names, schema.table.column, of columns that may have raw values of others.
    """

    def __init__(self, document):
        if not isinstance(document, dict):
            raise SlipwayError("sanitize has to be a mapping with tables, and is %r." % (document,))
        _check(document, OPTIONS, "sanitize")
        tables = document.get("tables") or {}
        if not isinstance(tables, dict) or not all(isinstance(name, str) for name in tables):
            raise SlipwayError("sanitize.tables has to be a mapping of tables to what is done with their columns.")
        self.policy = document.get("policy")
        self.large_objects = document.get("large_objects", REFUSE)
        self.accepted = _accepted(document.get("residue") or {})
        self.entries = [Entry(text, said) for text, said in tables.items()]
        self.digest = hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode("utf-8")).hexdigest()


def _check(said, options, where):
    for name, value in said.items():
        if name not in options:
            raise SlipwayError("%s: unknown option %s. %s" % (where, name, nearest(name, options)))
        if options[name] and value not in options[name]:
            raise SlipwayError("%s.%s has to be %s, and is %r." % (where, name, " or ".join(options[name]), value))


def _accepted(said):
    names = said.get("accept", []) if isinstance(said, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and name.count(".") >= 2 for name in names) or set(said) - {"accept"}:
        raise SlipwayError("sanitize.residue has to be a mapping with accept, a list of columns as schema.table.column, and is %r." % (said,))
    return names
