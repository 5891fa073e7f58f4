# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess

import psycopg
import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres import preflight
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import (
    LOST, Connection, PostgresError, quote_ident, quote_literal)
from ansible_collections.slipway.app.tests.postgres import bouncer
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY
from ansible_collections.slipway.app.tests.waiting import until

NAMES = ["plain", "Upper Case", 'a "quoted" name', "it's", "back\\slash", "käse_日本", "semi;colon -- and /* more",
         ":SQLSTATE", "new\nline", "$1 %s {x}"]


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_names_and_texts_arrive_as_they_are(postgres, conforming):
    with postgres.connection().session() as session:
        session.execute("SET standard_conforming_strings = " + conforming, "SET escape_string_warning = off")
        for name in NAMES:
            assert session.query("SELECT %s AS %s" % (quote_literal(name), quote_ident(name))) == [{name: name}]


def test_a_database_of_any_name_can_be_connected_to(postgres):
    for name in NAMES:
        postgres.connection().execute("CREATE DATABASE " + quote_ident(name), "postgres")
        assert postgres.connection().query("SELECT current_database() AS name", name) == [{"name": name}]


def test_settings_of_role_and_database_change_nothing(postgres):
    postgres.sql("ALTER DATABASE shop SET default_transaction_read_only = on;"
                 "ALTER DATABASE shop SET statement_timeout = 400;"
                 "ALTER DATABASE shop SET search_path = public")
    postgres.connection().execute("CREATE TABLE public.written AS SELECT count(pg_sleep(0.6))")


def test_the_server_looks_after_a_client_whose_host_may_be_gone(postgres):
    """Its locks would stay for as long as the server takes it to be there."""
    postgres.sql("ALTER DATABASE shop SET tcp_keepalives_idle = 7200")
    told = postgres.connection().query("SELECT " + ", ".join(
        "current_setting('tcp_keepalives_%s') AS %s" % (what, what) for what in ("idle", "interval", "count")))
    assert told == [{"idle": "30", "interval": "10", "count": "3"}]


def test_a_session_in_another_encoding_is_none_any_more(postgres):
    """psql would read on in that encoding, and find other ends of what we quote."""
    with postgres.connection().session() as session:
        with pytest.raises(PostgresError, match="changed the encoding of our session to SJIS"):
            session.execute("SET client_encoding = 'SJIS'")
        with pytest.raises(PostgresError):
            session.execute("SELECT 1")


@pytest.mark.parametrize("encoding, letter", [("SJIS", "\u00c1"), ("BIG5", "\u00c1"), ("GBK", "\u00c1"), ("LATIN1", "x")])
def test_no_text_gets_to_a_shell_by_an_encoding_that_it_sets(postgres, tmp_path, encoding, letter):
    """In these the second byte of a letter can be a quote or hide one: psql would find the end of a text before its end."""
    sign = tmp_path / "sign"
    hostile = "SELECT '%s' %s\\! touch %s #" % (letter, letter, sign)
    with pytest.raises(PostgresError, match="in text 2 of 2"):
        postgres.connection().run_texts(["SET client_encoding = '%s'" % encoding, hostile], "shop", "shop")
    assert not sign.exists()


def test_a_refused_statement_leaves_the_session_usable(postgres):
    with postgres.connection().session() as session:
        with pytest.raises(PostgresError, match="division by zero") as caught:
            session.query("SELECT 1 / 0")
        assert caught.value.sqlstate == "22012"
        assert session.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_transaction_happens_whole_or_not_at_all(postgres):
    with postgres.connection().session() as session:
        with pytest.raises(PostgresError):
            session.transaction("DELETE FROM public.orders", "SELECT 1 / 0")
        assert session.query("SELECT count(*) AS n FROM public.orders") == [{"n": 1000}]


@pytest.mark.parametrize("change", [
    {"login_port": 1}, {"login_password": "wrong password"}, {"login_db": "no_such"}, {"login_user": "nobody here"},
    {"login_host": "no-such-host.invalid"}, {"ssl_mode": "require"}])
def test_what_cannot_be_reached_is_named_and_the_password_is_not(postgres, change):
    known = {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop",
             "login_password": "no secret", "login_db": "shop"}
    connection = Connection(**dict(known, **change))
    with pytest.raises(PostgresError) as caught:
        connection.query("SELECT 1")
    text = str(caught.value)
    assert caught.value.sqlstate == LOST
    for name in (connection.login_host, str(connection.login_port), connection.login_user, connection.login_db):
        assert name in text
    assert connection.login_password not in text


def test_a_session_ended_by_the_server_is_told_as_lost(postgres):
    with postgres.connection().session() as session:
        with pytest.raises(PostgresError, match="administrator command") as caught:
            session.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert caught.value.sqlstate == LOST
        with pytest.raises(PostgresError):
            session.query("SELECT 1")


def test_missing_psql_names_the_package(postgres, monkeypatch, tmp_path):
    connection = postgres.connection()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PostgresError, match="postgresql-client"):
        connection.query("SELECT 1")


def test_variables_of_the_caller_are_not_used(postgres, monkeypatch):
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
    assert postgres.connection().query("SELECT current_database() AS name") == [{"name": "shop"}]


@pytest.mark.parametrize("drops", ["extra_float_digits", "options"])
def test_a_pooler_is_refused_before_it_keeps_anything_of_ours(postgres, tmp_path, drops):
    """It would lend the connection to the application next, with our search_path."""
    try:
        with bouncer.running(str(REPOSITORY / ".cache"), tmp_path, postgres, "shop", PASSWORD, 1, drops) as port:
            (found,) = preflight.findings(Connection("127.0.0.1", port, "shop", PASSWORD, "shop"), "shop")
            for database in ("postgres", "shop"):
                with pytest.raises(PostgresError, match="A pooler"):
                    Connection("127.0.0.1", port, "shop", PASSWORD, database).query("SELECT 1 AS one")
                with psycopg.connect(host="127.0.0.1", port=port, user="shop", dbname=database) as application:
                    assert application.execute("SHOW search_path").fetchone() == ('"$user", public',)
    except bouncer.registry_server.ServerError as error:
        pytest.skip(str(error))
    assert "A pooler, such as pgbouncer, seems to stand between: connect to the server itself." in found


def test_what_a_killed_program_had_sent_is_ended(postgres):
    """Its sessions go on without it; those of others are left alone."""
    ours, other = postgres.connection(), postgres.connection()
    programs = [subprocess.Popen(
        ["psql", "-XAtq", "-c", "SELECT pg_sleep(600)", "-d", "dbname=shop"], stdout=subprocess.DEVNULL,
        env=dict(ours.environment(), PATH=os.environ["PATH"], PGAPPNAME=name)) for name in ("slipway one", "slipway two")]

    def at_work():
        found = other.query("SELECT application_name AS name FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'"
                            " AND state = 'active' ORDER BY 1")
        return [row["name"] for row in found]

    until(lambda: at_work() == ["slipway one", "slipway two"])
    for program in programs:
        program.kill()
        program.wait()
    assert at_work() == ["slipway one", "slipway two"], "the server has not noticed"
    ours.end_sessions("slipway one")
    assert at_work() == ["slipway two"]
    ours.end_sessions("slipway two")
    assert at_work() == []
