# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at in a dump before it is restored: its locale, its roles, its amounts of money."""

from __future__ import annotations

import types

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    manifest, money, restore_source)
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumping
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection, PostgresError
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._postgres.stored import CONTENT


@pytest.mark.parametrize("said, words", [({"icu_rules": "&a < b"}, "LOCALE_PROVIDER 'icu' ICU_LOCALE 'de' ICU_RULES '&a < b'"),
                                         ({}, "LOCALE_PROVIDER 'icu' ICU_LOCALE 'de'")])
def test_the_rules_of_a_locale_are_those_of_the_dump(said, words):
    created = restore_source._creating("new", {"new_owner": "shop"}, dict(CONTENT, locale_provider="icu", icu_locale="de", **said))
    assert created.endswith(words)


SAID = dict.fromkeys((*CONTENT, "icu_rules"), 0)  # all that is said of a database beside


@pytest.mark.parametrize("has_money, here, told, options", [
    (True, "de_DE.UTF-8", "C", "-c work_mem=1MB -c lc_monetary=C"), (True, "C", "C", "-c work_mem=1MB"),
    (False, "de_DE.UTF-8", None, "-c work_mem=1MB")])  # what comes with the start of a session is refused by a pooler
def test_amounts_of_money_are_written_and_read_by_one_rule(has_money, here, told, options):
    connection = Connection("db", 5432, "shop", "secret", "shop", settings={"options": "-c work_mem=1MB"})
    facts = dict(SAID, has_money=has_money, lc_monetary=here)
    assert dumping.writing(connection, facts).environment()["PGOPTIONS"] == options
    content = dumping.content(facts, types.SimpleNamespace(version=170011), types.SimpleNamespace(excluded=[], excluded_data=[], tables=[]))
    assert content["lc_monetary"] == told
    session = types.SimpleNamespace(query=lambda _sql: [{"array_nulls": "on", "lc_monetary": here}])
    assert restore_source._reading(connection, session, content)["PGOPTIONS"] == options


def test_roles_that_a_dump_does_not_need_are_not_asked_for():
    """One that is not in UTF-8 cannot be had from a database in SQL_ASCII."""
    def query(sql):
        assert sql.endswith("WHERE rolname IN ('ann', 'shop')")
        return [{"name": "shop"}]

    source = restore_source.DumpSource(types.SimpleNamespace(key="a", manifest={"roles": ["ann"], "owner": "shop"}))
    wishes = types.SimpleNamespace(properties="dump")
    assert source._roles(types.SimpleNamespace(wishes=wishes), types.SimpleNamespace(query=query)) == [
        'Role "ann", which the dump needs, is not on this server.']


def test_a_role_that_the_encoding_of_a_database_has_no_letters_for_is_missing():
    def query(sql):
        if "'\u0141ukasz'" in sql:
            raise PostgresError("no such letter", "22P05")
        return [{"name": "ann"}] if "'ann'" in sql else []

    source = restore_source.DumpSource(types.SimpleNamespace(key="a", manifest={"roles": ["ann", "\u0141ukasz"], "owner": "shop"}))
    restore = types.SimpleNamespace(wishes=types.SimpleNamespace(properties="dump"))
    assert source._roles(restore, types.SimpleNamespace(query=query)) == [
        'Role "%s", which the dump needs, is not on this server.' % role for role in ("shop", "\u0141ukasz")]


@pytest.mark.parametrize("text, there", [
    ("CREATE TABLE public.money (\n    money numeric NOT NULL,\n    b text\n);\n", False), ("CREATE TABLE a.b (\n    c money NOT NULL\n);\n", True),
    ("CREATE UNLOGGED TABLE a.b (\n    x integer,\n    c money[]\n);\n", True), ("CREATE DOMAIN a.price AS money;\n", False),
    ("CREATE TYPE a.pair AS (\n\tx a.\"old price\",\n\ty text\n);\nCREATE DOMAIN a.\"old price\" AS money;\nCREATE TABLE a.b (\n    c a.pair\n);\n", True),
    ("CREATE DOMAIN a.price AS money;\nCREATE TABLE a.b (\n    c a.price_list\n);\n", False)])
def test_amounts_of_money_are_seen_by_what_tables_are_made_of(text, there):
    assert money.in_tables("--\n\n" + text) is there


@pytest.mark.parametrize("said, fine", [("C", True), (None, True), ("C -c role=postgres", False)])
def test_what_a_manifest_says_of_money_is_looked_at(said, fine):
    content = dict(CONTENT, key="a", files=[{"name": "toc.dat", "size": 1, "sha256": "0" * 64}], lc_monetary=said)
    assert (manifest.problem(content, "a") is None) is fine
