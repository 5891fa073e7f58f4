# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No raw value and no key leaves the server, whatever looks on, breaks or is killed."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import dump as sanitize_dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.tests.postgres import bouncer
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY, Cluster
from ansible_collections.slipway.app.tests.postgres.crashes import in_child
from ansible_collections.slipway.app.tests.postgres.dumps import restored
from ansible_collections.slipway.app.tests.postgres.sanitizing import (
    RULES, SECRET, changed, customer, fill, let_read, newest, refused, rules_of, sanitized, shop, small, standby_of,
    store, text_of)
from ansible_collections.slipway.app.tests.waiting import until

__all__ = ["shop", "small", "store"]  # fixtures


def test_a_raw_value_that_is_left_somewhere_stops_it(shop, store):
    everybody = " ".join("Raw%d@mail.example" % number for number in range(1, 3001))
    leaks = [("UPDATE app.\"Bestellung Ü\" SET \"order\" = (SELECT json_build_object('to', address ->> 'street') FROM app.customer c WHERE c.id = customer)",
              "app.Bestellung Ü.order"),
             # What the rule json drops: below a key that looks like data of a person, an address wherever it stands, and a hash of a password.
             ("""UPDATE app.customer SET address = jsonb_build_object('to', jsonb_build_object('recipient', jsonb_build_array('the raw door ' || id)));
              UPDATE app."Bestellung Ü" SET "order" = '(1,"the raw door ' || customer || '")'""", "app.Bestellung Ü.order"),
             ("""UPDATE app.customer SET address = jsonb_build_object('log', 'ORD-2024-000123 was sent to "Door' || id || '@raw.example", and seen');
              UPDATE app."Bestellung Ü" SET "order" = 'door' || customer || '@raw.example'""", "app.Bestellung Ü.order"),
             ("""UPDATE app.customer SET address = jsonb_build_object('x', '$2y$13$rawhash' || id || 'rawhash');
              UPDATE app."Bestellung Ü" SET "order" = 'was $2y$13$rawhash' || customer || 'rawhash'""", "app.Bestellung Ü.order"),
             ("UPDATE app.customer SET address = jsonb_set(address, '{plan}', to_jsonb('call ' || split_part(email::text, '@', 1)))",
              "app.customer.address"),
             ("UPDATE app.\"Bestellung Ü\" SET \"order\" = (SELECT note FROM app.customer c WHERE c.id = customer)", "app.Bestellung Ü.order"),
             ("COMMENT ON TABLE app.hen IS 'ask %s'" % everybody, "the schema")]
    for statement, where in leaks:
        shop.execute(statement)
        with pytest.raises(SlipwayError, match="Raw values were found") as error:
            sanitized(shop, store)
        assert "in %s" % where in str(error.value) and "mail.example" not in str(error.value) and "rawnote" not in str(error.value).lower()
        assert store.list() == [] and store.leftovers() == []
        shop.execute("UPDATE app.customer SET address = '{}'; UPDATE app.\"Bestellung Ü\" SET \"order\" = 'x'")
    # Letters beyond ASCII have a case, too.
    shop.execute("UPDATE app.customer SET last_name = 'RÄWÖHLERÜ', note = 'call RÄWÖHLERÜ'")
    with pytest.raises(SlipwayError, match="of app.customer.last_name in app.customer.note"):
        sanitized(shop, store, customer(note="keep"))
    shop.execute("UPDATE app.customer SET last_name = 'xx'")
    shop.execute("UPDATE app.customer SET first_name = 'raw-12345', note = 'raw-12345'")
    with pytest.raises(SlipwayError, match="of app.customer.note in app.customer.first_name"):
        sanitized(shop, store, customer(first_name="keep"))
    accepted = ["app.customer.first_name", "the schema"]
    told = sanitized(shop, store, dict(customer(first_name="keep"), residue={"accept": accepted}))["sanitized"]["residue"]
    assert told["accepted"] == accepted  # a package may say so: who has the dump is to know


