# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A column as masks see it: its type down to the base of its domains, what limits its values, and SQL for its value."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident

TEXTS = ("text", "varchar", "bpchar", "citext")
INTEGERS = {"int2": 2 ** 15 - 1, "int4": 2 ** 31 - 1, "int8": 2 ** 63 - 1}  # the largest value of each
FLOATS = ("float4", "float8")
NUMBERS = tuple(INTEGERS) + ("numeric",) + FLOATS
MOMENTS = ("date", "timestamp", "timestamptz")
JSONS = ("json", "jsonb")
ADDRESSES = ("inet", "cidr")


class Column:
    """A column of a table.

    type is its type as SQL writes it, base the name of that type less all domains (int4, varchar; record for any type of several parts; for
    an array that of its elements, and array is true), length the most characters of a text and precision and scale those of a numeric
    (None: no limit). element_type is the type of an array's elements. value is SQL for what is in it. unique says that an index keeps
    its values apart, nulls_meet that it takes NULL for a value, too, or that nobody can tell what it makes of it, and uncounted that one does in
    which nobody can count the rows that would meet. others says that to make a value of its type runs functions of other roles.
    """

    def __init__(self, name, type, base, array=False, length=None, precision=None, scale=None, element_type=None,
                 not_null=False, unique=False, nulls_meet=False, uncounted=False, others=False, encoding="UTF8", value=None):
        self.name = name
        self.type = type
        self.base = base
        self.array = array
        self.length = length
        self.precision = precision
        self.scale = scale
        self.element_type = element_type
        self.not_null = not_null
        self.unique = unique
        self.nulls_meet = nulls_meet
        self.uncounted = uncounted
        self.others = others
        self.encoding = encoding
        self.value = value or quote_ident(name)

    def part(self, value, base="text"):
        """What stands inside of it, which value is SQL for, as a column of its own that nothing limits."""
        return Column(self.name, base, base, encoding=self.encoding, value=value)

    def element(self, value):
        """One of the elements of an array."""
        return Column(self.name, self.element_type, self.base, length=self.length, precision=self.precision, scale=self.scale,
                      encoding=self.encoding, value=value)

    @property
    def is_text(self):
        return not self.array and self.base in TEXTS

    def text(self, fold=False):
        """SQL for the value as a text; in lower case with fold, and where the type itself takes upper and lower case for the same."""
        text = "(%s)::text" % self.value
        return "lower(%s)" % text if fold or self.base == "citext" else text
