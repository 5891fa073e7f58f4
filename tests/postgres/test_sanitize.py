# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sanitized dumps of a real shop, what stock pg_restore makes of them, and what the server has seen of the key."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import dump as sanitize_dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.toc import Toc
from ansible_collections.slipway.app.tests.postgres import bouncer
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY, Cluster
from ansible_collections.slipway.app.tests.postgres.crashes import in_child

SECRET = "a key that no list of processes and no log may show"  # of this file alone: others give theirs to playbooks as an argument
RULES = {"tables": {
    "app.*": {"columns": {"email": "email"}},
    "app.customer": {"columns": {
        "first_name": "first_name", "last_name": {"rule": "last_name", "locale": "de"}, "phone": "phone",
        "birth": {"rule": "date", "entity": "id", "domain": "customer"},
        "iban": "iban", "ip": "inet", "token": "uuid", "code": {"rule": "hash", "length": 20}, "note": "text", "tags": {"rule": "array", "of": "hash"},
        "address": {"rule": "json", "paths": {"street": "street", "geo.name": "hash", "plan": "keep"}}, "home": None,
        "salary": "number", "visits": {"rule": "number", "bucket": 10}, "seen": {"rule": "date", "days": 30}, "secret": "empty",
        "id": "keep", "parent": "keep"}},
    'app."Bestellung Ü"': {"columns": {'"Nr."': "keep", "customer": "keep", "total": "keep", "order": "keep"}},
    "app.visit": {"columns": {"day": "keep", "who": {"rule": "last_name", "locale": "de"}}},
    "app.session": "truncate", "app.hen": "keep", "app.egg": "keep", "app.empty": "keep"}}


@pytest.fixture
def shop(postgres):
    """The owner's connection to the shop with the personal data."""
    postgres.drop_all()
    postgres.sql("CREATE DATABASE shop OWNER shop")
    return fill(postgres)


def fill(server):
    """Make the shop in a server's database "shop"; its owner's connection."""
    connection = server.connection()
    subprocess.run([server.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "shop", "-f", str(pathlib.Path(__file__).with_name("personal.sql"))],
                   env=connection.environment(), check=True, stdout=subprocess.DEVNULL)
    return connection


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "dumps"))


@pytest.fixture
def reader(postgres, shop):
    """A connection of a role that may do nothing but read."""
    let_read(shop)
    return postgres.connection("guest")


def let_read(shop):
    for what in ("USAGE ON SCHEMA app", "SELECT ON ALL TABLES IN SCHEMA app", "SELECT ON ALL SEQUENCES IN SCHEMA app"):
        shop.execute("GRANT %s TO guest" % what)


def sanitized(connection, store, rules=None, check=False, secret=SECRET, report=None, **options):
    wish = Wish("here", config="sanitized", sanitizing=Sanitizing(RULES if rules is None else rules, secret), **dict({"environment": "uat"}, **options))
    return dump(connection, store, wish, check=check, report=report)


def newest(store):
    whole = store.open(store.newest("here"))
    whole.verify()
    return whole


def restored(postgres, whole, name="copy"):
    """A connection to a fresh database that stock pg_restore made of a dump, stopping at the first error."""
    postgres.sql("CREATE DATABASE %s OWNER shop TEMPLATE template0 ENCODING '%s' LOCALE 'C'" % (quote_ident(name), whole.manifest["encoding"]))
    connection = postgres.connection(database=name)
    subprocess.run([os.path.join(postgres.bin_dir, "pg_restore"), "--exit-on-error", "--jobs=2", "--dbname=" + connection.conninfo(name),
                    whole.archive], env=connection.environment(), check=True)
    return connection


