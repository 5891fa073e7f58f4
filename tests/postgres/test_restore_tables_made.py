# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restored tables that are gone are made again, as the dump has them, with their rows or not at all."""

from __future__ import annotations

import re

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import making
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore
from ansible_collections.slipway.app.tests.postgres import test_restore, test_restore_crash
from ansible_collections.slipway.app.tests.postgres.crashes import in_child, kill_at
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.postgres.restored_tables import MENDED, commit_refused, dump, part, put, state
from ansible_collections.slipway.app.tests.selection import long_but

__all__ = ["dump"]  # a fixture


def test_a_table_that_is_gone_is_made_again_where_it_is_named(postgres, dump):
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    gone = test_restore.as_text(postgres, "shop")
    for name in ("cust*", '"cust?mers"'):
        with pytest.raises(SlipwayError, match="public.customers is not in the live database. It is made again when|is not in the dump"):
            part(postgres, dump, name)
    with commit_refused(), pytest.raises(SlipwayError, match="division by zero.*not touched"):
        part(postgres, dump, "customers")
    assert test_restore.as_text(postgres, "shop") == gone and postgres.databases() == {"shop"}
    told, done = (part(postgres, dump, "customers", check=check) for check in (True, False))
    assert told["made"] == done["made"] == [{"schema": "public", "name": "customers"}]
    assert state(postgres) == MENDED and "Foreign keys of other tables to it" in done["warnings"][0]
    assert postgres.sql("SELECT tgenabled FROM pg_trigger WHERE tgname = 'logged'", "shop") == "A"
    assert part(postgres, dump, "customers", "sales")["made"] == []


def test_a_table_to_be_made_again_is_not_there_before_its_rows_are(postgres, dump):
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    gone = test_restore.as_text(postgres, "shop")
    assert part(postgres, dump, "customers", swap=False)["made"] == [{"schema": "public", "name": "customers"}]
    assert test_restore.as_text(postgres, "shop") == gone
    postgres.connection().execute("CREATE TABLE public.customers ()")
    with pytest.raises(SlipwayError, match='public.customers cannot be made again: [^;]*ERROR: relation "customers" already exists.*:ready') as caught:
        put(postgres)
    assert "CREATE TABLE" not in str(caught.value)
    postgres.connection().execute("DROP TABLE public.customers")
    done = put(postgres)
    assert done["made"] == [{"schema": "public", "name": "customers"}] and "Foreign keys of other tables to it" in done["warnings"][0]
    assert state(postgres) == MENDED


@pytest.mark.parametrize("step", long_but(["convert_from", "TRUNCATE", "COMMIT"], "TRUNCATE"))
def test_killed_while_a_table_is_made_again(postgres, dump, monkeypatch, step):
    """It is there with its rows, or not at all."""
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    kill_at(monkeypatch, step, True)
    assert not in_child(lambda: part(postgres, dump, "customers"))
    monkeypatch.undo()
    test_restore_crash.settled(postgres)
    assert postgres.sql("SELECT to_regclass('public.customers') IS NULL", "shop") == ("f" if step == "COMMIT" else "t")
    assert step != "COMMIT" or state(postgres) == MENDED
    with pytest.raises(SlipwayError, match='"shop__new" is left'):
        part(postgres, dump, "customers")
    part(postgres, dump, "customers", remove_leftovers=True)
    assert state(postgres) == MENDED and postgres.databases() == {"shop"}


@pytest.mark.parametrize("said, match", [("COMMIT", "transaction command"), ("\\! touch %s", "syntax error"),
                                         pytest.param("COPY public.log FROM STDIN", "COPY to/from client", marks=pytest.mark.long)])
