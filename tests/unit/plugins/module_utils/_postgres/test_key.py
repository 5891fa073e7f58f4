# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of dumps."""

from __future__ import annotations

import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key, Prefix
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._postgres.stored import MOMENT

NAMES = ["shop", "Shop", "it's a \"shop\"", "../../etc", "..", ".hidden", "a/b", "läden", "買", "100%", "%2e", "new\nline", "-rf", " "]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_has_a_key_of_its_own_that_stays_in_the_store(name, tmp_path):
    key = Key(name, name, name, MOMENT)
    assert Key.parse(str(key)) == key and Key.parse(str(key)).database == name
    path = open_store(str(tmp_path)).path(key)
    assert os.path.normpath(path) == path and os.path.relpath(path, tmp_path).split("/") == list(key.parts)
    assert all(not part.startswith(".") and part == part.encode("ascii").decode().strip() for part in key.parts)


def test_no_two_names_share_a_key_even_where_case_is_not_told_apart():
    written = [str(Key("i", name, "c", MOMENT)).lower() for name in NAMES]
    assert len(set(written)) == len(NAMES)


@pytest.mark.parametrize("text, words", [
    ("shop", "four parts"), ("a/b/c/d/e", "four parts"), ("a//c/" + MOMENT, "cannot be part"), ("a/b/c/yesterday", "no timestamp"),
    ("a/b/c/20261341T031500.123456Z", "no timestamp"), ("a/%62/c/" + MOMENT, "percent signs"), ("a/%ff/c/" + MOMENT, "percent signs"),
    ("a/%2e/c/" + MOMENT, "percent signs"), ("a/b\0/c/" + MOMENT, "cannot be part"), ("a/%/c/" + MOMENT, "percent signs"),
    ("a/%s/c/%s" % ("x" * 241, MOMENT), "too long")])
def test_what_is_no_key_is_said_so(text, words):
    with pytest.raises(SlipwayError, match=words):
        Key.parse(text)


def test_keys_sort_by_time_and_a_later_one_is_later():
    first = Key.now("z", "shop", "none")
    second = Key.now("a", "shop", "none", after=first)
    future = Key("z", "shop", "none", "29991231T235959.999998Z")
    assert first.order < second.order < future.order < Key.now("a", "shop", "none", after=future).order


@pytest.mark.parametrize("prefix, matches", [
    ("", True), ("uat", True), ("uat/", True), ("ua", False), ("uat/Shop", True), ("uat/%53hop/none", True), ("uat/shop", False),
    ("uat/Shop/none/2026", True), ("uat/Shop/none/2027", False), ("uat/Shop/none/" + MOMENT, True)])
def test_a_prefix_is_of_whole_parts(prefix, matches):
    assert Prefix(prefix).matches(Key("uat", "Shop", "none", MOMENT)) is matches