def test_known_passwords_and_placeholders_of_an_earlier_dump_are_no_raw_values(postgres, small, store):
    small.execute("""CREATE TABLE public.login (id int, password varchar(128), photo text, scan bytea, secret char(9), state text, old text, data json,
            email_status text);
        INSERT INTO public.login VALUES (1, 'pbkdf2_sha256$600000$rawsalt12345$rawdigest12345', '/9j/4AAQSkZJRgABAQAAAQABAAD/rawrawraw1/raw', '\\x0102',
            'raw-4711', 'in-transit-1', '$2y$13$rawoldhash1234', '{"token": "raw-token-1", "state": "in-transit-1"}', NULL),
            (2, '', NULL, NULL, '', '', '', '{}', NULL);
        INSERT INTO public.login (id, email_status) SELECT g, 'confirmed' FROM generate_series(3, 5) g;
        CREATE TABLE public.audit (state text, said text); INSERT INTO public.audit VALUES ('in-transit-1', ''), ('confirmed', '')""")
    rules = rules_of("""{login: {columns: {id: keep, password: {rule: password, hasher: pbkdf2_sha256}, photo: {rule: attachment, kind: jpeg},
                                scan: {rule: attachment, kind: pdf}, secret: {rule: fixed, value: known-42}, state: {rule: fixed, value: known-state-1},
                                old: {rule: fixed, value: known-old-1}, email_status: {rule: fixed, value: new},
                                data: {rule: json, paths: {token: {rule: fixed, value: known-token-1},
                                state: {rule: fixed, value: known-state-1}}}}}, audit: keep}""")
    # What is fixed is looked for where its column, or what is in it, looks like personal data, and not any word that many tables, or rows, have.
    for value, column in (("raw-4711", "secret"), ("rawoldhash1234", "old"), ("raw-token-1", "data")):
        small.execute("UPDATE public.audit SET said = 'it was %s'" % value)
        with pytest.raises(SlipwayError, match="Raw values were found .*: of public.login.%s in public.audit.said" % column):
            sanitized(small, store, rules)
    small.execute("UPDATE public.audit SET said = ''")
    residue = sanitized(small, store, rules)["sanitized"]["residue"]
    assert residue["columns"] == 5 and residue["values"] == 9  # all but what hashes and pictures of all have in common
    assert residue["left_out"] == ["public.login.scan", "public.login.state", "public.login.email_status"]
    there = restored(postgres, newest(store))
    query = ("SELECT left(password, 21) AS password, left(photo, 20) AS photo, convert_from(substr(scan, 1, 5), 'UTF8') AS scan FROM public.login "
             "WHERE id < 3 ORDER BY id")
    assert there.query(query) == [{"password": "pbkdf2_sha256$600000$", "photo": "/9j/4AAQSkZJRgABAQAA", "scan": "%PDF-"},
                                  {"password": "", "photo": None, "scan": None}]
    assert sanitized(there, store, rules)["sanitized"]["residue"]["values"] == 0


def test_what_JSON_drops_and_other_tables_keep_rightly_is_no_raw_value(small, store):
    small.execute("""SET search_path = public; CREATE TABLE product (id uuid PRIMARY KEY, name text, log jsonb);
        INSERT INTO product SELECT md5('p' || g)::uuid, 'Blue Cotton Shirt No ' || g, jsonb_build_object('at', '2026-01-15T10:59:01Z')
        FROM generate_series(1, 50) g; INSERT INTO product (id, name) SELECT md5('b')::uuid, 'Beautiful';
        CREATE TABLE "order" (id int, number text, snap jsonb); INSERT INTO "order" SELECT g, 'ORD-2026-000' || g, jsonb_build_object(
            'mail', 'Raw' || g || '@mail.example', 'product', md5('p' || g), 'title', 'Blue Cotton Shirt No ' || g, 'number', 'ORD-2026-000' || g,
            'recipient', jsonb_build_object('id', md5('p' || g)::uuid), 'street', 'left by ORD-2026-000' || g, 'first_name', 'Beautiful',
            'log', 'to raw@mail.example,ORD-2026-000' || g, 'at', to_jsonb('2026-01-15 10:00Z'::timestamptz + g * interval '1 second'))
        FROM generate_series(1, 50) g""")
    residue = sanitized(small, store, rules_of("""{product: keep,
        '"order"': {columns: {id: keep, number: keep, snap: {rule: json, paths: {mail: email}}}}}"""))["sanitized"]["residue"]
    assert residue["values"] >= 50 and residue["left_out"] == []


