# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of presets and from several places on real tables; what is found in a database, and rules that are proposed for it."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat
import subprocess
import sys

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.adoption import adoption_by
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import Column
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.suspicion import by_content
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.survey import survey
from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD
from ansible_collections.slipway.app.tests.postgres.dumps import restored
from ansible_collections.slipway.app.tests.postgres.sanitizing import SECRET, changed, newest, shop, small, store, text_of
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application

__all__ = ["shop", "small", "store"]  # fixtures
RAW = re.compile(r"\braw\w*", re.IGNORECASE)


def looked(connection, *gather, document=None, below=(), environment="prod", **more):
    return survey(connection, document or {}, below, environment, gather, **more)[0]


def filled(server, connection, name):
    """Run a file of this folder in the connection's database."""
    subprocess.run([server.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "shop", "-f", str(pathlib.Path(__file__).with_name(name))],
                   env=connection.environment(), check=True, stdout=subprocess.DEVNULL)


def dumped(connection, store, document, below=()):
    return dump(connection, store, Wish("here", config="sanitized", sanitizing=Sanitizing(document, SECRET, "prod", below)))


def decisions(connection, document, below=()):
    """{table.column: (rule, where it comes from)}, and {table: (rows, where that comes from)} of tables without rows."""
    tables = looked(connection, "rules", document=document, below=below)["rules"]
    found = {"%s.%s" % (table["name"], column["column"]): (column["rule"], column["source"]) for table in tables for column in table["columns"]}
    return found, {table["name"]: table["source"] for table in tables if table["rows"] == "none"}


def test_the_preset_of_django_decides_all_of_its_tables(postgres, small, store):
    filled(postgres, small, "django.sql")
    result = dumped(small, store, {"presets": ["django"]})
    assert result["sanitized"]["policy"] == "strict"
    whole = newest(store)
    assert RAW.findall(text_of(postgres, whole)) == []
    there = restored(postgres, whole)
    assert there.query("SELECT count(*) AS n, bool_and(password = '!') AS locked, bool_and(email LIKE 'u%@example.invalid') AS mail,"
                       " bool_and(last_login - date_joined = interval '151 days') AS apart FROM public.auth_user") == [
        {"n": 2, "locked": True, "mail": True, "apart": True}]
    assert there.query("SELECT g.name FROM public.auth_user_groups u JOIN public.auth_group g ON g.id = u.group_id") == [{"name": "editors"}]
    # It knows no column of later, not even one that says nothing.
    small.execute("ALTER TABLE public.auth_user ADD colour text")
    with pytest.raises(SlipwayError, match=r"public\.auth_user\.colour \(new, or forgotten\)"):
        dumped(small, store, {"presets": ["django"]})


def test_the_preset_of_oro_masks_what_the_shipped_rules_leave(postgres, small, store, tmp_path):
    filled(postgres, small, "oro.sql")
    result = dumped(small, store, {"presets": ["oro"], "policy": "scan"})
    whole = newest(store)
    assert RAW.findall(text_of(postgres, whole)) == []
    masked = {"%(name)s.%(column)s" % entry: entry["rule"] for entry in result["sanitized"]["masked"]}
    assert masked["oro_user.first_name"] == masked["oro_customer_user_address.first_name"] == "first_name"
    assert {table["name"] for table in result["sanitized"]["emptied"]} == {"oro_audit", "oro_audit_field"}
    there = restored(postgres, whole)
    # One person has one address wherever it stands, and in lower case, too.
    assert there.query("SELECT count(*) AS n FROM public.oro_user u JOIN public.oro_email_address a ON a.email = u.email"
                       " WHERE u.email_lowercase = u.email AND u.username = u.email AND u.password = '!'") == [{"n": 30}]
    # Of system configuration what an installed application is known by, and the addresses, which adopt makes this environment's.
    application = Application(tmp_path / "application")
    application.release({}, profile="oro", profile_version="6.0")
    adoption = adoption_by({"root": application.root, "variables": {"application_url": "https://uat.example"}, "python": None}, "uat")
    there.run_texts(adoption.sql, "copy", "shop", "adopt.sql", adoption.settings)
    assert there.query("SELECT name, text_value FROM public.oro_config_value ORDER BY name, id") == [
        {"name": "application_url", "text_value": "https://uat.example"}, {"name": "is_installed", "text_value": "1"}] + [
        {"name": name, "text_value": "https://uat.example"} for name in ("secure_url", "secure_url", "url")]
    # Whoever says its rows means those, all of them too.
    for said, rows in (({}, "some"), ({"rows": "all"}, "all"), ({"rows": "none"}, "none")):
        tables = looked(small, "rules", document={"presets": ["oro"], "policy": "scan", "tables": {"oro_config_value": said}})["rules"]
        assert [table["rows"] for table in tables if table["name"] == "oro_config_value"] == [rows], said
    # What the preset keeps is of its rows only: of others nothing is shown that nobody named, and a pattern masks it.
    for said, rule in (({"rows": "all"}, None), ({"where": "section = 'oro_google'"}, None), ({"sample": 5}, None),
                       ({"rows": "all", "columns": {"*_value": "null"}}, "null"), ({"rows": "all", "columns": {"*": "hash"}}, "hash")):
        for policy in ("strict", "scan"):
            found, _emptied = decisions(small, {"presets": ["oro"], "policy": policy, "tables": {"oro_config_value": said}})
            assert found["oro_config_value.text_value"][0] == rule, (said, policy)
    # What is not of Oro, and what it says nothing of, is for the application's own rules.
    with pytest.raises(SlipwayError, match="acme_pickup.place"):
        dumped(small, store, {"presets": ["oro"], "policy": "strict"})


