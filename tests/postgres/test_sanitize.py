# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sanitized dumps of a real shop, what stock pg_restore makes of them, and what rules are refused."""

from __future__ import annotations

import json
import os
import pathlib
import re

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Session
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import catalog
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import dump as sanitize_dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.survey import GATHERED, survey
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.toc import Toc
from ansible_collections.slipway.app.tests.postgres.dumps import restored
from ansible_collections.slipway.app.tests.postgres.sanitizing import (
    KEPT, RULES, SECRET, changed, customer, newest, reader, refused, rules_of, sanitized, schema_of, shop,
    small, store, text_of)
from ansible_collections.slipway.app.tests.selection import long_but

__all__ = ["reader", "shop", "small", "store"]  # fixtures
PLAUSIBLE = """
SELECT count(*) FILTER (WHERE email::text !~ '^u[0-9a-f]{20}@example.invalid$') AS email, count(DISTINCT email) AS emails,
    count(*) FILTER (WHERE phone::text !~ '^\\+1 555 \\d{3} \\d{4}$') AS phone, count(DISTINCT phone) > 2900 AS phones,
    count(*) FILTER (WHERE mod((substr(iban, 5) || '1314' || substr(iban, 3, 2))::numeric, 97) <> 1) AS iban,
    count(*) FILTER (WHERE NOT ip << inet '10.0.0.0/8' OR masklen(ip) <> 32) AS ip, count(DISTINCT token) AS tokens, count(DISTINCT code) AS codes,
    count(*) FILTER (WHERE code !~ '^[0-9a-f]{20}$') AS code, count(*) FILTER (WHERE label <> last_name || '!') AS label,
    count(*) FILTER (WHERE home IS NOT NULL OR address ? 'geo' AND address -> 'geo' ? 'lat') AS left_over, count(DISTINCT last_name) > 50 AS names,
    count(*) FILTER (WHERE abs(birth - (date '1950-01-01' + id)) > 180) AS birth, count(DISTINCT birth - (date '1950-01-01' + id)) > 200 AS births,
    count(*) FILTER (WHERE abs(salary - (id % 9000 + 0.47)) > (id % 9000 + 0.47) * 0.1 + 0.01 OR visits % 10 <> 0) AS numbers
FROM app.customer"""


def test_a_restored_one_is_the_shop_without_its_people(postgres, shop, reader, store):
    told = sanitized(reader, store, check=True)
    assert not os.path.exists(store.location) and told["key"] is None
    result = sanitized(reader, store, jobs=2)
    assert result["warnings"] == [] and result["key"].split("/")[2] == "sanitized"
    assert result["compression"] == ("zstd:3" if result["client_version"] >= 160000 else "gzip:6")
    residue = result["sanitized"]["residue"]
    assert result["sanitized"] == dict(told["sanitized"], residue=residue) == newest(store).manifest["sanitized"]
    assert residue["columns"] == 15 and residue["values"] > 5000 and residue["bytes"] > 600000 and "app.customer.birth" in residue["left_out"]
    assert {"schema": "app", "name": "Bestellung Ü", "column": "E-Mail", "rule": "email"} in told["sanitized"]["masked"]
    assert told["sanitized"]["emptied"] == [{"schema": "app", "name": "session"}] and SECRET not in json.dumps(result)
    whole = newest(store)
    text = text_of(postgres, whole)
    assert re.findall(r"\braw.{0,40}|\+44|DE0047", text, re.IGNORECASE) == []
    there = restored(postgres, whole)
    assert schema_of(postgres, there) == schema_of(postgres, shop)
    for table, columns in KEPT.items():
        query = "SELECT %s FROM %s ORDER BY %s" % (columns, table, columns)
        assert there.query(query) == shop.query(query)
    assert {"%(schema)s.%(name)s" % table: table["rows"] for table in whole.manifest["tables"]} == {
        "app.customer": 3000, "app.Bestellung Ü": 4000, "app.visit_1": 1568, "app.visit_2": 1432, "app.hen": 1, "app.egg": 1, "app.session": 0,
        "app.columnless": 7, "app.empty": 0}
    assert there.query("SELECT count(*) AS n FROM app.columnless")[0]["n"] == 7
    assert there.query(PLAUSIBLE)[0] == {
        "email": 0, "emails": 3000, "phone": 0, "phones": True, "iban": 0, "ip": 0, "tokens": 3000, "codes": 3000, "code": 0, "label": 0,
        "left_over": 0, "names": True, "birth": 0, "births": True, "numbers": 0}
    # The same people are the same in tables that nothing joins.
    assert there.query("SELECT count(*) AS n FROM app.visit v JOIN app.customer c ON v.email = c.email::text AND v.who = c.last_name")[0]["n"] == 3000
    assert there.query("SELECT nextval('app.customer_id_seq') AS n") == [{"n": 3001}]
    # The same key makes the same dump, however it is compressed and by how many jobs; another key makes others of all of them.
    shop.execute("ALTER DATABASE shop SET timezone = 'Asia/Tokyo'")
    for compression, jobs in (("gzip:1", 1), ("none", 3)):
        sanitized(reader, store, compression=compression, jobs=jobs)
        assert text_of(postgres, newest(store)) == text
    sanitized(reader, store, secret=SECRET + "?")
    other = text_of(postgres, newest(store))
    assert set(re.findall(r"u[0-9a-f]{20}@", text)).isdisjoint(re.findall(r"u[0-9a-f]{20}@", other)) and "@example.invalid" in other


def test_entries_are_those_that_pg_dump_writes(postgres, shop, store):
    """Whatever reads archives is to find no difference between rows that we entered and rows that pg_dump did."""
    dump(shop, store, Wish("raw"))
    sanitized(shop, store)
    by_pg_dump, ours = [Toc(pathlib.Path(store.open(store.newest(name)).archive, "toc.dat").read_bytes()) for name in ("raw", "here")]
    data = pathlib.Path(store.open(store.newest("raw")).archive, "toc.dat").read_bytes()
    assert Toc(data).written() == data

    def rows(toc):
        names = {entry.id: (entry.schema, entry.tag) for entry in toc.entries}
        return {(entry.schema, entry.tag): dict(vars(entry), id=None, file=None, needs=[names[int(need)] for need in entry.needs],
                                                copy=entry.copy.replace(b'"', b"")) for entry in toc.entries if entry.kind == b"TABLE DATA"}

    emptied = {(b"app", b"session")}
    theirs = rows(by_pg_dump)
    assert rows(ours) == {name: entry for name, entry in theirs.items() if name not in emptied} and len(theirs) == 9