def schema_of(postgres, connection):
    """The schema as pg_dump writes it, but for the key that differs each time."""
    text = subprocess.run([os.path.join(postgres.bin_dir, "pg_dump"), "--schema-only", connection.conninfo(connection.login_db)],
                          env=connection.environment(), check=True, capture_output=True, text=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def text_of(postgres, whole):
    """All that pg_restore reads in a dump, as text."""
    text = subprocess.run([os.path.join(postgres.bin_dir, "pg_restore"), "--file=-", whole.archive], check=True, capture_output=True, text=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def changed(**tables):
    """The rules with others for tables of schema app; None takes a table out."""
    rules = copy.deepcopy(RULES)
    for name, said in tables.items():
        rules["tables"]["app." + name] = said
        if said is None:
            del rules["tables"]["app." + name]
    return rules


def customer(**columns):
    """The rules with others for columns of app.customer."""
    return changed(customer={"columns": dict(RULES["tables"]["app.customer"]["columns"], **columns)})


KEPT = {  # what of each table is to be as it was
    "app.customer": "id, parent, address ->> 'plan', tags[2:3], note IS NULL, length(note), first_name IS NULL, extract(hour FROM seen), secret IS NULL",
    'app."Bestellung Ü"': '"Nr.", customer, total, "order"', "app.visit": "day", "app.hen": "id, egg", "app.egg": "id, hen"}
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


REFUSALS = [
    ({"app.custmer": "keep"}, "no table app.custmer. Did you mean app.customer?"),
    ({"app.customer": {"columns": {"frist_name": "first_name"}}}, "app.customer has no column frist_name. Did you mean first_name?"),
    ({"app.customer": {"columns": {"label": "last_name"}}}, "it is generated"),
    ({"app.customer": {"columns": {"email": "null"}}}, "app.customer.email: the rule null cannot be in a column that is NOT NULL"),
    ({"app.customer": {"columns": {"birth": "email"}}}, "app.customer.birth: the rule email is not for columns of type date"),
    ({"app.customer": {"columns": {"tags": "hash"}}}, "app.customer.tags: the rule hash is not for arrays"),
    ({"app.customer": {"columns": {"token": {"rule": "fixed", "value": "x"}}}}, "cannot keep the values apart"),
    ({"app.customer": {"columns": {"first_name": "uuid"}}}, "needs room for 36 characters"),
    ({"app.customer": {"columns": {"birth": {"rule": "date", "entity": "ident", "domain": "x"}}}}, "ident as its entity, which is no column. Known: id, email"),
    ({"app.customer": {"columns": {"salary": {"rule": "sql", "expression": "-1"}}}}, "the check customer_salary_check would refuse 1000 of 1000"),
    ({"app.customer": {"columns": {"visits": {"rule": "sql", "expression": "1 / (id - 5)"}}}}, "cannot be worked out (SQLSTATE 22012), of visits"),
    ({"app.customer": {"columns": {"note": {"rule": "sql", "expression": "notes"}}}}, "cannot be worked out (SQLSTATE 42703), of note"),
    ({"app.customer": {"columns": {"email": {"rule": "fixed", "value": "no address"}}}}, "cannot keep the values apart"),
    ({"app.customer": {"columns": {"code": {"rule": "hash", "length": 8}, "id": "number"}}}, "app.customer.id: the rule number cannot keep"),
    ({'app."Bestellung Ü"': {"columns": {'"E-Mail"': "keep", "*": "keep"}}}, "they would not meet (foreign key Bestellung Ü_E-Mail_fkey)"),
    ({"app.visit": {"columns": {"day": "date", "who": "hash"}}}, "would move rows to other partitions"),
    ({"app.visit_1": {"columns": {"who": "hash"}}}, "app.visit_1.who has the rule"),
    ({"app.customer": "truncate"}, "app.Bestellung Ü.customer refers to app.customer, which is to have no rows"),
]


def test_what_cannot_be_is_said_before_anything_is_dumped(shop, store):
    for tables, words in REFUSALS:
        rules = dict(RULES, tables=dict(RULES["tables"], **tables))
        for name, said in tables.items():
            if isinstance(said, dict) and isinstance(RULES["tables"].get(name), dict) and "*" not in said["columns"]:
                rules["tables"][name] = {"columns": dict(RULES["tables"][name]["columns"], **said["columns"])}
        with pytest.raises(SlipwayError) as error:
            sanitized(shop, store, rules, check=True)
        assert words in str(error.value), words
        assert "awson" not in str(error.value) and "4711" not in str(error.value)
    with pytest.raises(SlipwayError, match="No rule says"):
        sanitized(shop, store, {})
    shop.execute("""CREATE TABLE app.long (m varchar(40) UNIQUE); CREATE TABLE app.short (m varchar(30) REFERENCES app.long (m));
        INSERT INTO app.long VALUES ('A@b.c'), ('a@b.c')""")
    with pytest.raises(SlipwayError, match="app.short.m has the rule email and refers to app.long.m with the rule email: they would not meet"):
        sanitized(shop, store, changed(long={"columns": {"m": "email"}}))
    shop.execute("DROP TABLE app.short")
    with pytest.raises(SlipwayError, match="app.long.m: the rule email takes values for one that differ in upper and lower case only"):
        sanitized(shop, store, changed(long={"columns": {"m": "email"}}))
    assert sanitized(shop, store, changed(long={"columns": {"m": {"rule": "email", "fold": False}}}), check=True)
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
    shop.execute("ALTER TABLE app.customer ADD nickname text, ADD colour text, ADD x1 text")
    shop.execute("UPDATE app.customer SET x1 = 'write to raw@mail.example', colour = 'red'")
    with pytest.raises(SlipwayError) as error:
        sanitized(shop, store)
    for words in ("app.customer.nickname (its name says hash)", "app.customer.colour (new, or forgotten)", "app.customer.x1"):
        assert words in str(error.value)
    with pytest.raises(SlipwayError) as error:
        sanitized(shop, store, dict(customer(nickname="hash"), policy="scan"))
    assert "texts with e-mail addresses in it says text" in str(error.value) and "colour" not in str(error.value) and "raw@" not in str(error.value)
    result = sanitized(shop, store, dict(customer(nickname="hash", x1="text"), policy="scan"))
    assert result["sanitized"]["policy"] == "scan"


@pytest.fixture
def small(postgres):
    """The owner's connection to an empty database."""
    postgres.drop_all()
    postgres.sql("CREATE DATABASE shop OWNER shop")
    return postgres.connection()


def rules_of(text):
    return {"tables": yaml.safe_load(text)}


def refused(connection, store, rules, *words):
    with pytest.raises(SlipwayError) as error:
        sanitized(connection, store, rules, check=True)
    for word in words:
        assert word in str(error.value), word


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
    # A pattern keeps nothing that looks like data of persons; its own name does.
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
        CREATE TABLE month_1 PARTITION OF month FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); INSERT INTO month VALUES ('2026-01-02', 1)""")
    text = "{month: {columns: {day: %s, n: keep}}, visit: {columns: {id: keep, who: keep, day: %s}}}"
    refused(small, store, rules_of(text % ("date", "keep")), "month_1.day: the rule date would move rows to other partitions")
    refused(small, store, rules_of(text % ("keep", "{rule: sql, expression: 'day + who'}")), "visit.day: the rule sql gives NULL in 1 of 2 rows")
    sanitized(small, store, rules_of(text % ("keep", "{rule: date, entity: who, domain: person}")))
    there = restored(postgres, newest(store))
    assert there.query("SELECT count(day) AS n, bool_and(abs(day - date '2026-01-01') <= 181) AS near FROM public.visit") == [{"n": 2, "near": True}]


def test_what_a_restore_would_stop_at_is_found_before(postgres, small, store):
    newer = small.query("SELECT current_setting('server_version_num')::int >= 150000 AS newer")[0]["newer"]
    small.execute("""SET search_path = public; CREATE TABLE login (name text, folded text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE, n text,
            digits int GENERATED ALWAYS AS (n::int) STORED, o text%s); INSERT INTO login (name, n, o) VALUES ('Ann', '12', 'x');
        CREATE TABLE person (id int, mail text, PRIMARY KEY (id, mail)) PARTITION BY HASH (id);
        CREATE TABLE person_1 PARTITION OF person FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE person_2 PARTITION OF person FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE visit (id int, who int, mail text, FOREIGN KEY (who, mail) REFERENCES person) PARTITION BY HASH (id);
        CREATE TABLE visit_1 PARTITION OF visit FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE visit_2 PARTITION OF visit FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO person SELECT g, 'Raw' || g || '@mail.example' FROM generate_series(1, 20) g; INSERT INTO visit SELECT id, id, mail FROM person"""
                  % (", UNIQUE NULLS NOT DISTINCT (o)" if newer else ""))
    text = """{login: {columns: {name: %s, n: %s, o: %s}}, person: {columns: {id: keep, mail: {rule: hash, length: 20}}},
               visit: {columns: {id: keep, who: keep%s}}}"""
    refused(small, store, rules_of(text % ("last_name", "keep", "keep", "")), "login.name: the rule last_name cannot keep the values apart")
    refused(small, store, rules_of(text % ("hash", "hash", "keep", "")), "login: a mask cannot be worked out (SQLSTATE 22P02)")
    refused(small, store, rules_of(text % ("hash", "keep", "keep", ", mail: keep")), "has the rule keep and refers to public.person_1.mail")
    if newer:
        refused(small, store, rules_of(text % ("hash", "keep", "null", "")), "login.o: the rule null cannot keep the values apart")
    sanitized(small, store, rules_of(text % ("hash", "keep", "hash", "")))
    there = restored(postgres, newest(store))
    assert there.query("SELECT count(*) AS n FROM public.visit v JOIN public.person p ON p.id = v.who AND p.mail = v.mail AND p.mail !~ '@'") == [{"n": 20}]


def test_a_raw_value_that_is_left_somewhere_stops_it(shop, store):
    everybody = " ".join("Raw%d@mail.example" % number for number in range(1, 3001))
    leaks = [("UPDATE app.customer SET address = jsonb_set(address, '{plan}', to_jsonb('call ' || split_part(email::text, '@', 1)))",
              "app.customer.address"),
             ("UPDATE app.\"Bestellung Ü\" SET \"order\" = (SELECT note FROM app.customer c WHERE c.id = customer)", "app.Bestellung Ü.order"),
             ("COMMENT ON TABLE app.hen IS 'ask %s'" % everybody, "the schema")]
    for statement, where in leaks:
        shop.execute(statement)
        with pytest.raises(SlipwayError, match="Raw values were found") as error:
            sanitized(shop, store)
        assert "in %s" % where in str(error.value) and "mail.example" not in str(error.value) and "rawnote" not in str(error.value).lower()
        assert store.list() == [] and store.leftovers() == []
        shop.execute("UPDATE app.customer SET address = '{}'; UPDATE app.\"Bestellung Ü\" SET \"order\" = 'x'")
    # Letters beyond ASCII have a case, too.
    shop.execute("UPDATE app.customer SET last_name = 'RÄWÖHLERÜ', note = 'call RÄWÖHLERÜ'")
    with pytest.raises(SlipwayError, match="of app.customer.last_name in app.customer.note"):
        sanitized(shop, store, customer(note="keep"))
    shop.execute("UPDATE app.customer SET last_name = 'xx'")
    shop.execute("UPDATE app.customer SET first_name = 'raw-12345', note = 'raw-12345'")
    with pytest.raises(SlipwayError, match="of app.customer.note in app.customer.first_name"):
        sanitized(shop, store, customer(first_name="keep"))
    accepted = ["app.customer.first_name", "the schema"]
    told = sanitized(shop, store, dict(customer(first_name="keep"), residue={"accept": accepted}))["sanitized"]["residue"]
    assert told["accepted"] == accepted  # a package may say so: who has the dump is to know


def test_known_passwords_and_placeholders_of_an_earlier_dump_are_no_raw_values(postgres, small, store):
    small.execute("""CREATE TABLE public.login (id int, password varchar(128), photo text, scan bytea);
        INSERT INTO public.login VALUES (1, 'pbkdf2_sha256$600000$rawsalt12345$rawdigest12345', '/9j/4AAQSkZJRgABAQAAAQABAAD/rawrawraw1/raw', '\\x0102'),
            (2, '', NULL, NULL)""")
    rules = rules_of("""login: {columns: {id: keep, password: {rule: password, hasher: pbkdf2_sha256}, photo: {rule: attachment, kind: jpeg},
                                scan: {rule: attachment, kind: pdf}}}""")
    residue = sanitized(small, store, rules)["sanitized"]["residue"]
    assert residue["columns"] == 2 and residue["values"] == 5  # all but what hashes and pictures of all have in common
    there = restored(postgres, newest(store))
    query = "SELECT left(password, 21) AS password, left(photo, 20) AS photo, convert_from(substr(scan, 1, 5), 'UTF8') AS scan FROM public.login ORDER BY id"
    assert there.query(query) == [{"password": "pbkdf2_sha256$600000$", "photo": "/9j/4AAQSkZJRgABAQAA", "scan": "%PDF-"},
                                  {"password": "", "photo": None, "scan": None}]
    assert sanitized(there, store, rules)["sanitized"]["residue"]["values"] == 0


def test_what_is_no_row_does_not_leak_either(postgres, shop, store):
    admin = postgres.connection(postgres.superuser)
    admin.execute("""CREATE EXTENSION postgres_fdw;
        CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
        CREATE USER MAPPING FOR shop SERVER elsewhere OPTIONS (user 'x', password 'rawpassword');
        CREATE FOREIGN TABLE app.far (mail text) SERVER elsewhere;
        SELECT lo_from_bytea(0, 'raw object');
        ALTER DATABASE shop SET app.token = 'rawtoken';
        COMMENT ON DATABASE shop IS 'raw comment'""")
    admin.execute("CREATE SUBSCRIPTION follower CONNECTION 'host=127.0.0.1 port=1 password=rawpassword' PUBLICATION p "
                  "WITH (connect = false, slot_name = NONE)")
    try:
        with pytest.raises(SlipwayError, match="large objects"):
            sanitized(admin, store)
        with pytest.raises(SlipwayError, match="foreign server"):
            sanitized(admin, store, dict(changed(far="keep"), large_objects="drop"))
        result = sanitized(admin, store, dict(RULES, large_objects="drop"))
        whole = newest(store)
        text = "".join(pathlib.Path(whole.archive, "toc.dat").read_bytes().decode("latin-1").split("\0"))
        assert "raw" not in (text + text_of(postgres, whole) + json.dumps(whole.manifest)).lower()
        assert "BLOB" not in text and "elsewhere" in text and "passwords" in " ".join(result["warnings"])
    finally:
        admin.execute("DROP SUBSCRIPTION follower")


def test_rows_that_pg_dump_has_read_all_the_same_are_refused(monkeypatch, shop, store):
    real = sanitize_dump.dumps.arguments
    monkeypatch.setattr(sanitize_dump.dumps, "arguments", lambda wish, settled, clients, excluded, _data, *more: real(
        wish, settled, clients, excluded, [], *more))
    with pytest.raises(SlipwayError, match="pg_dump has read what it was told not to: TABLE DATA"):
        sanitized(shop, store)
    assert store.list() == [] and store.leftovers() == []


def test_a_pooler_never_hears_the_key(monkeypatch, postgres, small, store, tmp_path):
    sent, having = [], Connection.having
    monkeypatch.setattr(Connection, "having", lambda connection, name, value: sent.append(name) or having(connection, name, value))
    try:
        with bouncer.running(str(REPOSITORY / ".cache"), tmp_path, postgres, "shop", PASSWORD, 3) as port:
            through = Connection(**dict(vars(small), login_port=port))
            assert through.query("SELECT 1 AS n") == [{"n": 1}]
            for check in (True, False):
                with pytest.raises(SlipwayError, match="connect to the server itself"):
                    sanitized(through, store, {}, check=check)
    except bouncer.registry_server.ServerError as error:
        pytest.skip(str(error))
    assert sent == ["slipway.probe"] * 2  # a pooler writes what it refuses into its log
    assert store.list() == store.leftovers() == []


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


def limits_of_writer():
    """What the kernel says of the process of ours that writes rows."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ours = "\nPPid:\t%d\n" % os.getpid() in (path / "status").read_text(encoding="utf-8")
            if ours and b"sanitize.writer" in (path / "cmdline").read_bytes():
                return (path / "limits").read_text(encoding="utf-8")
    return ""


def test_nothing_is_left_when_it_is_cut(postgres, shop, store):
    limits = []

    def cut(_phase, **_state):
        limits.append(limits_of_writer())
        postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'COPY (SELECT%'")

    def die(_phase, **_state):
        os.kill(os.getpid(), signal.SIGKILL)

    shop.execute("INSERT INTO app.session SELECT g::text, repeat('x', 1000) FROM generate_series(1, 30000) g")
    rules = changed(session={"columns": {"id": "hash", "data": "text"}})
    with pytest.raises(SlipwayError, match="The rows could not be written: table app") as error:
        sanitized(shop, store, rules, report=cut, jobs=1)
    assert re.search(r"Max core file size +0 +0 ", limits[0])  # raw values and the key are in its memory
    assert "nothing of it is left" in error.value.untouched and store.leftovers() == [] == store.list()
    assert in_child(lambda: sanitized(shop, store, rules, report=die, jobs=1)) is False
    assert store.list() == [] and len(store.leftovers()) == 1
    # What had secrets in it once is among what is known to be left.
    assert len(list(pathlib.Path(store.location).glob("**/slipway-schema-*/archive/toc.dat"))) == 1
    sanitized(shop, store, rules)
    assert len(store.list()) == 1 and store.leftovers() == [] == list(pathlib.Path(store.location).glob("**/slipway-schema-*"))


LOUD = {"log_statement": "all", "log_min_duration_statement": 0, "log_connections": "on", "log_disconnections": "on", "log_duration": "on",
        "log_parameter_max_length": -1, "log_parameter_max_length_on_error": -1, "log_replication_commands": "on", "log_min_messages": "debug2",
        "debug_print_plan": "on", "log_line_prefix": "%m %a ", "track_activity_query_size": 65536,
        "shared_preload_libraries": "pg_stat_statements, auto_explain", "auto_explain.log_min_duration": 0, "auto_explain.log_verbose": "on",
        "pg_stat_statements.track_utility": "on"}


def processes():
    """The arguments of all processes of this machine, as anybody can read them."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode("utf-8", "replace").replace("\0", " "))
    return "\n".join(found)


@contextlib.contextmanager
def looking(primary):
    """[what all processes were started with, what all sessions of a Cluster said last], of all moments of a block."""
    seen, over = [], threading.Event()

    def look():
        with primary.connection(primary.superuser).session() as session:
            while not over.wait(0.001):
                seen.append(processes())
                seen.append(json.dumps(session.query("SELECT * FROM pg_stat_activity")))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def standby_of(primary, folder, bin_dir):
    """A standby of a Cluster, started."""
    standby = Cluster(str(folder), bin_dir, settings={"fsync": "off", "hot_standby": "on"})
    with contextlib.suppress(FileExistsError):
        os.mkdir(standby.home)
    environment = dict(os.environ, **primary.variables())
    primary.sql("ALTER ROLE %s REPLICATION" % primary.superuser)
    subprocess.run([os.path.join(primary.bin_dir, "pg_basebackup"), "-D", standby.data_dir, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
                   env=environment, check=True, cwd="/", **primary._demote)
    auto = pathlib.Path(standby.data_dir, "postgresql.auto.conf")
    standby.settings["primary_conninfo"] = re.search(r"^primary_conninfo = '(.*)'$", auto.read_text(encoding="utf-8"), re.MULTILINE).group(1).replace("''", "'")
    standby.password = primary.password
    return standby.start()


def test_no_server_sees_the_key_and_a_standby_will_do(tmp_path, bin_dir, server, store):
    """server is not used but for psql on PATH: a primary that writes down all it can, and a standby of it."""
    primary = Cluster(str(tmp_path / "primary"), bin_dir, settings=dict(
        {"fsync": "off", "autovacuum": "off", "hot_standby": "on", "max_wal_senders": 3}, **LOUD)).start()
    standby = None
    try:
        for statement in ("CREATE ROLE shop LOGIN PASSWORD '%s'" % PASSWORD, "CREATE ROLE guest LOGIN PASSWORD '%s'" % PASSWORD,
                          "CREATE EXTENSION pg_stat_statements", "CREATE DATABASE shop OWNER shop"):
            primary.sql(statement)
        let_read(fill(primary))
        rules = changed(customer=dict(RULES["tables"]["app.customer"], where="id % 3 = 0", sample=900, orphans=None), visit=dict(
            RULES["tables"]["app.visit"], where="day < now()"), egg={"columns": {"*": "keep"}, "where": "id > 1"})
        with looking(primary) as seen:
            # Who looks on sees only a part of what happens; on a busy machine that can be too little.
            for _turn in range(9):
                sanitized(primary.connection(), store, rules, jobs=2)
                if any("COPY (" in what for what in seen) and any("writer" in what for what in seen):
                    break
            else:
                pytest.fail("nothing was seen of it")
        seen.append(json.dumps(primary.connection(primary.superuser, "postgres").query("SELECT query FROM public.pg_stat_statements")))
        seen.append(pathlib.Path(primary.log_file).read_text(encoding="utf-8", errors="replace"))
        key = Sanitizing(RULES, SECRET).key
        for what in seen:
            for secret in (SECRET, key.setting[:128], key.setting[128:], key.setting[:64]):
                assert secret not in what
        # What could have shown it has been looked at.
        assert "slipway.sanitize_key" in seen[-2] and "slipway.sanitize_key" in seen[-1] and "pg_export_snapshot" in seen[-1]
        standby = standby_of(primary, tmp_path / "standby", bin_dir)
        assert standby.sql("SELECT pg_is_in_recovery()") == "t"
        sanitized(standby.connection("guest"), store, rules)
        first, second = [store.open(key) for key in (store.list()[0], store.list()[-1])]
        assert text_of(primary, first) == text_of(primary, second) and "@example.invalid" in text_of(primary, first)
        rows = {table["name"]: table["rows"] for table in second.manifest["tables"]}
        assert rows["customer"] == 900 and 0 < rows["Bestellung Ü"] < 2000 and rows["hen"] == rows["egg"] == 0
    finally:
        if standby:
            standby.remove()
        primary.remove()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
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