def test_what_makes_a_table_again_can_be_nothing_but_sql_of_the_transaction(postgres, dump, monkeypatch, tmp_path, said, match):
    """As a hostile dump could have it: pg_restore writes whatever stands in the archive."""
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    gone, sign, scripts = test_restore.as_text(postgres, "shop"), tmp_path / "sign", making._scripts
    said = (said.replace("%s", str(sign)) + ";\n").encode()
    monkeypatch.setattr(making, "_scripts", lambda script: scripts(script.replace(b"CREATE TABLE", said + b"CREATE TABLE", 1)))
    with pytest.raises(SlipwayError, match="public.customers cannot be made again: .*" + match):
        part(postgres, dump, "customers")
    assert test_restore.as_text(postgres, "shop") == gone and not sign.exists() and postgres.databases() == {"shop"}


def test_a_table_of_a_database_of_another_encoding_is_made_again(postgres, tmp_path):
    postgres.drop_all()
    postgres.sql("CREATE DATABASE shop OWNER shop TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    postgres.connection().execute("""CREATE TABLE public."Käufer" ("Straße" text DEFAULT 'größer \\ ''als''', CHECK ("Straße" <> E'\\\\n'));
        INSERT INTO public."Käufer" VALUES ('Übrig')""")
    dump, before = dumped(postgres, tmp_path / "dumps"), test_restore.as_text(postgres, "shop")
    postgres.connection().execute('DROP TABLE public."Käufer"')
    assert part(postgres, dump, '"Käufer"')["made"] == [{"schema": "public", "name": "Käufer"}]
    assert test_restore.as_text(postgres, "shop") == before


def test_a_table_is_made_again_as_it_was_whatever_the_database_says_of_texts(postgres, dump, tmp_path):
    postgres.connection().execute("CREATE TABLE public.codes (sku text DEFAULT '\\d' CHECK (sku ~ '^\\w+\\d?$')); INSERT INTO public.codes VALUES ('a1')")
    made, before = dumped(postgres, tmp_path / "codes"), test_restore.as_text(postgres, "shop")
    postgres.connection().execute("DROP TABLE public.codes")
    postgres.sql("ALTER DATABASE shop SET standard_conforming_strings = off")
    part(postgres, made, "codes")
    postgres.sql("ALTER DATABASE shop RESET standard_conforming_strings")
    assert test_restore.as_text(postgres, "shop") == before


def test_null_in_an_array_of_a_definition_stays_null(postgres, tmp_path):
    postgres.connection().execute("CREATE TABLE public.codes (tags text[] DEFAULT '{NULL,a}')")
    made = dumped(postgres, tmp_path / "codes")
    postgres.connection().execute("DROP TABLE public.codes")
    postgres.sql("ALTER ROLE shop SET array_nulls = off")
    try:
        part(postgres, made, "codes")
    finally:
        postgres.sql("ALTER ROLE shop RESET array_nulls")
    assert postgres.sql("INSERT INTO public.codes DEFAULT VALUES RETURNING tags[1] IS NULL", "shop") == "t"


ODD = ['app."Order ""Lines"" 日本"', 'app."line\nbreak"', "app.room", "app.event_2", "app.secret", "app.hen", "app.egg",
       '"My Schema".nothing', '"My Schema".empty']


@pytest.mark.parametrize("two_steps", long_but([False, True], False))
def test_with_a_table_comes_what_belongs_to_it(rich, tmp_path, two_steps):
    """Types, functions and parents are those of the live database; privileges are as for any new table."""
    def whole():
        return re.sub(r"(?ms)^(GRANT|REVOKE) .*?;\n+", "", test_restore.as_text(rich, "shop"))

    before = whole()
    dump = dumped(rich, tmp_path)
    rich.sql("DROP TABLE %s; DROP SCHEMA \"My Schema\" CASCADE" % ", ".join(ODD[:-1]), "shop")
    result = part(rich, dump, *ODD, swap=not two_steps)
    assert len(result["made"]) == len(ODD)
    if two_steps:
        TablesRestore(rich.connection(), Wishes()).put_in_place(tables=ODD)
    assert whole() == before and rich.databases() == {"shop"}
