# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps are removed as a whole, and only those that were meant."""

from __future__ import annotations

import os
import pathlib
import shutil

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_removal import Removal
from ansible_collections.slipway.app.plugins.module_utils._postgres.spool import PART, hold
from ansible_collections.slipway.app.tests.postgres.test_dump import dies_at
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._postgres.stored import MOMENT, SANITIZED, write


def files(store):
    return sorted(str(path) for path in pathlib.Path(store.location).rglob("*") if path.is_file() and path.name != ".lock")


def test_one_by_its_key_and_no_other(store):
    first, second = write(store), write(store)
    removal = Removal(key=str(first), environment="uat")
    before = files(store)
    assert removal.run(store, check=True) == [str(first)] and files(store) == before
    assert removal.run(store) == [str(first)] and store.list() == [second] and store.leftovers() == []
    assert removal.run(store) == []  # it is gone already


def test_all_but_the_newest_below_a_prefix(store):
    keys = [write(store) for _number in range(4)]
    other = write(store, config="small")
    assert Removal(prefix="uat/shop/none", keep=2, environment="uat").run(store) == [str(keys[1]), str(keys[0])]
    assert Removal(prefix="uat/shop/none", keep=2, environment="uat").run(store) == []
    assert Removal(prefix="uat/shop", keep=1, environment="uat").run(store, check=True) == [str(keys[2])]  # of each config
    assert Removal(prefix="uat/shop", keep=0, environment="uat").run(store) == [str(other), str(keys[3]), str(keys[2])]
    assert store.list() == []


@pytest.mark.parametrize("how", ["masked", "small", "masked in its place", "damaged"])
def test_what_is_no_substitute_is_not_kept_instead(store, how):
    """Else the newest, which is kept, is masked or unusable, and all real ones are gone."""
    older, raw = write(store), write(store)
    last = write(store, **{"masked": {"config": "sanitized", "sanitized": SANITIZED}, "small": {"config": "small"},
                           "masked in its place": {"sanitized": SANITIZED}, "damaged": {}}[how])
    if how == "damaged":
        pathlib.Path(store.path(last), "manifest.json").write_text("{", encoding="utf-8")
    removal = Removal(prefix="uat/shop", keep=1, environment="uat")
    assert removal.run(store) == [str(older)] and store.list() == [last, raw]
    assert len(removal.warnings) == (how == "damaged") and all("%s stays" % last in warning for warning in removal.warnings)


