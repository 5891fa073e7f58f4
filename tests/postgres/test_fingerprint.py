# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import fingerprint
from ansible_collections.slipway.app.tests.selection import long_but

ATOMIC_FAILURE = """
BEGIN;
CREATE TABLE public.half (id int);
ALTER TABLE public.orders ADD COLUMN total numeric DEFAULT 0;
CREATE INDEX ON public.orders (note);
UPDATE public.orders SET note = upper(note);
DELETE FROM public.orders WHERE id > 10;
INSERT INTO public.django_migrations VALUES (2, '0002_failed');
SELECT 1 / 0;
COMMIT"""


@pytest.fixture(autouse=True)
def server_that_counts(server):
    if int(server.sql("SHOW server_version_num")) < fingerprint.COUNTERS_FROM * 10000:
        pytest.skip("this server is too old for a fingerprint to prove anything; it always says so")


@pytest.fixture
def changes(postgres):
    """changes(sql, ...) -> the reasons found when each was run in a psql of its own between two fingerprints."""

    def reasons(*scripts, user="shop", since=True):
        before = take(postgres)
        for script in scripts:
            try:
                postgres.connection(user).execute(script)
            except SlipwayError:
                pass
        return fingerprint.compare(before, take(postgres, before if since else None))

    return reasons


def take(postgres, since=None, user="shop"):
    """A fingerprint as it comes back from a journal."""
    taken = fingerprint.take(postgres.connection(user), "shop", "django_migrations", since)
    return json.loads(json.dumps(taken))


@pytest.mark.parametrize("user", ["shop", "postgres"])
def test_nothing_done(postgres, user):
    before = take(postgres, user=user)
    assert fingerprint.compare(before, take(postgres, before, user)) == []


def test_reading_is_no_change(changes):
    assert changes("SELECT count(*) FROM public.orders", "BEGIN; SELECT * FROM public.orders FOR UPDATE; COMMIT") == []


def test_an_atomic_failure_is_no_change(changes):
    assert changes(ATOMIC_FAILURE) == []


def test_an_atomic_failure_counts_when_not_examined(changes):
    assert changes(ATOMIC_FAILURE, since=False) == [
        "Rows were inserted, updated or deleted in public.orders, public.django_migrations."]


def test_an_atomic_failure_after_analyze_counts(changes):
    """VACUUM and ANALYZE make the number of live rows an estimate."""
    assert changes(ATOMIC_FAILURE, "ANALYZE public.orders") == [
        "Rows were inserted, updated or deleted in public.orders."]


def test_a_rolled_back_insert_moves_the_sequence(changes):
    assert changes("BEGIN; INSERT INTO public.orders (note) VALUES ('new'); ROLLBACK") == [
        "Sequences moved, as a rolled-back insert does too: public.orders_id_seq."]


def test_half_a_migration(changes):
    reasons = changes("ALTER TABLE public.orders ADD COLUMN total numeric",
                      "UPDATE public.orders SET total = 1 WHERE id < 10", "SELECT 1 / 0")
    assert any(reason.startswith("Schema changed: columns") for reason in reasons)
    assert "Rows were inserted, updated or deleted in public.orders." in reasons


ROWS = [
    "UPDATE public.orders SET note = 'other' WHERE id = 7",
    "DELETE FROM public.orders WHERE id = 7",
    "INSERT INTO public.orders VALUES (5000, 'no sequence')",
    "WITH gone AS (DELETE FROM public.orders WHERE id = 7 RETURNING id)"
    " INSERT INTO public.orders SELECT id + 9000 FROM gone",
    "BEGIN; UPDATE public.orders SET note = ''; SAVEPOINT s; DELETE FROM public.orders; ROLLBACK TO s; COMMIT",
]


@pytest.mark.parametrize("script", long_but(ROWS, *ROWS[3:]))
def test_rows_alone(changes, script):
    assert changes(script) == ["Rows were inserted, updated or deleted in public.orders."]


def test_rows_deleted_and_others_inserted_in_two_transactions(changes):
    assert changes("DELETE FROM public.orders WHERE id = 7", "INSERT INTO public.orders VALUES (7, 'other')") == [
        "Rows were inserted, updated or deleted in public.orders."]


def test_a_row_that_came_and_went_is_no_change(changes):
    assert changes("INSERT INTO public.orders VALUES (5000, 'short')",
                   "DELETE FROM public.orders WHERE id = 5000") == []


def test_the_migrations_table(changes):
    assert "The migrations table changed." in changes("INSERT INTO public.django_migrations VALUES (2, '0002')")


def test_truncate(changes):
    assert changes("TRUNCATE public.orders") == ["Schema changed: tables, indexes, views or the files of tables."]
    assert changes("BEGIN; TRUNCATE public.orders; ROLLBACK") == []


@pytest.mark.parametrize("script", long_but([
    "SELECT nextval('public.orders_id_seq')", "SELECT setval('public.orders_id_seq', 1, false)",
    "BEGIN; SELECT setval('public.orders_id_seq', 1); ROLLBACK"], "SELECT nextval('public.orders_id_seq')"))
def test_a_sequence_alone(changes, script):
    assert changes(script) == ["Sequences moved, as a rolled-back insert does too: public.orders_id_seq."]


def test_a_sequence_never_used_that_is_set(postgres, changes):
    postgres.connection().execute("CREATE SEQUENCE public.fresh")
    assert len(changes("SELECT setval('public.fresh', 100, false)")) == 1


@pytest.mark.parametrize("script", long_but([
    "SELECT lo_from_bytea(4711, 'hello')", "SELECT lo_unlink(42)", "SELECT lo_put(42, 0, 'x')"], "SELECT lo_put(42, 0, 'x')"))
