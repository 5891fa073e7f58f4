# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import databases
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import RestorePoint

COPY, PART, FAILED = "shop__slipway_op1", "shop__slipway_part_op1", "shop__slipway_failed_op1"


@pytest.fixture
def point(postgres):
    return RestorePoint(postgres.connection(), "shop", "op1")


def orders(postgres, database="shop"):
    return postgres.connection().query("SELECT count(*) AS n FROM public.orders", database)[0]["n"]


def closed(postgres, database):
    return postgres.sql("SELECT datallowconn FROM pg_database WHERE datname = %s" % quote_literal(database)) == "f"


def test_there_and_back(postgres, point):
    assert point.status()["state"] == "absent"
    made = point.present()
    assert (made["changed"], made["before"], made["after"], made["warnings"]) == (True, "absent", "present", [])
    assert made["size"] > 5000000
    assert postgres.databases() == {"shop", COPY}
    assert closed(postgres, COPY) and not closed(postgres, "shop")

    postgres.connection().execute("DROP TABLE public.orders")
    assert point.restored()["changed"]
    assert point.status()["state"] == "restored"
    assert postgres.databases() == {"shop", FAILED}
    assert closed(postgres, FAILED)
    assert orders(postgres) == 1000

    assert point.absent()["changed"]
    assert postgres.databases() == {"shop"}
    assert orders(postgres) == 1000


def test_a_database_that_its_machine_sorts_otherwise_now(postgres, point):
    """As after an upgrade of the system. It can be told from PostgreSQL 15 on."""
    if int(postgres.sql("SHOW server_version_num")) < 150000:
        pytest.skip("this server knows no version of its rules")
    postgres.sql("UPDATE pg_database SET datcollversion = '1' WHERE datname = 'shop'")
    assert "by version 1 of the rules for sorting texts" in point.present()["warnings"][0]
    assert postgres.sql("SELECT datcollversion FROM pg_database WHERE datname = '%s'" % COPY) == "1"


@pytest.mark.parametrize("ensure", ["present", "restored", "absent"])
def test_the_second_time_changes_nothing(postgres, point, ensure):
    point.present()
    getattr(point, ensure)()
    names = postgres.databases()
    again = getattr(point, ensure)()
    assert not again["changed"] and again["before"] == again["after"]
    assert postgres.databases() == names


@pytest.mark.parametrize("steps, last", [([], "present"), (["present"], "restored"), (["present"], "absent"),
                                         (["present", "restored"], "absent"), (["present"], "present"), ([], "absent")])
def test_check_mode_tells_the_same_and_does_nothing(postgres, point, steps, last):
    for step in steps:
        getattr(point, step)()
    names = postgres.databases()
    told = getattr(point, last)(check=True)
    assert postgres.databases() == names
    done = getattr(point, last)()
    assert {key: value for key, value in told.items() if key not in ("seconds", "size")} \
        == {key: value for key, value in done.items() if key not in ("seconds", "size")}


def test_a_restored_one_cannot_be_made_again(postgres, point):
    point.present()
    point.restored()
    with pytest.raises(SlipwayError, match="put in place already"):
        point.present()


def test_nothing_to_restore_is_an_error(postgres, point):
    with pytest.raises(SlipwayError, match="There is no restore point op1"):
        point.restored()
    postgres.connection().execute('CREATE DATABASE "%s"' % PART)
    assert point.status()["state"] == "partial"
    with pytest.raises(SlipwayError, match="never finished"):
        point.restored()


def test_two_restore_points_of_one_database_stand_side_by_side(postgres, point):
    other = RestorePoint(postgres.connection(), "shop", "op2")
    point.present()
    postgres.connection().execute("DELETE FROM public.orders WHERE id > 500")
    other.present()
    point.restored()
    assert orders(postgres) == 1000
    other.restored()
    assert orders(postgres) == 500


def test_the_only_good_copy_is_never_dropped(postgres, point):
    point.present()
    postgres.sql("DROP DATABASE shop")
    with pytest.raises(SlipwayError, match="only good copy"):
        point.absent()
    assert postgres.databases() == {COPY}


@pytest.mark.parametrize("name", ["", "part_x", "failed_x", "a b", "x;y", "../x", "x\n"])
def test_names_that_would_be_mistaken_are_refused(name):
    with pytest.raises(SlipwayError, match="cannot name a restore point"):
        RestorePoint(None, "shop", name)


@pytest.mark.parametrize("database", ['Shop "one" of it\'s', "käse 日本", "d" * 63, "ü" * 31])
def test_databases_of_any_name(postgres, database):
    postgres.connection().execute("CREATE DATABASE " + quote_ident(database))
    connection = postgres.connection(database=database)
    connection.execute("CREATE TABLE public.rows AS SELECT 1 AS one")
    point = RestorePoint(connection, database, "upgrade-2026-11-21-" + "x" * 40)
    point.present()
    assert point.status()["state"] == "present"
    connection.execute("DROP TABLE public.rows")
    point.restored()
    assert connection.query("SELECT * FROM public.rows") == [{"one": 1}]
    point.absent()
    assert postgres.databases() == {"shop", database}