def test_a_column_to_which_other_letters_are_the_same(postgres, small, store):
    """As by rules of ICU, which the servers of these tests do not have."""
    small.execute("""CREATE COLLATION public.odd (provider = libc, locale = 'C.utf8'); CREATE TABLE public.login (token text COLLATE public.odd,
        said text COLLATE public.odd); INSERT INTO public.login VALUES ('raw-4711', 'it was raw-4711')""")
    postgres.sql("UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'odd'", "shop")
    with pytest.raises(SlipwayError, match="Raw values were found .*: of public.login.token in public.login.said"):
        sanitized(small, store, rules_of('{login: {columns: {token: {rule: fixed, value: known}, "*": keep}}}'))
    # A reference by other letters, as the server would take it by such rules.
    small.execute("""DROP TABLE public.login; CREATE TABLE public.login (id int, name text COLLATE public.odd, UNIQUE (id, name)) PARTITION BY LIST (id);
        CREATE TABLE public.login_1 PARTITION OF public.login FOR VALUES IN (1); CREATE TABLE public.login_2 PARTITION OF public.login DEFAULT;
        CREATE TABLE public.visit (id int, who text COLLATE public.odd, FOREIGN KEY (id, who) REFERENCES public.login (id, name));
        INSERT INTO public.login VALUES (1, 'Bob'), (2, 'Ann'); INSERT INTO public.visit VALUES (1, 'Bob'), (2, 'Ann'), (NULL, 'BOB')""")
    text = "{login: {columns: {id: keep, name: %s}}, visit: {columns: {id: keep%s}}}"
    sanitized(small, store, rules_of(text % ("hash", "")), check=True)
    postgres.sql("SET session_replication_role = replica; INSERT INTO public.visit VALUES (1, 'BOB')", "shop")
    refused(small, store, rules_of(text % ("hash", "")), "public.visit.who refers to public.login_1.name in some rows by other letters, which the "
            "collation odd takes for the same and masks do not: they would not meet (foreign key visit_id_who_fkey).",
            "Only keep, or null for public.visit.who, is left.")
    for name, who in (("hash", ", who: null"), ("keep", ", who: keep")):
        sanitized(small, store, rules_of(text % (name, who)), check=True)


def test_what_is_no_row_does_not_leak_either(postgres, shop, store):
    admin = postgres.connection(postgres.superuser)
    admin.execute("""CREATE EXTENSION postgres_fdw;
        CREATE SERVER "else\nwhere" FOREIGN DATA WRAPPER postgres_fdw;
        CREATE USER MAPPING FOR shop SERVER "else\nwhere" OPTIONS (user 'x', password 'rawpassword');
        CREATE FOREIGN TABLE app.far (mail text) SERVER "else\nwhere";
        SELECT lo_from_bytea(0, 'raw object');
        ALTER DATABASE shop SET app.token = 'rawtoken';
        COMMENT ON DATABASE shop IS 'raw comment'""")
    admin.execute("CREATE SUBSCRIPTION follower CONNECTION 'host=127.0.0.1 port=1 password=rawpassword' PUBLICATION p "
                  "WITH (connect = false, slot_name = NONE)")
    try:
        with pytest.raises(SlipwayError, match="large objects"):
            sanitized(admin, store)
        with pytest.raises(SlipwayError, match="foreign server"):
            sanitized(admin, store, dict(changed(far="keep"), large_objects="drop"))
        result = sanitized(admin, store, dict(RULES, large_objects="drop"))
        whole = newest(store)
        text = "".join(pathlib.Path(whole.archive, "toc.dat").read_bytes().decode("latin-1").split("\0"))
        assert "raw" not in (text + text_of(postgres, whole) + json.dumps(whole.manifest)).lower()
        assert "BLOB" not in text and "else\nwhere" in text
        assert r"Left out, for the passwords in them: USER MAPPING shop SERVER else\nwhere." in result["warnings"]
    finally:
        admin.execute("DROP SUBSCRIPTION follower")


def test_rows_that_pg_dump_has_read_all_the_same_are_refused(monkeypatch, shop, store):
    real = sanitize_dump.dumps.arguments
    monkeypatch.setattr(sanitize_dump.dumps, "arguments", lambda connection, wish, settled, clients, excluded, _data, *more: real(
        connection, wish, settled, clients, excluded, [], *more))
    with pytest.raises(SlipwayError, match="pg_dump has read what it was told not to: TABLE DATA"):
        sanitized(shop, store)
    assert store.list() == [] and store.leftovers() == []


def test_a_pooler_never_hears_the_key(monkeypatch, postgres, small, store, tmp_path):
    sent, having = [], Connection.having
    monkeypatch.setattr(Connection, "having", lambda connection, name, value: sent.append(name) or having(connection, name, value))
    try:
        with bouncer.running(str(REPOSITORY / ".cache"), tmp_path, postgres, "shop", PASSWORD, 3) as port:
            through = Connection(**dict(vars(small), login_port=port))
            for check in (True, False):
                with pytest.raises(SlipwayError, match="connect to the server itself"):
                    sanitized(through, store, {}, check=check)
    except bouncer.registry_server.ServerError as error:
        pytest.skip(str(error))
    assert sent == []  # a pooler writes what it refuses into its log
    assert store.list() == store.leftovers() == []