# Rules, and all that is said of them at once. What has to be worked out, or is asked of all tables, is looked at where all else holds.
REFUSALS = [
    ({"app.custmer": "keep",
      "app.customer": {"columns": {"frist_name": "first_name", "label": "last_name", "email": "null", "birth": "email", "tags": "hash",
                                   "first_name": "uuid", "note": {"rule": "sql", "expression": "notes"}}},
      'app."Bestellung Ü"': {"columns": {'"E-Mail"': "keep", "*": "keep"}}, "app.visit": {"columns": {"day": "date", "who": "hash"}}},
     ["no table app.custmer. Did you mean app.customer?", "app.customer has no column frist_name. Did you mean first_name?", "it is generated",
      "app.customer.email: the rule null cannot be in a column that is NOT NULL", "app.customer.birth: the rule email is not for columns of type date",
      "app.customer.tags: the rule hash is not for arrays",
      "app.customer.first_name: the rule uuid needs room for 36 characters", "cannot be worked out (SQLSTATE 42703), of note",
      "they would not meet (foreign key Bestellung Ü_E-Mail_fkey)", "would move rows to other partitions"]),
    ({"app.customer": {"columns": {"birth": {"rule": "date", "entity": "ident", "domain": "x"}}}, "app.visit_1": {"columns": {"who": "hash"}}},
     ["ident as its entity, which is no column. Known: id, email", "app.visit_1.who has the rule"]),
    ({"app.customer": {"columns": {"token": {"rule": "fixed", "value": "d0a1b2c3-d4e5-4607-a829-3a4b5c6d7e8f"}}}},
     ["app.customer: the index customer_token_key would refuse 999 of 1000 masked rows, which meet others, by token."]),
    ({"app.customer": {"columns": {"visits": {"rule": "sql", "expression": "1 / (id - 5)"}}}}, ["cannot be worked out (SQLSTATE 22012), of visits"]),
    ({"app.customer": {"columns": {"salary": {"rule": "sql", "expression": "-1"}}}}, ["the check customer_salary_check would refuse 1000 of 1000"]),
    ({"app.customer": "truncate"}, ["app.Bestellung Ü.customer refers to app.customer, which is to have no rows"]),
]


def test_what_cannot_be_is_said_before_anything_is_dumped(shop, store):
    for tables, words in REFUSALS:
        rules = dict(RULES, tables=dict(RULES["tables"], **tables))
        for name, said in tables.items():
            if isinstance(said, dict) and isinstance(RULES["tables"].get(name), dict) and "*" not in said["columns"]:
                rules["tables"][name] = {"columns": dict(RULES["tables"][name]["columns"], **said["columns"])}
        with pytest.raises(SlipwayError) as error:
            sanitized(shop, store, rules, check=True)
        assert [word for word in words if word not in str(error.value)] == [], str(error.value)
        assert "awson" not in str(error.value) and "4711" not in str(error.value)
    with pytest.raises(SlipwayError, match="No rule says"):
        sanitized(shop, store, {})
    shop.execute("""CREATE TABLE app.long (m varchar(40) UNIQUE); CREATE TABLE app.short (m varchar(30) REFERENCES app.long (m));
        INSERT INTO app.long VALUES ('A@b.c'), ('a@b.c')""")
    with pytest.raises(SlipwayError, match="app.short.m has the rule email and refers to app.long.m with the rule email: they would not meet"):
        sanitized(shop, store, changed(long={"columns": {"m": "email"}}))
    shop.execute("DROP TABLE app.short")
    with pytest.raises(SlipwayError, match="app.long: the index long_m_key would refuse 1 of 2 masked rows, which meet others, by m. With fold: false"):
        sanitized(shop, store, changed(long={"columns": {"m": "email"}}))
    assert sanitized(shop, store, changed(long={"columns": {"m": {"rule": "email", "fold": False}}}), check=True)
    # Of different groups they may be the same one.
    shop.execute("ALTER TABLE app.long DROP CONSTRAINT long_m_key, ADD n serial, ADD UNIQUE (n, m)")
    assert sanitized(shop, store, changed(long={"columns": {"m": "email", "n": "keep"}}), check=True)
    assert store.list() == [] and store.leftovers() == []


def test_what_only_a_late_row_breaks_is_said_before_anything_is_dumped(shop, store):
    """No restore could make such a dump, which would be called whole."""
    shop.execute("""CREATE TABLE app.late (id int PRIMARY KEY, name text NOT NULL, age int CHECK (age < 130), odd int);
        INSERT INTO app.late SELECT g, 'Rawson ' || g, 30, g FROM generate_series(1, 3000) g;
        ALTER TABLE app.late ADD CONSTRAINT odd CHECK (odd < 2900) NOT VALID; ANALYZE app.late""")
    late = {"id": "keep", "name": {"rule": "sql", "expression": "CASE WHEN id < 2990 THEN 'x' END"},
            "age": {"rule": "sql", "expression": "CASE WHEN id < 2980 THEN 1 ELSE 1000 END"}, "odd": {"rule": "sql", "expression": "odd + 1"}}
    for change, words in (({}, ("app.late.name: the rule sql gives NULL in 11 of 3000 rows",
                                "check late_age_check would refuse 21 of 3000 masked rows, by age")),
                          ({"name": {"rule": "sql", "expression": "(1 / (id - 2995))::text"}}, ("cannot be worked out (SQLSTATE 22012), of name",))):
        with pytest.raises(SlipwayError) as error:
            sanitized(shop, store, changed(late={"columns": dict(late, **change)}))
        assert [word for word in words if word not in str(error.value)] == [] and "odd" not in str(error.value)
    assert store.list() == [] and store.leftovers() == []
    assert sanitized(shop, store, changed(late={"columns": dict(late, name="hash", age="keep"), "where": "id < 2000"}))


