# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of real databases, and what stock pg_restore makes of them."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumping
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore, open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.tests.postgres.children import has_ended
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY, cluster, postgres_server
from ansible_collections.slipway.app.tests.postgres.dumps import restored
from ansible_collections.slipway.app.tests.selection import long_but
from ansible_collections.slipway.app.tests.waiting import until

ODD = "It's \"my\" Shöp\\ 100%/.."
WORLD = """
    CREATE SCHEMA "My.Schema";
    CREATE EXTENSION citext; CREATE EXTENSION hstore;
    CREATE TYPE mood AS ENUM ('so', 'so so');
    CREATE TABLE "My.Schema"."it's ""a"" Täble" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t citext, m mood, h hstore,
        twice int GENERATED ALWAYS AS (length(t::text) * 2) STORED);
    INSERT INTO "My.Schema"."it's ""a"" Täble" (t, m, h) VALUES (E'a\\tb\\n\\\\.', 'so so', 'a=>1'), (NULL, NULL, NULL), ('', 'so', '');
    CREATE TABLE nothing (id int);
    CREATE TABLE columnless (); INSERT INTO columnless SELECT FROM generate_series(1, 7);
    CREATE TABLE parts (id int, kind text) PARTITION BY LIST (kind);
    CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
    CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b') PARTITION BY RANGE (id);
    CREATE TABLE parts_b1 PARTITION OF parts_b FOR VALUES FROM (0) TO (100);
    INSERT INTO parts SELECT g, CASE WHEN g % 3 = 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 99) g;
    CREATE TABLE parent (id int); CREATE TABLE child (more text) INHERITS (parent);
    INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (3, 'x');
    CREATE UNLOGGED TABLE quick (id int); INSERT INTO quick VALUES (1);
    CREATE MATERIALIZED VIEW top AS SELECT * FROM parts;
    CREATE TABLE kept (id int PRIMARY KEY);
    CREATE TABLE refers (id int REFERENCES kept);
    INSERT INTO kept VALUES (1); INSERT INTO refers VALUES (1);
    CREATE TABLE guarded (id int); INSERT INTO guarded VALUES (1), (2);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON guarded TO guest USING (false);
    SELECT lo_from_bytea(0, '\\x00ff00'), lo_from_bytea(0, 'two');
"""
COUNTS = {"My.Schema.it's \"a\" Täble": 3, "public.nothing": 0, "public.columnless": 7, "public.parts_a": 33, "public.parts_b1": 66,
          "public.parent": 2, "public.child": 1, "public.quick": 1, "public.kept": 1, "public.refers": 1, "public.guarded": 2}


def execute(postgres, text, database, user="shop"):
    """Run a script as a role, which psql's own -c does not stop at the first statement of."""
    environment = dict(postgres.connection(user, database).environment(), PGDATABASE=database)
    subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=text, text=True, env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def world(postgres):
    """A connection to a database whose names and tables are as odd as can be."""
    postgres.sql("CREATE DATABASE %s OWNER shop" % quote_ident(ODD))
    execute(postgres, WORLD, ODD)
    return postgres.connection(database=ODD)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "dumps"))


def counted(manifest):
    return {"%(schema)s.%(name)s" % table: table["rows"] for table in manifest["tables"]}


def counts_in(connection, tables):
    return {"%(schema)s.%(name)s" % table: connection.query(
        "SELECT count(*) AS n FROM ONLY %s.%s" % (quote_ident(table["schema"]), quote_ident(table["name"])))[0]["n"] for table in tables}


