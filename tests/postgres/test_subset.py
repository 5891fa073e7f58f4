# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some of the rows of tables: what is dumped is what it has to be by foreign keys, and stock pg_restore finds nothing to complain about."""

from __future__ import annotations

import random
import re

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import rules as rules_
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import subset
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.survey import survey
from ansible_collections.slipway.app.tests.postgres.dumps import restored
from ansible_collections.slipway.app.tests.postgres.sanitizing import SECRET, newest, refused, rules_of, sanitized


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "dumps"))


@pytest.fixture
def small(postgres):
    """The owner's connection to an empty database, in which nobody else has a right."""
    postgres.start_over()
    return postgres.connection()


class World:
    """A schema of random tables with random references among them and random rows, and what is to be dumped of them by a simpler way."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.schema = 'W "%d' % seed
        self.tables = ["t%d" % number for number in range(self.random.randint(3, 6))]
        self.rows = {table: {} for table in self.tables}  # {table: {id: {reference: id or None}}}
        self.references = []  # (name, source, target, composite, orphans become NULL)
        self.orphans = {table: self.random.random() < 0.3 for table in self.tables}
        self.parted = self.random.choice([None, *self.tables])
        for number in range(self.random.randint(3, 8)):
            source, target = self.random.choice(self.tables), self.random.choice(self.tables)
            self.references.append(("r%d" % number, source, target, self.random.random() < 0.4))
        for table in self.tables:
            for key in range(self.random.randint(0, 40)):
                self.rows[table][key] = {}
        for name, source, target, _composite in self.references:
            for row in self.rows[source].values():
                there = list(self.rows[target])
                row[name] = self.random.choice(there) if there and self.random.random() < 0.7 else None
        self.where = {table: self.random.choice(["id % 3 <> 1", "name > 'K%'", "now() - interval '7 days' < seen", "NULLIF(id, 5) < 12"])
                      for table in self.random.sample(self.tables, 2)}

    @staticmethod
    def name(key):
        """Upper and lower case are the same to the type of these keys."""
        return ("k%d" if key % 2 else "K%d") % key

    @staticmethod
    def days(key):
        return key % 14

    def sql(self):
        quoted = '"%s"' % self.schema.replace('"', '""')
        yield "CREATE SCHEMA %s" % quoted
        yield "SET search_path = %s, public" % quoted
        for table in self.tables:
            columns = "id int, name citext, seen timestamptz, raw text, PRIMARY KEY (id), UNIQUE (name, id)"
            for name, source, _target, composite in self.references:
                if source == table:
                    columns += ", %s_id int%s" % (name, ", %s_name citext" % name if composite else "")
            yield "CREATE TABLE %s (%s)%s" % (table, columns, " PARTITION BY HASH (id)" if table == self.parted else "")
            for part in range(2) if table == self.parted else ():
                yield "CREATE TABLE %s_%d PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d)" % (table, part, table, part)
            rows = []
            for key, row in self.rows[table].items():
                values = [str(key), "'%s'" % self.name(key), "now() - interval '%d days 1 hour'" % self.days(key), "'rawvalue%d'" % key]
                for name, source, _target, composite in self.references:
                    if source == table:
                        values.append("NULL" if row[name] is None else str(row[name]))
                        # Of two that refer together one may be NULL, and then nothing is referred to; the other case is the same key.
                        values += [("NULL" if row[name] is None or key % 5 == 4 else "'%s'" % self.name(row[name]).swapcase())] * composite
                rows.append("(%s)" % ", ".join(values))
            if rows:
                yield "INSERT INTO %s VALUES %s" % (table, ", ".join(rows))
        for name, source, target, composite in self.references:
            columns, keys = ("%s_name, %s_id" % (name, name), "name, id") if composite else ("%s_id" % name, "id")
            yield "ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %s (%s)" % (source, columns, target, keys)

    def rules(self):
        found = {}
        for table in self.tables:
            said = {"columns": {"*": "keep", "name": "keep", "raw": "hash"}}
            for name, source, _target, composite in self.references:
                if source == table and composite:
                    said["columns"][name + "_name"] = "keep"
            if table in self.where:
                said["where"] = self.where[table]
            if self.orphans[table]:
                said["orphans"] = None
            found['"%s".%s' % (self.schema.replace('"', '""'), table)] = said
        return found

    def wanted(self, table, key):
        return {None: True, "id % 3 <> 1": key % 3 != 1, "name > 'K%'": self.name(key).lower() > "k%",
                "now() - interval '7 days' < seen": self.days(key) < 7, "NULLIF(id, 5) < 12": key != 5 and key < 12}[self.where.get(table)]

    def refers(self, table, key, name, composite):
        target = self.rows[table][key][name]
        return None if composite and key % 5 == 4 else target

    def expected(self):
        """{(table, id): {reference: what it refers to}} of what is dumped."""
        kept = {(table, key) for table in self.tables for key in self.rows[table] if self.wanted(table, key)}
        while True:
            lost = {(source, key) for name, source, target, composite in self.references if not self.orphans[source]
                    for key in self.rows[source] if (source, key) in kept and self.refers(source, key, name, composite) is not None
                    and (target, self.refers(source, key, name, composite)) not in kept}
            if not lost:
                break
            kept -= lost
        return {(table, key): {name: self.rows[table][key][name] if self.refers(table, key, name, composite) is None
                               or (target, self.rows[table][key][name]) in kept else None
                               for name, source, target, composite in self.references if source == table} for table, key in kept}

    def found(self, connection):
        """The same of a database."""
        found = {}
        for table in self.tables:
            for row in connection.query('SELECT * FROM "%s".%s' % (self.schema.replace('"', '""'), table)):
                assert "raw" not in row["raw"]
                found[table, row["id"]] = {name: row[name + "_id"] for name, source, _target, _composite in self.references if source == table}
        return found


def test_any_tables_that_refer_to_each_other_in_any_way(postgres, small, store):
    worlds = [World(seed) for seed in range(6)]
    postgres.connection(postgres.superuser).execute("CREATE EXTENSION citext SCHEMA public")
    with small.session() as session:
        for world in worlds:
            session.execute("BEGIN", *world.sql(), "COMMIT")
    rules = {"tables": {name: said for world in worlds for name, said in world.rules().items()}}
    sanitized(small, store, rules, jobs=2)
    whole = newest(store)
    there = restored(postgres, whole)
    for world in worlds:
        assert world.found(there) == world.expected(), world.schema
    # It was worth it: rows were lost, most of them by references, and not all.
    dumped = sum(len(world.expected()) for world in worlds)
    met = sum(world.wanted(table, key) for world in worlds for table in world.tables for key in world.rows[table])
    assert 100 < dumped < met < sum(len(rows) for world in worlds for rows in world.rows.values())
    assert sum(table["rows"] for table in whole.manifest["tables"] if table["rows"] is not None) == dumped


SHOP = """
    SET search_path = public;
    CREATE TABLE customer (id int PRIMARY KEY, vip bool, mail text); INSERT INTO customer SELECT g, g % 5 = 0, 'raw' || g FROM generate_series(1, 200) g;
    CREATE TABLE profile (customer int PRIMARY KEY REFERENCES customer, note text); INSERT INTO profile SELECT id, mail FROM customer;
    CREATE TABLE visit (day date, id int, who int NOT NULL REFERENCES customer, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
    CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE visit_2 PARTITION OF visit FOR VALUES FROM ('2026-02-01') TO ('2027-02-01');
    INSERT INTO visit SELECT date '2026-01-01' + g % 90, g, 1 + g % 200 FROM generate_series(1, 500) g;
    CREATE TABLE session (id int PRIMARY KEY); CREATE TABLE login (who int REFERENCES customer, session int REFERENCES session,
        CHECK (who <> 3 OR session IS NOT NULL));
    INSERT INTO session VALUES (1); INSERT INTO login VALUES (1, 1), (2, NULL), (5, 1);
    CREATE FUNCTION luck() RETURNS bool LANGUAGE sql VOLATILE AS 'SELECT true'"""
SHOP_RULES = """{customer: {columns: {id: keep, vip: keep, mail: hash}%s}, profile: {columns: {customer: keep, note: hash}%s},
    visit: {columns: {"*": keep}%s}, session: %s, login: {columns: {"*": keep}%s}}"""


def shop_rules(customer="", profile="", visit="", session="keep", login=""):
    return rules_of(SHOP_RULES % (customer, profile, visit, session, login))


def dumped(connection, store, postgres, rules):
    """A dump, and a function of a query over what is restored of it that gives its first column."""
    sanitized(connection, store, rules)
    whole = newest(store)
    there = restored(postgres, whole, "copy%d" % len(store.list()))
    return whole, lambda query: [next(iter(row.values())) for row in there.query(query)]


def rows_in(whole):
    """The digests of the files with rows that are drawn, so far as they have more than a few."""
    return {file["sha256"] for file in whole.manifest["files"] if file["name"] != "toc.dat" and file["size"] > 100}


@pytest.mark.long
def test_a_sample_is_drawn_by_keys(postgres, small, store):
    small.execute(SHOP)
    rules = shop_rules(", sample: 40, where: 'NOT vip'", ", sample: 50%", ", sample: 300")
    whole, there = dumped(small, store, postgres, rules)
    customers = there("SELECT id FROM public.customer ORDER BY 1")
    assert len(customers) == 40 and all(key % 5 for key in customers)
    # What is drawn by the same keys is drawn together: half of all have drawn less than some number, and those who are customers have drawn little.
    assert there("SELECT customer FROM public.profile ORDER BY 1") == customers
    visits = there("SELECT id FROM public.visit")
    assert 0 < len(visits) < 300 * 60 / 200 and len(there("SELECT DISTINCT tableoid FROM public.visit")) == 2
    # Key 1 refers to a session and a customer, and so on.
    assert set(there("SELECT who FROM public.login")) == {1, 2, 5} & set(customers)
    assert sorted(table["name"] for table in whole.manifest["sanitized"]["subset"]) == ["customer", "login", "profile", "visit_1", "visit_2"]
    assert {table["name"]: table["rows"] for table in whole.manifest["tables"]}["customer"] == 40
    sanitized(small, store, rules)
    assert rows_in(newest(store)) == rows_in(whole)
    sanitized(small, store, rules, secret=SECRET + "!")
    assert not rows_in(newest(store)) & rows_in(whole)
    sanitized(small, store, shop_rules(visit=", sample: 300"))
    rows = {table["name"]: table["rows"] for table in newest(store).manifest["tables"]}
    assert rows["visit_1"] + rows["visit_2"] == 300 and rows["customer"] == 200 and rows["visit_1"] and rows["visit_2"]


def test_what_is_told_of_rules_knows_of_it_also_when_others_lack(small):
    small.execute(SHOP)
    document = shop_rules(customer=", where: 'NOT vip'", login=", orphans: null")
    del document["tables"]["visit"]
    told = survey(small, document, (), "prod", ("rules", "queries"))[0]
    assert "public.visit_1.who" in " ".join(told["problems"])
    assert {table["name"]: table["rows"] for table in told["rules"]} == {
        "customer": "some", "profile": "some", "visit_1": "some", "visit_2": "some", "session": "all", "login": "some"}
    queries = {table["name"]: table["query"] for table in told["queries"]}
    assert set(queries) == {"customer", "profile", "session", "login"} and "WHERE (NOT vip)" in queries["customer"] and queries["profile"].startswith("WITH")
    # What cannot be followed has no query at all.
    assert survey(small, shop_rules(customer=", where: 'ident = 1'"), (), "prod", ("queries",))[0]["queries"] == []


def test_references_to_rows_that_a_rule_takes_away(postgres, small, store):
    small.execute(SHOP)
    refused(small, store, shop_rules(session="truncate"), "login.session refers to public.session, which is to have no rows")
    _whole, there = dumped(small, store, postgres, shop_rules(session="truncate", login=", orphans: drop"))
    assert there("SELECT who FROM public.login") == [2]
    _whole, there = dumped(small, store, postgres, shop_rules(session="truncate", login=", orphans: null"))
    assert sorted(there("SELECT who FROM public.login")) == [1, 2, 5] and there("SELECT count(session) FROM public.login") == [0]


REFUSED = [
    (dict(customer=", where: 'public.luck()'"), "public.customer: its where calls luck, which may give something else the next time"),
    (dict(customer=", where: 'random() < 0.5'"), "its where calls random"),
    (dict(customer=""", where: 'age("now"()) > NULL'"""), "its where calls age, now"),
    (dict(customer=", where: 'clock_timestamp() > now()'"), "its where calls clock_timestamp"),
    (dict(customer=""", where: "'today' > mail" """), "today is another thing from one moment to the next; now() and current_date are those of the dump"),
    (dict(customer=", where: 'localtime > NULL'"), "localtime is another thing"),
    (dict(customer=", where: 'id IN (SELECT 1)'"), "sanitize.tables.customer.where is 'id IN (SELECT 1)', which may not name SELECT"),
    (dict(customer=", where: 'true) OR (true'"), "which is no whole expression"),
    (dict(customer=", where: 'id = 1; true'"), "which may not have ; outside of quotes"),
    (dict(customer=", where: 7"), "has to be a condition of SQL, and is 7"),
    (dict(customer=", where: 'ident = 1'"), "public.customer: its where cannot be worked out (SQLSTATE 42703)"),
    (dict(customer=", where: 'id'"), "public.customer: its where cannot be worked out (SQLSTATE 42804)"),
    (dict(customer=", where: 'mail::int = 1'"), "public.customer: its where cannot be worked out (SQLSTATE 22P02)"),
    (dict(customer=", sample: 0"), "sample has to be a number of rows, or a share of them, such as 2.5%, and is 0"),
    (dict(customer=", sample: 100%"), "sample has to be a number of rows"), (dict(customer=", sample: true"), "sample has to be a number of rows"),
    (dict(login=", sample: 3"), "public.login: rows are drawn by their primary key, and it has none"),
    (dict(customer=", orphans: keep"), "orphans has to be drop or null"),
    (dict(customer=", rows: none, where: 'true'"), "sanitize.tables.customer has no rows, and says which"),
    (dict(customer=", where: 'id > 9'", visit=", orphans: null"), "public.visit_1: some rows of public.customer are not dumped, and the foreign key "
     "visit_who_fkey has no column that can be NULL, as orphans: null wants it"),
]


def test_what_cannot_be_a_subset_is_said_before(small, store):
    small.execute(SHOP)
    for said, words in REFUSED:
        with pytest.raises(SlipwayError) as error:
            rules_.Rules(shop_rules(**said))
            sanitized(small, store, shop_rules(**said), check=True)
        assert words in str(error.value), words
        assert not re.search(r"raw\d", str(error.value))
    small.execute("CREATE UNIQUE INDEX one_each ON public.login ((who % 4)) WHERE session IS NULL")
    refused(small, store, shop_rules(session="truncate", login=", orphans: null"), "the index one_each would refuse 1 of 3 masked rows, which meet others")
    small.execute("DROP INDEX public.one_each")
    # A check that the row without its reference does not pass is found, too.
    small.execute("INSERT INTO public.login VALUES (3, 1)")
    refused(small, store, shop_rules(session="{columns: {id: keep}, where: 'false'}", login=", orphans: null"),
            "public.login: the check login_check would refuse 1 of 4 masked rows")
    assert store.list() == [] == store.leftovers()


def test_raw_values_are_sampled_of_the_rows_that_are_dumped(small, store):
    """Others come first in these tables, and more of them than are looked at."""
    small.execute("""SET search_path = public; CREATE TABLE person (id int PRIMARY KEY, mail text);
        CREATE TABLE event (id int PRIMARY KEY, who int REFERENCES person, contact text, payload text);
        INSERT INTO person SELECT n, 'Raw' || n || '@mail.example' FROM generate_series(1, 3000) n;
        INSERT INTO event SELECT n, n, 'called-raw-' || n, 'fine' FROM generate_series(1, 3000) n""")
    rules = rules_of("""{person: {columns: {id: keep, mail: email}, where: id > 2995},
                         event: {columns: {id: keep, who: keep, contact: hash, payload: keep}}}""")
    assert sanitized(small, store, rules)["rows"] == 10
    for words in ("'sent to Raw' || who || '@mail.example'", "'was called-raw-' || who"):
        small.execute("UPDATE public.event SET payload = %s" % words)
        with pytest.raises(SlipwayError, match="Raw values were found .* of public.(event.contact|person.mail) in public.event.payload"):
            sanitized(small, store, rules)


def test_the_moment_of_a_condition_is_that_of_the_dump():
    condition = subset.Condition("""a < now ( ) - interval '1 day' AND b = '(' || "now" AND CURRENT_DATE > d AND e < localtimestamp(0)""", "x")
    moment = "(timestamptz '2026-11-26 17:00:00+00')::"
    assert condition.sql("2026-11-26 17:00:00+00") == (
        "(a < %stimestamptz - interval '1 day' AND b = '(' || \"now\" AND %sdate > d AND e < %stimestamp(0))" % (moment, moment, moment))


def test_the_proof_looks_for_values_of_rows_that_are_dumped(postgres, small, store):
    small.execute("""SET search_path = public;
        CREATE TABLE customer (id int PRIMARY KEY, mail text);
        INSERT INTO customer SELECT g, 'someone' || g || '@shop.example' FROM generate_series(1, 5000) g;
        CREATE TABLE event (who int REFERENCES customer, payload text); INSERT INTO event SELECT id, 'sent to ' || mail FROM customer""")
    rules = "{customer: {columns: {id: keep, mail: email}, sample: 20}, event: {columns: {who: keep, payload: keep}}}"
    with pytest.raises(SlipwayError, match="Raw values were found in what was to be dumped: of public.customer.mail in public.event.payload"):
        sanitized(small, store, rules_of(rules))
    # Nor may values of what is left out stand elsewhere.
    small.execute("UPDATE public.event SET payload = 'sent to someone1@shop.example' WHERE who > 4900")
    with pytest.raises(SlipwayError, match="Raw values were found"):
        sanitized(small, store, rules_of(rules.replace("sample: 20", "where: 'id > 4900'")))
    small.execute("UPDATE public.event SET payload = 'sent'")
    sanitized(small, store, rules_of(rules))
    assert 1020 < newest(store).manifest["sanitized"]["residue"]["values"] <= 6240 and len(store.list()) == 1


def test_all_that_is_said_of_the_rows_of_a_table_holds(postgres, small, store):
    small.execute("""SET search_path = public; CREATE TABLE a (id int PRIMARY KEY, tenant int); INSERT INTO a SELECT g, g % 3 FROM generate_series(1, 30) g;
        CREATE TABLE b (id int PRIMARY KEY, tenant int); INSERT INTO b SELECT * FROM a; CREATE TABLE c (id int PRIMARY KEY, tenant int)""")
    columns = "columns: {'*': keep}"
    package = rules_of("{public.a: {where: 'true', %s}, public.b: {sample: 2000000, where: 'id > 9', %s}}" % (columns, columns))["tables"]
    whole, there = dumped(small, store, postgres, rules_of("{public.*: {where: tenant = 1, %s}, public.a: {where: id > 5, %s}}" % (columns, columns)))
    assert there("SELECT id FROM public.a ORDER BY 1") == [7, 10, 13, 16, 19, 22, 25, 28] and there("SELECT count(*) FROM public.b") == [10]
    assert [table["name"] for table in whole.manifest["sanitized"]["subset"]] == ["a", "b", "c"]
    # A package cannot widen what the operator says of all tables, whatever it names.
    wish = Wish("here", config="sanitized", sanitizing=Sanitizing(rules_of("{public.*: {where: tenant = 1, sample: 3, %s}}" % columns), SECRET,
                                                                  below=[("slipway.yml", {"tables": package})]))
    dump(small, store, wish)
    there = restored(postgres, newest(store), "levels")
    assert there.query("SELECT count(*) AS n, min(tenant) AS least, max(tenant) AS most FROM public.a") == [{"n": 3, "least": 1, "most": 1}]
    assert there.query("SELECT count(*) AS n, min(tenant) AS least, min(id) > 9 AS late FROM public.b") == [{"n": 3, "least": 1, "late": True}]
    # A table whose rows are chosen by its name has some, though a pattern empties tables.
    _whole, there = dumped(small, store, postgres, rules_of("{public.*: truncate, public.a: {where: id > 28, %s}}" % columns))
    assert there("SELECT count(*) FROM public.a") == [2] and there("SELECT count(*) FROM public.b") == [0]
    _whole, there = dumped(small, store, postgres, rules_of("{public.b: truncate, public.*: {where: id > 28, %s}}" % columns))
    assert there("SELECT count(*) FROM public.a") == [2] and there("SELECT count(*) FROM public.b") == [0]


def test_what_becomes_NULL_takes_no_other_reference_along(postgres, small, store):
    small.execute("""SET search_path = public; CREATE TABLE a (id int PRIMARY KEY, raw text); INSERT INTO a SELECT g, 'raw' || g FROM generate_series(1, 9) g;
        CREATE TABLE b (a int UNIQUE REFERENCES a); INSERT INTO b SELECT id FROM a; CREATE TABLE c (b_a int REFERENCES b (a)); INSERT INTO c SELECT a FROM b;
        CREATE TABLE z (x int, c int, PRIMARY KEY (x, c)); INSERT INTO z SELECT id, 1 FROM a;
        CREATE TABLE pair (x int, y int, PRIMARY KEY (x, y)); INSERT INTO pair SELECT id, id FROM a;
        CREATE TABLE own (x int, y int, c int, FOREIGN KEY (x, y) REFERENCES pair, FOREIGN KEY (x, c) REFERENCES z MATCH FULL);
        INSERT INTO own SELECT id, id, 1 FROM a;
        CREATE TABLE shared (x int, y int NOT NULL, c int, FOREIGN KEY (x, y) REFERENCES pair, FOREIGN KEY (x, c) REFERENCES z MATCH FULL);
        INSERT INTO shared SELECT id, id, 1 FROM a""")
    rules = "{a: {columns: {id: keep, raw: hash}%s}, b: {columns: {a: keep}%s}, c: keep, z: keep, pair: {columns: {x: keep, y: keep}%s}," \
        " own: {columns: {'*': keep}%s}, shared: {columns: {'*': keep}%s}}"
    null, some = ", orphans: null", ", where: '%s < 6'"
    refused(small, store, rules_of(rules % (some % "id", null, "", "", "")), "public.b: some rows of public.a are not dumped, and the foreign key b_a_fkey "
            "has a column that other rows refer to, and cannot become NULL")
    refused(small, store, rules_of(rules % ("", "", some % "x", null, null)), "public.shared: some rows of public.pair are not dumped, and the foreign key "
            "shared_x_y_fkey has a column of shared_x_c_fkey, too, which is MATCH FULL")
    _whole, there = dumped(small, store, postgres, rules_of(rules % ("", "", some % "x", null, "")))
    assert there("SELECT count(*) FROM public.shared") == [5]
    assert there("SELECT ARRAY[count(*), count(x), count(y), count(c)] FROM public.own") == [[9, 9, 5, 9]]


def test_tables_whose_rows_the_dump_leaves_out_are_lost_ones(postgres, small, store):
    small.execute("""SET search_path = public; CREATE TABLE log (id int PRIMARY KEY); INSERT INTO log VALUES (1);
        CREATE TABLE b (id int PRIMARY KEY, log int REFERENCES log); INSERT INTO b VALUES (1, 1), (2, NULL)""")
    rules = "{b: {columns: {id: keep, log: keep}%s}}"
    with pytest.raises(SlipwayError, match="public.b.log refers to public.log, which is to have no rows"):
        sanitized(small, store, rules_of(rules % ""), exclude_table_data=["log"])
    with pytest.raises(SlipwayError, match="public.b.log refers to public.log, which is left out of the dump altogether"):
        sanitized(small, store, rules_of(rules % ", orphans: null"), exclude_tables=["log"])
    assert store.list() == []
    sanitized(small, store, rules_of(rules % ", orphans: null"), exclude_table_data=["log"])
    assert restored(postgres, newest(store)).query("SELECT count(*) AS n, count(log) AS logs FROM public.b") == [{"n": 2, "logs": 0}]
    sanitized(small, store, rules_of(rules % ", orphans: drop"), exclude_table_data=["log"])
    assert restored(postgres, newest(store), "dropped").query("SELECT array_agg(id) AS ids FROM public.b") == [{"ids": [2]}]


def test_keys_are_compared_as_the_server_compares_them(postgres, small, store):
    small.execute("""SET search_path = public; CREATE TABLE padded (id char(4) PRIMARY KEY, n int);
        INSERT INTO padded SELECT 'c' || g, g FROM generate_series(1, 9) g;
        CREATE TABLE by_text (padded text REFERENCES padded); INSERT INTO by_text SELECT 'c' || g || '  ' FROM generate_series(1, 9) g;
        CREATE TABLE plain (id text COLLATE "C" PRIMARY KEY, n int); INSERT INTO plain SELECT 'c' || g, g FROM generate_series(1, 9) g;
        CREATE TABLE posix (plain text COLLATE "POSIX" REFERENCES plain); INSERT INTO posix SELECT id FROM plain;
        CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE TABLE felt (id mood PRIMARY KEY, n int); INSERT INTO felt VALUES ('a', 1), ('b', 9);
        CREATE TABLE feeling (felt mood REFERENCES felt, up mood PRIMARY KEY REFERENCES feeling); INSERT INTO feeling VALUES ('a', 'a'), ('b', 'b')""")
    rules = rules_of("{by_text: keep, posix: keep, feeling: keep}")
    for name in ("padded", "plain", "felt"):
        rules["tables"][name] = {"where": "n < 6", "columns": {"*": "keep"}}
    _whole, there = dumped(small, store, postgres, rules)
    for table, rows in (("padded", 5), ("by_text", 5), ("plain", 5), ("posix", 5), ("feeling", 1)):
        assert there("SELECT count(*) FROM public.%s" % table) == [rows], table


def test_what_partitions_refer_to_is_looked_at_as_one_table(monkeypatch, postgres, small, store):
    """And not pair by pair: of 24 partitions that refer to each other and to 12 others there would be 24 * 24 + 24 * 12."""
    parts = ";".join("CREATE TABLE %s_%d PARTITION OF %s FOR VALUES WITH (MODULUS %d, REMAINDER %d)" % (table, part, table, number, part)
                     for table, number in (("head", 12), ("line", 24)) for part in range(number))
    small.execute("""SET search_path = public; CREATE TABLE head (id int PRIMARY KEY, again int) PARTITION BY HASH (id);
        CREATE TABLE line (id int PRIMARY KEY, head int REFERENCES head, up int REFERENCES line) PARTITION BY HASH (id);
        CREATE TABLE note (line int REFERENCES line, head int REFERENCES head, text text); %s;
        INSERT INTO head SELECT g FROM generate_series(1, 200) g; INSERT INTO line SELECT g, 1 + g %% 200, nullif(g / 2, 0) FROM generate_series(1, 400) g;
        INSERT INTO note SELECT id, head FROM line""" % parts)
    rules = rules_of("{head: {columns: {'*': keep}, where: 'id <> 3'}, line: {columns: {'*': keep}}, note: {columns: {'*': keep}, orphans: null}}")
    monkeypatch.setattr(subset, "MOST", 24 + 24 + 2)
    _whole, there = dumped(small, store, postgres, rules)
    assert there("SELECT count(*) FROM public.head") == [199]
    # Lines 2 and 202 are of head 3, and with them goes what comes of them.
    lost = {line for line in range(1, 401) if any(above in (2, 202) for above in (line >> step for step in range(9)))}
    assert set(there("SELECT id FROM public.line")) == set(range(1, 401)) - lost
    assert there("SELECT ARRAY[count(*), count(line), count(head)] FROM public.note") == [[400, 400 - len(lost), 398]]
    monkeypatch.setattr(subset, "MOST", 24 + 24 + 1)
    refused(small, store, rules, "Rows that are not dumped are looked for along 50 foreign keys of tables and partitions, and 49 can be followed;"
                                 " 24 of them are the foreign key line_")