def test_what_comes_later_goes_before_and_each_decision_knows_where_it_comes_from(postgres, small):
    filled(postgres, small, "django.sql")
    small.execute("CREATE TABLE public.customer (id int, email text, first_name text, bonus int)")
    slipway = ("slipway.yml", {"presets": ["django"], "tables": {
        "customer": {"columns": {"id": "keep", "email": "email", "first_name": "first_name"}}, "auth_user": {"columns": {"username": "email"}}}})
    file = ("rules.yml", {"tables": {"public.customer": {"columns": {"first_name": "hash", "*": "keep"}}, "*": {"columns": {"email": "hash"}}}})
    found, emptied = decisions(small, {"tables": {"customer": {"columns": {"*": "keep"}}, "auth_*": "keep", "authtoken_token": {
        "rows": "all", "columns": {"key": "hash", "created": "keep", "user_id": "keep"}}}}, [slipway, file])
    assert found["customer.email"] == ("email", "slipway.yml, customer")  # named in a table that is named; "*" and keep are not
    assert found["customer.first_name"] == ("hash", "rules.yml, public.customer")
    assert found["customer.bonus"] == ("keep", "sanitize, customer")
    assert found["auth_user.username"] == ("email", "slipway.yml, auth_user")
    assert found["auth_user.email"] == ("email", "preset django, auth_user")
    assert found["auth_user.password"] == ("fixed", "preset django, auth_user")
    assert found["authtoken_token.key"] == ("hash", "sanitize, authtoken_token")
    assert emptied == {"django_session": "preset django, django_session", "django_admin_log": "preset django, django_admin_log"}


def test_what_comes_before_shows_nothing_that_a_later_document_masks_or_leaves_out(small):
    small.execute("CREATE TABLE public.customer (id int, email text, mail2 text, mails text[], data jsonb, plan text); CREATE TABLE public.audit (id int)")
    package = ("slipway.yml", {"tables": {"public.audit": {"rows": "all", "columns": {"id": "keep"}}, "public.customer": {"where": "id < 9", "columns": {
        "id": "keep", "email": "keep", "mail2": {"rule": "sql", "expression": "mail2"}, "mails": {"rule": "array", "of": "keep"},
        "data": {"rule": "json", "paths": {"a": "hash"}, "rest": "keep"}, "plan": "first_name"}}}})
    ours = {"tables": {"*": {"where": "id = 7", "columns": {"*mail*": "hash", "mails": {"rule": "array", "of": "hash"}, "data": "null", "p*": "hash"}},
                       "aud*": "truncate"}}
    for document, below in ((ours, [package]), ({}, [package, ("slipway.yml", ours)])):
        found, emptied = decisions(small, document, below)
        assert {column: rule for column, (rule, _source) in found.items()} == {
            # What it masks in another way it knows better.
            "customer.id": "keep", "customer.email": "hash", "customer.mail2": "hash", "customer.mails": "array", "customer.data": "null",
            "customer.plan": "first_name"} and list(emptied) == ["audit"]
        assert [entry["query"].partition("WHERE ")[2] for entry in looked(small, "queries", document=document, below=below)["queries"]] == [
            "(id < 9) AND (id = 7)"]
    found, emptied = decisions(small, package[1], [("rules.yml", ours)])  # and the other way round the last word counts
    assert found["customer.email"] == ("keep", "sanitize, public.customer") and found["audit.id"][0] == "keep" and emptied == {}


