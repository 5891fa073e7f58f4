# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of sanitized dumps as people write them, and what needs no server of how they are written."""

from __future__ import annotations

import gzip
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import manifest
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import compressor, dump, masks
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.plan import Table
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import Rules
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.words import WORDS

SECRET = "a key of thirty-two characters..."


def column(rule):
    return {"tables": {"t": {"columns": {"c": rule}}}}


@pytest.mark.parametrize("document, words", [
    ([], "sanitize has to be a mapping"), ({"tabels": {}}, "unknown option tabels. Did you mean tables?"),
    ({"policy": "lax"}, "sanitize.policy has to be strict or scan"), ({"large_objects": "keep"}, "sanitize.large_objects has to be refuse or drop"),
    ({"tables": ["t"]}, "sanitize.tables has to be"), ({"tables": {"a.b.c": "keep"}}, "'a.b.c' is no pattern"),
    ({"tables": {"t": "drop"}}, "sanitize.tables.t has to be keep or truncate"), ({"tables": {"t": {"column": {}}}}, "Did you mean columns?"),
    (column("e-mail"), "sanitize.tables.t.c: e-mail is no rule. Did you mean email?"), (column({"rule": "hash", "lenght": 3}), "Did you mean length?"),
    (column({"rule": "hash", "length": 3}), "length of the rule hash has to be a whole number from 8 to 64, and is 3"), (column(7), "is no rule"),
    (column({"length": 8}), "is no rule"), (column({"rule": "phone", "mask": "none"}), "mask of the rule phone has to be"),
    (column({"rule": "email", "at": "x' || secret || '"}), "at of the rule email has to be a domain"), (column({"rule": "keep", "x": 1}), "It has none."),
    (column({"rule": "city", "locale": "tlh"}), "locale of the rule city has to be one of de, en"), (column({"rule": "json"}), "paths of the rule json"),
    (column({"rule": "json", "paths": {"a": "hash", "a.b": "keep"}}), "the path a is a part of another one"),
    (column({"rule": "array"}), "sanitize.tables.t.c.of: none is no rule"), (column({"rule": "date", "to": "month"}), "one of day, year"),
    (column({"rule": "date", "entity": "id"}), "has an entity and needs a domain"),
    (column({"rule": "number", "bucket": 1}), "bucket of the rule number has to be a whole number from 2"),
])
def test_what_is_no_rule_is_said_with_its_place(document, words):
    with pytest.raises(SlipwayError) as error:
        Sanitizing(document, "a key of thirty-two characters...")
    assert words in str(error.value) and str(error.value).count("Nothing was") == 1


@pytest.mark.parametrize("expression", [
    "", " ", "x) FROM secret; --", "1; DELETE FROM t", "a -- b", "a /* b", "(a", "a)", "a) || (b", "$$a$$", "$1", "a \\! id", "'open", '"open',
    "current_setting('slipway.sanitize_key')", "set_config('x', 'y', false)", "pg_catalog.current_setting('a')", '"current_setting"(\'a\')',
    "pg_read_file('/etc/passwd')", "lo_get(1)", "query_to_xml('select 1', true, true, '')", "dblink('x', 'y')", "nextval('s')", "a :name",
    "pg_promote()", "pg_notify('c', mail)", "pg_catalog.\"pg_drop_replication_slot\"('s')", "http_get('http://x/' || mail)", "a \0",
    "(SELECT a FROM b)", "(TABLE b)", "u&'\0061'", 'U&"a"', "ts_stat('select a from b')", "'a' || \"pg_sleep\"(1)", "x.crosstab2('a')", "connectby('a')",
    "E'\\'; x' || b", "\u20ace'a\\' \\! touch x #'", "'a'\r'b\\' || ' \\! touch x #'", "'a' || e'b'", "\u00e4'a'"])
def test_an_expression_stays_one(expression):
    with pytest.raises(SlipwayError):
        masks.parse({"rule": "sql", "expression": expression}, "here")


