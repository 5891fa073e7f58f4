# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restored rows count by: no sequence goes back, and none gives a number twice."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, Session
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.postgres.parts import commit_refused, dump, part

__all__ = ["dump"]  # a fixture


def test_a_sequence_never_goes_back_and_gives_no_number_twice(postgres, dump):
    postgres.connection().execute("SELECT nextval('public.sales_id_seq')")
    part(postgres, dump, "customers", "sales")
    assert postgres.sql("SELECT nextval('public.sales_id_seq')", "shop") == "102"
    postgres.connection().execute("SELECT setval('public.sales_id_seq', 3)")
    part(postgres, dump, "customers", "sales")
    assert postgres.sql("SELECT nextval('public.sales_id_seq')", "shop") == "101"


def test_sequences_that_were_set_count_from_there(postgres, tmp_path):
    """Up and down, in the dump and since; and where it comes to nothing they are where they were, like the rows."""
    def ask():
        return [int(number) for number in postgres.sql("SELECT %s FROM public.many" % ", ".join(
            "nextval(pg_get_serial_sequence('public.many', '%s'))" % name for name in "abcd"), "shop").split("|")]

    down = "int GENERATED ALWAYS AS IDENTITY (INCREMENT -1)"

    def put_at(*changes):
        postgres.sql("SELECT " + ", ".join("setval(pg_get_serial_sequence('public.many', '%s'), %s)" % change for change in zip("abcd", changes)), "shop")

    postgres.connection().execute("CREATE TABLE public.many (a serial, b serial, c %s, d %s); INSERT INTO public.many DEFAULT VALUES" % (down, down))
    put_at("100", "500, false", "-50", "-50, false")
    dump = dumped(postgres, tmp_path)
    put_at("1000000, false", "3", "-7, false", "-60")
    with commit_refused(), pytest.raises(SlipwayError, match="division by zero.*not touched"):
        part(postgres, dump, "many")
    assert ask() == [1000000, 4, -7, -61]
    part(postgres, dump, "many")
    assert ask() == [1000001, 500, -51, -62]


def test_who_does_not_own_the_tables_needs_to_own_no_sequence(postgres, tmp_path):
    postgres.sql("CREATE TABLE public.tickets (id serial); INSERT INTO public.tickets VALUES (default), (default); ALTER TABLE public.tickets OWNER TO guest;"
                 "GRANT SELECT, INSERT, TRUNCATE ON public.tickets TO shop; GRANT SELECT, UPDATE ON SEQUENCE public.tickets_id_seq TO shop", "shop")
    dump = dumped(postgres, tmp_path)
    postgres.sql("TRUNCATE public.tickets RESTART IDENTITY", "shop")
    part(postgres, dump, "tickets")
    assert postgres.sql("SELECT count(*), nextval('public.tickets_id_seq') FROM public.tickets", "shop") == "2|3"


def test_nobody_takes_a_number_while_sequences_are_looked_at(postgres, dump, monkeypatch):
    def taking(session, statement):
        answer = send(session, statement)
        if statement.startswith("TRUNCATE"):
            with pytest.raises(PostgresError, match="lock timeout"), postgres.connection().session() as other:
                send(other, "SET lock_timeout = 50")
                send(other, "SELECT nextval('public.sales_id_seq')")
        return answer

    postgres.connection().execute("SELECT setval('public.sales_id_seq', 3)")
    send = Session._send
    monkeypatch.setattr(Session, "_send", taking)
    part(postgres, dump, "customers", "sales")


def test_who_has_taken_a_number_is_not_waited_for_where_none_is_lacking(postgres, dump):
    with postgres.connection().session() as application:
        application.execute("BEGIN")
        application.query("SELECT nextval('public.sales_id_seq')")
        part(postgres, dump, "customers", "sales")


def test_a_sequence_of_a_partitioned_table_is_raised_too(postgres, tmp_path):
    postgres.connection().execute(
        "CREATE TABLE public.visits (id int GENERATED ALWAYS AS IDENTITY, at int) PARTITION BY RANGE (at);"
        "CREATE TABLE public.visits_1 PARTITION OF public.visits FOR VALUES FROM (0) TO (10);"
        "INSERT INTO public.visits (at) VALUES (1), (2), (3)")
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("TRUNCATE public.visits RESTART IDENTITY")
    part(postgres, dump, "visits")
    assert postgres.sql("INSERT INTO public.visits (at) VALUES (4) RETURNING id", "shop") == "4"