def test_all_that_a_database_can_have(postgres, world, store):
    result = dump(world, store, Wish("Prod/1", who="ann"))
    whole = store.open(store.newest("%50rod%2F1"))
    whole.verify()
    manifest = whole.manifest
    assert counted(manifest) == COUNTS and result["rows"] == sum(COUNTS.values()) and result["tables"] == len(COUNTS)
    assert (manifest["database"], manifest["owner"], manifest["who"], manifest["roles"]) == (ODD, "shop", "ann", ["guest", "shop"])
    assert set(manifest["extensions"]) == {"plpgsql", "citext", "hstore"} and manifest["encoding"] == "UTF8"
    assert result["warnings"] == [] and result["leftovers"] == []
    copy = restored(postgres, whole)
    assert counts_in(copy, manifest["tables"]) == COUNTS
    for query in ('SELECT * FROM "My.Schema"."it\'s ""a"" Täble"', "SELECT data FROM pg_largeobject ORDER BY data", "SELECT * FROM public.top"):
        postgres_rows = postgres.connection(postgres.superuser, ODD).query(query)
        assert postgres.connection(postgres.superuser, "copy").query(query) == postgres_rows and postgres_rows


def test_what_is_left_out_is_exactly_what_was_named(postgres, world, store):
    wish = Wish("uat", exclude_tables=["nothing", '"My.Schema"."it\'s ""a"" T*"', '"My.Schema"."it\'s ""a"" Täble"', "gone*"],
                exclude_table_data=["parts", "kept", "nothing"])
    told = dump(world, store, wish, check=True)
    assert not os.path.exists(store.location) and told["key"] is None and told["tables"] == len(COUNTS) - 2
    result = dump(world, store, wish)
    out, empty = [["%(schema)s.%(name)s" % table for table in result[name]] for name in ("excluded", "excluded_data")]
    assert out == ["My.Schema.it's \"a\" Täble", "public.nothing"]
    assert empty == ["public.kept", "public.parts", "public.parts_a", "public.parts_b", "public.parts_b1"]
    assert [result[name] for name in ("excluded", "excluded_data", "warnings", "tables")] == [
        told[name] for name in ("excluded", "excluded_data", "warnings", "tables")]
    said = " ".join(result["warnings"])
    assert "No table matches gone*" in said and 'T*"' in said and "refers_id_fkey of table public.refers needs rows of table public.kept" in said
    left = {name: None if name in empty else number for name, number in COUNTS.items() if name not in out}
    manifest = store.open(store.newest()).manifest
    assert counted(manifest) == left and [key["key"] for key in manifest["needed"]] == ["refers_id_fkey"]
    # The key that cannot be made is what the warning was about; all else is there.
    execute(postgres, "DELETE FROM refers", ODD)
    assert "refers_id_fkey" not in " ".join(dump(world, store, wish)["warnings"])
    whole = store.open(store.newest("uat"))
    copy = restored(postgres, whole)
    assert counts_in(copy, whole.manifest["tables"]) == dict({name: number or 0 for name, number in left.items()}, **{"public.refers": 0})


@pytest.fixture
def meanwhile(postgres, monkeypatch):
    """meanwhile(sql) lets it be run when the snapshot is taken and pg_dump has not begun."""

    def make(sql):
        def after(*arguments, follow=dumping.follow):
            postgres.connection().execute(sql)
            return follow(*arguments)

        monkeypatch.setattr(dumping, "follow", after)

    return make


def test_rows_are_those_of_the_snapshot(postgres, store, meanwhile):
    """Who writes while the dump is made is neither in it nor in its manifest."""
    meanwhile("INSERT INTO public.orders (note) SELECT 'late' FROM generate_series(1, 50); DELETE FROM public.orders WHERE id <= 20")
    dump(postgres.connection(), store, Wish("uat"))
    whole = store.open(store.newest())
    assert counted(whole.manifest)["public.orders"] == 1000
    assert counts_in(restored(postgres, whole), whole.manifest["tables"]) == {"public.orders": 1000, "public.django_migrations": 1}
    assert postgres.connection().query("SELECT count(*) AS n FROM public.orders")[0]["n"] == 1030


def test_a_table_that_is_emptied_before_pg_dump_locks_it_fails_the_dump(postgres, store, meanwhile):
    """To pg_dump it is empty: TRUNCATE takes the rows away from older snapshots, too."""
    meanwhile("TRUNCATE public.orders")
    with pytest.raises(SlipwayError, match="public.orders was emptied .* Dump again"):
        dump(postgres.connection(), store, Wish("uat"))
    assert store.list() == [] and parts(store) == []


