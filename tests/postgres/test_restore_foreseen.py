# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would go wrong after the rows are there is seen before anything is done."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import clients, grants
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.copy import Origin, copy
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_choice import choose
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG, Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, Cluster
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.postgres.restored_tables import part
from ansible_collections.slipway.app.tests.postgres.sanitizing import standby_of
from ansible_collections.slipway.app.tests.postgres.test_restore import refused, restore
from ansible_collections.slipway.app.tests.postgres.test_timeouts import holding

LOCALE = "SELECT datlocprovider FROM pg_database WHERE datname = 'shop'"
WHERE = "SELECT coalesce(spcname, '-') FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = reltablespace WHERE c.oid = 'public.fast'::regclass"


def test_a_live_database_with_a_table_that_this_role_may_not_read(postgres, tmp_path):
    dump = dumped(postgres, tmp_path)
    postgres.sql('CREATE SCHEMA hidden; CREATE TABLE hidden."Of guest" (n int); GRANT USAGE ON SCHEMA hidden TO shop', "shop")
    refused(postgres, DumpSource(dump), 'Role "shop" may not read table hidden.Of guest of the live database')
    assert part(postgres, dump, "orders")["replaced"]  # the privileges stay what they are
    postgres.sql('GRANT SELECT ON hidden."Of guest" TO shop', "shop")
    restore(postgres, DumpSource(dump))


def test_a_locked_table_of_the_live_database_is_tried_again_for_as_long_as_the_restore_took(postgres, monkeypatch):
    monkeypatch.setattr(grants, "PAUSE", 0.1)
    connection, tools = postgres.connection(lock_timeout=1), clients.for_dump(170011, postgres.bin_dir)
    with holding(postgres, "LOCK TABLE public.orders") as somebody:
        with pytest.raises(SlipwayError, match="Table public.orders is locked"):
            grants.Grants(tools, connection, "shop").__enter__()
        threading.Timer(1.5, somebody.rollback).start()
        with grants.Grants(tools, connection, "shop", 30):
            pass


def test_a_superuser_who_makes_all_as_it_was_needs_no_rights_of_its_owner(postgres, tmp_path):
    postgres.sql("CREATE EXTENSION pageinspect; CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
                 "CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION public.f()", "shop")
    dump = dumped(postgres, tmp_path)
    refused(postgres, DumpSource(dump), 'Extension "pageinspect".* role "shop" is none', "postgres")
    assert restore(postgres, DumpSource(dump), user="postgres", properties="dump")["left_out"] == []
    assert postgres.sql("SELECT evtname, (SELECT count(*) FROM pg_extension WHERE extname = 'pageinspect') FROM pg_event_trigger", "shop") == "e|1"
    assert postgres.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'") == "shop"


def test_a_role_of_a_user_mapping_that_is_not_there(postgres, tmp_path):
    postgres.sql("CREATE ROLE reporting; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
                 "CREATE USER MAPPING FOR reporting SERVER s", "shop")
    dump = dumped(postgres, tmp_path)
    postgres.sql("DROP FOREIGN DATA WRAPPER w CASCADE; DROP ROLE reporting", "shop")
    refused(postgres, DumpSource(dump), 'Role "reporting", which the dump needs')


@pytest.fixture
def fast(postgres):
    """A tablespace that the role shop may use, and an index in it."""
    postgres.sql("""SET allow_in_place_tablespaces = on; CREATE TABLESPACE "très fast" LOCATION ''; GRANT CREATE ON TABLESPACE "très fast" TO shop""")
    postgres.sql('CREATE INDEX fast ON public.orders (note) TABLESPACE "très fast"', "shop")
    yield '"très fast"'
    postgres.start_over()
    postgres.sql('DROP TABLESPACE IF EXISTS "très fast"')


def test_a_tablespace_that_is_not_there_or_not_for_this_role(postgres, fast, tmp_path):
    dump = dumped(postgres, tmp_path)
    assert restore(postgres, DumpSource(dump))["left_out"] == [] and postgres.sql(WHERE, "shop") == "très fast"
    postgres.sql("REVOKE CREATE ON TABLESPACE %s FROM shop" % fast)
    refused(postgres, DumpSource(dump), 'Tablespace "très fast", .* may not be used by role "shop"', properties="dump")
    left_out = restore(postgres, DumpSource(dump))["left_out"]
    assert [out["entry"] for out in left_out] == ["TABLESPACE - très fast"] and 'may not be used by role "shop"' in left_out[0]["reason"]
    assert postgres.sql(WHERE, "shop") == "-"
    postgres.sql("DROP TABLESPACE " + fast)
    refused(postgres, DumpSource(dump), 'Tablespace "très fast", .* is not on this server', properties="dump")
    assert "is not on this server. All of the dump comes into" in restore(postgres, DumpSource(dump))["left_out"][0]["reason"]
    postgres.sql("DROP TABLE public.orders", "shop")
    assert part(postgres, dump, "orders")["made"] == [{"schema": "public", "name": "orders"}]


