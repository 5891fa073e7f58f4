# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore of a sanitized dump asks for and refuses: SQL that the rules bring along, and the database that the rows were made of."""

from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD
from ansible_collections.slipway.app.tests.postgres.sanitizing import SECRET, refused, rules_of, sanitized, small, store

__all__ = ["small", "store"]  # fixtures


def test_sql_that_the_rules_want_to_be_run_on_what_is_restored(postgres, small, store, run_module):
    small.execute("CREATE TABLE public.setting (name text, value text); INSERT INTO public.setting VALUES ('mode', 'live')")
    texts = ["UPDATE public.setting SET value = 'it''s a test' -- '",
             "INSERT INTO setting SELECT '\\! false', current_user; DELETE FROM setting WHERE name IS NULL"]
    rules = dict(rules_of("setting: keep"), after_restore=texts)
    assert sanitized(small, store, rules)["sanitized"]["after_restore"] == texts

    def restore(check=False, **options):
        settings = small.query("SELECT * FROM public.setting ORDER BY name")
        result = run_module("postgres_restore", dict({
            "login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD, "login_db": "shop",
            "store": store.location, "source": "here/shop/sanitized", "environment": "stag"}, **options), check=check)
        if check or result.get("failed"):
            assert small.query("SELECT * FROM public.setting ORDER BY name") == settings and postgres.databases() == {"shop"}
        return result

    for check in (True, False):
        refusal = restore(check)["msg"]
        assert "ask for SQL to be run on what is restored: UPDATE public.setting" in refusal and "after_restore=true runs it" in refusal
    skipped = restore(after_restore=False)
    assert skipped["after_restore"] == [] and "is not run: UPDATE public.setting" in json.dumps(skipped["warnings"])
    assert small.query("SELECT value FROM public.setting") == [{"value": "live"}]
    assert "is not run" in json.dumps(restore(True, tables=["setting"], after_restore=True)["warnings"])
    assert [restore(check, after_restore=True)["after_restore"] for check in (True, False)] == [texts, texts]
    assert small.query("SELECT * FROM public.setting ORDER BY name") == [{"name": "\\! false", "value": "shop"}, {"name": "mode", "value": "it's a test"}]
    # An error ends it, and what is live stays.
    sanitized(small, store, dict(rules, after_restore=["DELETE FROM public.setting", "UPDATE public.nothing SET a = 1"]))
    assert "in text 2 of 2 of after_restore" in restore(after_restore=True)["msg"]
    for wrong in ("UPDATE x", [""], [1], ["\0"], {"a": "b"}):
        refused(small, store, dict(rules, after_restore=wrong), "after_restore has to be a list of texts of SQL")


@pytest.fixture
def at_shop(postgres, store, run_module):
    """at_shop(module, **options) -> the result of a module in check mode that is led to the database shop."""
    def run(module, **options):
        return run_module(module, dict({"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD,
                                        "login_db": "shop", "store": store.location, "environment": "uat"}, **options), check=True)

    return run


OTHER = {"system": "7000000000000000000"}


LED = [  # what a manifest says, how a restore is asked for, and what is said of it
    ({"environment": "prod"}, {}, "of this very server"), ({"environment": "prod"}, {"only_sanitized": True}, "of this very server"),
    ({"environment": "prod"}, {"tables": ["a"]}, "of this very server"), ({"environment": None}, {}, "of this very server"),
    ({}, {}, "of this very server"), ({"environment": "prod", "system": None}, {}, "Nobody can tell"),
    ({"environment": "prod"}, {"confirm": "shop"}, None), (dict(OTHER, environment="prod"), {}, None), ({"environment": "uat"}, {}, None)]


def test_masked_rows_do_not_take_the_place_of_those_they_were_made_of(small, store, at_shop):
    """Whatever the inventory of production, and the one that leads there, call it; a dump of before says no environment, and its key one of no name."""
    small.execute("CREATE TABLE public.a (id int)")
    sanitized(small, store, rules_of("a: keep"))
    path = pathlib.Path(store.path(store.newest()), "manifest.json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    assert manifest.pop("environment") == "uat" and manifest["system"]
    for said, options, words in LED:
        path.write_text(json.dumps(dict(manifest, **said)), encoding="utf-8")
        told = at_shop("postgres_restore", source="here/shop/sanitized", **options)
        assert words in told["msg"] and "confirm=shop says that it does" in told["msg"] if words else not told.get("failed"), (said, options, told)


def test_nothing_is_dumped_for_the_very_database(postgres, small, at_shop):
    """However the one and the other say where it is, and before an hour of work."""
    small.execute("CREATE TABLE public.a (id int)")
    postgres.sql("CREATE DATABASE other OWNER shop")
    there = {"login_host": "localhost", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD, "login_db": "shop"}
    options = {"target": there, "sanitize": rules_of("a: keep"), "sanitize_key": SECRET}
    assert "of this very server" in at_shop("postgres_dump", **options)["msg"]
    assert at_shop("postgres_dump", confirm="shop", **options)["changed"]
    assert at_shop("postgres_dump", **dict(options, target=dict(there, login_db="other")))["changed"]
    assert "password authentication failed" in at_shop("postgres_dump", **dict(options, target=dict(there, login_db="other", login_password="x")))["msg"]
    postgres.sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", "postgres")
    assert "Nobody can tell" in at_shop("postgres_dump", **options)["msg"]
    postgres.sql("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC", "postgres")