@pytest.mark.parametrize("encoding, name", long_but([("LATIN1", "läden"), ("SQL_ASCII", "laeden")], ("SQL_ASCII", "laeden")))
def test_other_encodings(postgres, store, encoding, name):
    postgres.sql("CREATE DATABASE old OWNER shop TEMPLATE template0 ENCODING '%s' LOCALE 'C'" % encoding)
    execute(postgres, "CREATE TABLE %s (t text); CREATE TABLE words (t text)" % name, "old")
    # A byte that is a letter in one of them and nothing at all in UTF-8.
    environment = dict(postgres.connection().environment(), PGDATABASE="old", PGCLIENTENCODING=encoding)
    subprocess.run(["psql", "-Xq"], input=b"COPY words FROM stdin;\ncaf\xe9\n\\.\n", env=environment, check=True)
    dump(postgres.connection(database="old"), store, Wish("uat", exclude_tables=[name]))
    whole = store.open(store.newest())
    assert whole.manifest["encoding"] == encoding and counted(whole.manifest) == {"public.words": 1}
    Restore(postgres.connection(database="new"), Wishes(properties="dump")).run(DumpSource(whole, postgres.bin_dir))
    assert postgres.sql("SELECT encode(t::bytea, 'hex'), current_setting('server_encoding') FROM words", "new") == "636166e9|" + encoding
    copy = restored(postgres, whole)
    assert copy.query("SELECT encode(t::bytea, 'hex') AS hex FROM public.words")[0]["hex"] == "636166e9"
    assert copy.query("SELECT count(*) AS n FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")[0]["n"] == 1


@pytest.fixture
def older(tmp_path):
    """A server of the machine's own packages, which usually is of another major."""
    server = cluster(tmp_path / "older", postgres_server.binaries(str(REPOSITORY / ".cache"), prefer="machine"))
    yield server
    server.remove()


def test_a_server_of_another_major(older, store):
    older.sql("CREATE TABLE words AS SELECT g FROM generate_series(1, 9) g")
    connection = Connection("127.0.0.1", older.port, older.superuser, older.password, "postgres")
    result = dump(connection, store, Wish("uat"))
    whole = store.open(store.newest())
    whole.verify()
    assert counted(whole.manifest) == {"public.words": 9} and whole.manifest["roles"] == ["postgres"]
    assert result["client_version"] // 10000 == result["server_version"] // 10000  # not what is first on PATH
    assert result["compression"].startswith("zstd" if result["client_version"] >= 160000 else "gzip")


LOCALE = """
SELECT datlocprovider, datcollate, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules'
FROM pg_database d WHERE datname = '%s'"""


def comes_back(server, locale, second, store):
    """Prove that a database with a locale, which sorts a word as the second, is restored with it, where there is none and where there is one."""
    server.sql("CREATE DATABASE old OWNER shop TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' " + locale)
    connection = server.connection(database="old")
    connection.execute("CREATE TABLE public.words AS SELECT unnest(ARRAY['z', 'ä', 'a']) AS t")
    assert connection.query("SELECT t FROM public.words ORDER BY t OFFSET 1 LIMIT 1") == [{"t": second}]
    dump(connection, store, Wish("uat"))
    for database, properties in (("new", "dump"), ("old", "target")):
        Restore(server.connection(database=database), Wishes(properties=properties)).run(DumpSource(store.open(store.newest())))
        assert server.sql(LOCALE % database) == server.sql(LOCALE % "old")
        assert server.connection(database=database).query("SELECT t FROM public.words ORDER BY t OFFSET 1 LIMIT 1") == [{"t": second}]