def test_a_preset_is_passed_over_where_it_does_not_fit_and_other_rules_are_not(small):
    small.execute("CREATE TABLE public.auth_user (id int, email jsonb, date_joined date); CREATE TABLE public.oro_x (phone text UNIQUE)")
    found, _emptied = decisions(small, {"presets": ["django", "oro"]})
    assert found == {"auth_user.id": ("keep", "preset django, auth_user"), "auth_user.email": (None, None), "oro_x.phone": (None, None),
                     "auth_user.date_joined": ("date", "preset django, auth_user")}
    # But what it would mask nobody keeps without a word of that column: no pattern, no policy, no proposal.
    small.execute("CREATE TABLE public.oro_y (region_text text NOT NULL)")
    mine = {"presets": ["oro"], "policy": "scan", "tables": {"oro_*": {"columns": {"*": "keep"}}, "auth_user": "keep"}}
    told = looked(small, "scan", "coverage", document=mine, written=mine)
    assert [(entry["column"], entry["why"]) for entry in told["coverage"]["undecided"]] == [
        ("phone", "its name"), ("region_text", "preset oro, oro*")] and "region_text (preset oro, oro* says null)" in " ".join(told["problems"])
    assert told["proposal"]["tables"]["public.oro_y"] == {"columns": {"region_text": "hash"}}
    assert decisions(small, dict(mine, tables={"oro_y": {"columns": {"region_text": "keep"}}}))[0]["oro_y.region_text"] == ("keep", "sanitize, oro_y")
    for below in ([("rules.yml", {"tables": {"no_such": "truncate"}})], [("rules.yml", {"tables": {"auth_user": {"columns": {"emial": "hash"}}}})]):
        assert re.search("There is no table no_such|auth_user has no column emial", " ".join(looked(small, below=below)["problems"]))


def test_what_a_package_passes_over_whoever_dumps_is_told(small, store):
    small.execute("""CREATE TABLE public.customer (id int, mail text, colour text, note text); INSERT INTO public.customer
        VALUES (1, 'someone1@shop.example', 'red', 'sent to someone1@shop.example')""")
    package = {"policy": "scan", "residue": {"accept": ["public.customer.note"]}, "tables": {"customer": {"columns": {"mail": "email", "note": "keep"}}}}
    below = [("slipway.yml", package, True)]
    with pytest.raises(SlipwayError, match=r"customer\.id \(new, or forgotten\).*policy: scan and residue: accept .* of slipway.yml do not count"):
        dumped(small, store, {}, below)
    assert "do not count" in looked_warnings(small, below)[0]
    with pytest.raises(SlipwayError, match="mail in public.customer.note.*do not count"):
        dumped(small, store, {"policy": "scan"}, below)
    assert store.list() == []
    result = dumped(small, store, {"policy": "scan", "residue": package["residue"]}, below)
    assert result["sanitized"]["policy"] == "scan" and result["sanitized"]["residue"]["accepted"] == ["public.customer.note"]


@pytest.mark.parametrize("counted", [False, True])
def test_what_is_in_a_column_is_looked_for_in_rows_of_today_too(small, counted):
    small.execute("""CREATE TABLE public.event (who text, what text);
        INSERT INTO public.event SELECT CASE WHEN g > 3000 THEN 'someone' || g || '@shop.example' ELSE 'nobody' END, 'bought'
        FROM generate_series(1, 30000) g""")
    if counted:
        small.execute("ANALYZE public.event")
    told = looked(small, "coverage", document={"policy": "scan"})
    assert [(entry["column"], entry["why"]) for entry in told["coverage"]["undecided"]] == [("who", "e-mail addresses in it")]


