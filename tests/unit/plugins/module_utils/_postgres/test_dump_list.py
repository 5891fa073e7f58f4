# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which dumps there are, and which of them is meant."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    dump_choice, dump_list)
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_list import dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import Rules
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._postgres.stored import SANITIZED, write


def test_a_list_tells_what_a_sanitized_dump_lacks(store):
    some = [{"schema": "public", "name": "orders"}]
    for sanitized in (dict(SANITIZED, subset=some, after_restore=["UPDATE a SET b = 1", "DELETE FROM c"]), SANITIZED):
        write(store, config="sanitized", sanitized=sanitized)
    assert [(dump["sanitized"]["subset"], dump["sanitized"]["after_restore"]) for dump in dumps(store)[0]] == [([], 0), (some, 2)]


def harm(store, *keys):
    for key in keys:
        pathlib.Path(store.path(key), "archive", "toc.dat").write_bytes(b"no table of contents")


def test_all_damaged_dumps_are_told_at_once_and_none_that_are_not_listed(store, run_module):
    raw, more, whole = write(store), write(store), write(store, config="sanitized", sanitized=SANITIZED)
    unusable = write(store)
    pathlib.Path(store.path(unusable), "manifest.json").write_text("{}")
    harm(store, raw, more)
    asked = {"store": store.location, "verify": True}
    listed = run_module("postgres_dump_info", dict(asked, only_sanitized=True))
    assert [dump["key"] for dump in listed["dumps"]] == [str(whole)]
    failed = run_module("postgres_dump_info", asked)
    assert failed["failed"] and "3 of 4 dumps cannot be restored from" in failed["msg"]
    assert all(str(key) in failed["msg"] for key in (raw, more, unusable)) and str(whole) not in failed["msg"]


def test_a_dump_that_is_removed_while_it_is_looked_at_is_not_damaged(store, monkeypatch):
    key, opened = write(store), store.open

    def removed(key):
        dump = opened(key)
        store.remove(key)
        return dump

    monkeypatch.setattr(store, "open", removed)
    assert dump_list.require_whole(store, [str(key)]) is None
    keys = [write(store)]
    store.remove(keys[0])
    monkeypatch.setattr(store, "list", lambda prefix="": keys[:not prefix])
    assert dumps(store) == ([], [])


def test_more_sql_than_anybody_would_read_makes_no_manifest(store):
    key = write(store, config="sanitized", sanitized=dict(SANITIZED, after_restore=["x" * 10000] * 2))
    store.open(key)
    with pytest.raises(SlipwayError, match="is not the manifest of this dump"):
        write(store, config="sanitized", sanitized=dict(SANITIZED, after_restore=["x" * 10000] * 2 + ["y"]))
    with pytest.raises(SlipwayError, match="after_restore has more than 20000 characters"):
        Rules({"after_restore": ["x" * 20001]})


def test_a_sanitized_dump_is_never_the_newest_by_chance(store):
    """Masked rows in the place of real ones are a loss, and prod is where they are real."""
    raw = write(store, excluded_data=[])
    assert dump_choice.choose(store, "uat/shop", "shop").key == raw
    key = write(store, config="sanitized", excluded_data=[], sanitized=SANITIZED)
    for whole in (True, False):
        for environment, config, wanted in (("uat", "none", "uat/shop"), ("prod", "none", "uat/shop"), (None, "none", "uat/shop"),
                                            ("prod", "none", "uat/shop/sanitized"), (None, "sanitized", "uat/shop")):
            with pytest.raises(SlipwayError, match="sanitized: its rows are masked") as caught:
                dump_choice.choose(store, wanted, "shop", config, whole, environment)
            assert ("name of its config" in caught.value.hint) == (environment == "uat")
        for environment, config, wanted in (("uat", "none", "uat/shop/sanitized"), ("uat", "sanitized", "uat/shop"), ("prod", "none", str(key))):
            dump = dump_choice.choose(store, wanted, "shop", config, whole, environment)
            assert dump.key == key and "1 columns are masked, and these tables are empty: public.session" in dump_choice.warnings(dump, "shop")[-1]
