# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every mask promises, of whatever values: its type and room, NULL, the same for the same, and apart what has to be."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import re
import string
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import masks, passwords, placeholders, residue
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import Column
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.words import WORDS

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
    *[({"rule": "attachment", "kind": kind}, Column("c", "bytea", "bytea"), st.binary(max_size=9).map(lambda data: "\\x" + data.hex()), False)
      for kind in ("png", "pdf")],
    ("attachment", Column("c", "character varying(92)", "varchar", length=92), TEXT, False),
    ({"rule": "attachment", "kind": "jpeg", "form": "data"}, Column("c", "text", "text"), TEXT, False),
    *[({"rule": "password", "hasher": hasher}, Column("c", "character varying(128)", "varchar", length=128), TEXT, False)
      for hasher in ("pbkdf2_sha256", "bcrypt")],
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


@pytest.mark.parametrize("column", [Column("c", "date", "date"), Column("c", "timestamptz", "timestamptz")], ids=lambda column: column.type)
def test_no_date_stays_as_it_is(session, column):
    days = [str(datetime.date(1950, 1, 1) + datetime.timedelta(number)) for number in range(1000)]
    for most in (1, 3):
        rows = masked(session, masks.parse({"rule": "date", "days": most}, ""), column, days)
        apart = {(datetime.date.fromisoformat(row["mask"][:10]) - datetime.date.fromisoformat(row["raw"][:10])).days for row in rows}
        assert apart == set(range(-most, most + 1)) - {0}


@pytest.mark.parametrize("type_", ["date", "timestamp", "timestamptz"])
def test_a_day_that_stands_for_no_end_stays_within_what_programs_can_read(session, type_):
    ends = ["9999-12-31", "9999-12-30 23:59:59", "9990-01-01", "0001-01-01", "0001-01-02 12:00", "0010-01-01"]
    for most in (1, 180, 36500):
        for domain in "abcdefgh":
            rule = masks.parse({"rule": "date", "days": most, "domain": domain}, "")
            rows = masked(session, rule, Column("c", type_, type_), ends + ["infinity", "-infinity"])
            assert [row["mask"] for row in rows[len(ends):]] == ["infinity", "-infinity"]
            for row in rows[:len(ends)]:
                assert "BC" not in row["mask"] and datetime.date.fromisoformat(row["mask"][:10]) != datetime.date.fromisoformat(row["raw"][:10])


def test_a_placeholder_is_a_whole_file_of_its_kind(session):
    for kind, (mime, data) in placeholders.KINDS.items():
        (row,) = masked(session, masks.parse({"rule": "attachment", "kind": kind}, ""), Column("c", "bytea", "bytea"), ["\\x00"])[:1]
        assert row["mask"] == "\\x" + data.hex() and len(data) < 500
        (row,) = masked(session, masks.parse({"rule": "attachment", "kind": kind, "form": "data"}, ""), Column("c", "text", "text"), ["raw"])[:1]
        head, _comma, body = row["mask"].partition(",")
        assert head == "data:%s;base64" % mime and base64.b64decode(body) == data
    png = placeholders.KINDS["png"][1]
    at = 8
    while at < len(png):
        size = int.from_bytes(png[at:at + 4], "big")
        assert zlib.crc32(png[at + 4:at + 8 + size]) == int.from_bytes(png[at + 8 + size:at + 12 + size], "big")
        at += 12 + size
    assert png[-8:-4] == b"IEND" and placeholders.KINDS["jpeg"][1][-2:] == b"\xff\xd9" and placeholders.KINDS["gif"][1][-1:] == b";"
    pdf = placeholders.KINDS["pdf"][1]
    assert pdf[int(pdf.split()[-2]):].startswith(b"xref\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n ", pdf), 1):
        assert pdf[int(place):].startswith(b"%d 0 obj" % number)