def test_large_objects(postgres, changes, script):
    postgres.connection().execute("SELECT lo_from_bytea(42, 'hello')")
    reasons = changes(script)
    assert len(reasons) == 1 and "pg_largeobject" in reasons[0]


SCHEMA = [
    ("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "functions"),
    ("CREATE TYPE public.mood AS ENUM ('good')", "enum values"),
    ("COMMENT ON TABLE public.orders IS 'ours'", "comments"),
    ("GRANT SELECT ON public.orders TO guest", "tables"),
    ("ALTER TABLE public.orders ALTER note SET DEFAULT 'x'", "column defaults"),
    ("ALTER TABLE public.orders ADD CHECK (id > 0)", "constraints"),
    ("CREATE VIEW public.v AS SELECT 1 AS one", "views or rules"),
    ("CREATE POLICY p ON public.orders", "row security policies"),
    ("CREATE TRIGGER t BEFORE UPDATE ON public.orders EXECUTE FUNCTION suppress_redundant_updates_trigger()",
     "triggers"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO guest", "default privileges"),
    ("CREATE EXTENSION hstore SCHEMA public", "extensions"),
    ("ALTER SEQUENCE public.orders_id_seq INCREMENT 2", "sequence definitions"),
    ("VACUUM FULL public.orders", "files of tables"),
]


@pytest.mark.parametrize("script, word", long_but(SCHEMA, *SCHEMA[::4]))
def test_schema(postgres, changes, script, word):
    postgres.sql("GRANT CREATE ON DATABASE shop TO shop; ALTER SCHEMA public OWNER TO shop", "shop")
    assert any(reason.startswith("Schema changed: ") and word in reason for reason in changes(script))


def test_a_secret_of_a_user_mapping_that_the_role_cannot_read(postgres, changes):
    postgres.sql("CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;"
                 "CREATE USER MAPPING FOR shop SERVER far OPTIONS (password 'a')", "shop")
    reasons = changes("ALTER USER MAPPING FOR shop SERVER far OPTIONS (SET password 'b')", user="postgres")
    assert reasons == ["Rows were inserted, updated or deleted in pg_user_mapping."]


def test_planner_statistics_are_no_change(postgres, changes):
    postgres.connection().execute("CREATE STATISTICS public.s ON id, note FROM public.orders")
    assert changes("ANALYZE public.orders", "VACUUM public.orders") == []


def test_a_session_still_connected(postgres, monkeypatch):
    monkeypatch.setattr(fingerprint, "QUIET_TIMEOUT", 0.2)
    before = take(postgres)
    with postgres.connection().session() as session:
        session.execute("SELECT 1")
        assert fingerprint.compare(before, take(postgres, before)) == [
            "Row activity is not known: other sessions are connected."]
    assert fingerprint.compare(before, take(postgres, before)) == []


def test_a_transaction_open_at_the_first_look(postgres):
    with postgres.connection().session() as session:
        session.execute("BEGIN", "UPDATE public.orders SET note = 'late' WHERE id = 7")
        before = take(postgres)
        session.execute("COMMIT")
    assert fingerprint.compare(before, take(postgres, before)) == [
        "Rows were inserted, updated or deleted in public.orders."]


def test_row_security_does_not_hide_rows(postgres):
    postgres.connection().execute(
        "ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY; ALTER TABLE public.orders FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY none ON public.orders FOR SELECT USING (false);"
        "CREATE POLICY w ON public.orders FOR INSERT WITH CHECK (true)")
    before = take(postgres)
    postgres.connection().execute("SET row_security = on; INSERT INTO public.orders VALUES (5000, 'hidden')")
    assert fingerprint.compare(before, take(postgres, before)) == [
        "Rows were inserted, updated or deleted in public.orders."]


@pytest.mark.parametrize("setting", long_but(["DATABASE shop", "ROLE shop", "ROLE shop IN DATABASE shop"], "ROLE shop IN DATABASE shop"))
def test_counters_switched_off(postgres, setting):
    postgres.sql("ALTER %s SET track_counts = off" % setting)
    try:
        before = take(postgres)
        assert "The server does not count row activity for everybody here (track_counts)." \
            in fingerprint.compare(before, take(postgres, before))
    finally:
        postgres.sql("ALTER %s RESET track_counts" % setting)


def test_counters_reset(postgres, changes):
    reasons = changes("SELECT pg_stat_reset()", "UPDATE public.orders SET note = ''", user="postgres")
    assert reasons == ["Row activity is not known: the counters were reset."]


def test_server_restarted(postgres):
    before = take(postgres)
    postgres.stop()
    postgres.start()
    reasons = fingerprint.compare(before, take(postgres, before))
    assert len(reasons) == 1 and "the server was restarted" in reasons[0]


def test_server_restarted_its_backends_after_a_crash(postgres):
    before = take(postgres)
    with postgres.connection().session() as session:
        session.execute("UPDATE public.orders SET note = 'changed'")
        postgres.kill_backend(session.query("SELECT pg_backend_pid() AS pid")[0]["pid"])
    postgres.wait_ready()
    reasons = fingerprint.compare(before, take(postgres, before))
    assert "Row activity is not known: the server lost or reset its counters." in reasons


def test_another_database_of_the_same_name(postgres):
    before = take(postgres)
    postgres.sql("ALTER DATABASE shop RENAME TO old")
    postgres.sql("CREATE DATABASE shop TEMPLATE old OWNER shop")
    assert fingerprint.compare(before, take(postgres, before)) == ["It is another database than before."]


def test_a_database_without_the_migrations_table(postgres):
    before = fingerprint.take(postgres.connection(), "shop", "no_such_table")
    assert fingerprint.compare(before, fingerprint.take(postgres.connection(), "shop", "no_such_table", before)) == []
