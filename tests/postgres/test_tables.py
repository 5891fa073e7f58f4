# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mode advisor is told of real tables, and whether it knows the functions of a real server."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.tables import mentioned
from ansible_collections.slipway.app.plugins.plugin_utils import _advice_functions as functions

SETUP = """
    CREATE SCHEMA audit AUTHORIZATION shop;
    CREATE TABLE audit.orders (name varchar(20), code varchar, price numeric(10,2), gone varchar(5), n int);
    ALTER TABLE audit.orders DROP COLUMN gone;
    CREATE TABLE public.parts (id int) PARTITION BY LIST (id);
    CREATE TABLE public.one PARTITION OF public.parts FOR VALUES IN (1);
    CREATE TABLE public.others PARTITION OF public.parts DEFAULT PARTITION BY LIST (id);
    CREATE TABLE public.two PARTITION OF public.others FOR VALUES IN (2);
    INSERT INTO public.parts SELECT 1 + g % 3 / 2 FROM generate_series(1, 15000) AS g;
    CREATE MATERIALIZED VIEW public."Top Ten" AS SELECT * FROM public.orders;
    CREATE VIEW public.seen AS SELECT 1 AS x;
    REVOKE ALL ON audit.orders FROM shop;
"""


def test_tables_that_the_sql_speaks_of(postgres):
    for statement in filter(str.strip, SETUP.split(";")):
        postgres.sql(statement, "shop")
    found = mentioned(postgres.connection(), "shop", 'ALTER TABLE Orders ...; "top ten" PARTS seen elsewhere')
    tables = {"%(schema)s.%(name)s" % table: table for table in found["tables"]}
    assert sorted(tables) == ["audit.orders", "public.Top Ten", "public.orders", "public.parts"]
    assert tables["audit.orders"]["columns"] == {
        "name": "character varying(20)", "code": "character varying", "price": "numeric(10,2)"}
    assert tables["audit.orders"]["bytes"] == 8192 or tables["audit.orders"]["bytes"] == 0
    assert tables["public.parts"]["bytes"] > 300000  # those of its partitions
    assert tables["public.parts"]["partitioned"] and 100000 < tables["public.parts"]["default_bytes"] < 300000  # and those of its default one
    assert not tables["public.orders"]["partitioned"] and tables["public.orders"]["default_bytes"] is None
    assert tables["public.orders"]["bytes"] > 50000 and tables["public.Top Ten"]["bytes"] > 40000
    assert found["server_version"] >= 140000
    assert mentioned(postgres.connection(), "shop", "")["tables"] == []


def test_functions_that_change_nothing_are_those_that_the_catalog_names(server):
    query = functions.__doc__.partition("    SELECT")[1] + functions.__doc__.partition("    SELECT")[2]
    if server.sql("SHOW server_version_num")[:2] == "17":
        assert sorted(functions.STABLE) == server.sql(query).split()
        known = server.sql("SELECT proname FROM pg_proc UNION SELECT typname FROM pg_type").split()
        assert functions.HARMLESS.difference(known) == {"uuidv4", "uuidv7"}  # which 18 has
    volatile = server.sql("SELECT proname FROM pg_proc WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace").split()
    assert functions.STABLE.isdisjoint(volatile)  # whichever server it is