def test_a_known_password_is_one_to_the_application(monkeypatch, session):
    monkeypatch.setattr(passwords, "COST", 5)

    def mask(hasher, salt=b"0123456789abcdef", **more):
        rule = masks.parse(dict({"rule": "password", "hasher": hasher}, **more), "")
        rule.salted(salt)
        rows = masked(session, rule, Column("c", "text", "text"), ["old hash", "another", None, "!Xk49drawn", "*"])
        assert rows[0]["mask"] == rows[1]["mask"] and [row["mask"] for row in rows[2:]] == [None, "!", "*"]
        assert "password" not in json.dumps(rule.told()).replace('"rule": "password"', "")
        return rows[0]["mask"]

    kind, iterations, salt, digest = mask("pbkdf2_sha256").split("$")
    assert kind == "pbkdf2_sha256" and base64.b64decode(digest) == hashlib.pbkdf2_hmac("sha256", b"slipway", salt.encode(), int(iterations))
    made = mask("bcrypt", password="pass wörd")
    session.execute("BEGIN", "CREATE EXTENSION pgcrypto SCHEMA public")
    try:
        (row,) = session.query("SELECT public.crypt('pass wörd', h) = h AS same, public.crypt('Pass wörd', h) = h AS other FROM (SELECT %s AS h) t"
                               % quote_literal("$2a$" + made.partition("$2y$")[2]))
    finally:
        session.execute("ROLLBACK")
    assert row == {"same": True, "other": False}
    # The same in every dump with a key, and another with another.
    assert mask("bcrypt", password="pass wörd") == made != mask("bcrypt", salt=bytes(16), password="pass wörd")
    assert masks.Key(SECRET).salt == masks.Key(SECRET).salt != masks.Key(SECRET + "!").salt


@pytest.mark.parametrize("said, column, words", [
    ({"rule": "password"}, None, "needs the hasher of the application, one of pbkdf2_sha256, bcrypt"),
    ({"rule": "password", "hasher": "md5"}, None, "hasher of the rule password has to be one of pbkdf2_sha256, bcrypt"),
    ({"rule": "password", "hasher": "bcrypt", "password": ""}, None, "has to be a text that is not empty"),
    ({"rule": "attachment", "kind": "exe"}, None, "kind of the rule attachment has to be one of png"),
    ({"rule": "password", "hasher": "bcrypt"}, Column("c", "varchar(59)", "varchar", length=59), "needs room for 60 characters"),
    ({"rule": "password", "hasher": "bcrypt"}, Column("c", "text", "text", unique=True), "cannot keep the values apart"),
    ({"rule": "password", "hasher": "bcrypt"}, Column("c", "bytea", "bytea"), "is not for columns of type bytea"),
    ("attachment", Column("c", "varchar(91)", "varchar", length=91), "needs room for 92 characters"),
    ("attachment", Column("c", "int", "int4"), "is not for columns of type int"),
    ({"rule": "password", "hasher": "bcrypt", "password": "ä" * 37}, Column("c", "text", "text"), "bcrypt looks at no more"),
])
def test_what_these_rules_refuse(said, column, words):
    if column is None:
        with pytest.raises(SlipwayError, match=words):
            masks.parse(said, "here")
        return
    try:
        problem = masks.parse(said, "here").problem(column) or masks.parse(said, "here").sql(column, masks.Within)
    except SlipwayError as error:
        problem = str(error)
    assert words in problem


def test_a_host_that_cannot_make_bcrypt_says_so(monkeypatch):
    monkeypatch.setattr(passwords, "_crypt", lambda _password, _settings: b"*0")
    with pytest.raises(SlipwayError, match="which the library crypt of this host does not know") as caught:
        masks.parse({"rule": "password", "hasher": "bcrypt"}, "").always(None)
    assert "fixed" in caught.value.hint


def test_a_password_is_in_no_message():
    with pytest.raises(SlipwayError, match="has to be a text that is not empty[.]$") as caught:
        masks.parse({"rule": "password", "hasher": "bcrypt", "password": 471147}, "here")
    assert "471147" not in str(caught.value)
    said = {"rule": "json", "paths": {"secret": {"rule": "password", "hasher": "bcrypt", "password": "s3cret"}}}
    assert masks.parse(said, "here").told() == {"rule": "json", "paths": {"secret": {"rule": "password", "hasher": "bcrypt"}}}


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