@pytest.mark.parametrize("expression", [
    "a || 'it''s; -- fine'", "a ~ '^\\d\\' || b", "date '2026-01-01' - a", '"odd ; name" + 1', "a::text", 'a COLLATE pg_catalog."C"', "pg_typeof(a)::text",
    "left(a, 2) || '...'", "category <> 'table' AND a <> 'copy that into my table, it''s \"select\"'", "CASE WHEN a THEN (b) END"])
def test_an_expression_may_be_any_other(expression):
    assert masks.parse({"rule": "sql", "expression": expression}, "here")["expression"] == expression


def test_a_rule_is_told_as_it_was_written():
    for said in ("keep", "null", {"rule": "hash", "length": 12}, {"rule": "json", "paths": {"a.b": "hash", "c": {"rule": "date", "to": "year"}}},
                 {"rule": "array", "of": "email"}, {"rule": "email", "domain": "person"}):
        rule = masks.parse(said, "here")
        assert rule.told() == said and rule.same_as(masks.parse(rule.told(), "there"))
    assert masks.parse(None, "here").name == "null"
    assert not masks.parse("hash", "").same_as(masks.parse({"rule": "hash", "domain": "x"}, ""))


def test_a_key_tells_nothing_of_its_secret_and_has_to_be_long():
    key, other = masks.Key(SECRET), masks.Key(SECRET + ".")
    assert len(key.setting) == 256 and key.setting != other.setting and key.id != other.id and SECRET.encode().hex() not in key.setting
    assert key.id not in key.setting and masks.Key(SECRET).setting == key.setting
    with pytest.raises(SlipwayError, match="at least 16 characters"):
        masks.Key("too short")


@pytest.mark.parametrize("environment, policy", [("prod", "strict"), (None, "strict"), ("uat", "scan")])
def test_the_policy_is_strict_where_it_matters(environment, policy):
    assert Sanitizing({}, SECRET, environment).policy == policy
    assert Sanitizing({"policy": "strict"}, SECRET, environment).policy == "strict"


@pytest.mark.parametrize("said, fine", [
    ({}, True), ({"login_host": "/run/postgresql"}, True), ({"login_host": "localhost"}, True), ({"login_host": "::1"}, True),
    ({"login_host": "db.example"}, False), ({"login_host": "localhost,db.example"}, False), ({"login_host": "db.example", "ssl_mode": "allow"}, False),
    ({"login_host": "localhost", "settings": {"hostaddr": "192.0.2.1"}}, False), ({"login_host": "db.example", "ssl_mode": "require"}, True),
    ({"login_host": "db.example", "ssl_mode": "verify-full"}, True), ({"login_host": "db.example", "settings": {"gssencmode": "require"}}, True)])
def test_the_key_does_not_travel_in_clear_text(said, fine):
    if fine:
        dump._require_private(Connection(**said))
        return
    with pytest.raises(SlipwayError, match="in clear text") as caught:
        Sanitizing({}, SECRET).keyed(Connection(**said))
    assert "verify-full" in caught.value.hint


@pytest.mark.parametrize("tables, kept", [
    ({"x.ref": "keep"}, True), ({"x.*": "keep"}, False), ({"x.ref": "truncate"}, False), ({"x.ref": {"columns": {"id": "keep"}}}, False),
    ({"x.ref": {"columns": {"*": "keep"}}}, True), ({"x.ref": {"columns": {"*": "keep"}, "rows": "none"}}, False), ({}, False),
    ({"x.ref": "keep", "ref": {"columns": {"name": "hash"}}}, False), ({"x.ref": "keep", "x.*": {"columns": {"name": "hash"}}}, False),
    ({"x.ref": "keep", "x.*": {"columns": {"email": "email"}}}, True)])