def test_what_is_generated_from_masked_values_is_worked_out_before_anything_is_dumped(shop, store):
    shop.execute("""CREATE TABLE app.worked (a int, b int NOT NULL GENERATED ALWAYS AS (10000 / a) STORED CHECK (b < 9000), CHECK (worked IS NOT NULL));
        INSERT INTO app.worked SELECT g + 1 FROM generate_series(1, 3000) g""")
    for expression, words in (("a - 2500", "app.worked: a mask cannot be worked out (SQLSTATE 22012), of a"),
                              ("1 + a % 2", "the check worked_b_check would refuse"),
                              ("nullif(a, 2990)", "app.worked.b: it is generated and NOT NULL, and would be NULL in 1 of 3000 masked rows")):
        with pytest.raises(SlipwayError) as error:
            sanitized(shop, store, changed(worked={"columns": {"a": {"rule": "sql", "expression": expression}}}))
        assert words in str(error.value)
    assert store.list() == [] and sanitized(shop, store, changed(worked={"columns": {"a": {"rule": "sql", "expression": "a + 1"}}}))


def test_a_column_that_nobody_decided_on_stops_it(shop, store):
    shop.execute("ALTER TABLE app.customer ADD nickname text, ADD colour text, ADD x1 text, ADD \"odd\nok: [db1]\" text")
    shop.execute("UPDATE app.customer SET x1 = 'write to raw@mail.example', colour = 'red'")
    with pytest.raises(SlipwayError) as error:
        sanitized(shop, store)
    for words in ("app.customer.nickname (its name says hash)", "app.customer.colour (new, or forgotten)", "app.customer.x1"):
        assert words in str(error.value)
    shop.execute("ALTER TABLE app.egg ADD size int")
    refused(shop, store, dict(changed(egg={"columns": {"id": "keep", "hen": "keep"}}, customer="keep"), policy="strict"),
            "app.egg.size (new, or forgotten). Name it under columns of its table, with a mask or with keep. sanitized_rules -e write=<file> proposes rules.")
    # A name is no line of its own in anybody's log.
    assert r"app.customer.odd\nok: [db1] (new, or forgotten)" in str(error.value) and "\n" not in str(error.value)
    assert "\n" not in " ".join(survey(shop, RULES, (), "prod", [])[0]["problems"])
    shop.execute("ALTER TABLE app.customer DROP \"odd\nok: [db1]\"")
    with pytest.raises(SlipwayError) as error:
        sanitized(shop, store, dict(customer(nickname="hash"), policy="scan"))
    assert "texts with e-mail addresses in it says text" in str(error.value) and "colour" not in str(error.value) and "raw@" not in str(error.value)
    result = sanitized(shop, store, dict(customer(nickname="hash", x1="text"), policy="scan"))
    assert result["sanitized"]["policy"] == "scan"


def test_all_that_the_role_may_not_read_is_said_at_once_before_anything_is_read(postgres, shop, reader, store):
    shop.execute("""CREATE SCHEMA "Other"; CREATE TABLE "Other"."Möbel" (id serial, email text); CREATE TABLE app.gone (id int GENERATED ALWAYS AS IDENTITY);
        CREATE TABLE app.apart (id serial); CREATE SEQUENCE app.numbers; REVOKE SELECT ON app.egg, app.session FROM guest""")
    wanted = changed(apart="keep")
    wanted["tables"]['"Other".*'] = {"columns": {"id": "keep", "email": "email"}}
    said = ('Role guest may not use the schemas "Other", and may not read the tables "Other"."Möbel", app.apart, app.egg, and may not lock '
            'the tables that are dumped without rows, app.session, and may not read the sequences "Other"."Möbel_id_seq", app.apart_id_seq, app.numbers.')
    grants = ('GRANT USAGE ON SCHEMA "Other" TO guest; GRANT SELECT ON TABLE "Other"."Möbel", app.apart, app.egg TO guest; '
              'GRANT SELECT ON TABLE app.session TO guest; GRANT SELECT ON SEQUENCE "Other"."Möbel_id_seq", app.apart_id_seq, app.numbers TO guest')

    def surveyed():
        survey(reader, wanted, (), "prod", ["rules"], ["app.gone"])

    for attempt in (surveyed, lambda: sanitized(reader, store, wanted, exclude_tables=["app.gone"]),
                    lambda: sanitized(reader, store, wanted, check=True, exclude_tables=["app.gone"])):
        with pytest.raises(SlipwayError) as error:
            attempt()
        assert said in str(error.value) and "Nothing was " in str(error.value)
        assert grants in error.value.hint and "GRANT pg_read_all_data TO guest" in error.value.hint
    assert store.list() == [] and store.leftovers() == []
    for grant in grants.split("; ")[:2]:
        shop.execute(grant)
    # For what looking at columns does without, no survey fails.
    found = survey(reader, wanted, (), "prod", ["scan"], ["app.gone"])[0]
    assert "may not lock the tables that are dumped without rows, app.session, and may not read the sequences" in found["problems"][-1]
    assert grants.partition("; GRANT SELECT ON TABLE app.session")[2] in found["problems"][-1] and found["scan"] and found["proposal"]
    for grant in grants.split("; ")[2:]:
        shop.execute(grant)
    assert sanitized(reader, store, wanted, exclude_tables=["app.gone"])["warnings"] == []


def test_the_role_is_asked_for_no_more_than_the_dump_needs(postgres, shop, reader, store):
    newer = shop.query("SELECT current_setting('server_version_num')::int >= 160000 AS newer")[0]["newer"]
    shop.execute("""CREATE TABLE app.audit (id int); GRANT INSERT ON app.audit TO guest; CREATE TABLE app.done (id int); GRANT UPDATE ON app.done TO guest;
        CREATE TABLE app.part (id int) PARTITION BY LIST (id); CREATE TABLE app.part_1 PARTITION OF app.part DEFAULT; GRANT INSERT ON app.part TO guest;
        GRANT SELECT ON app.part_1 TO guest; CREATE TABLE app.seen (id int); GRANT SELECT (id), TRUNCATE ON app.seen TO guest""")
    wanted = changed(audit="truncate", part="keep", seen="keep")
    if not newer:  # where SELECT alone lets a role lock a table
        refused(reader, store, changed(audit="truncate", part="keep", seen="truncate"), "without rows, app.audit, app.done, app.part, app.seen.")
        return
    for check in (True, False):
        assert sanitized(reader, store, wanted, check=check, exclude_table_data=["app.done"])["warnings"] == []
    refused(reader, store, dict(wanted, policy="scan"), "may not read the tables app.done.")
    # Row security keeps back rows of what is dumped, of others none.
    shop.execute("ALTER TABLE app.seen ENABLE ROW LEVEL SECURITY; ALTER TABLE app.session ENABLE ROW LEVEL SECURITY; DROP TABLE app.done")
    for attempt in (lambda: sanitized(reader, store, wanted), lambda: sanitized(reader, store, wanted, check=True),
                    lambda: survey(reader, wanted, (), "prod", ["scan"])):
        with pytest.raises(SlipwayError) as error:
            attempt()
        assert error.value.message == "Role guest may not read the rows, by row security, of the tables app.seen."
        assert "ALTER ROLE guest BYPASSRLS" in error.value.hint and "GRANT" not in error.value.hint
    assert sanitized(shop, store, wanted, check=True)  # the owner