def test_the_locale_of_the_builtin_provider(postgres, store):
    comes_back(postgres, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'", "z", store)


@pytest.mark.long
def test_the_locale_of_icu_and_what_the_programs_of_every_day_lack(older, store):
    """Of what Debian's server alone has."""
    if older.sql("SELECT count(*) FROM pg_collation WHERE collprovider = 'i'") == "0" or int(older.sql("SHOW server_version_num")) < 150000:
        pytest.skip("this server has no databases with a locale of ICU")
    older.sql("CREATE ROLE shop LOGIN CREATEDB PASSWORD '%s'" % PASSWORD)
    comes_back(older, "LOCALE_PROVIDER icu ICU_LOCALE 'de'", "ä", store)
    execute(older, 'CREATE EXTENSION "uuid-ossp"; CREATE TABLE public.named AS SELECT 1;'
                   " ALTER TABLE public.named ADD id uuid DEFAULT uuid_generate_v4()", "old")
    dump(older.connection(database="old"), store, Wish("uat"))
    Restore(older.connection(database="new"), Wishes(reversible=True)).run(DumpSource(store.open(store.newest())))
    ids = "SELECT id FROM named"
    old = older.sql(ids, "old")
    assert older.sql(ids, "new") == old and older.sql("INSERT INTO named VALUES (2) RETURNING id <> '%s'" % old, "new") == "t"


@pytest.mark.parametrize("text, kind", [("none", ".dat"), ("gzip:1", ".dat.gz"), ("auto", ".dat.zst")])
def test_compressions(postgres, store, text, kind):
    result = dump(postgres.connection(), store, Wish("uat", compression=text, jobs=1))
    names = [item["name"] for item in store.open(store.newest()).manifest["files"]]
    assert result["compression"] == {"auto": "zstd:3"}.get(text, text) and any(name.endswith(kind) for name in names)


# The module

@pytest.fixture
def run(postgres, tmp_path, run_module):
    """run(check=False, **changes) -> the result of the module as the real process it is on a host."""

    def runner(check=False, **changes):
        params = dict({"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret",
                       "login_db": "shop", "store": str(tmp_path / "dumps"), "instance": "uat", "environment": "uat"}, **changes)
        result = run_module("postgres_dump", {name: value for name, value in params.items() if value is not None}, check)
        assert "no secret" not in json.dumps(result)
        return result

    return runner


@pytest.fixture
def wrapper(postgres, tmp_path):
    """wrapper(text) -> a folder with a pg_dump that runs a text of shell before or after the real one, which is $real "$@"."""

    def make(text):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "pg_dump").write_text("#!/bin/sh\nreal=%s\n%s\n" % (os.path.join(postgres.bin_dir, "pg_dump"), text))
        (folder / "pg_dump").chmod(0o755)
        return str(folder)

    return make


def test_the_password_is_in_no_argument_and_progress_is_written(postgres, run, wrapper, tmp_path):
    progress, seen = tmp_path / "progress", tmp_path / "seen"
    bin_dir = wrapper("""case $1 in --format=directory) echo "$@" >%(seen)s; esac
        $real "$@" || exit
        case $1 in --format=directory) ;; *) exit; esac
        for i in $(seq 600); do
            grep -qs '"bytes": [1-9]' %(progress)s && cp -p %(progress)s %(progress)s.seen && exit
            sleep 0.05
        done
        exit 9
        """ % {"seen": seen, "progress": progress})
    result = run(bin_dir=bin_dir, progress=str(progress), jobs=3)
    assert not result.get("failed"), result
    said = seen.read_text()
    assert "--jobs=3" in said and "dbname='shop'" in said and "secret" not in said
    state = json.loads((tmp_path / "progress.seen").read_text())
    assert state["phase"] == "dump" and 0 < state["bytes"] <= state["total_bytes"]
    assert (tmp_path / "progress.seen").stat().st_mode & 0o777 == 0o600 and not progress.exists()


REFUSED = [
    ({"environment": None}, "counts as prod"),
    ({"login_db": "nowhere"}, 'database "nowhere" does not exist'),
    ({"login_password": "wrong"}, "password authentication failed"),
    ({"exclude_tables": ["a.b.c"]}, "is no pattern"),
    ({"store": "ftp://host/dumps"}, "has to be a folder, or s3://bucket/prefix"),
]


