# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Amounts of money: lc_monetary says how the server writes and reads them, and pg_dump leaves it as it is. Read by other rules, 1.234,50 is 1.23.

Who writes and who reads says the same of it here. Where there is no money nothing is said.
"""

from __future__ import annotations

import re

NEUTRAL = "C"  # known to every server

# Whether anything of the database can have amounts of money in it.
THERE = """(EXISTS (SELECT FROM pg_attribute WHERE attrelid >= 16384 AND NOT attisdropped AND atttypid IN ('money'::regtype, 'money[]'::regtype))
 OR EXISTS (SELECT FROM pg_type WHERE typbasetype IN ('money'::regtype, 'money[]'::regtype))
 OR EXISTS (SELECT FROM pg_range WHERE rngsubtype = 'money'::regtype))"""
HERE = "current_setting('lc_monetary')"
_TYPE = re.compile(r"^CREATE (?:DOMAIN|TYPE) (.+?) AS\b.*?;$", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"^CREATE (?:\w+ )?TABLE .*?;$", re.DOTALL | re.MULTILINE)


def neutral(connection, here):
    """The connection whose sessions write and read amounts as NEUTRAL says; here is what they would do otherwise."""
    return connection if here in (NEUTRAL, "POSIX") else connection.having("lc_monetary", NEUTRAL)


def in_tables(text):
    """Whether tables have amounts in them, by the SQL that makes them and their types, as pg_restore writes it."""
    types = [(found.group(1), found.group()) for found in _TYPE.finditer(text)]
    known, ahead = set(), ["money"]
    while ahead:
        known.add(ahead.pop())
        ahead += [name for name, made in types if name not in known and _has(made, known)]
    return any(_has(found.group(), known) for found in _TABLE.finditer(text))


def _has(made, types):
    return re.search(r"(?<=\S) (?:%s)(?![\w.\"$])" % "|".join(map(re.escape, types)), made) is not None  # behind a name, and none itself