def test_a_column_of_numbers_is_told_by_what_is_in_nearly_all_of_it(small):
    """Of numbers of sixteen digits drawn at random, 23 in a hundred look like those of cards; moments in microseconds do not."""
    small.execute("""CREATE TABLE public.event (paid_by bigint, given numeric, drawn bigint, at bigint, few int8[]);
        INSERT INTO public.event SELECT 4000000000000000 + g, CASE WHEN g % 7 > 0 THEN 5100000000000000 + g END, 1000000000000000 + g * 9000000000000,
            1790000000000000 + g, ARRAY[370000000000000 + g] FROM generate_series(1, 1000) g""")
    told = looked(small, "coverage", document={"policy": "scan"})
    assert [(entry["column"], entry["why"]) for entry in told["coverage"]["undecided"]] == [
        (name, "card numbers in it") for name in ("paid_by", "given", "few")]


def test_the_same_rows_are_looked_at_as_long_as_they_are_the_same(small):
    small.execute("""CREATE TABLE public.event (what text);
        INSERT INTO public.event SELECT CASE WHEN g % 5000 = 4000 THEN 'for someone@shop.example' ELSE 'bought' END FROM generate_series(1, 50000) g;
        ANALYZE public.event""")
    with small.session() as session:
        found = [by_content(session, "public.event", [Column("what", "text", "text")], 50000) for _night in range(20)]
    assert found == found[:1] * 20


def test_a_table_of_more_columns_than_one_query_can_count(small):
    names = ["c%d" % number for number in range(400)]
    small.execute("CREATE TABLE public.lead (%s); INSERT INTO public.lead (c399) VALUES ('someone@shop.example')" % ", ".join(
        "%s varchar" % name for name in names))
    with small.session() as session:
        found = by_content(session, "public.lead", [Column(name, "varchar", "varchar") for name in names], 1)
    assert found == {"c399": ("e-mail addresses in it", "email")}


TEXT_OF_AN_EXTENSION = """CREATE TYPE public.%(name)s; CREATE FUNCTION public.%(name)s_in(cstring) RETURNS public.%(name)s LANGUAGE internal
        IMMUTABLE STRICT AS 'textin'; CREATE FUNCTION public.%(name)s_out(public.%(name)s) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE public.%(name)s (INPUT = public.%(name)s_in, OUTPUT = public.%(name)s_out, LIKE = text)"""


def test_no_pattern_keeps_what_stands_in_types_that_nobody_knows_or_in_documents(postgres, small, store):
    postgres.sql(TEXT_OF_AN_EXTENSION % {"name": "emailaddr"} + ";" + TEXT_OF_AN_EXTENSION % {"name": "word"}, "shop")
    postgres.sql("ALTER TYPE public.word OWNER TO shop", "shop")
    small.execute("""SET search_path = public; CREATE TYPE mood AS ENUM ('mail@shop.example', 'bad');
        CREATE FUNCTION told(word) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
            IF session_user <> 'shop' THEN RAISE EXCEPTION 'it was run'; END IF; RETURN 'x'; END $$;
        CREATE CAST (word AS text) WITH FUNCTION told(word);
        CREATE TABLE event (id int, email emailaddr, what emailaddr, many emailaddr[], track path, email_mood mood, said word, plan_data jsonb, tags text[]);
        INSERT INTO event VALUES (1, 'raw@shop.example', 'raw@shop.example', '{raw@shop.example}', '((1,2),(3,4))', 'mail@shop.example', 'x', '{"plan": "x"}',
            '{raw@shop.example}')""")
    told = [("email", "its name says email"), ("what", "e-mail addresses in it says email"), ("many", "e-mail addresses in it says email"),
            ("track", "its type path says null"), ("plan_data", "its type jsonb says json"), ("tags", "e-mail addresses in it says email")]
    seen = {"email": "keep", "what": "keep", "many": "keep", "track": "keep", "tags": "keep"}
    # Of a document some is masked; of an array nothing is.
    rest = {"rule": "json", "paths": {"plan": "hash"}, "rest": "keep"}
    nested = {"rule": "array", "of": "keep"}
    foreign = postgres.connection(postgres.superuser)
    for tables, words in (({"columns": {"*": "keep", "*_data": rest, "t*": nested}}, told), ({"columns": dict(seen, **{"*": "keep"})}, told[4:5]),
                          ({"columns": dict(seen, **{"*": "keep", "*_data": rest})}, told[4:5]),
                          ({"columns": dict(seen, **{"*": "keep", "plan_data": rest})}, []), ({"columns": dict(seen, tags=nested, **{"*": "keep"})}, told[4:5]),
                          # What is written of a path, or as SQL, names what it shows.
                          ({"columns": dict(seen, **{"*": "keep", "*_data": dict(rest, paths={"plan": "keep"}, rest="drop")})}, []),
                          ({"columns": dict(seen, **{"*": "keep", "*_data": {"rule": "sql", "expression": "NULL"}})}, [])):
        problems = " ".join(looked(foreign, document={"tables": {"event": tables}})["problems"])
        assert re.findall(r"public.event.(\w+) \((.*? says \w+)\)", problems) == words
    with pytest.raises(SlipwayError, match=r"event.email \(e-mail addresses in it .*event.what \(e-mail addresses in it says email\)"):
        dumped(small, store, {"policy": "scan"})