def limits_of_writer():
    """What the kernel says of the process of ours that writes rows."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ours = "\nPPid:\t%d\n" % os.getpid() in (path / "status").read_text(encoding="utf-8")
            if ours and b"sanitize.writer" in (path / "cmdline").read_bytes():
                return (path / "limits").read_text(encoding="utf-8")
    return ""


def test_nothing_is_left_when_it_is_cut(postgres, shop, store):
    limits = []

    def cut(_phase, **_state):
        limits.append(limits_of_writer())
        postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'COPY (SELECT%'")

    def die(_phase, **_state):
        os.kill(os.getpid(), signal.SIGKILL)

    shop.execute("INSERT INTO app.session SELECT g::text, repeat('x', 1000) FROM generate_series(1, 30000) g")
    rules = changed(session={"columns": {"id": "hash", "data": "text"}})
    with pytest.raises(SlipwayError, match="The rows could not be written: table app") as error:
        sanitized(shop, store, rules, report=cut, jobs=1)
    assert re.search(r"Max core file size +0 +0 ", limits[0])  # raw values and the key are in its memory
    assert "nothing of it is left" in error.value.untouched and store.leftovers() == [] == store.list()
    assert in_child(lambda: sanitized(shop, store, rules, report=die, jobs=1)) is False
    assert store.list() == [] and len(store.leftovers()) == 1
    # What had secrets in it once is among what is known to be left.
    assert len(list(pathlib.Path(store.location).glob("**/slipway-schema-*/archive/toc.dat"))) == 1
    sanitized(shop, store, rules)
    assert len(store.list()) == 1 and store.leftovers() == [] == list(pathlib.Path(store.location).glob("**/slipway-schema-*"))


def test_nothing_goes_on_at_the_server_when_it_is_cut(postgres, small, store):
    """A query that gives out no row yet sees neither that its psql has nobody to write for, nor that its psql is gone."""
    small.execute("""SET search_path = public; CREATE TABLE stuck_1 (id int); CREATE TABLE stuck_2 (LIKE stuck_1);
        INSERT INTO stuck_1 SELECT generate_series(1, 1000) UNION ALL SELECT generate_series(2000000, 2009999); INSERT INTO stuck_2 TABLE stuck_1""")
    said = "{where: \"md5(repeat('x', id)) = 'x'\", columns: {id: keep}}"  # not of the first rows, on which it is tried
    rules = rules_of("{stuck_1: %s, stuck_2: %s}" % (said, said))

    def at_work():
        return postgres.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'shop' AND state = 'active' AND query LIKE 'COPY (%stuck%'").split()

    def cut(_phase, table, **_state):
        if table == "public.stuck_1":
            until(lambda: len(at_work()) == 2)
            postgres.sql("SELECT pg_terminate_backend(%s)" % at_work()[0])

    def die(_phase, **_state):
        until(lambda: len(at_work()) == 2)
        os.kill(os.getpid(), signal.SIGKILL)

    def interrupt(_phase, **_state):
        until(lambda: len(at_work()) == 2)
        raise KeyboardInterrupt

    with pytest.raises(SlipwayError, match="The rows could not be written: table public.stuck_"):
        sanitized(small, store, rules, report=cut, jobs=2)
    until(lambda: not at_work(), 5)
    with pytest.raises(KeyboardInterrupt):
        sanitized(small, store, rules, report=interrupt, jobs=2)
    until(lambda: not at_work(), 5)
    assert in_child(lambda: sanitized(small, store, rules, report=die, jobs=2)) is False
    until(lambda: not at_work(), 5)


def test_nothing_goes_on_at_the_server_when_it_is_cut_before_it_writes(postgres, small, store):
    """The proof works out which rows are dumped before any is, with locks on all tables."""
    small.execute("""CREATE TABLE public.stuck (id int, v text);
        INSERT INTO public.stuck SELECT generate_series(1, 1000), 'x' UNION ALL SELECT generate_series(2000000, 2009999), 'x'""")
    rules = rules_of("{stuck: {where: \"id <= 1000 OR md5(repeat(v, id)) = 'x'\", columns: {id: keep, v: null}}}")

    def at_work():
        return postgres.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'shop' AND state = 'active' AND query LIKE '%hashtext(ctid%'")

    def cut_by(number):
        threading.Thread(target=lambda: until(at_work) and os.kill(os.getpid(), number)).start()
        sanitized(small, store, rules)

    assert in_child(lambda: cut_by(signal.SIGKILL)) is False
    until(lambda: not at_work(), 5)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # processes that share tests among them pass it over
    try:
        with pytest.raises(KeyboardInterrupt):
            cut_by(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    until(lambda: not at_work(), 5)


LOUD = {"log_statement": "all", "log_min_duration_statement": 0, "log_connections": "on", "log_disconnections": "on", "log_duration": "on",
        "log_parameter_max_length": -1, "log_parameter_max_length_on_error": -1, "log_replication_commands": "on", "log_min_messages": "debug2",
        "debug_print_plan": "on", "log_line_prefix": "%m %a ", "track_activity_query_size": 65536,
        "shared_preload_libraries": "pg_stat_statements, auto_explain", "auto_explain.log_min_duration": 0, "auto_explain.log_verbose": "on",
        "pg_stat_statements.track_utility": "on"}


def processes():
    """The arguments of all processes of this machine, as anybody can read them."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode("utf-8", "replace").replace("\0", " "))
    return "\n".join(found)


