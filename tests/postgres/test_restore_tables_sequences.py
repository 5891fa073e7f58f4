# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restored rows count by: no sequence goes back, and none gives a number twice."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Session
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.postgres.restored_tables import commit_refused, dump, part, put
from ansible_collections.slipway.app.tests.selection import long_but

__all__ = ["dump"]  # a fixture
VISITS = """
CREATE TABLE public.visits (id int GENERATED ALWAYS AS IDENTITY, at int) PARTITION BY LIST (at);
CREATE TABLE public.visits_1 PARTITION OF public.visits FOR VALUES IN (1);
CREATE TABLE public.visits_2 PARTITION OF public.visits FOR VALUES IN (2);
INSERT INTO public.visits (at) VALUES (1), (1), (2)"""
VISIT = "INSERT INTO public.visits (at) VALUES (%d)"


@pytest.fixture
def visits(postgres, tmp_path):
    """A dump of a table with two partitions, whose numbers were begun anew since."""
    postgres.connection().execute(VISITS)
    dump = dumped(postgres, tmp_path / "visits")
    postgres.connection().execute("TRUNCATE public.visits RESTART IDENTITY")
    return dump


@pytest.fixture
def before(monkeypatch):
    """A function: do something once, before a statement with these words is sent."""
    def put(words, do):
        def sending(session, statement):
            if words in statement and left:
                left.pop()()
            return send(session, statement)

        left, send = [do], Session._send
        monkeypatch.setattr(Session, "_send", sending)

    return put


def test_a_sequence_never_goes_back_and_gives_no_number_twice(postgres, dump):
    postgres.connection().execute("SELECT nextval('public.sales_id_seq')")
    part(postgres, dump, "customers", "sales")
    assert postgres.sql("SELECT nextval('public.sales_id_seq')", "shop") == "102"
    postgres.connection().execute("SELECT setval('public.sales_id_seq', 3)")
    part(postgres, dump, "customers", "sales")
    assert postgres.sql("SELECT nextval('public.sales_id_seq')", "shop") == "101"


def test_sequences_that_were_set_count_from_there(postgres, tmp_path):
    """Up and down, in the dump and since; and where nothing comes of the rows they have gone forward, which leaves a gap."""
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
    with commit_refused(), pytest.raises(SlipwayError, match='division by zero.*"shop" was not touched, but for sequences, which may have gone forward'):
        part(postgres, dump, "many")
    assert ask() == [1000000, 500, -51, -61]
    part(postgres, dump, "many")
    assert ask() == [1000001, 501, -52, -62]


@pytest.fixture
def tickets(postgres, tmp_path):
    """A dump of a table of somebody else, whose sequence the role may only read and set, and which was begun anew since."""
    postgres.sql("CREATE TABLE public.tickets (id serial); INSERT INTO public.tickets VALUES (default), (default); ALTER TABLE public.tickets OWNER TO guest;"
                 "GRANT SELECT, INSERT, TRUNCATE ON public.tickets TO shop; GRANT SELECT, UPDATE ON SEQUENCE public.tickets_id_seq TO shop", "shop")
    dump = dumped(postgres, tmp_path / "tickets")
    postgres.sql("TRUNCATE public.tickets RESTART IDENTITY", "shop")
    return dump


def test_who_does_not_own_the_tables_needs_to_own_no_sequence(postgres, tickets):
    part(postgres, tickets, "tickets")
    assert postgres.sql("SELECT count(*), nextval('public.tickets_id_seq') FROM public.tickets", "shop") == "2|3"


def test_a_sequence_that_the_role_may_not_set_is_said_before_anything_is_restored(postgres, tickets):
    part(postgres, tickets, "tickets", swap=False)
    postgres.sql("REVOKE UPDATE ON SEQUENCE public.tickets_id_seq FROM shop; GRANT USAGE ON SEQUENCE public.tickets_id_seq TO shop", "shop")
    match = "may not read and set sequence public.tickets_id_seq.*GRANT SELECT, UPDATE ON SEQUENCE public.tickets_id_seq TO shop"
    for restore in (lambda: part(postgres, tickets, "tickets", check=True, remove_leftovers=True), lambda: put(postgres, tables=["tickets"], check=True)):
        with pytest.raises(SlipwayError, match=match):
            restore()