def test_no_pattern_keeps_what_is_surely_of_persons_whatever_it_is_called(small, store):
    small.execute("""CREATE TABLE public.event (id int, who text, ean text, mail text, words text[], place text);
        INSERT INTO public.event SELECT g, 'someone' || g || '@shop.example', 4006381333931 + g, 'x', ARRAY['to someone@shop.example'], 'Rome'
        FROM generate_series(1, 30) g""")
    for keep in ({"event": {"columns": {"*": "keep"}}}, {"public.*": "keep"}, {"event": {"columns": {"id": "keep", "*": "keep", "w*": "keep"}}}):
        with pytest.raises(SlipwayError) as error:
            dumped(small, store, {"tables": keep})
        assert re.findall(r"public.event.(\w+) \((.*?)\)[ ,.]", str(error.value)) == [
            ("who", "e-mail addresses in it says email"), ("mail", "its name says email"), ("words", "texts with e-mail addresses in it says text")]
    for keep in ({"event": "keep"}, {"event": {"columns": {"*": "keep", "who": "keep", "mail": "keep", "words": "keep"}}}):  # who has named it has seen it
        assert looked(small, document={"tables": keep})["problems"] == []


def test_a_table_that_is_kept_keeps_nothing_of_others_that_nobody_named(small, store):
    small.execute("""CREATE SCHEMA crm; SET search_path = public;
        CREATE TABLE log (id int PRIMARY KEY, email text); CREATE TABLE log_login (id int, email text, phone text, what text) INHERITS (log);
        CREATE TABLE crm.log_old (iban text) INHERITS (log_login);
        CREATE TABLE setting (k text, token text); CREATE TABLE crm.setting (k text, contact text); INSERT INTO crm.setting VALUES ('a', 'to a@b.example');
        CREATE TABLE login (id int, email text); CREATE TABLE between () INHERITS (login); CREATE TABLE crm.login (phone text) INHERITS (between);
        CREATE TABLE visit (who int, ip inet) PARTITION BY LIST (who); CREATE TABLE crm.visit PARTITION OF visit FOR VALUES IN (1);
        CREATE TABLE crm.visit_2 PARTITION OF visit FOR VALUES IN (2); CREATE VIEW crm.log AS SELECT * FROM log""")
    log = ["log_login.phone (its name says phone)", "log_old.phone (its name says phone)", "log_old.iban (its name says iban)"]
    login = ["crm.login.phone (its name says phone)"]
    setting = ["public.setting.token (its name says hash)", "crm.setting.contact (texts with e-mail addresses in it says text)"]

    def left(**tables):
        kept = dict({"log": "keep", "log_login": {"columns": {"phone": "phone"}}, "log_old": {"columns": {"iban": "iban"}}, "visit": "keep",
                     "public.setting": "keep", "crm.setting": "keep",
                     "login": "keep", "crm.login": "keep"}, **{name.replace("__", "."): said for name, said in tables.items()})
        problems = " ".join(looked(small, document={"tables": {name: said for name, said in kept.items() if said}})["problems"])
        assert "pattern" not in problems
        assert ("setting is what several tables are called (crm.setting, public.setting): keep for one of them needs its schema." in problems) is any(
            words in problems for words in setting)
        assert ("keeps no columns that a child of its table has beside those of the table" in problems) is any(words in problems for words in log + login)
        return [words for words in log + login + setting if words in problems]

    assert left() == []
    assert left(log_login=None, log_old=None) == log
    assert left(log_login="keep", log_old=None) == log[2:]
    assert left(log_login=None, log_old={"columns": {"iban": "iban", "phone": "keep"}}) == log[:1]
    assert left(public__setting=None, crm__setting=None, setting="keep") == setting
    # Who names one of two that are called the same says nothing of the other; one without rows shows nothing.
    assert left(public__setting=None, setting="keep", crm__setting={"columns": {"k": "keep"}}) == setting[:1]
    assert left(crm__setting=None, setting="keep", public__setting={"columns": {"token": "hash"}}) == setting[1:]
    for others in ({"crm__setting": "truncate"}, {"crm__setting": None, "crm.*": "truncate"}):
        assert left(**dict({"public__setting": None, "setting": "keep"}, **others)) == []
    # A child that is called as its parent is kept with it, but for what it has beside it.
    assert left(crm__login=None) == left(crm__login=None, public__login="keep") == login