@contextlib.contextmanager
def looking(primary):
    """[what all processes were started with, what all sessions of a Cluster said last], of all moments of a block."""
    seen, over = [], threading.Event()

    def look():
        with primary.connection(primary.superuser).session() as session:
            while not over.wait(0.001):
                seen.append(processes())
                seen.append(json.dumps(session.query("SELECT * FROM pg_stat_activity")))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_no_server_sees_the_key_and_a_standby_will_do(tmp_path, bin_dir, server, store):
    """server is not used but for psql on PATH: a primary that writes down all it can, and a standby of it."""
    primary = Cluster(str(tmp_path / "primary"), bin_dir, settings=dict(
        {"fsync": "off", "autovacuum": "off", "hot_standby": "on", "max_wal_senders": 3}, **LOUD)).start()
    standby = None
    try:
        for statement in ("CREATE ROLE shop LOGIN PASSWORD '%s'" % PASSWORD, "CREATE ROLE guest LOGIN PASSWORD '%s'" % PASSWORD,
                          "CREATE EXTENSION pg_stat_statements", "CREATE DATABASE shop OWNER shop"):
            primary.sql(statement)
        fill(primary).execute("""UPDATE app.customer SET address = coalesce(address, '{}') || jsonb_build_object(
            'nick_' || id, id, 'raw' || id || '@email.example', id)""")
        let_read(primary.connection())
        rules = changed(customer=dict(RULES["tables"]["app.customer"], where="id % 3 = 0", sample=900, orphans=None), visit=dict(
            RULES["tables"]["app.visit"], where="day < now()"), egg={"columns": {"*": "keep"}, "where": "id > 1"})
        with looking(primary) as seen:
            # Who looks on sees only a part of what happens; on a busy machine that can be too little.
            for _turn in range(9):
                sanitized(primary.connection(), store, rules, jobs=2)
                if any("COPY (" in what for what in seen) and any("writer" in what for what in seen):
                    break
            else:
                pytest.fail("nothing was seen of it")
        seen.append(json.dumps(primary.connection(primary.superuser, "postgres").query("SELECT query FROM public.pg_stat_statements")))
        seen.append(pathlib.Path(primary.log_file).read_text(encoding="utf-8", errors="replace"))
        key = Sanitizing(RULES, SECRET).key
        for what in seen:
            for secret in (SECRET, key.setting[:128], key.setting[128:], key.setting[:64]):
                assert secret not in what
            assert not re.search(r"nick_\d|raw\d+@email", what)  # names of people that are keys in documents
        # What could have shown it has been looked at.
        assert "slipway.sanitize_key" in seen[-2] and "slipway.sanitize_key" in seen[-1] and "pg_export_snapshot" in seen[-1]
        standby = standby_of(primary, tmp_path / "standby", bin_dir)
        assert standby.sql("SELECT pg_is_in_recovery()") == "t"
        sanitized(standby.connection("guest"), store, rules)
        first, second = [store.open(key) for key in (store.list()[0], store.list()[-1])]
        assert text_of(primary, first) == text_of(primary, second) and "@example.invalid" in text_of(primary, first)
        rows = {table["name"]: table["rows"] for table in second.manifest["tables"]}
        assert rows["customer"] == 900 and 0 < rows["Bestellung Ü"] < 2000 and rows["hen"] == rows["egg"] == 0
    finally:
        if standby:
            standby.remove()
        primary.remove()