@pytest.mark.parametrize("changes, message, check", [(*one, False) for one in REFUSED] + long_but([(*one, True) for one in REFUSED], (*REFUSED[0], True)))
def test_what_stands_against_it_is_said_and_leaves_nothing(run, tmp_path, changes, message, check):
    result = run(check, **changes)
    assert result["failed"] and message in result["msg"]
    assert [path for path in (tmp_path / "dumps").rglob("*") if not path.is_dir() and path.name != ".lock"] == []


def test_an_older_client_is_refused_before_anything_is_done(run, wrapper, tmp_path):
    result = run(bin_dir=wrapper("echo 'pg_dump (PostgreSQL) 14.1'"), pre_dump_hooks=["touch %s/hook" % shlex.quote(str(tmp_path))])
    assert result["failed"] and "The server is PostgreSQL 1" in result["msg"] and "14.1 in" in result["msg"]
    assert not (tmp_path / "dumps").exists() and not (tmp_path / "hook").exists()


def test_a_newer_source_than_the_target_is_refused_before_it_is_dumped(postgres, wrapper):
    with pytest.raises(SlipwayError, match="The dump is of PostgreSQL 99.1 and the server is 1.*older server"):
        Restore(postgres.connection(), Wishes()).require_possible(990001, wrapper("echo 'pg_dump (PostgreSQL) 99.1'"))


def test_a_config_says_it_for_all_calls_and_its_hooks_run_on_the_database(postgres, run, run_module, tmp_path):
    small = {"pre_dump_hooks": [["psql", "-qc", "DELETE FROM orders WHERE id > 10"]], "exclude_table_data": ["django_migrations"],
             "store": str(tmp_path / "dumps"), "source": "uat/shop/small", "prefix": "uat/shop/small"}
    assert "Nothing says where the store of dumps is" in run(store=None)["msg"]
    told = run(check=True, config="small", configs={"small": small}, store=None)
    assert postgres.connection().query("SELECT count(*) AS n FROM public.orders")[0]["n"] == 1000  # check mode runs none
    done = run(config="small", configs={"small": small}, store=None)
    assert json.loads((tmp_path / "dumps" / done["key"] / "manifest.json").read_text())["options"] == {
        "config": "small", "exclude_tables": [], "exclude_table_data": ["django_migrations"], "pre_dump_hooks": ["psql"]}
    assert done["key"].startswith("uat/shop/small/") and done["rows"] == 10 and told["excluded_data"] == done["excluded_data"]
    assert run(config="small", configs={"small": small}, exclude_tables=[])["key"].startswith("uat/shop/none/")
    assert [dump["key"] for dump in run_module("postgres_dump_info", {"config": "small", "configs": {"small": small}})["dumps"]] == [done["key"]]
    back = run_module("postgres_restore", {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret",
                                           "login_db": "shop", "environment": "uat", "config": "small", "configs": {"small": small}}, True)
    assert back["restored"] == done["key"]
    failed = run(pre_dump_hooks=["psql -c 'SELECT nonsense'"])
    assert failed["failed"] and 'column "nonsense" does not exist' in failed["msg"] and "No dump was made" in failed["msg"]


def test_a_table_that_may_not_be_read_fails_the_dump(postgres, run, tmp_path):
    postgres.sql("CREATE TABLE public.secret (id int)", "shop")
    result = run()
    assert result["failed"] and "permission denied for table secret" in result["msg"]
    assert FolderStore(str(tmp_path / "dumps")).list() == []


# When it does not come to its end