def test_one_address_is_enough_to_keep_nothing_by_a_pattern(small, store):
    small.execute("""CREATE TABLE public.deal (id int, contact varchar(255), details text, words text[], value text, picture text, code text UNIQUE,
            phone text, reference varchar(32) UNIQUE, paid_from text, paid_to text);
        INSERT INTO public.deal SELECT g, CASE WHEN g % 10 = 0 THEN 'someone' || g || '@shop.example' ELSE '' END,
            CASE WHEN g = 700 THEN 'ask someone@shop.example' ELSE 'paid' END, CASE WHEN g % 10 = 0 THEN ARRAY['to someone@shop.example', ''] ELSE '{}' END,
            CASE g WHEN 5 THEN '$2y$13$abcdefghijklmnopqrstuv' WHEN 6 THEN '$name$, hello' ELSE 'on' END,
            CASE WHEN g % 2 = 0 THEN 'logo@2x.png' ELSE 'https://shop.example/@shop/a.html' END,
            CASE WHEN g = 3 THEN 'someone@shop.example' ELSE 'x' || g END, CASE WHEN g = 3 THEN 'someone@shop.example' ELSE '-' END,
            upper(md5(g::text)), CASE WHEN g = 9 THEN 'DE89370400440532013000' ELSE 'cash' END, 'RO49AAAA1B3100759384' || 1000 + g
        FROM generate_series(1, 1000) g""")
    told = [("contact", "e-mail addresses in it says email"), ("details", "texts with e-mail addresses among its values says text"),
            ("words", "texts with e-mail addresses in it says text"), ("value", "hashes of passwords among its values says text"),
            ("code", "e-mail addresses among its values says text"), ("phone", "its name says phone"),
            ("paid_from", "account numbers (IBAN) among its values says text"), ("paid_to", "account numbers (IBAN) in it says iban")]
    for document in ({"tables": {"deal": {"columns": {"*": "keep"}}}}, {"tables": {"*": "keep"}}, {"policy": "scan"}):
        with pytest.raises(SlipwayError) as error:
            dumped(small, store, document)
        assert re.findall(r"public.deal.(\w+) \((.*? says \w+)\)", str(error.value)) == told
        assert "by no pattern. Name it under columns of its table, with a mask or with keep." in str(error.value)
    proposed = looked(small, "scan")["proposal"]["tables"]["public.deal"]["columns"]
    assert proposed == {"id": "keep", "contact": "email", "details": "text", "words": {"rule": "array", "of": "text"}, "value": "text", "picture": "keep",
                        "code": "hash", "phone": "phone", "reference": "keep", "paid_from": "text", "paid_to": "iban"}
    dumped(small, store, {"tables": {"deal": {"columns": dict(dict.fromkeys(proposed, "keep"), **{"*": "keep"})}}})  # who has named it has seen it


def looked_warnings(connection, below):
    return survey(connection, {}, below, "prod", ["coverage"])[1]


