# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some tables are restored: their rows come from the dump, all else stays, and all of it happens or nothing."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import restore_tables
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import STOPPED, PostgresError
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.tests.postgres import test_restore
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.postgres.restored_tables import BROKEN, MENDED, dump, part, state
from ansible_collections.slipway.app.tests.selection import long_but

__all__ = ["dump"]  # a fixture


def test_only_the_rows_of_the_named_table_come_back(postgres, dump):
    definitions = """SELECT pg_get_constraintdef(c.oid), convalidated, obj_description(c.oid), (SELECT tgenabled FROM pg_trigger WHERE tgname = 'logged')
        FROM pg_constraint c WHERE conname = 'sales_customer_fkey'"""
    before = postgres.sql(definitions, "shop")
    told = part(postgres, dump, "customers", check=True)
    assert state(postgres) == BROKEN and postgres.databases() == {"shop"}
    done = part(postgres, dump, "customers")
    assert told["replaced"] == done["replaced"] == [{"schema": "public", "name": "customers"}]
    assert done["checked"] == 1 and state(postgres) == MENDED
    assert done["warnings"] == ["Materialized view public.counted shows rows of before until it is refreshed."]
    assert postgres.sql(definitions, "shop") == before
    assert postgres.databases() == {"shop"}


def test_everything_of_a_schema_comes_back_as_it_was(rich, tmp_path):
    before = test_restore.as_text(rich, "shop")
    dump = dumped(rich, tmp_path)
    rich.sql("""UPDATE app."Order ""Lines"" 日本" SET "a b" = 'spoilt'; DELETE FROM app.event; INSERT INTO app.animal VALUES ('dog');
        DELETE FROM app.bird; BEGIN; DELETE FROM app.hen; DELETE FROM app.egg; COMMIT; INSERT INTO app.room VALUES (2, '[2026-01-02,2026-01-03)');
        DELETE FROM app.secret; DELETE FROM app."line
break"; DELETE FROM "My Schema".nothing""", "shop")
    result = part(rich, dump, '"My Schema".nothing', schemas=["app"], jobs=2)
    assert test_restore.as_text(rich, "shop") == before
    assert result["checked"] == 11
    assert rich.databases() == {"shop"}


def test_a_partitioned_table_stands_for_its_partitions(rich, tmp_path):
    dump = dumped(rich, tmp_path)
    rich.sql("DELETE FROM app.event; DELETE FROM app.animal", "shop")
    assert [table["name"] for table in part(rich, dump, "app.event")["replaced"]] == ["event_1", "event_2"]
    assert rich.sql("SELECT (SELECT count(*) FROM app.event), (SELECT count(*) FROM app.animal)", "shop") == "300|0"
    rich.sql("DROP TABLE app.event_1", "shop")
    with pytest.raises(SlipwayError, match="lacks partitions that the dump has: app.event_1.*not touched"):
        part(rich, dump, "app.event")


def test_there_is_a_way_back(postgres, dump):
    postgres.sql("COMMENT ON DATABASE shop IS 'ours'; CREATE DATABASE shop__pre OWNER shop; CREATE DATABASE shop__post OWNER shop;"
                 + "; ".join(allow(name, False) for name in ("shop__pre", "shop__post")))
    told, done = (part(postgres, dump, "customers", check=check, reversible=True) for check in (True, False))
    assert told["kept"] == done["kept"] == "shop__pre" and sorted(done["dropped"]) == ["shop__old", "shop__post"]
    assert state(postgres) == MENDED and postgres.databases() == {"shop", "shop__pre"}
    Restore(postgres.connection(), Wishes()).go(":pre")
    assert state(postgres) == BROKEN
    assert postgres.sql("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'") == "ours"


UNFIT = [
    ("ALTER TABLE public.customers RENAME TO clients", 'public.customers cannot be made again.*"customers_pkey" already exists'),
    ("ALTER TABLE public.customers RENAME name TO called", "has column name in the dump only"),
    ("ALTER TABLE public.customers ALTER name TYPE varchar(3) USING 'x'", r"name of type character varying\(3\), and text"),
    ("ALTER TABLE public.customers ADD rank int; UPDATE public.customers SET rank = 1; ALTER TABLE public.customers ALTER rank SET NOT NULL",
     "rank, which must have a value"),
    ("INSERT INTO public.customers VALUES (99, 'new'); INSERT INTO public.sales (customer) VALUES (99)",
     'foreign key "sales_customer_fkey" of table public.sales would not hold.*99.*not touched.*together'),
    ("ALTER TABLE public.customers ADD CHECK (name <> 'name 7')", "violates check constraint.*not touched"),
]


@pytest.mark.parametrize("change, match", long_but(UNFIT, UNFIT[1], UNFIT[4]))
def test_rows_that_do_not_fit_change_nothing(postgres, dump, change, match):
    postgres.sql("SET ROLE shop; " + change, "shop")
    before = test_restore.as_text(postgres, "shop")
    with pytest.raises(SlipwayError, match=match):
        part(postgres, dump, "customers")
    assert test_restore.as_text(postgres, "shop") == before
    assert postgres.databases() == {"shop"}