def test_a_damaged_manifest_keeps_no_dump(store):
    key = write(store)
    pathlib.Path(store.path(key), "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(SlipwayError, match="not sanitized, as far as its manifest can be read"):
        Removal(key=str(key), only_sanitized=True, environment="uat").run(store)
    assert Removal(key=str(key), environment="uat").run(store) == [str(key)] and files(store) == []


def test_raw_dumps_are_not_among_the_sanitized_ones(store):
    raw, masked = write(store), write(store, config="sanitized", sanitized=SANITIZED)
    with pytest.raises(SlipwayError, match="not sanitized"):
        Removal(key=str(raw), only_sanitized=True, environment="uat").run(store)
    assert Removal(prefix="uat/shop", keep=0, only_sanitized=True, environment="uat").run(store) == [str(masked)]
    assert store.list() == [raw]


@pytest.mark.parametrize("instance, more, environment, confirm, goes", [
    ("prod", {}, "uat", "", False), ("prod", {}, "uat", "shop", True), ("prod", {"sanitized": SANITIZED}, "uat", "", True),
    ("prod", {"sanitized": SANITIZED}, "prod", "", False), ("prod", {"sanitized": SANITIZED}, "prod", "shop", True), ("uat", {}, "prod", "", False),
    ("uat", {}, None, "", False), ("uat", {}, None, "other", False), ("dev", {}, "dev", "", True),
    # Whatever the inventory of production calls its dumps: by their manifests, or where these do not say it by their keys.
    ("eu", {}, "uat", "", False), ("eu", {}, "uat", "eu", False), ("eu", {}, "uat", "shop", True), ("stag", {}, "uat", "", False),
    ("uat", {"environment": "prod"}, "uat", "", False), ("uat", {"environment": None}, "uat", "", False), ("uat", {"environment": None}, "uat", "shop", True),
    ("nightly", {"environment": "uat"}, "uat", "", True), ("nightly", {"environment": "stag"}, "uat", "", False),
    ("prod", {"environment": "uat"}, "uat", "", False), ("eu", {"environment": "prod", "sanitized": SANITIZED}, "uat", "", True)])
def test_raw_ones_of_elsewhere_and_any_of_prod_only_with_the_name_of_the_database(store, instance, more, environment, confirm, goes):
    key = write(store, instance, **more)
    for what in ({"key": str(key)}, {"prefix": instance + "/shop", "keep": 0}):
        removal = Removal(environment=environment, confirm=confirm, **what)
        if goes:
            assert removal.run(store, check=True) == [str(key)]
        else:
            with pytest.raises(SlipwayError, match="is removed .*without (its|the) name"):
                removal.run(store)
            assert store.list() == [key]


def test_one_that_fails_tells_of_those_before_it(store):
    keys = [write(store) for _number in range(3)]
    lock = hold(store.path(keys[1]))
    with pytest.raises(SlipwayError, match="Removed were, before it: %s" % keys[2]) as caught:
        Removal(prefix="uat/shop", keep=0, environment="uat").run(store)
    os.close(lock)
    assert caught.value.facts == {"removed": [str(keys[2])]} and store.list() == [keys[1], keys[0]]


def test_what_was_removed_is_told_when_the_look_for_leftovers_fails_after_it(store, run_module):
    key = write(store)
    os.unlink(os.path.join(store.location, ".lock"))
    os.mkdir(os.path.join(store.location, ".lock"))
    result = run_module("postgres_dump", {"state": "absent", "store": store.location, "key": str(key), "environment": "uat"})
    assert result["failed"] and result["removed"] == [str(key)] and "Removed were, before it: %s" % key in result["msg"]


def test_who_looks_for_leftovers_meanwhile_does_not_keep_a_dump_from_being_removed(store, monkeypatch):
    key, rmdir = write(store), os.rmdir

    def meanwhile(path, **more):
        if os.path.basename(path).startswith(PART):
            os.close(hold(path))  # as the other one takes it for his to remove
            monkeypatch.setattr(os, "rmdir", rmdir)
        rmdir(path, **more)

    monkeypatch.setattr(os, "rmdir", meanwhile)
    assert store.remove(key) and os.rmdir is rmdir
    assert store.list() == [] and len(store.remove_leftovers()) == 1


@pytest.mark.parametrize("what, words", [
    ({"key": "uat/shop"}, "four parts"), ({"prefix": "uat", "keep": 0}, "several databases"), ({"prefix": "", "keep": 0}, "several databases"),
    ({"prefix": "uat/shop", "keep": -1}, "cannot be kept")])
def test_what_names_nothing_exactly_removes_nothing(store, what, words):
    key = write(store)
    with pytest.raises(SlipwayError, match=words):
        Removal(environment="uat", **what).run(store)
    assert Removal(key="uat/shop/../" + MOMENT, environment="uat").run(store) == []
    assert store.list() == [key]


def test_what_a_link_leads_to_stays(store, tmp_path):
    """Who may write to the store may let a dump's place lead anywhere."""
    key = write(store)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(store.path(key), elsewhere)
    os.symlink(elsewhere, store.path(key))
    before = sorted(os.listdir(elsewhere / "archive"))
    with pytest.raises(SlipwayError, match="a link"):
        Removal(key=str(key), environment="uat").run(store)
    assert sorted(os.listdir(elsewhere / "archive")) == before


def test_who_is_at_it_is_left_alone(store):
    key = write(store)
    lock = hold(store.path(key))
    with pytest.raises(SlipwayError, match="somebody else is at it"):
        Removal(key=str(key), environment="uat").run(store)
    os.close(lock)
    assert Removal(key=str(key), environment="uat").run(store) == [str(key)]


def test_killed_at_each_step_it_is_whole_or_none(store):
    number, halves = 1, 0
    while True:
        key = write(store)
        died = dies_at(number, lambda key=key: store.remove(key))
        if store.list() == [key]:
            store.open(key).verify()
        else:
            assert store.list() == [] and store.strangers() == []
            halves += bool(store.leftovers())
        store.remove(key)
        store.remove_leftovers()
        assert files(store) == []
        if not died:
            break
        number += 1
    assert number > 5 and halves > 3
