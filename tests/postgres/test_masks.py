# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every mask promises, of whatever values: its type and room, NULL, the same for the same, and apart what has to be."""

from __future__ import annotations

import datetime
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import masks, residue
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import Column

SECRET = "a key of thirty-two characters..."
FAST = settings(max_examples=4, derandomize=True, database=None, deadline=None)
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=30) | st.text(string.ascii_letters + "@.'\\ ", max_size=12)
DAYS = st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)).map(str)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "é", "'"]), TEXT | st.integers() | st.none() | st.booleans() | st.lists(TEXT, max_size=2)
                          | st.dictionaries(st.sampled_from(["x", "y"]), TEXT, max_size=2), max_size=4)
JSON = (OBJECTS | st.lists(OBJECTS, max_size=2) | TEXT | st.integers() | st.none()).filter(lambda value: "\\u0000" not in json.dumps(value)).map(json.dumps)
WHOLE = st.integers(-2 ** 15 + 1, 2 ** 15 - 1).map(str)

# (rule, a column, values, whether different values stay different)
CASES = [
    ("hash", Column("c", "text", "text"), TEXT, True), ("hash", Column("c", "character varying(10)", "varchar", length=10), TEXT, False),
    ("hash", Column("c", "character(24)", "bpchar", length=24), TEXT.map(str.strip).filter(lambda text: len(text) <= 24), True),
    ({"rule": "email", "domain": "d"}, Column("c", "text", "text"), TEXT.map(str.lower), True),
    ("email", Column("c", "character varying(26)", "varchar", length=26), TEXT, False),
    *[(rule, Column("c", "character varying(12)", "varchar", length=12), TEXT, False)
      for rule in ("name", "first_name", "last_name", "company", "street", "city", "phone", "postal_code", "digits_mask", "text", "inet")],
    *[({"rule": rule, "locale": "de"}, Column("c", "text", "text"), TEXT, False) for rule in ("name", "street", "phone", "company")],
    ("iban", Column("c", "text", "text"), TEXT, True), ("uuid", Column("c", "uuid", "uuid"), st.uuids().map(str), True),
    ("uuid", Column("c", "text", "text"), TEXT, True), ("text", Column("c", "text", "text"), TEXT.map(lambda text: text * 200), False),
    ("inet", Column("c", "inet", "inet"), st.ip_addresses().map(str), False), ("inet", Column("c", "cidr", "cidr"), st.ip_addresses().map(str), False),
    ("date", Column("c", "date", "date"), DAYS, False), ({"rule": "date", "to": "year"}, Column("c", "timestamptz", "timestamptz"), DAYS, False),
    ("number", Column("c", "smallint", "int2"), WHOLE, False), ({"rule": "number", "bucket": 1000}, Column("c", "smallint", "int2"), WHOLE, False),
    ("number", Column("c", "numeric(5,2)", "numeric", precision=5, scale=2), st.decimals("-999.99", "999.99", places=2).map(str), False),
    ("number", Column("c", "numeric(3,3)", "numeric", precision=3, scale=3), st.decimals("-0.999", "0.999", places=3).map(str), False),
    *[("number", Column("c", type_, "numeric", **limits), st.sampled_from(["NaN", "1.50", "-3"]), False)
      for type_, limits in (("numeric", {}), ("numeric(5,2)", {"precision": 5, "scale": 2}))],
    ("number", Column("c", "float8", "float8"), st.floats(allow_nan=False, allow_infinity=False, max_value=1e100, min_value=-1e100).map(repr), False),
    *[({"rule": "json", "paths": {"a": "hash", "b.x": "city", "é": "null"}, "rest": rest}, Column("c", base, base), JSON, False)
      for rest in ("keep", "drop") for base in ("json", "jsonb")],
    ({"rule": "array", "of": "hash"}, Column("c", "text[]", "text", array=True, element_type="text"),
     st.lists(TEXT, max_size=3).map(lambda items: "{%s}" % ",".join('"%s"' % item.replace("\\", "\\\\").replace('"', '\\"') for item in items)), True),
    ("empty", Column("c", "text", "text"), TEXT, False), ({"rule": "fixed", "value": "it's \\ "}, Column("c", "text", "text"), TEXT, False),
    ("null", Column("c", "text", "text"), TEXT, False), ("keep", Column("c", "text", "text"), TEXT, True),
]


@pytest.fixture(scope="module")
def session(server):
    connection = server.connection(server.superuser, "postgres").having(masks.SETTING, masks.Key(SECRET).setting)
    with connection.session() as session:
        yield session


def masked(session, rule, column, values):
    """(raw, mask, its type, its length, whether it is NULL) of each value, None too, as the server has them."""
    listed = ", ".join("NULL" if value is None else quote_literal(value) for value in values)
    return session.query("SELECT c::text AS raw, m::text AS mask, pg_typeof(m)::text AS type, char_length(m::text) AS length FROM "
                         "(SELECT n, c, %s AS m FROM (SELECT n, v::%s AS c FROM unnest(ARRAY[%s]::text[]) WITH ORDINALITY u (v, n)) t) q ORDER BY n"
                         % (rule.sql(column, masks.Within), column.type, listed))