def test_a_copy_finds_the_tablespaces_of_its_source_and_its_limit(postgres, fast):
    postgres.sql("ALTER DATABASE shop CONNECTION LIMIT 7")
    try:
        restorer = Restore(postgres.connection(database="copy"), Wishes(properties="dump"))
        done = copy(restorer, Origin(postgres.connection(), True, "dev"), "stream", postgres.bin_dir)
        assert done["left_out"] == []
        assert postgres.sql("SELECT datconnlimit FROM pg_database WHERE datname = 'copy'") == "7"
        assert postgres.sql(WHERE, "copy") == "très fast"
    finally:
        postgres.sql("DROP DATABASE IF EXISTS copy")


def test_large_objects_that_rows_name_and_a_restore_of_tables_does_not_bring(postgres, tmp_path):
    postgres.connection().execute("CREATE TABLE public.documents AS SELECT 1 AS id, lo_from_bytea(0, 'x') AS content")
    dump = dumped(postgres, tmp_path)
    assert part(postgres, dump, "documents")["warnings"] == [
        "Rows of table public.documents may name large objects of the dump, which a restore of some tables does not bring back."]
    assert part(postgres, dump, "orders")["warnings"] == []
    assert restore(postgres, DumpSource(dump))["warnings"] == []


def test_a_provider_of_the_locale_is_not_that_of_the_template(postgres, tmp_path):
    """As on a server that was made with another one: there template0 has it, and gives it to databases of which none is said."""
    dump = dumped(postgres, tmp_path)
    postgres.sql("UPDATE pg_database SET datlocprovider = 'i', %s = 'de' WHERE datname = 'template0'" % (
        "datlocale" if postgres.sql("SELECT count(*) FROM pg_attribute WHERE attname = 'datlocale'") == "1" else "daticulocale"))
    try:
        for properties in ("target", "dump"):
            restore(postgres, DumpSource(dump), properties=properties)
            assert postgres.sql(LOCALE) == "c"
    finally:
        postgres.sql("UPDATE pg_database SET datlocprovider = 'c', %s = NULL WHERE datname = 'template0'" % (
            "datlocale" if postgres.sql("SELECT count(*) FROM pg_attribute WHERE attname = 'datlocale'") == "1" else "daticulocale"))


def test_a_dump_says_how_amounts_of_money_are_written_and_those_of_before_do_not(postgres, tmp_path):
    postgres.sql("ALTER ROLE shop SET lc_monetary = 'C.utf8'; CREATE DOMAIN public.price money; GRANT USAGE ON TYPE public.price TO shop", "shop")
    try:
        postgres.connection().execute("CREATE TABLE public.prices AS SELECT 1234.5::public.price AS price")
        dump = dumped(postgres, tmp_path)
        assert dump.manifest.pop("lc_monetary") == "C"
        warnings = restore(postgres, DumpSource(dump))["warnings"]
        assert "read with lc_monetary=C.utf8" in warnings[0]
        # Told before, too, since it is live afterwards; and of the tables that are asked for.
        assert Restore(postgres.connection(), Wishes()).run(DumpSource(dump, postgres.bin_dir), check=True)["warnings"] == warnings
        assert part(postgres, dump, "prices", check=True)["warnings"] == warnings and part(postgres, dump, "orders", check=True)["warnings"] == []
        assert postgres.sql("SELECT price::numeric FROM public.prices", "shop") == "1234.50"
    finally:
        postgres.sql("ALTER ROLE shop RESET lc_monetary")


@pytest.mark.long
def test_what_a_standby_has_no_rows_of_is_said_by_the_dump(bin_dir, postgres, tmp_path):
    primary = Cluster(str(tmp_path / "primary"), bin_dir, settings={"fsync": "off", "hot_standby": "on", "max_wal_senders": 3}).start()
    standby = None
    try:
        primary.sql("CREATE ROLE shop LOGIN CREATEDB PASSWORD '%s'" % PASSWORD)
        primary.start_over("CREATE TABLE public.orders (id int); CREATE UNLOGGED TABLE public.quick (n int); INSERT INTO public.quick VALUES (1)")
        standby = standby_of(primary, tmp_path / "standby", bin_dir)
        made = dumps.dump(standby.connection(), FolderStore(str(tmp_path / "dumps")), dumps.Wish("here", jobs=2, bin_dir=bin_dir))
        assert made["warnings"] == ["The server is a standby, which has no rows of unlogged tables: those of public.quick are left out."]
        whole = FolderStore(str(tmp_path / "dumps")).open(Key.parse(made["key"]))
        assert whole.manifest["excluded_data"] == [{"schema": "public", "name": "quick"}]
        assert choose(FolderStore(str(tmp_path / "dumps")), "here/shop", "shop", NO_CONFIG, whole=True, environment="dev").key == whole.key
        restore(postgres, DumpSource(whole))
        assert postgres.sql("SELECT count(*) FROM public.quick", "shop") == "0"
        copied = copy(Restore(postgres.connection(), Wishes()), Origin(standby.connection(), False, "dev"), "stream", bin_dir)
        assert copied["warnings"] == made["warnings"]
    finally:
        for server in filter(None, (standby, primary)):
            server.remove()