def test_tables_and_sequences_of_extensions_are_asked_for_where_they_are_dumped(postgres, shop, reader, store):
    postgres.sql("""CREATE EXTENSION hstore; CREATE SCHEMA ext; CREATE TABLE ext.ref (id serial, x int); INSERT INTO ext.ref VALUES (1, 77);
        CREATE TABLE ext.other (id int); CREATE SEQUENCE ext.unasked; ALTER EXTENSION hstore ADD TABLE ext.ref; ALTER EXTENSION hstore ADD TABLE ext.other;
        ALTER EXTENSION hstore ADD SEQUENCE ext.ref_id_seq; ALTER EXTENSION hstore ADD SEQUENCE ext.unasked; UPDATE pg_extension
        SET extconfig = ARRAY['ext.ref'::regclass::oid, 'ext.ref_id_seq'::regclass::oid, 'ext.other'::regclass::oid], extcondition = ARRAY['', '', '']
        WHERE extname = 'hstore'; GRANT USAGE ON SCHEMA ext TO guest""", "shop")
    kept = dict(RULES, tables=dict(RULES["tables"], **{"ext.ref": "keep"}))
    refused(reader, store, kept, "Role guest may not read the tables ext.ref, and may not read the sequences ext.ref_id_seq.")
    refused(reader, store, RULES, "Role guest may not read the sequences ext.ref_id_seq.")
    postgres.sql("GRANT SELECT ON ext.ref, ext.ref_id_seq TO guest", "shop")
    sanitized(reader, store, kept)
    rows = "ext.ref (id, x) FROM stdin;\n1\t77\n"
    assert rows in text_of(postgres, newest(store)).replace('"', "")
    # Its name alone is enough where no other table that is called so has rows in the dump.
    shop.execute("CREATE TABLE app.ref (id int); GRANT SELECT ON app.ref TO guest")
    named = changed(ref="truncate")
    named["tables"]["ref"] = "keep"
    alone = dict(RULES, tables=dict(RULES["tables"], ref="keep"))
    for rules, options in ((named, {}), (alone, {"exclude_tables": ["app.ref"]}), (alone, {"exclude_table_data": ["app.ref"]})):
        assert not [warning for warning in sanitized(reader, store, rules, check=True, **options)["warnings"] if "ext.ref" in warning]
    sanitized(reader, store, named)
    assert rows in text_of(postgres, newest(store)).replace('"', "")
    said = "The rows of table ext.ref of extension hstore are not in the dump, since ref is also what app.ref is called: name it with its schema to keep them."
    assert said in sanitized(reader, store, alone, check=True)["warnings"]
    # As an extension has them that keeps its own where the server keeps its.
    postgres.sql("UPDATE pg_extension SET extconfig = extconfig || 'pg_catalog.pg_description'::regclass::oid, extcondition = extcondition || ''::text "
                 "WHERE extname = 'hstore'", "shop")
    refused(reader, store, dict(RULES, tables=dict(RULES["tables"], **{"pg_catalog.pg_description": "keep"})),
            "There is no table pg_catalog.pg_description")


def test_a_grant_that_is_told_is_one(postgres, shop, reader, store):
    shop.execute('''DO $$ BEGIN FOR i IN 1..21 LOOP EXECUTE format('CREATE TABLE app.n%s (id int)', i); END LOOP; END $$;
        CREATE SEQUENCE app."odd\n'Ü"; CREATE SEQUENCE app."one""two"''')
    wanted = changed(**{"n*": "keep"})
    with pytest.raises(SlipwayError) as error:
        sanitized(reader, store, wanted, check=True)
    assert "app.n1, app.n10, " in error.value.message and ", and 1 more" in error.value.message
    grants = error.value.hint.partition(" lets it")[0].split("; ")
    assert grants[0] == "GRANT SELECT ON ALL TABLES IN SCHEMA app TO guest" and len(grants) == 2
    for grant in grants:
        shop.execute(grant)
    assert sanitized(reader, store, wanted, check=True)


def test_the_example_of_the_guide_does_what_the_guide_says(postgres, small, store):
    guide = (pathlib.Path(__file__).parents[2] / "docs/docsite/rst/guide_sanitized.rst").read_text(encoding="utf-8")
    block = yaml.safe_load(re.search(r"code-block:: yaml\n\n((?:    .*\n|\n)+)", guide).group(1))
    rules = block["slipway_postgres_configs"]["people"]["sanitize"]
    small.execute("""SET search_path = public; CREATE TABLE customer (id int PRIMARY KEY, email text UNIQUE, first_name text, last_name text, phone text,
            birthday date, notes text, data jsonb, shop_password text, colour text);
        INSERT INTO customer VALUES (1, 'a@b.example', 'Rawann', 'Rawson', '+44 4711', '1999-09-09', 'x', '{"address": {"street": "Rawstreet"}}',
            'rawpass', 'red');
        CREATE TABLE session (id int); CREATE TABLE product_price (id int, price int, old_password text)""")
    told = sanitized(small, store, rules, check=True)["sanitized"]
    masked = {"%(name)s.%(column)s" % entry: entry["rule"] for entry in told["masked"]}
    assert masked == {"customer.email": "email", "customer.first_name": "first_name", "customer.last_name": "last_name", "customer.phone": "phone",
                      "customer.birthday": "date", "customer.notes": "text", "customer.data": "json", "customer.shop_password": "fixed",
                      "product_price.old_password": "fixed"}
    assert [table["name"] for table in told["emptied"]] == ["session"]
    # A pattern keeps nothing that looks like personal data; its own name does.
    small.execute("ALTER TABLE public.customer ADD api_token text; ALTER TABLE public.product_price ADD ip inet, ADD size int")
    refused(small, store, rules, "customer.api_token (its name says hash)", "product_price.ip (its name says inet)", "by its own name, and by no pattern")
    refused(small, store, dict(rules, policy="scan"), "customer.api_token (its name says hash)", "product_price.ip (its name says inet)")
    rules["tables"]["public.customer"]["columns"]["api_token"] = "keep"
    rules["tables"]["public.product_price"] = "keep"
    assert {"%(name)s.%(column)s" % entry: entry["rule"] for entry in sanitized(small, store, rules, check=True)["sanitized"]["masked"]} == masked