def test_long_names_fit_and_stay_apart():
    points = [RestorePoint(None, "d" * 63, name) for name in ("a", "b")] + [RestorePoint(None, "ü" * 31, "a")]
    names = [name for point in points for name in (point.part, point.copy, point.failed)]
    assert len(set(names)) == 9
    assert max(len(name.encode()) for name in names) <= 63


def test_what_lives_outside_the_database_is_carried_over(postgres, point):
    postgres.sql("""
        COMMENT ON DATABASE shop IS 'it''s the \\shop';
        ALTER DATABASE shop CONNECTION LIMIT 17;
        ALTER DATABASE shop SET search_path = '', "$user", "My Schema", public;
        ALTER DATABASE shop SET work_mem = '5MB';
        ALTER DATABASE shop SET statement_timeout = 1;
        ALTER DATABASE shop SET default_transaction_read_only = on;
        ALTER ROLE shop IN DATABASE shop SET search_path = '';
        REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
        GRANT CONNECT, TEMPORARY ON DATABASE shop TO guest WITH GRANT OPTION""")
    query = """
        SELECT (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), datconnlimit,
               pg_get_userbyid(datdba), shobj_description(d.oid, 'pg_database'), dattablespace,
               (SELECT array_agg(setrole || ':' || setting ORDER BY setrole, setting)
                FROM pg_db_role_setting, unnest(setconfig) setting WHERE setdatabase = d.oid)
        FROM pg_database d WHERE datname = 'shop'"""
    before = postgres.sql(query)
    assert "My Schema" in before
    assert point.present()["warnings"] == []
    point.restored()
    assert postgres.sql(query) == before


def test_what_cannot_be_carried_over_is_told(postgres, point):
    postgres.sql("ALTER ROLE guest IN DATABASE shop SET work_mem = '5MB';"
                 "ALTER DATABASE shop SET log_statement = 'all'")
    warnings = point.present()["warnings"]
    assert len(warnings) == 2
    assert any('lacks setting work_mem of role "guest"' in warning for warning in warnings)
    assert any("lacks setting log_statement" in warning for warning in warnings)
    assert point.status()["state"] == "present"


def test_a_role_that_is_member_of_the_owner(postgres, server):
    server.sql("DROP ROLE IF EXISTS company; CREATE ROLE company; GRANT company TO shop")
    server.sql("ALTER DATABASE shop OWNER TO company; ALTER DATABASE shop SET work_mem = '5MB';"
               "GRANT ALL ON DATABASE shop TO guest")
    point = RestorePoint(postgres.connection(), "shop", "op1")
    assert point.present()["warnings"] == []
    point.restored()
    assert server.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'") == "company"
    point.absent()
    server.drop_all()
    server.sql("DROP ROLE company")


def test_every_call_lets_connections_in_again(postgres, point):
    close = allow("shop", False)
    for ensure in ("absent", "present", "present", "restored", "restored", "absent"):
        postgres.sql(close)
        assert getattr(point, ensure)()["changed"]
        assert not closed(postgres, "shop")
    postgres.sql(close)
    assert point.reopen() is True
    assert point.reopen() is False
    assert orders(postgres) == 1000


def test_what_somebody_has_closed_on_purpose_stays_closed(postgres, point):
    postgres.sql("COMMENT ON DATABASE shop IS 'ours'; ALTER DATABASE shop ALLOW_CONNECTIONS false")
    with pytest.raises(SlipwayError, match='"shop" refuses connections, and it was not Slipway'):
        point.present()
    assert point.absent()["changed"] is False and point.reopen() is False and closed(postgres, "shop")
    postgres.sql("ALTER DATABASE shop ALLOW_CONNECTIONS true")
    point.present()
    postgres.sql("ALTER DATABASE shop ALLOW_CONNECTIONS false")
    assert point.reopen() is True, "beside a restore point, as a release before the mark has left it"
    point.absent()
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '%s'"
    for said in ("ours", "two\nlines", "[closed by Slipway] was long ago", None):
        postgres.sql("COMMENT ON DATABASE shop IS %s" % (quote_literal(said) if said else "NULL"))
        postgres.sql(allow("shop", False) + ";" + allow("shop", False))
        assert postgres.sql(comment % "shop") == (said + "\n" if said else "") + "[closed by Slipway]"
        assert point.reopen() is True and postgres.sql(comment % "shop") == (said or "")


@pytest.mark.parametrize("size, clone, expected", [
    (1000, "copy", "WAL_LOG"), (10 ** 9, None, "FILE_COPY"), (1000, "clone", "FILE_COPY")])
def test_strategy(size, clone, expected):
    assert databases.strategy(size, clone) == expected


def test_both_strategies_copy_all(postgres, point, monkeypatch):
    monkeypatch.setattr(databases, "FILE_COPY_FROM", 1)
    point.present()
    point.restored()
    assert orders(postgres) == 1000
