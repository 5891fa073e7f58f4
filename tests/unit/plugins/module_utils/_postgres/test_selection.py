# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of tables."""

from __future__ import annotations


import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Pattern, exactly


@pytest.mark.parametrize("pattern, schema, name, matches", [
    ("orders", "audit", "orders", True), ("Orders", "public", "orders", True), ("Orders", "public", "Orders", False),
    ('"Orders"', "public", "Orders", True), ("public.order*", "public", "orders", True), ("audit.order*", "public", "orders", False),
    ("order?", "public", "orders", True), ("order?", "public", "order", False), ('"a*"', "public", "ab", False), ('"a*"', "public", "a*", True),
    ('"My.Schema"."it""s"', "My.Schema", 'it"s', True), ('"""x"', "public", '"x', True), ("a.b", "a", "b", True), ("a+", "public", "aa", False),
    ("log_*", "public", "log_\n1", True), ('p"UB"lic.x', "pUBlic", "x", True)])
def test_patterns(pattern, schema, name, matches):
    assert Pattern(pattern).matches({"schema": schema, "name": name}) is matches


@pytest.mark.parametrize("pattern", ["", ".", "a.", ".a", "a.b.c", '"a', 'a"', '"'])
def test_what_is_no_pattern(pattern):
    with pytest.raises(SlipwayError, match="is no pattern of tables"):
        Pattern(pattern)


def test_a_relation_is_named_exactly():
    assert exactly({"schema": "My.Schema", "name": 'it"s*'}) == '"My.Schema"."it""s*"'