def test_what_would_be_lost_or_moved_by_a_mask(postgres, small, store):
    small.execute("""SET search_path = public; CREATE TABLE visit (id int, who int, day date NOT NULL);
        INSERT INTO visit VALUES (1, NULL, '2026-01-01'), (2, 7, '2026-01-02');
        CREATE TABLE month (day timestamp, n int) PARTITION BY RANGE ((date_trunc('month', day)));
        CREATE TABLE month_1 PARTITION OF month FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); INSERT INTO month VALUES ('2026-01-02', 1);
        CREATE TABLE grid (cells text[]); INSERT INTO grid VALUES ('{a,b}'), ('{{a,b},{c,d}}');
        CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE felt (how mood, n int) PARTITION BY HASH (how);
        CREATE TABLE felt_1 PARTITION OF felt FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY LIST (n);
        CREATE TABLE felt_1_1 PARTITION OF felt_1 DEFAULT""")
    text = "{month: {columns: {day: %s, n: keep}}, visit: {columns: {id: keep, who: keep, day: %s}}, grid: {columns: {cells: {rule: array, of: hash}}}}"
    # A restore would put rows elsewhere by the hash of an enum, whose oid is another one there.
    refused(small, store, rules_of(text % ("keep", "keep")), "public.grid.cells: the rule array would make one dimension of several, which some",
            "public.felt_1_1 has the rows of a part of public.felt by the hash of an enum")
    small.execute("DELETE FROM public.grid WHERE array_ndims(cells) > 1; DROP TABLE public.felt")
    refused(small, store, rules_of(text % ("date", "keep")), "month_1.day: the rule date would move rows to other partitions")
    refused(small, store, rules_of(text % ("keep", "{rule: sql, expression: 'day + who'}")), "visit.day: the rule sql gives NULL in 1 of 2 rows")
    sanitized(small, store, rules_of(text % ("keep", "{rule: date, entity: who, domain: person}")))
    there = restored(postgres, newest(store))
    assert there.query("SELECT count(day) AS n, bool_and(abs(day - date '2026-01-01') <= 181) AS near FROM public.visit") == [{"n": 2, "near": True}]


def test_what_a_restore_would_stop_at_is_found_before(postgres, small, store):
    newer = small.query("SELECT current_setting('server_version_num')::int >= 150000 AS newer")[0]["newer"]
    small.execute("""SET search_path = public; CREATE TABLE login (name text, folded text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE, n text,
            digits int GENERATED ALWAYS AS (n::int) STORED, o text%s); INSERT INTO login (name, n, o) VALUES ('Ann', '12', 'x');
        CREATE TABLE coded (id int UNIQUE, code text, slug text, gone date, small text GENERATED ALWAYS AS (coalesce(slug, '')) STORED, tag text, owner int,
            folded text GENERATED ALWAYS AS (lower(tag)) STORED UNIQUE);
        CREATE UNIQUE INDEX ON coded (lower(tag)); CREATE UNIQUE INDEX ON coded (slug) WHERE owner IS NOT NULL AND gone IS NULL;
        CREATE INDEX number_of_code ON coded ((code::int)) WHERE code < 'p'; CREATE UNIQUE INDEX ON coded (id) WHERE gone IS NULL;
        CREATE UNIQUE INDEX ON coded (small); INSERT INTO coded VALUES (1, '1', 'a', NULL), (2, '22', 'b', '2026-01-01'), (3, 'x', 'c', '2026-01-01');
        UPDATE coded SET tag = 'Raw' || id, owner = id;
        CREATE TABLE person (id int, mail text, PRIMARY KEY (id, mail)) PARTITION BY HASH (id);
        CREATE TABLE person_1 PARTITION OF person FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE person_2 PARTITION OF person FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE visit (id int, who int, mail text, FOREIGN KEY (who, mail) REFERENCES person) PARTITION BY HASH (id);
        CREATE TABLE visit_1 PARTITION OF visit FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE visit_2 PARTITION OF visit FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO person SELECT g, 'Raw' || g || '@mail.example' FROM generate_series(1, 20) g; INSERT INTO visit SELECT id, id, mail FROM person"""
                  % (", UNIQUE NULLS NOT DISTINCT (o)" if newer else ""))
    text = """{login: {columns: {name: %s, n: %s, o: %s}}, person: {columns: {id: keep, mail: {rule: hash, length: 20}}},
               coded: {columns: {'*': keep}}, visit: {columns: {id: keep, who: keep%s}}}"""

    def coded(**columns):
        rules = rules_of(text % ("hash", "keep", "keep", ""))
        rules["tables"]["coded"]["columns"].update(columns)
        return rules

    refused(small, store, coded(code={"rule": "hash", "length": 8}),
            "public.coded: the index number_of_code could not be made of masked rows (SQLSTATE 22P02), by code.")
    # What an index makes of NULL may meet, or be looked at for the first time.
    refused(small, store, coded(slug=None), "public.coded: the index coded_small_idx would refuse 2 of 3 masked rows, which meet others, by slug, small.")
    sanitized(small, store, coded(gone=None), check=True)
    # What an index has only to be read from it, it does not keep apart, unless it looks at it in its predicate, too.
    small.execute("""CREATE UNIQUE INDEX ON public.coded (id) INCLUDE (code);
        CREATE UNIQUE INDEX seen ON public.coded ((owner / 2)) INCLUDE (gone) WHERE gone IS NULL""")
    sanitized(small, store, coded(code={"rule": "sql", "expression": "'7'"}), check=True)
    refused(small, store, coded(gone=None), "public.coded: the index seen would refuse 1 of 3 masked rows, which meet others, by gone.")
    small.execute("DROP INDEX public.seen")
    # Of NULL alone, or where the predicate is true no more, nothing meets.
    sanitized(small, store, coded(code={"rule": "sql", "expression": "(id * 7)::text"}, tag=None, owner=None), check=True)
    # A key of several columns, of which one is NULL, is none: the others may have any rule.
    sanitized(small, store, rules_of((text % ("hash", "keep", "keep", ", mail: keep")).replace("who: keep", "who: null")), check=True)
    small.execute("INSERT INTO public.login (name, n, o) VALUES ('Bob', '13', 'y')")
    refused(small, store, rules_of(text % ("{rule: fixed, value: x}", "keep", "keep", "")), "login: the index login_folded_key would refuse 1 of 2 masked rows")
    refused(small, store, rules_of(text % ("hash", "hash", "keep", "")), "login: a mask cannot be worked out (SQLSTATE 22P02)")
    refused(small, store, rules_of(text % ("hash", "keep", "keep", ", mail: keep")), "has the rule keep and refers to public.person_1.mail")
    if newer:
        refused(small, store, rules_of(text % ("hash", "keep", "null", "")), "login: the index login_o_key would refuse 1 of 2 masked rows, which meet")
    sanitized(small, store, rules_of(text % ("hash", "keep", "hash", "")))
    there = restored(postgres, newest(store))
    assert there.query("SELECT count(*) AS n FROM public.visit v JOIN public.person p ON p.id = v.who AND p.mail = v.mail AND p.mail !~ '@'") == [{"n": 20}]