def test_what_paths_keep_of_an_object_stays_as_it_is_and_nothing_is_added(session):
    kept = {"limit": None, "steps": [{"until": None}], "n": 1.50}
    rule = masks.parse({"rule": "json", "paths": {"plan": "keep", "address.street": "street", "address.geo.x": "null"}}, "")
    values = [{"plan": kept, "rest": "raw"}, {"plan": None}, {"address": {"street": "raw", "no": "raw"}}, {"address": {"geo": {"x": "raw", "y": "raw"}}},
              {"address": {"street": None}}, {"address": ["raw"]}, {"address": {"geo": "raw"}}, {"address": {"k": "raw"}}, {"rest": "raw"},
              ["raw"], "raw", None]
    for base in ("json", "jsonb"):
        rows = masked(session, rule, Column("c", base, base), [json.dumps(value) for value in values])
        found = [json.loads(row["mask"]) for row in rows]
        assert found[2]["address"].pop("street") != "raw"
        assert found == [{"plan": kept}, {"plan": None}, {"address": {}}, {"address": {"geo": {"x": None}}}, {"address": {"street": None}},
                         {"address": None}, {"address": {"geo": None}}, {"address": {}}, {}, None, None, None]


def test_an_error_of_the_proof_has_no_value_in_it(session):
    """What the server says of it has: invalid input syntax for type integer: "rawvalue"."""
    source = {"name": "app.t.c\nok: [db1]", "rule": "hash", "query": "SELECT v::int::text AS v FROM (VALUES ('rawvalue')) t (v)"}
    with pytest.raises(SlipwayError, match=r"app.t.c\\nok: \[db1\] cannot be looked at in .*SQLSTATE 22P02") as caught:
        residue.Residue([source], "utf-8").learn(session)
    assert "rawvalue" not in str(caught.value)
    assert caught.value.__suppress_context__
    source["query"] = "SELECT convert_from('\\xe4', 'UTF8') AS v"  # as of a database in SQL_ASCII
    with pytest.raises(SlipwayError, match="SQLSTATE 22021.*bytes that are no UTF-8: convert these"):
        residue.Residue([source], "utf-8").learn(session)


def test_what_there_is_too_much_to_look_for_of_is_said(monkeypatch, session):
    monkeypatch.setattr(residue, "MOST", 3)
    sources = [{"name": name, "rule": "hash", "query": "SELECT 'rawvalue' || %d + g AS v FROM generate_series(1, 3) g" % number}
               for number, name in enumerate("ab")]
    sources[1]["query"] = sources[1]["query"].replace("raw", "other")
    found = residue.Residue(sources, "utf-8")
    found.learn(session)
    (warning,) = found.told()["warnings"]
    assert found.told() == {"columns": 1, "left_out": ["b"], "values": 3, "bytes": 0, "found": [], "warnings": [warning]} and " b was" in warning


def test_a_word_is_drawn_by_a_table_and_a_seed_that_only_the_key_makes(session):
    column = Column("c", "text", "text")
    secret = hmac.new(scrypt(SECRET), hashlib.sha256(b"\0street").digest(), hashlib.sha256).digest()
    table = b"".join(hashlib.sha512(secret + struct.pack(">i", place)).digest() for place in range(64))
    values = ["%d Elm Street" % number for number in range(500)] + ["日本 'n \\"]
    places = [row["place"] for row in session.query("SELECT hashtextextended(v, hashtextextended('%s', 0)) AS place FROM unnest(ARRAY[%s]) v" % (
        secret.hex(), ", ".join(map(quote_literal, values))))]
    streets = WORDS["en"]["street"]
    drawn = [(streets[table[place & 4095] % len(streets)], 1 + table[place >> 12 & 4095] % 180) for place in places]
    assert [row["mask"] for row in masked(session, masks.parse("street", ""), column, values)] == ["%s %d" % pair for pair in drawn]
    assert {street for street, _number in drawn} == set(streets) and len({number for _street, number in drawn}) > 100 and len(set(drawn)) > 450
    assert all(len(words) <= 256 for lists in WORDS.values() for words in lists.values())
    others = masked(session, masks.parse({"rule": "street", "domain": "d"}, ""), column, values)
    assert sum(row["mask"] == "%s %d" % pair for row, pair in zip(others, drawn)) < 5