def test_a_sequence_of_what_it_is_a_partition_of_is_looked_at_too(postgres, visits):
    postgres.sql("ALTER TABLE public.visits OWNER TO guest; ALTER TABLE public.visits_1 OWNER TO shop", "shop")
    with pytest.raises(SlipwayError, match="GRANT SELECT, UPDATE ON SEQUENCE public.visits_id_seq TO shop"):
        part(postgres, visits, "visits_1", check=True)


def test_others_take_numbers_while_rows_are_replaced(postgres, visits, before):
    def visit():
        with postgres.connection().session() as other:
            other.execute("SET lock_timeout = 50", VISIT % 2)

    before("TRUNCATE", visit)
    part(postgres, visits, "visits_1")
    assert postgres.sql("SELECT array_agg(id ORDER BY id), max(id) FILTER (WHERE at = 2) FROM public.visits", "shop") == "{1,2,4}|4"


def test_who_has_taken_a_number_and_goes_on_to_the_table_is_waited_for(postgres, visits, before):
    """Who locks the table first and the sequence then waits in a circle with him."""
    with postgres.connection().session() as application:
        application.execute("BEGIN", VISIT % 2)
        before("ALTER SEQUENCE", threading.Timer(0.5, application.execute, [VISIT % 1, "COMMIT"]).start)
        part(postgres, visits, "visits_1")
    assert postgres.sql("SELECT count(*) FROM public.visits_1", "shop") == "2"
    assert postgres.sql(VISIT % 2 + " RETURNING id", "shop") == "4"


def test_he_is_waited_for_whatever_limits_a_role_has(postgres, visits):
    if int(postgres.sql("SHOW server_version_num")) < 170000:
        pytest.skip("a server before 17 has no limit for transactions")
    postgres.sql("ALTER ROLE shop SET transaction_timeout = '500ms'")
    try:
        with postgres.connection().session() as application:
            application.execute("SET transaction_timeout = 0", "BEGIN", VISIT % 2)
            threading.Timer(1.5, application.execute, ["COMMIT"]).start()
            part(postgres, visits, "visits_1")
    finally:
        postgres.sql("ALTER ROLE shop RESET transaction_timeout")
    assert postgres.sql("SELECT count(*) FROM public.visits_1", "shop") == "2"


def test_a_sequence_that_is_begun_anew_at_the_last_moment_is_raised_again(postgres, visits, before):
    before("LOCK TABLE", lambda: postgres.sql("TRUNCATE public.visits RESTART IDENTITY", "shop"))
    part(postgres, visits, "visits")
    assert postgres.sql(VISIT % 2 + " RETURNING id", "shop") == "4"


def test_who_has_taken_a_number_is_not_waited_for_where_none_is_lacking(postgres, dump):
    with postgres.connection().session() as application:
        application.execute("BEGIN")
        application.query("SELECT nextval('public.sales_id_seq')")
        part(postgres, dump, "customers", "sales")


def test_a_number_that_is_taken_at_the_last_moment_is_not_taken_again(postgres, tickets, before):
    """Of a sequence that only its owner could lock."""
    before("setval(", lambda: postgres.sql("SELECT setval('public.tickets_id_seq', 1000)", "shop"))
    part(postgres, tickets, "tickets")
    assert postgres.sql("SELECT nextval('public.tickets_id_seq')", "shop") == "1001"


COUNTING = [
    ("CREATE TABLE public.counted (id serial); CREATE SEQUENCE public.a OWNED BY public.counted.id; CREATE SEQUENCE public.z OWNED BY public.counted.id",
     ["a", "counted_id_seq", "z"]),
    ("CREATE TABLE public.base (id serial); CREATE TABLE public.counted () INHERITS (public.base)", ["base_id_seq"]),
    ("CREATE SEQUENCE public.a; CREATE TABLE public.counted (id int DEFAULT nextval('public.a'))", ["a"])]