def test_rows_that_would_meet_in_an_index_are_counted_before_anything_is_dumped(monkeypatch, postgres, small, store):
    """Whatever the index makes of a mask, and whatever rule it is: a dump that no restore can index is none."""
    small.execute("""SET search_path = public; CREATE EXTENSION btree_gist; CREATE TABLE tenant (id bigint PRIMARY KEY, owner text, code text, slug text,
            "Tag é" text, phone varchar(15) NOT NULL UNIQUE, room text, day daterange, EXCLUDE USING gist (room WITH =, day WITH &&),
            EXCLUDE USING gist (slug WITH =));
        INSERT INTO tenant SELECT g, 'Own' || g || '@own' || g || '.example', 'raw-' || g, CASE WHEN g > 2990 THEN 'Raw' || g ELSE 'gone-' || g END,
            CASE WHEN g % 10 = 7 AND g > 2000 THEN 'gone' ELSE 'Raw' || g END, '+49 4711 ' || g, 'Raw' || g % 7,
            daterange('2020-01-01'::date + g, '2020-01-01'::date + g + 1)
        FROM generate_series(1, 3000) g; ANALYZE tenant;
        CREATE UNIQUE INDEX domain ON tenant (split_part(owner, '@', 2)); CREATE UNIQUE INDEX "first Ü" ON tenant (left(code, 8), "Tag é") WHERE id > 1500;
        CREATE UNIQUE INDEX live ON tenant ("Tag é" COLLATE "C") WHERE "Tag é" <> 'gone'; CREATE UNIQUE INDEX here ON tenant (code) WHERE slug LIKE 'Raw%'""")

    def tenant(**columns):
        kept = dict.fromkeys(["id", "owner", "code", "slug", '"Tag é"', "phone", "room", "day"], "keep")
        return {"tables": {"tenant": {"columns": dict(kept, **columns)}}}

    def by(expression):
        return {"rule": "sql", "expression": expression}

    for columns, words in (
            ({"owner": "email"}, "public.tenant: the index domain would refuse 999 of 1000 masked rows, which meet others, by owner"),
            ({'"Tag é"': "hash"}, "the index live would refuse 99 of 3000 masked rows, which meet others, by Tag é."),
            ({"slug": {"rule": "fixed", "value": "Raw"}}, "the index tenant_slug_excl would refuse 999 of 1000 masked rows, which meet others, by slug."),
            ({"id": by("id / 2")}, "the index tenant_pkey would refuse 499 of 1000 masked rows, which meet others, by id."),
            ({"id": by("least(id, 2999)")}, "the index tenant_pkey would refuse 1 of 3000 masked rows, which meet others, by id."),
            ({"code": by("'x'"), '"Tag é"': by("'y' || id % 1000")},
             'the index first Ü would refuse 500 of 3000 masked rows, which meet others, by Tag é, code.'),
            ({"phone": {"rule": "phone", "mask": "XXX"}}, "which meet others, by phone."),
            ({"room": "last_name"}, "public.tenant.room: the rule last_name cannot keep the values apart that an index says are unique"),
            ({"id": by("(random() * 1000000000000)::bigint")}, "public.tenant.id: the rule sql draws something else each time")):
        refused(small, store, tenant(**columns), words)
    # Whether addresses differ in case only is asked once, however many indexes have them; and of a server that has no room no mask is guilty.
    asked, query = [], Session.query
    monkeypatch.setattr(Session, "query", lambda session, sql: asked.append(sql) or query(session, sql))
    small.execute("CREATE UNIQUE INDEX owned ON public.tenant (owner); CREATE UNIQUE INDEX owned_id ON public.tenant (owner, id)")
    small.execute("DROP INDEX public.domain")
    sanitized(small, store, tenant(owner="email"), check=True)
    assert len([sql for sql in asked if "AS folded" in sql]) == 1
    asked.clear()
    postgres.sql("ALTER ROLE shop SET temp_file_limit = '64kB'; ALTER ROLE shop SET work_mem = '64kB'")
    not_counted = "public.tenant: the server could not try out the masks of its rows (SQLSTATE 53400), which says nothing against the masks."
    unmasked = tenant(phone={"rule": "digits_mask", "mask": "XXXXXXXXXXXXXXX"})
    try:
        refused(small, store, unmasked, not_counted + " Nothing was dumped.", "temp_file_limit")
        assert len([sql for sql in asked if "count(DISTINCT" in sql and "tried" in sql]) == 2  # of a few rows, and of all
        # Who asks what rules come to is told all the same; so where it is a text that may differ in case only, of which there are more than fit.
        small.execute("CREATE UNIQUE INDEX ON public.tenant (owner, room)")
        for rules in (unmasked, tenant(owner="email")):
            refused(small, store, rules, not_counted + " Nothing was dumped.")
            told, _warnings = survey(small, rules, (), "prod", GATHERED)
            for problems in (told["problems"], told["proposal_problems"]):
                (problem,) = problems
                assert problem.startswith(not_counted) and "temp_file_limit" in problem
            assert told["rules"] and told["queries"] and told["scan"] and told["coverage"]["undecided"] == []
    finally:
        postgres.sql("ALTER ROLE shop RESET ALL")
    assert store.list() == [] and store.leftovers() == []
    sanitized(small, store, tenant(id=by("id * 7 + 1"), owner=None, code={"rule": "hash", "length": 12},
                                   phone={"rule": "digits_mask", "mask": "XXXXXXXXXXXXXXX"}, slug=by("'Raw' || id * 3"), room="hash"))
    there = restored(postgres, newest(store))
    assert there.query("SELECT count(DISTINCT phone) AS phones, count(DISTINCT code) AS codes FROM public.tenant") == [{"phones": 3000, "codes": 3000}]