def test_an_object_of_more_members_than_a_function_has_arguments(session):
    rule = masks.parse({"rule": "json", "paths": {"k%d" % number: "hash" for number in range(150)}}, "")
    (row,) = masked(session, rule, Column("c", "jsonb", "jsonb"), [json.dumps({"k149": "raw", "x": "raw"})])[:1]
    assert list(json.loads(row["mask"])) == ["k149"] and "raw" not in row["mask"]


@pytest.mark.parametrize("rest", ["drop", "keep"])
@pytest.mark.parametrize("base", ["json", "jsonb"])
def test_an_object_is_copied_as_text_that_comes_to_the_same(session, base, rest):
    rule = masks.parse({"rule": "json", "rest": rest, "paths": {
        "a": "hash", "b.x": "street", "b.c.d": "iban", "é\\": {"rule": "fixed", "value": 'it\'s "\\"'}, "k": "keep"}}, "")
    values = [{"a": "raw", "b": {"x": "raw", "y": 1.50, "c": {"d": "raw"}}, "é\\": "raw", "k": ["\u2028", {"z": None}]},
              {"a": None, "b": [], "k": None}, {"b": {"c": "raw"}}, {}, [], "raw", None]
    column, row = Column("c", base, base), masks.Row()
    shared = row.select([(rule.copied(column, row), "m"), ("n", "n")], "(SELECT * FROM u) t", "t").replace("ONLY ", "")
    rows = session.query("WITH u AS (SELECT n, v::%s AS c FROM unnest(ARRAY[%s]) WITH ORDINALITY a (v, n)) SELECT m, pg_typeof(m)::text AS type, "
                         "(SELECT (%s)::text FROM u WHERE u.n = s.n) AS typed FROM (%s) s ORDER BY n" % (
                             base, ", ".join(quote_literal(json.dumps(value)) for value in values), rule.sql(column, masks.Within), shared))
    assert [json.loads(row["m"]) for row in rows] == [json.loads(row["typed"]) for row in rows] and {row["type"] for row in rows} == {"text"}
    first = json.loads(rows[0]["m"])
    assert first["b"]["c"]["d"].startswith("DE") and first["é\\"] == 'it\'s "\\"' and first["k"] == values[0]["k"] and first["a"] != "raw"
    limited = Column("c", "public.settings", base)  # a domain
    assert rule.copied(limited, masks.Within) == rule.sql(limited, masks.Within)


def scrypt(secret):
    return hashlib.scrypt(secret.encode(), salt=masks.LABEL, n=2 ** 15, r=8, p=1, maxmem=2 ** 26, dklen=32)


def test_the_key_and_the_domain_make_the_pseudonym(server, session):
    """What a mask is can be worked out by who has the key, and by nobody else."""
    key = scrypt(SECRET)
    column = Column("c", "text", "text")
    for said, domain in (("hash", "hash"), ({"rule": "hash", "domain": "person"}, "person")):
        rows = masked(session, masks.parse(said, ""), column, ["Ann", "日本 'n \\"])
        assert [row["mask"] for row in rows] == [
            hmac.new(key, hashlib.sha256(domain.encode()).digest() + row["raw"].encode(), hashlib.sha256).hexdigest()[:32] for row in rows]
    rows = masked(session, masks.parse("email", ""), column, ["ann@é.example"])
    secret = hmac.new(key, hashlib.sha256(b"\0email").digest(), hashlib.sha256).digest()
    of_nothing = session.query("SELECT encode(%s, 'hex') AS hash" % masks.digest("email", column, "''"))[0]["hash"]
    assert of_nothing == hmac.new(key, hashlib.sha256(b"email").digest(), hashlib.sha256).hexdigest() != secret.hex()
    assert rows[0]["mask"] == "u%s@example.invalid" % hashlib.sha256(secret + "ann@é.example".encode()).hexdigest()[:20]
    other = server.connection(server.superuser, "postgres").having(masks.SETTING, masks.Key(SECRET + "!").setting)
    with other.session() as session_of_another:
        one, another = [masked(any_session, masks.parse("hash", ""), column, ["Ann"])[0]["mask"] for any_session in (session, session_of_another)]
        assert one != another
    with server.connection(server.superuser, "postgres").session() as without, pytest.raises(Exception, match="unrecognized configuration parameter"):
        masked(without, masks.parse("hash", ""), column, ["Ann"])