def test_a_table_of_an_extension_is_kept_when_all_of_it_is(tables, kept):
    table = {"schema": "x", "name": "ref", "columns": ["id", "name"]}
    assert Sanitizing({"tables": tables}, SECRET)._kept_whole(table) is kept
    assert Sanitizing({"tables": tables}, SECRET)._kept_whole(table, one_of_several=True) is kept
    # The proof does not look at what pg_dump writes: no release says that it may.
    assert Sanitizing({}, SECRET, below=[("slipway.yml", {"tables": tables}, True)])._kept_whole(table) is False
    assert Sanitizing({"tables": tables}, SECRET, below=[("slipway.yml", {"tables": {"ref": "keep"}}, True)])._kept_whole(table) is kept
    # Who names another one may not know of it.
    assert Sanitizing({"tables": {"ref": "keep"}}, SECRET)._kept_whole(table) is True
    assert Sanitizing({"tables": {"ref": "keep"}}, SECRET)._kept_whole(table, one_of_several=True) is False


@pytest.mark.parametrize("rule, told", [
    ("email", False), ({"rule": "email", "at": "a.test"}, False), ({"rule": "email", "at": "mail.example.org"}, False),
    ({"rule": "email", "at": "localhost"}, False), ({"rule": "email", "at": "dev.localhost"}, False),
    ({"rule": "email", "at": "shop.com"}, True), ({"rule": "email", "at": "myexample.com"}, True), ({"rule": "email", "at": "localhost.com"}, True),
    ({"rule": "json", "paths": {"a": "hash", "b": {"rule": "email", "at": "shop.com"}}}, True),
    ({"rule": "array", "of": {"rule": "email", "at": "shop.com"}}, True),
])
def test_of_a_domain_that_somebody_has_there_is_a_warning(rule, told):
    warnings = Rules(column(rule)).warnings
    assert len(warnings) == told and all("com" in warning and "delivered" in warning for warning in warnings)


def test_telephone_numbers_are_nobodys():
    """Those of the area 555, and those that are kept free for films in Berlin."""
    assert {locale: words["phone"] for locale, words in WORDS.items()} == {"en": ("+1 555 XXX XXXX",), "de": ("+49 30 23125 XXX",)}


def test_lists_of_words_are_plausible():
    for locale in WORDS.values():
        assert set(locale) == set(WORDS["en"])
        for kind in ("first_name", "last_name", "city", "street"):
            assert len(locale[kind]) == len(set(locale[kind])) >= 40 and all(
                "_" not in word and len(word.encode()) < 64 for word in locale[kind])  # of which the server makes names


@pytest.mark.parametrize("settled, program", [("gzip:6", None), ("zstd:3", "zstd"), ("none", None)])
def test_what_is_compressed_is_read_by_others(tmp_path, settled, program):
    if settled.partition(":")[0] not in compressor.known():
        pytest.skip("This host has no libzstd.")
    chunks = [b"a row\tof a table\n" * 50000, b"", b"x", bytes(range(256)) * 4000]
    file = compressor.File(str(tmp_path / "1.dat"), settled)
    for chunk in chunks:
        file.write(chunk)
    file.close()
    if program:
        data = subprocess.run([program, "-dc", file.path], check=True, capture_output=True).stdout
    else:
        data = (gzip.open if file.path.endswith(".gz") else open)(file.path, "rb").read()
    assert data == b"".join(chunks)
    with pytest.raises(FileExistsError):
        compressor.File(str(tmp_path / "1.dat"), settled)


def test_a_manifest_says_what_the_proof_did_not_look_at():
    fine = manifest.LATER["sanitized"]
    proof = {"columns": 1, "values": 2, "bytes": 3, "left_out": []}
    told = {"policy": "strict", "rules": "0" * 64, "key": "k", "emptied": [], "masked": []}
    assert fine(dict(told, residue=proof)) and fine(dict(told, residue=dict(proof, accepted=["public.product.name", "the schema"])))
    assert not fine(dict(told, residue=dict(proof, accepted="public.product.name")))


def test_a_table_that_was_never_analyzed_is_not_done_with_its_first_row():
    told = []
    table = Table({"schema": "public", "name": "orders", "estimate": 0, "bytes": 1000000}, [])
    watch = dump._Watch([table], lambda phase, **state: told.append(state["bytes"]))
    for rows, done in ((1, False), (2, True)):
        watch({"table": 0, "rows": rows, "done": done})
    assert 0 < told[0] < 1000 and told[1] == 1000000
