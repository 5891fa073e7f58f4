# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What conditions and expressions of rules call without saying its name, by operators, casts and domains: the server knows."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.tests.postgres.dumps import restored
from ansible_collections.slipway.app.tests.postgres.sanitizing import newest, sanitized
from ansible_collections.slipway.app.tests.postgres.test_subset import small, store

__all__ = ["small", "store"]  # fixtures
# A function that is called by mistake says so: it fails.
HIDDEN = """SET search_path = public; CREATE TABLE person (id int PRIMARY KEY, mail text, seen timestamptz, tags text[], data jsonb, "Odd :funcid 1" text);
    INSERT INTO person SELECT g, 'raw' || g, now() - g * interval '1 day', ARRAY['raw' || g], '{"a": "raw"}', 'x' FROM generate_series(1, 9) g;
    CREATE FUNCTION act(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'it was called'; END $$;
    CREATE FUNCTION act(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT public.act($1)'; CREATE FUNCTION act(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
    CREATE FUNCTION calm(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 3';
    CREATE FUNCTION around(int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
    CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = act); CREATE OPERATOR !!! (RIGHTARG = text, FUNCTION = current_setting);
    CREATE OPERATOR ### (RIGHTARG = int, FUNCTION = calm); CREATE OPERATOR &&& (RIGHTARG = int, FUNCTION = around);
    CREATE FUNCTION lazy(int, text DEFAULT public.act('x')) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE TYPE coin AS (n int); CREATE FUNCTION toss(coin) RETURNS boolean LANGUAGE sql AS 'SELECT public.act($1.n)';
    CREATE CAST (coin AS boolean) WITH FUNCTION toss;
    CREATE DOMAIN wary AS int CHECK (VALUE > 0 OR act(VALUE)); CREATE DOMAIN over_it AS wary"""
KEPT = {"id": "keep", "mail": "hash", "seen": "keep", "tags": {"rule": "array", "of": "hash"}, "data": "null", '"Odd :funcid 1"': "keep"}


def rules(where=None, **columns):
    return {"tables": {"person": table(where, **columns)}}


def table(where=None, **columns):
    return dict({"columns": dict(KEPT, **columns)}, **({"where": where} if where else {}))


def said_at_once(small, store, tables):
    """What is said of these rules, each for a table of its own that is as person is: public.person_0 and so on."""
    small.execute(HIDDEN)
    for number in range(len(tables)):
        small.execute("CREATE TABLE public.person_%d (LIKE public.person INCLUDING ALL); INSERT INTO public.person_%d TABLE public.person" % (number, number))
    with pytest.raises(SlipwayError) as error:
        sanitized(small, store, {"tables": dict({"person": "truncate"}, **{"person_%d" % number: said for number, said in enumerate(tables)})})
    assert store.list() == []
    return str(error.value)


CONDITIONS = [
    ("id OPERATOR(public.@@@) 1", "its where calls act, which may"), ("ROW(id)::public.coin::boolean", "its where calls toss, which may"),
    ("id::public.over_it > 1", "its where calls act, which may"), ("OPERATOR(public.&&&) id", "its where calls around, which may"),
    ("CAST(ARRAY[id] AS public.wary[]) IS NULL", "its where calls act, which may"), ("public.lazy(id)", "its where calls act, which may"),
    ("mail::public.wary[] IS NULL", "its where calls act, which may"),
    ("OPERATOR(public.!!!) ('slip' || 'way.sanitize_key') > ''", "its where comes to call current_setting, which it may not"),
    ("(1, id) < (2, 3) AND random() < 2", "its where calls random, which may"), ("person_9.act", "its where cannot be worked out (SQLSTATE 42703)")]


def test_a_condition_calls_nothing_by_another_name(small, store):
    said = said_at_once(small, store, [table(where) for where, _words in CONDITIONS])
    assert [words for number, (_where, words) in enumerate(CONDITIONS) if "public.person_%d: %s" % (number, words) not in said] == []
    assert "SQLSTATE P0001" not in said


EXPRESSIONS = [
    ("OPERATOR(public.!!!) ('slip' || 'way.sanitize_key')", "comes to call current_setting, which it may not"),
    ("public.act(mail)", "comes to call act, which may do"),
    ("(id OPERATOR(public.@@@) 1)::text", "comes to call act, which may do"), ("id::public.wary::text", "comes to call act, which may do"),
    ("max(mail)", "is none over one row"), ("lag(mail) OVER (ORDER BY id)", "is none over one row"), ("unnest(ARRAY[mail, mail])", "is none over one row")]


# Where a rule can be: of a column, of the values of an array, of those in JSON.
PLACES = [("mail", lambda rule: rule), ("tags", lambda rule: {"rule": "array", "of": rule}), ("data", lambda rule: {"rule": "json", "paths": {"a.b": rule}})]


def test_an_expression_calls_nothing_by_another_name(small, store):
    cases = [(expression, words, *place) for expression, words in EXPRESSIONS for place in PLACES]
    said = said_at_once(small, store, [table(**{name: of({"rule": "sql", "expression": expression})}) for expression, _words, name, of in cases])
    expected = ["public.person_%d.%s: the rule sql %s" % (number, name, words) for number, (_expression, words, name, _of) in enumerate(cases)]
    assert [words for words in expected if words not in said] == [] and "SQLSTATE" not in said


def test_what_works_a_value_out_is_called(postgres, small, store):
    small.execute(HIDDEN)
    drawn = {"rule": "sql", "expression": "gen_random_uuid()::text || CASE WHEN public.calm(person.id) OR OPERATOR(public.&&&) id THEN '' END"}
    sanitized(small, store, rules("seen > date '2020-01-01' AND seen + interval '1 day' < now() AND (OPERATOR(public.###) id OR public.calm(id))"
                                  " AND id::text <> '9' AND mail <> 'table'"
                                  " AND (id, id) > (1, 2) AND to_char(seen, 'YYYY')::int BETWEEN 2020 AND 2100 AND data ->> 'a' = ANY (ARRAY['raw'])",
                                  mail=drawn, tags={"rule": "array", "of": {"rule": "sql", "expression": "e.n || '.' || length(e.v)"}},
                                  **{'"Odd :funcid 1"': "hash"}))
    there = restored(postgres, newest(store))
    assert there.query("SELECT array_agg(id ORDER BY id) AS ids, count(DISTINCT mail) AS mails, min(tags::text) AS tags FROM public.person") == [
        {"ids": [4, 5, 6, 7, 8], "mails": 5, "tags": "{1.4}"}]