def test_what_is_looked_at_shows_no_value_and_no_key(shop):
    result = looked(shop, "rules", "queries", "scan", "coverage", document=dict(changed(empty=None), policy="scan"))
    assert RAW.findall(json.dumps(result)) == [] and result["problems"] == []
    assert set(result) == {"policy", "problems", "rules", "queries", "scan", "coverage", "proposal", "proposal_problems"}
    queries = {"%(schema)s.%(name)s" % entry: entry["query"] for entry in result["queries"]}
    assert len(queries) == 8 and "app.session" not in queries
    assert "current_setting('slipway.sanitize_key')" in queries["app.customer"] and not re.search("[0-9a-f]{65}", queries["app.customer"])
    assert queries["app.hen"] == 'SELECT "id" AS "id", "egg" AS "egg" FROM ONLY "app"."hen"'
    told = {"%(name)s.%(column)s" % entry: entry for entry in result["scan"]}
    assert told["customer.email"] == {"schema": "app", "name": "customer", "column": "email", "type": "app.email_address",
                                      "why": "e-mail addresses in it", "proposal": "email", "rule": "email", "source": "sanitize, app.*"}
    assert told["Bestellung Ü.E-Mail"]["source"] == "foreign key Bestellung Ü_E-Mail_fkey"
    coverage = result["coverage"]
    assert (coverage["tables"], coverage["columns"], coverage["undecided"]) == (8, 35, [])
    assert coverage["masked"] == 22 and coverage["kept"] == 12 and coverage["emptied"] == [{"schema": "app", "name": "session"}]
    assert coverage["assumed"] == [{"schema": "app", "name": "empty", "column": "id", "type": "integer"}]


def test_a_proposal_is_a_set_of_rules_that_a_dump_can_be_made_by(postgres, shop, store):
    first = looked(shop, "scan", "coverage")
    assert len(first["coverage"]["undecided"]) == first["coverage"]["columns"] == 37 and first["problems"]
    proposal = first["proposal"]
    assert RAW.findall(json.dumps(proposal)) == [] and set(proposal) == {"tables"} and first["proposal_problems"] == []
    assert proposal["tables"]["app.visit"] == {"columns": {"day": "keep", "who": "keep", "email": "email"}}
    assert proposal["tables"]['app."Bestellung Ü"'] == {"columns": {'"Nr."': "keep", "customer": "keep", "total": "keep", "order": "keep"}}
    suspicious = {(entry["name"], entry["column"]) for entry in first["scan"]}
    kept = {(table.partition(".")[2], column) for table, entry in proposal["tables"].items() for column, rule in entry["columns"].items() if rule == "keep"}
    assert kept & suspicious == set() and ("customer", "home") in suspicious
    # What is no column with a look of its own, a person finds.
    mine = {"tables": {"app.customer": {"columns": {"code": "hash", "tags": {"rule": "array", "of": "hash"}}},
                       "app.visit": {"columns": {"who": "last_name"}}, "app.session": "truncate"}}
    again = looked(shop, "scan", "coverage", document=mine, below=[("rules.yml", proposal)])
    assert again["problems"] == [] and again["coverage"]["undecided"] == []
    dumped(shop, store, mine, [("rules.yml", proposal)])
    assert RAW.findall(text_of(postgres, newest(store))) == []


def test_a_proposal_adds_to_what_is_written_and_follows_foreign_keys(small):
    small.execute("""SET search_path = public; CREATE TABLE account (login_name text PRIMARY KEY, colour text, "Odd.*" int);
        CREATE TABLE session (session_id int PRIMARY KEY, account text REFERENCES account, passport_number bytea NOT NULL UNIQUE);
        CREATE TABLE card (number bigint PRIMARY KEY, kind text); CREATE TABLE payment (card_number bigint REFERENCES card, token_id int REFERENCES session);
        CREATE TABLE place (city text CHECK (length(city) = 3)); INSERT INTO place VALUES ('Rom');
        CREATE TABLE visit (session_id int REFERENCES session, username text REFERENCES account, place text)""")
    written = {"policy": "strict", "tables": {"public.visit": {"columns": {"place": "city"}}}}
    result = looked(small, "scan", below=[("rules.yml", written)], written=written)
    proposal = result["proposal"]
    # No rule fits passport_number, so there is none; and what the number of a card says of people a person has to know.
    for name in ("session.passport_number", "card.number", "payment.card_number"):
        assert "public.%s (" % name in result["proposal_problems"][0]
    assert looked(small, "scan", written={"tables": None})["proposal"]["tables"]["public.visit"]["columns"]["place"] == "keep"
    assert proposal == {"policy": "strict", "tables": {
        # A text that refers to it is called as one of a person is: so is the key, and what else refers to that.
        "public.account": {"columns": {"login_name": "hash", "colour": "keep", '"Odd.*"': "keep"}},
        "public.session": {"columns": {"session_id": "keep"}}, "public.card": {"columns": {"kind": "keep"}},
        "public.payment": {"columns": {"token_id": "keep"}}, "public.place": {"columns": {"city": "city"}},
        "public.visit": {"columns": {"place": "city", "session_id": "keep"}}}} and written["tables"] == {"public.visit": {"columns": {"place": "city"}}}
    # What a mask would come to is tried out.
    small.execute("DROP TABLE public.payment, public.card; ALTER TABLE public.session DROP passport_number")
    result = looked(small, "scan")
    assert "place: the check place_city_check would refuse 1 of 1 masked rows, by city" in " ".join(result["proposal_problems"])
    some = {"tables": {"account": {"where": "colour = 'red'"}}}
    tables = looked(small, "rules", document=some, below=[("rules.yml", result["proposal"])])["rules"]
    assert {table["name"]: table["rows"] for table in tables} == {"account": "some", "session": "some", "visit": "some", "place": "all"}
    # So is every row, as a dump does, where nothing else speaks against it.
    small.execute("""DROP TABLE public.place; CREATE TABLE public.late (id int, note text, CHECK (id < 2000 OR note !~ 'Lorem'));
        INSERT INTO public.late SELECT g, 'said so' FROM generate_series(1, 3000) g; ANALYZE public.late""")
    late = ["public.late: the check late_check would refuse 1001 of 3000 masked rows, by note."]
    assert looked(small, "scan")["proposal_problems"] == late
    assert looked(small, "coverage", document={"tables": {"account": "keep", "session": "keep", "visit": "keep", "late": {
        "columns": {"id": "keep", "note": "text"}}}})["problems"] == late