GUARDED = """
CREATE TABLE public.notes (text text); INSERT INTO public.notes VALUES ('O''Brien'), ('ROLLBACK; DELETE FROM public.orders; COMMIT;');
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"""


def test_rows_are_never_taken_for_statements(postgres, tmp_path, monkeypatch):
    """COPY into a table that row security guards from its owner is refused by the server."""
    postgres.connection().execute(GUARDED.partition("ALTER")[0])
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("DELETE FROM public.notes; " + GUARDED[GUARDED.index("ALTER"):])
    with pytest.raises(SlipwayError, match="Row security keeps the connecting role from rows of table public.notes"):
        part(postgres, dump, "notes")
    monkeypatch.setattr(restore_tables, "RELATIONS", restore_tables.RELATIONS.replace("row_security_active(c.oid)", "false"))
    with pytest.raises(SlipwayError, match="affected by row-level security"):
        part(postgres, dump, "notes")
    with postgres.connection().session() as session:
        with pytest.raises(PostgresError) as caught:
            session.load("public.notes", [b"O'Brien\n"])
        assert caught.value.sqlstate == STOPPED  # whatever its version does with the rows that follow
    assert postgres.databases() == {"shop"}
    assert postgres.sql("SELECT (SELECT count(*) FROM public.orders), (SELECT count(*) FROM public.notes)", "shop") == "1000|0"


def test_what_cannot_be_is_refused(postgres, dump):
    for asked, wishes, match in (
            ("custmers", {}, "Table custmers is not in the dump. Did you mean customers"),
            ("public.custmers", {}, "Did you mean public.customers"),
            ("counted", {}, "Table counted is not in the dump"),
            ("customers", {"sql": ["SELECT 1"]}, r"pre_swap_sql=\[\]"),
            ("customers", {"commands": [["true"]]}, r"pre_swap_hooks=\[\]")):
        with pytest.raises(SlipwayError, match=match):
            part(postgres, dump, "log", asked, **wishes)
    assert state(postgres) == BROKEN and postgres.databases() == {"shop"}


def test_rows_that_were_left_out_of_the_dump_and_unknown_schemas_are_said_at_once(postgres, dump):
    log = [{"schema": "public", "name": "log"}]
    for change in ({"excluded_data": log}, {"excluded_data": [], "sanitized": {"emptied": log}}):
        dump.manifest.update(change)
        with pytest.raises(SlipwayError) as caught:
            part(postgres, dump, "log", schemas=["pubic"])
        assert caught.value.facts["findings"] == ["Schema pubic is not in the dump. Did you mean public?",
                                                  "The rows of table public.log were left out of the dump."]


def test_a_database_may_set_a_role_for_its_sessions(postgres, dump):
    """Which owns the tables, and may not rename databases."""
    postgres.sql("CREATE ROLE app; GRANT app TO shop; ALTER DATABASE shop OWNER TO shop")
    for table in ("customers", "sales", "log", "orders"):
        postgres.sql("ALTER TABLE public.%s OWNER TO app" % table, "shop")
    postgres.sql("ALTER ROLE shop IN DATABASE shop SET role = app; GRANT CREATE, USAGE ON SCHEMA public TO app", "shop")
    try:
        assert part(postgres, dump, "customers", reversible=True)["kept"] == "shop__pre"
        assert state(postgres) == MENDED
    finally:
        postgres.drop_all()
        postgres.sql("DROP ROLE app")


def test_values_arrive_as_they_were_whatever_settings_roles_have(postgres, tmp_path):
    """But for money and lc_monetary, which no server of these tests has another locale for."""
    postgres.connection().execute("CREATE TABLE public.odd (f float8, d date, i interval, a text[]);"
                                  " INSERT INTO public.odd VALUES (0.1::float8 + 0.2, '2026-03-04', '-1 day -02:03', ARRAY['x', NULL])")
    told = ("SELECT f = 0.1::float8 + 0.2 AS f, d = make_date(2026, 3, 4) AS d, i = make_interval(days => -1, mins => -123) AS i,"
            " a = ARRAY['x', NULL] AS a FROM public.odd")
    dump = dumped(postgres, tmp_path / "dumps")
    postgres.sql("ALTER ROLE shop SET extra_float_digits = 0; ALTER ROLE shop SET datestyle = 'SQL, DMY'; ALTER ROLE shop SET intervalstyle = 'sql_standard';"
                 " ALTER ROLE shop IN DATABASE shop SET datestyle = 'ISO, MDY'; ALTER ROLE shop SET statement_timeout = '60s';"
                 " ALTER ROLE shop IN DATABASE shop SET intervalstyle = 'postgres'; ALTER DATABASE shop SET array_nulls = off")
    try:
        part(postgres, dump, "odd")
        assert postgres.connection().query(told) == [dict.fromkeys("fdia", True)]
    finally:
        postgres.sql("ALTER ROLE shop RESET ALL; ALTER ROLE shop IN DATABASE shop RESET ALL")