@pytest.mark.parametrize("make, sequences", long_but(COUNTING, COUNTING[0]))
def test_sequences_that_a_column_counts_by_are_raised(postgres, tmp_path, make, sequences):
    """Each to where the one of its name was, whatever it belongs to."""
    def ask(say):
        return postgres.sql("SELECT " + ", ".join(say % (name, place) for place, name in enumerate(sequences, 5)), "shop")

    postgres.sql("SET ROLE shop; %s; INSERT INTO public.counted DEFAULT VALUES" % make, "shop")
    ask("setval('public.%s', %d)")
    dump = dumped(postgres, tmp_path)
    ask("setval('public.%s', %d - 4)")
    part(postgres, dump, "counted")
    assert ask("nextval('public.%s') - %d") == "|".join("1" for _name in sequences)


def test_a_sequence_that_was_renamed_is_raised(postgres, dump):
    postgres.connection().execute("ALTER SEQUENCE public.sales_id_seq RENAME TO others; ALTER SEQUENCE public.others RESTART")
    part(postgres, dump, "customers", "sales")
    assert postgres.sql("SELECT nextval('public.others')", "shop") == "101"


@pytest.mark.parametrize("cache", long_but([1, 50], 50))
def test_a_partition_that_is_made_again_counts_by_a_sequence_that_is_there(postgres, tmp_path, before, cache):
    def visit():
        with postgres.connection().session() as other:
            other.execute("SET lock_timeout = 50", VISIT % 2)

    postgres.connection().execute(VISITS.replace("IDENTITY", "IDENTITY (CACHE %d)" % cache))
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("DROP TABLE public.visits_1; TRUNCATE public.visits RESTART IDENTITY")
    before("TRUNCATE", visit)
    part(postgres, dump, "visits_1")
    assert postgres.sql("SELECT count(*), count(DISTINCT id) FROM public.visits", "shop") == "3|3"


def test_a_sequence_that_the_role_may_not_set_is_said_of_a_partition_that_is_gone_too(postgres, tmp_path):
    postgres.sql("CREATE SEQUENCE public.numbers; GRANT USAGE, SELECT ON SEQUENCE public.numbers TO shop; SET ROLE shop;"
                 "CREATE TABLE public.parted (id int DEFAULT nextval('public.numbers'), at int) PARTITION BY LIST (at);"
                 "CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES IN (1)", "shop")
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("DROP TABLE public.parted_1")
    with pytest.raises(SlipwayError, match="GRANT SELECT, UPDATE ON SEQUENCE public.numbers TO shop.*not touched"):
        part(postgres, dump, "parted_1")


@pytest.mark.parametrize("cache", long_but([1, 50], 50))
def test_a_sequence_that_is_made_again_with_its_table_goes_on(postgres, tmp_path, cache):
    postgres.connection().execute("CREATE TABLE public.seen (id int GENERATED ALWAYS AS IDENTITY (CACHE %d))" % cache)
    postgres.connection().execute("INSERT INTO public.seen DEFAULT VALUES; SELECT setval('public.seen_id_seq', 70)")
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("DROP TABLE public.seen")
    part(postgres, dump, "public.seen")
    assert postgres.sql("SELECT nextval('public.seen_id_seq')", "shop") == "71"


def test_numbers_that_a_session_has_in_store_are_not_given_out_any_more(postgres, tmp_path):
    postgres.connection().execute("CREATE TABLE public.seen (id int GENERATED ALWAYS AS IDENTITY (CACHE 50) PRIMARY KEY);"
                                  "INSERT INTO public.seen SELECT FROM generate_series(1, 40)")
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("TRUNCATE public.seen RESTART IDENTITY")
    with postgres.connection().session() as application:
        application.execute("INSERT INTO public.seen DEFAULT VALUES")
        part(postgres, dump, "seen")
        application.execute("INSERT INTO public.seen DEFAULT VALUES")
    assert postgres.sql("SELECT count(*), max(id) FROM public.seen", "shop") == "41|51"


def test_a_sequence_of_a_partitioned_table_is_raised_too(postgres, visits):
    part(postgres, visits, "visits")
    assert postgres.sql(VISIT % 2 + " RETURNING id", "shop") == "4"