@pytest.mark.parametrize("said, column, values, distinct", CASES, ids=lambda value: getattr(value, "type", None) or str(value)[:40])
def test_what_a_mask_promises(session, said, column, values, distinct):
    rule = masks.parse(said, "here")
    assert rule.problem(column) is None

    @FAST
    @given(st.lists(values, min_size=1, max_size=20))
    def promise(given_values):
        rows = masked(session, rule, column, given_values + [None] + given_values)
        assert len(rows) == 2 * len(given_values) + 1
        assert [row["mask"] for row in rows[:len(given_values)]] == [row["mask"] for row in rows[len(given_values) + 1:]]
        null = rows[len(given_values)]
        assert null["raw"] is None and null["mask"] is None
        types = {row["type"] for row in rows}
        assert types == {{"timestamptz": "timestamp with time zone", "float8": "double precision"}.get(column.type, column.type.partition("(")[0])}
        for row in rows:
            if rule.name not in ("null", "json"):
                assert (row["mask"] is None) == (row["raw"] is None)
            if column.length and row["mask"] is not None:
                assert row["length"] <= column.length
            if rule.by_value and column.is_text and row["raw"] == "":
                assert row["mask"] == ""
        if distinct:
            assert len({row["mask"] for row in rows}) == len({row["raw"] for row in rows})

    promise()


@pytest.mark.parametrize("paths", [{"a.b.c": "hash", "a.x": "hash"}, {"a.0.b": "hash"}, {"a.0": "hash"}])
def test_what_no_path_leads_into_does_not_stay_as_it_is(session, paths):
    column, values = Column("c", "jsonb", "jsonb"), [
        '"raw"', '["raw"]', '[{"a": "raw"}]', '{"a": "raw", "k": 1}', '{"a": ["raw"], "k": 1}', '{"a": [{"b": "raw"}], "k": 1}',
        '{"a": [{"b": {"c": "raw"}, "x": "raw"}], "k": 1}', '{"a": null, "k": 1}']
    rows = masked(session, masks.parse({"rule": "json", "paths": paths, "rest": "keep"}, ""), column, values)
    assert [json.loads(row["mask"]) for row in rows] == [None] * 3 + [{"a": None, "k": 1}] * 5
    if "a.b.c" in paths:
        rows = masked(session, masks.parse({"rule": "json", "paths": paths, "rest": "keep"}, ""), column, [
            '{"a": {"b": ["raw"], "x": "raw", "k": 1}}', '{"a": {"b": {"c": "raw", "k": 1}}, "k": 1}'])
        first, second = [json.loads(row["mask"]) for row in rows]
        assert first["a"].pop("x") != "raw" and first == {"a": {"b": None, "k": 1}}
        assert second["a"]["b"].pop("c") != "raw" and second == {"a": {"b": {"k": 1}}, "k": 1}


def test_an_error_of_the_proof_has_no_value_in_it(session):
    """What the server says of it has: invalid input syntax for type integer: "rawvalue"."""
    source = {"name": "app.t.c", "rule": "hash", "query": "SELECT v::int::text AS v FROM (VALUES ('rawvalue')) t (v)"}
    with pytest.raises(SlipwayError, match="app.t.c cannot be looked at in .*SQLSTATE 22P02") as caught:
        residue.Residue([source], "utf-8").learn(session)
    assert "rawvalue" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_what_there_is_too_much_to_look_for_of_is_said(monkeypatch, session):
    monkeypatch.setattr(residue, "MOST", 3)
    sources = [{"name": name, "rule": "hash", "query": "SELECT 'rawvalue' || %d + g AS v FROM generate_series(1, 3) g" % number}
               for number, name in enumerate("ab")]
    sources[1]["query"] = sources[1]["query"].replace("raw", "other")
    found = residue.Residue(sources, "utf-8")
    found.learn(session)
    assert found.told() == {"columns": 1, "left_out": ["b"], "values": 3, "bytes": 0, "found": []}


def test_the_key_and_the_domain_make_the_pseudonym(server, session):
    """What a mask is can be worked out by who has the key, and by nobody else."""
    import hashlib
    import hmac

    key = hashlib.scrypt(SECRET.encode(), salt=masks.LABEL, n=2 ** 15, r=8, p=1, maxmem=2 ** 26, dklen=32)
    column = Column("c", "text", "text")
    for said, domain in (("hash", "hash"), ({"rule": "hash", "domain": "person"}, "person")):
        rows = masked(session, masks.parse(said, ""), column, ["Ann", "日本 'n \\"])
        assert [row["mask"] for row in rows] == [
            hmac.new(key, hashlib.sha256(domain.encode()).digest() + row["raw"].encode(), hashlib.sha256).hexdigest()[:32] for row in rows]
    rows = masked(session, masks.parse("email", ""), column, ["ann@é.example"])
    secret = hmac.new(key, hashlib.sha256(b"\0email").digest(), hashlib.sha256).digest()
    of_nothing = session.query("SELECT %s AS hash" % masks.digest("email", column, "''"))[0]["hash"]
    assert of_nothing == hmac.new(key, hashlib.sha256(b"email").digest(), hashlib.sha256).hexdigest() != secret.hex()
    assert rows[0]["mask"] == "u%s@example.invalid" % hashlib.sha256(secret + "ann@é.example".encode()).hexdigest()[:20]
    other = server.connection(server.superuser, "postgres").having(masks.SETTING, masks.Key(SECRET + "!").setting)
    with other.session() as session_of_another:
        one, another = [masked(any_session, masks.parse("hash", ""), column, ["Ann"])[0]["mask"] for any_session in (session, session_of_another)]
        assert one != another
    with server.connection(server.superuser, "postgres").session() as without, pytest.raises(Exception, match="unrecognized configuration parameter"):
        masked(without, masks.parse("hash", ""), column, ["Ann"])