def played(folder, playbook, *more, **variables):
    """What ansible-playbook says of a playbook on a host that is this machine, and how it ends."""
    given = ["-e", json.dumps(variables), *more]
    done = playbook_process.run(["-i", "hosts.yml", "slipway.app." + playbook, *given], folder, dict(os.environ, PWD=str(folder)))
    return done.returncode, done.stdout + done.stderr


@pytest.mark.long
def test_a_first_file_of_rules_is_written_by_a_playbook_and_dumps_are_made_by_it(postgres, shop, tmp_path):
    inventory = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "slipway_environment": "prod", "slipway_allow_dump": True,
                 "slipway_root": str(tmp_path / "app"), "slipway_dump_store": str(tmp_path / "dumps"), "slipway_sanitize_key": SECRET,
                 "slipway_postgres_configs": {"people": {"sanitize": {"tables": {"app.session": "truncate"}}}}, "slipway_database": {
                     "login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD, "login_db": "shop"}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"app": {"hosts": {"one": inventory}}}), encoding="utf-8")
    (tmp_path / "app").mkdir()
    rules = tmp_path / "rules.yml"
    rules.write_text("tables: {app.customer: {columns: {code: hash}}}", encoding="utf-8")
    status, said = played(tmp_path, "sanitized_rules", write="rules.yml")
    assert status != 0 and "rules.yml is there already" in said and "code: hash" in rules.read_text(encoding="utf-8")
    status, said = played(tmp_path, "sanitized_rules", write="nowhere/rules.yml")
    assert status != 0 and "There is no folder nowhere for nowhere/rules.yml" in said and "Look at the rules and the database" not in said, said
    status, said = played(tmp_path, "sanitized_rules", config="people", write="rules.yml", force=True, slipway_sanitize_file="rules.yml", gather="rules,scan")
    assert status == 0 and "localhost] => {" not in said and not RAW.search(said.replace("raw_", "").replace("raw values", "")), said
    assert re.search(r"code +app.short_code +hash +rules.yml, app.customer", said) and "app.session: no rows (sanitize, app.session)" in said
    assert "app.customer.home (app.place): " not in said and "no dump: No rule says what is to become of" in said
    assert "speaks against a dump by rules.yml; raw values in other columns are looked for only while it is made" in said
    assert stat.S_IMODE(rules.stat().st_mode) == 0o600
    written = yaml.safe_load(rules.read_text(encoding="utf-8"))["tables"]
    assert written["app.customer"]["columns"]["code"] == "hash" and written["app.customer"]["columns"]["email"] == "email" and "app.session" not in written
    # It is the config that makes a dump a sanitized one; the file gives it its rules.
    status, said = played(tmp_path, "database_dump", "--check", config="people", slipway_sanitize_file="rules.yml")
    assert status == 0 and "columns masked, 1 tables emptied" in said, said