def in_child(work):
    """Run work in a process of its own; return whether it came to its end, or by what signal it died."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


CHANGES = ("os.mkdir", "os.rename", "os.chmod", "os.remove", "subprocess.Popen", "tempfile.mkdtemp", "shutil.rmtree")


def dies_at(number, work):
    """Run work in a child that is killed before its change of this number to the disk; return whether it was."""
    def counting():
        seen = [0]

        def hook(event, _arguments):
            if event in CHANGES:
                seen[0] += 1
                if seen[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()

    status = in_child(counting)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


def parts(store):
    return sorted(str(path.relative_to(store.location)) for path in pathlib.Path(store.location).glob("*/*/*/.part-*"))


def test_killed_at_each_step(postgres, store):
    """No step leaves what a list takes for whole, and the next dump names and removes what is left."""
    number = 1
    deaths_with_parts = 0
    while dies_at(number, lambda: dump(postgres.connection(), store, Wish("uat", jobs=1, compression="none"))):
        for key in store.list():  # killed after the rename: then it is whole
            store.open(key).verify()
        left = parts(store)
        deaths_with_parts += len(left)
        assert store.remove_leftovers() == left and parts(store) == []
        number += 1
    assert number > 12 and deaths_with_parts > 4
    store.open(store.newest()).verify()


def test_killed_while_pg_dump_writes(postgres, store, wrapper, tmp_path):
    pid_file = tmp_path / "pid"
    bin_dir = wrapper('case $1 in --format=directory) $real "$@"; echo $$ >%s; sleep 600;; *) $real "$@"; esac' % pid_file)
    pid = os.fork()
    if pid == 0:
        try:
            dump(postgres.connection(), store, Wish("uat", bin_dir=bin_dir, compression="none"))
        finally:
            os._exit(0)
    until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"))
    left = parts(store)
    assert len(left) == 1 and store.leftovers() == [] and store.remove_leftovers() == []  # it is at work
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert store.list() == []
    assert dump(postgres.connection(), store, Wish("uat"), check=True)["leftovers"] == left
    result = dump(postgres.connection(), store, Wish("uat"))
    assert result["leftovers"] == left and parts(store) == [] and store.list() == [store.newest()]
    until(lambda: has_ended(pid_file.read_text().strip()))  # and pg_dump died with it


def test_a_server_that_dies_in_the_middle(postgres, store, monkeypatch):
    follow = dumping.follow

    def dying(*arguments):
        postgres.kill()
        return follow(*arguments)

    monkeypatch.setattr(dumping, "follow", dying)
    try:
        with pytest.raises(SlipwayError, match="nothing of it is left"):
            dump(postgres.connection(), store, Wish("uat"))
    finally:
        postgres.start()
    assert store.list() == [] and parts(store) == []


def test_the_archive_is_in_the_encoding_of_the_database_whatever_the_role_has_set(postgres, store):
    """By another one pg_dump would find no table of this name, and have its rows in the dump."""
    postgres.connection().execute('CREATE TABLE public."größe" AS SELECT \'ä\' AS t; CREATE TABLE public.kept AS SELECT \'ä\' AS t')
    postgres.sql("ALTER ROLE shop SET client_encoding = 'LATIN1'")
    try:
        dump(postgres.connection(), store, Wish("uat", exclude_table_data=['"größe"'], bin_dir=postgres.bin_dir))
    finally:
        postgres.sql("ALTER ROLE shop RESET client_encoding")
    archive = store.open(store.newest()).archive
    text = subprocess.run([os.path.join(postgres.bin_dir, "pg_restore"), "--file=-", archive], capture_output=True, check=True).stdout.decode("utf-8")
    assert "SET client_encoding = 'UTF8'" in text and 'COPY public.kept' in text and 'COPY public."größe"' not in text


@pytest.fixture
def full(tmp_path):
    """A store on a disk of its own with room for next to nothing."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs a user who may mount a file system")
    yield open_store(str(folder))
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(postgres, full):
    postgres.connection().execute("INSERT INTO public.orders (note) SELECT repeat('x', 500) FROM generate_series(1, 500)")
    with pytest.raises(SlipwayError, match="No space left on device.*nothing of it is left"):
        dump(postgres.connection(), full, Wish("uat", compression="none"))
    assert full.list() == [] and parts(full) == []
    dump(postgres.connection(), full, Wish("uat", exclude_table_data=["orders"]))
    full.open(full.newest()).verify()


def test_a_store_that_cannot_be_written(postgres, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SlipwayError, match="cannot be written to .*/file/dumps: "):
        dump(postgres.connection(), open_store(str(tmp_path / "file" / "dumps")), Wish("uat"))