def test_an_index_that_cannot_or_need_not_be_tried(postgres, small, store):
    small.execute("""SET search_path = public; CREATE TABLE coded (id int, code text); INSERT INTO coded VALUES (1, 'Raw-1');
        CREATE FUNCTION folded(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)'; REVOKE EXECUTE ON FUNCTION folded FROM public;
        CREATE INDEX ON coded (folded(code)); CREATE INDEX ON coded (id) WHERE code IS NOT NULL AND NOT id IS NULL; CREATE INDEX low ON coded (id) WHERE id < 9;
        GRANT USAGE ON SCHEMA public TO guest; GRANT SELECT ON coded TO guest""")
    reader = postgres.connection("guest")
    assert [row["name"] for row in reader.query(catalog.INDEXES % "'public.coded'::regclass")] == ["low"]
    sanitized(reader, store, rules_of("{coded: {columns: {id: keep, code: hash}}}"), check=True)
    small.execute("CREATE UNIQUE INDEX ON public.coded (public.folded(code))")
    refused(reader, store, rules_of("{coded: {columns: {id: keep, code: null}}}"), "public.coded.code: the rule null cannot keep the values apart")
    sanitized(small, store, rules_of("{coded: {columns: {id: keep, code: null}}}"), check=True)


def test_functions_of_another_role_are_not_run_with_the_rights_of_the_dump(postgres, small, store):
    """Whoever may change the schema, as the application may, is not to reach what the role of the dump may, nor the key."""
    small.execute("""SET search_path = public; CREATE FUNCTION trap() RETURNS void LANGUAGE plpgsql AS $$
            BEGIN IF session_user <> 'shop' THEN
                RAISE EXCEPTION 'it has %', current_setting('slipway.sanitize_key', true); END IF; END $$;
        CREATE FUNCTION low(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN lower($1); END $$;
        CREATE FUNCTION same(text, text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN public.low($1) = lower($2); END $$;
        CREATE OPERATOR === (FUNCTION = same, LEFTARG = text, RIGHTARG = text);
        CREATE DOMAIN named AS text CHECK (low(VALUE) <> 'x'); CREATE TYPE public.text AS ENUM ('good', 'bad');
        CREATE FUNCTION told(public.text) RETURNS text LANGUAGE sql AS $$ SELECT public.low('good') $$;
        CREATE CAST (public.text AS text) WITH FUNCTION told(public.text);
        CREATE TABLE u (id int, mail text, tag text, slug text, n text, born date, kind public.text, CONSTRAINT short CHECK (length(low(mail)) < 99),
            CONSTRAINT "ali\nke" CHECK (mail === lower(mail)),
            folded text GENERATED ALWAYS AS (low(tag)) STORED CONSTRAINT folded_short CHECK (length(folded) < 99));
        CREATE INDEX ON u (low(mail)); CREATE INDEX ON u (id) WHERE mail === 'raw'; CREATE UNIQUE INDEX ON u (low(slug)); CREATE UNIQUE INDEX ON u (folded);
        CREATE UNIQUE INDEX ON u (lower(n)); CREATE TABLE v (name named, names named[], mood public.text, other public.text);
        CREATE TABLE w (kind public.text PRIMARY KEY);
        INSERT INTO w VALUES ('good'), ('bad');
        CREATE TABLE x (id int, CHECK (id > 0 OR low('x') = 'y')); ALTER DATABASE shop SET constraint_exclusion = on;
        INSERT INTO u SELECT g, 'raw' || g || '@mail.example', 'Raw' || g, 'Raw' || g, 'Raw' || g FROM generate_series(1, 3) g;
        INSERT INTO v VALUES ('Raw', '{Raw}', 'good', 'good')""")
    admin = postgres.connection(postgres.superuser)
    text = ("{u: {columns: {id: keep, mail: hash, tag: %s, slug: %s, n: %s, born: keep, kind: keep}}, "
            "v: {columns: {name: %s, mood: %s, '*': keep}}, w: {sample: 1, columns: {kind: keep}}, x: {where: id < 9, columns: {id: keep}}}")
    for rules, words in (
            (("hash", "last_name", "hash", "keep", "keep"),
             "public.u.slug: the rule last_name cannot keep the values apart that an index says are unique, and nobody"),
            (("last_name", "hash", "hash", "keep", "keep"), "public.u.tag: the rule last_name cannot keep the values apart"),
            (("hash", "hash", "{rule: fixed, value: x}", "keep", "keep"), "public.u: the index u_lower_idx would refuse"),
            (("hash", "hash", "hash", "hash", "keep"), "public.v.name: the rule hash would have the type public.named run a function of another role"),
            (("hash", "hash", "hash", "keep", "null"), "public.v.mood: the rule null would have the type public.text run a function of another role")):
        refused(admin, store, rules_of(text % rules), words)
    good = text % ("hash", "hash", "hash", "keep", "keep")
    refused(admin, store, rules_of(good.replace("born: keep", "born: {rule: date, entity: kind, domain: person}")),
            "public.u.born: the rule date would have the type public.text run a function of another role")
    for connection in (admin, postgres.connection(postgres.superuser, session_role="shop")):  # which is the superuser again by one SET
        told = sanitized(connection, store, rules_of(good))
        said = [warning for warning in told["warnings"] if "calls a function of another role" in warning]
        assert [warning.split(" calls ")[0] for warning in said] == [
            r"public.u: the check ali\nke", "public.u: the check folded_short", "public.u: the check short", "public.u: the generated column folded"]
    # Its own role runs what it has made, and finds what would not pass.
    refused(small, store, rules_of(text % ("{rule: fixed, value: x}", "hash", "hash", "keep", "keep")),
            "public.u: the index u_folded_idx would refuse 2 of 3 masked rows")
    assert not any("another role" in warning for warning in sanitized(small, store, rules_of(text % ("hash", "hash", "hash", "hash", "null")))["warnings"])


def test_a_table_that_changes_while_it_begins(monkeypatch, shop, store):
    real = sanitize_dump._lock
    for statement in ("ALTER TABLE app.customer RENAME phone TO email2", "ALTER TABLE app.customer ADD more text", "TRUNCATE app.session"):
        with monkeypatch.context() as patch:
            patch.setattr(sanitize_dump, "_lock", lambda session, tables, statement=statement: (shop.execute(statement), real(session, tables)))
            with pytest.raises(SlipwayError, match="was changed just as the dump began"):
                sanitized(shop, store)
        shop.execute({"ALTER TABLE app.customer RENAME phone TO email2": "ALTER TABLE app.customer RENAME email2 TO phone",
                      "ALTER TABLE app.customer ADD more text": "ALTER TABLE app.customer DROP more"}.get(statement, "SELECT 1"))
    assert store.list() == [] and store.leftovers() == []


@pytest.mark.parametrize("encoding", long_but(["LATIN1", "SQL_ASCII"], "LATIN1"))
def test_a_database_of_another_encoding(postgres, store, encoding):
    postgres.drop_all()
    postgres.sql("CREATE DATABASE shop OWNER shop TEMPLATE template0 ENCODING '%s' LOCALE 'C'" % encoding)
    connection = postgres.connection()
    connection.execute('CREATE TABLE public."Käufer" ("Straße" text, kept text)')
    connection.execute("INSERT INTO public.\"Käufer\" VALUES ('rawweg ä', 'Übrig'), (NULL, '')")
    sanitized(connection, store, {"tables": {'"Käufer"': {"columns": {'"Straße"': "hash", "kept": "keep"}}}})
    there = restored(postgres, newest(store))
    rows = there.query('SELECT "Straße" AS street, kept FROM public."Käufer"')
    assert re.match("[0-9a-f]{32}$", rows[0].pop("street")) and rows == [{"kept": "Übrig"}, {"street": None, "kept": ""}]


def test_rules_of_oro(postgres, small, store, run_module, tmp_path):
    small.execute("""SET search_path = public; CREATE TABLE oro_user (id int PRIMARY KEY, email varchar(255), last_name varchar(255), first_name text,
            phone varchar(20), born date, state_data text, serialized_data jsonb, "Photo" text);
        CREATE TABLE lead (id int, status text); CREATE TABLE oro_session (id text);
        INSERT INTO oro_user VALUES (1, 'rawmail@x.example', 'Rawson', 'Rawan', '+44 4711', '1999-09-09', 'raw', '{"mail": "raw2@x.example", "k": 1}', 'raw');
        INSERT INTO lead VALUES (1, 'lost'), (2, 'won'), (3, NULL); INSERT INTO oro_session VALUES ('raw')""")
    sql = tmp_path / "rules.sql"
    sql.write_text("""-- of Oro
        UPDATE "oro_user" SET "last_name"=SUBSTRING(MD5("last_name" || RANDOM()::TEXT) FROM 1 FOR 255);
        UPDATE "oro_user" SET "email"=CASE WHEN POSITION('@' IN "email")>0 THEN CONCAT(SUBSTRING("email", 1, POSITION('@' IN "email")-1), '_', id, '@',
            MD5(SUBSTRING("email", POSITION('@' IN "email")+1)), '.test') ELSE "email" END;
        UPDATE "oro_user" SET "phone"=CASE WHEN "phone" IS NOT NULL THEN to_char(random() * 10000000000, 'FM"("000") "000"-"0000') END;
        UPDATE "oro_user" SET "born"=CURRENT_TIMESTAMP; UPDATE "oro_user" SET "state_data"=encode('a:0:{}'::bytea, 'base64');
        UPDATE "oro_user" SET serialized_data = serialized_data || jsonb_build_object('mail', CASE WHEN POSITION('@' IN serialized_data->>'mail')>0 THEN
            CONCAT(id, '@', 'a.test') ELSE serialized_data->>'mail' END); UPDATE "oro_user" SET "Photo"='iVBORw0KGgoAAAANSUhEUg';
        TRUNCATE "oro_session"; DELETE FROM lead WHERE status = 'lost'; SELECT 1""")
    made = run_module("oro_sanitize_info", {"path": str(sql), "keep_rest": True})
    assert [item["statement"] for item in made["not_understood"]] == ["SELECT 1"] and not made["changed"]
    refused(small, store, made["sanitize"], "public.oro_user.first_name (its name says first_name)")
    made["sanitize"]["tables"]["oro_user"]["columns"]["first_name"] = "first_name"
    sanitized(small, store, made["sanitize"])
    there = restored(postgres, newest(store))
    (row,) = there.query("SELECT email, phone, born, state_data, serialized_data, \"Photo\", last_name, first_name FROM public.oro_user")
    assert re.match("u[0-9a-f]{20}@example.invalid$", row["email"]) and re.match(r"\(\d{3}\) \d{3}-\d{4}$", row["phone"])
    assert row["state_data"] == "YTowOnt9" and row["serialized_data"]["k"] == 1 and re.match("u[0-9a-f]{20}@a.test$", row["serialized_data"]["mail"])
    assert row["Photo"].startswith("iVBOR") and "raw" not in json.dumps(row).lower() and row["born"] != "1999-09-09"
    assert there.query("SELECT id FROM public.lead ORDER BY 1") == [{"id": 2}, {"id": 3}]
    assert there.query("SELECT count(*) AS n FROM public.oro_session") == [{"n": 0}]
    assert "Cannot read" in run_module("oro_sanitize_info", {"path": str(tmp_path / "no")})["msg"]
