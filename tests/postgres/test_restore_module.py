# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.selection import long_but

CONFIGS = {"safe": {"reversible": True, "pre_swap_hooks": ["psql -Xqc 'DELETE FROM public.orders WHERE id > 500'"], "exclude_tables": ["x"]}}


@pytest.fixture
def restored(postgres, tmp_path, run_module):
    """restored(check=False, **options) -> the result of the module, with the newest of two dumps unless asked otherwise."""
    for _number in range(2):
        newest = dumped(postgres, tmp_path)
    postgres.connection().execute("DELETE FROM public.orders")

    def run(check=False, **options):
        params = dict({"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret",
                       "login_db": "shop", "store": str(tmp_path), "source": "here/shop", "environment": "stag"}, **options)
        result = run_module("postgres_restore", {name: value for name, value in params.items() if value is not None}, check=check)
        assert "no secret" not in json.dumps(result)
        return result

    run.newest = str(newest.key)
    return run


def test_a_config_says_what_the_call_does_not(postgres, restored):
    told, done = (restored(check, config="safe", configs=CONFIGS) for check in (True, False))
    assert told["restored"] == done["restored"] == restored.newest
    assert told["kept"] == done["kept"] == "shop__pre"
    assert postgres.connection().query("SELECT count(*) AS n FROM public.orders") == [{"n": 500}]
    assert restored(config="safe", configs=CONFIGS, reversible=False, pre_swap_hooks=[])["kept"] is None
    assert postgres.databases() == {"shop"}


def test_what_is_live_is_not_replaced_for_an_operation_that_was_given_up_meanwhile(postgres, restored, tmp_path):
    """Somebody took it for dead, and may have upgraded the database since."""
    lock = Lock(str(tmp_path))
    lock.acquire("restore-1", {"user": "ann"}, lease=0)
    operation = {"root": str(tmp_path), "id": "restore-1"}
    refused = restored(operation=operation, pre_swap_hooks=[["rm", lock.path]])
    assert "restore-1 no longer holds the lock" in refused["msg"] and "What was restored waits as database \"shop__ready\"" in refused["msg"]
    refused = restored(operation=operation, source=":ready")
    assert "restore-1 no longer holds the lock" in refused["msg"] and "Nothing was changed" in refused["msg"]
    assert postgres.connection().query("SELECT count(*) AS n FROM public.orders") == [{"n": 0}]
    lock.acquire("restore-1", {"user": "ann"})
    assert restored(operation=operation, source=":ready")["changed"]


REFUSED = [
    ({"source": ":pre", "pre_swap_sql": ["SELECT 1"]}, "put in its place as it is"),
    ({"environment": "prod"}, "confirm=shop says it"),
    ({"environment": None}, "counts as prod"),
    ({"source": "there"}, "There is no dump below there"),
    ({"source": "../../etc"}, "no dump below"),
    ({"source": ""}, "The source is empty"),
    ({"source": "/"}, "The source is empty"),
    ({"source": ":"}, "no name behind its colon"),
    ({"source": ":another"}, "A copy of a database of an environment that is not named, which counts as prod, is not allowed. "
     "Nothing was changed. source_environment says which it is; allow_copy (slipway_allow_copy in an inventory) allows it in prod"),
    ({"source": ":another", "source_environment": "prod"}, "Nothing was changed. allow_copy (slipway_allow_copy in an inventory) allows it"),
    ({"source": ":ready", "swap": False}, "swap=false has no meaning"),
    ({"source": ":pre", "swap": False}, "swap=false has no meaning"),
    ({"source": "here/shop/none/20260101T000000.000000Z"}, "There is no dump here/shop/none/20260101T000000.000000Z"),
    ({"store": None}, "Nothing says where the store of dumps is"),
    ({"config": "sfe", "configs": CONFIGS}, "safe"),
    ({"config": "safe", "configs": {"safe": {"reversibel": True}}}, "reversible"),
]


@pytest.mark.long
def test_a_beginning_of_keys_leaves_no_doubt(postgres, restored, tmp_path):
    def dumped_as(instance, database="shop", config="none", **left_out):
        connection, store = postgres.connection(database=database), FolderStore(str(tmp_path))
        return dump(connection, store, Wish(instance, config=config, jobs=1, bin_dir=postgres.bin_dir, **left_out))["key"]

    def refused(words, **options):
        for check in (True, False):
            assert words in restored(check, **options)["msg"]
        assert postgres.connection().query("SELECT count(*) AS n FROM public.orders") == [{"n": 0}]

    def warned(result):  # as the core of the day writes them
        return [each["event"]["msg"] if isinstance(each, dict) else each for each in result.get("warnings", [])]

    postgres.sql("CREATE DATABASE crm OWNER shop")
    crm = dumped_as("other", "crm")
    assert restored(True, source="here")["restored"] == restored.newest
    refused("other/crm says that it is meant", source="other")
    assert warned(restored(True, source="other/crm")) == ['The dump is of database "crm", not of "shop".']
    assert restored(True, source=crm)["restored"] == crm
    dumped_as("here", "crm")
    refused("dumps of several databases below here in %s: here/crm, here/shop" % tmp_path, source="here")

    some = dumped_as("here", exclude_tables=["orders"])
    small = dumped_as("here", config="small", exclude_table_data=["orders"])
    small_config = {"config": "small", "configs": {"small": {}}}
    refused("tables or their rows were left out: public.orders. Nothing was changed. Its whole key says", source="here/shop")
    refused("tables or their rows were left out: public.orders", source="here/shop/none")
    left = [{"schema": "public", "name": "orders"}]
    told, done = (restored(check, source="here/shop/small") for check in (True, False))
    assert told["excluded_data"] == done["excluded_data"] == left and told["excluded"] == []
    assert warned(told) == warned(done) == ["Tables whose rows were left out of the dump are empty: public.orders."]
    assert restored(True, source="here/shop", **small_config)["restored"] == small
    told = restored(True, source=some)
    assert told["excluded"] == left and warned(told) == ["Tables that were left out of the dump are not in the restored database: public.orders."]
    assert warned(restored(True, source="here/shop", tables=["django_migrations"])) == []
    postgres.sql("DROP DATABASE crm")


def test_another_database_of_the_server_is_copied_under_the_guards_of_copies(postgres, restored):
    postgres.sql("CREATE DATABASE another OWNER shop")
    postgres.connection(database="another").execute("CREATE TABLE public.theirs ()")
    there = {"source": ":another", "source_environment": "uat"}
    told, done = (restored(check, **there) for check in (True, False))
    assert told["restored"] == done["restored"] == ":another" and told["changed"] and "diff" not in done
    assert postgres.sql("SELECT to_regclass('public.theirs')", "shop") == "theirs"
    with postgres.connection(database="another").session():  # it is in use, so it is streamed, one table after the other
        done = restored(jobs=3, **there)
    assert done["restored"] == ":another" and done["checked"] == 1


REFERS = "CREATE TABLE public.kept (id int PRIMARY KEY); CREATE TABLE public.refers (id int REFERENCES public.kept (id))%s"
ROWS = "; INSERT INTO public.kept VALUES (1); INSERT INTO public.refers VALUES (%s)"
PARTED = (" PARTITION BY LIST (id); CREATE TABLE public.one PARTITION OF public.refers FOR VALUES IN (1);"
          "CREATE TABLE public.rest PARTITION OF public.refers DEFAULT%s")
LACKING = "Foreign key refers_id_fkey of table public.refers needs rows of table public.kept, which are left out."


@pytest.mark.parametrize("sql, left_out, lacking", long_but([
    (REFERS % ROWS % 1, {"exclude_table_data": ["kept"]}, True), (REFERS % ROWS % "NULL", {"exclude_table_data": ["kept"]}, False),
    (REFERS % ROWS % 1, {"exclude_table_data": ["kept", "refers"]}, False), (REFERS % "", {"exclude_tables": ["kept"]}, True),
    (REFERS % ROWS % 1, {"exclude_tables": ["kept", "refers"]}, False),
    (REFERS % ROWS % 1, {"exclude_tables": ["kept"], "exclude_table_data": ["refers"]}, True),
    (REFERS % (ROWS % 1 + "; ALTER TABLE public.refers DROP CONSTRAINT refers_id_fkey, ADD FOREIGN KEY (id) REFERENCES public.kept NOT VALID"),
     {"exclude_table_data": ["kept"]}, False),
    (REFERS % PARTED % ROWS % 1, {"exclude_table_data": ["kept"]}, True),
    (REFERS % PARTED % ROWS % 1, {"exclude_table_data": ["kept", "one"]}, False)],
    (REFERS % ROWS % 1, {"exclude_table_data": ["kept"]}, True)))
def test_what_no_restore_can_make_is_known_before(postgres, restored, tmp_path, sql, left_out, lacking):
    """And what is not said to be so is restored."""
    postgres.connection().execute(sql)
    store = FolderStore(str(tmp_path))
    made = dump(postgres.connection(), store, Wish("here", jobs=2, bin_dir=postgres.bin_dir, **left_out))
    assert bool(lacking) == any(LACKING in warning for warning in made["warnings"])
    told = dump(postgres.connection(), store, Wish("here", jobs=2, bin_dir=postgres.bin_dir, **left_out), check=True)
    assert told["warnings"] == made["warnings"]
    for check in (True, False):
        result = restored(check, source=made["key"])
        assert result.get("failed", False) is lacking and (not lacking or LACKING in result["msg"] and LACKING in result["findings"]), result
    assert postgres.databases() == {"shop"}
    if lacking:  # as a manifest of before says nothing of it
        assert restored(source=made["key"], keep_failed=True)["failed"] and postgres.databases() == {"shop", "shop__new"}
        postgres.sql('DROP DATABASE "shop__new"')
        path = tmp_path / made["key"] / "manifest.json"
        manifest = json.loads(path.read_text())
        del manifest["needed"]
        path.write_text(json.dumps(manifest))
        assert "or their rows, which something in it may refer to: public.kept" in restored(source=made["key"])["msg"]


def test_what_others_have_at_the_names_of_what_is_kept_is_not_dropped(postgres, restored):
    for name in ("shop__pre", "shop__post"):
        postgres.sql("CREATE DATABASE %s OWNER shop" % name)
        for options in ({}, {"reversible": True}, {"source": ":pre"}):
            assert "\"%s\" lets connections in" % name in restored(remove_leftovers=True, **options)["msg"]
        assert postgres.databases() == {"shop", name}
        postgres.sql("DROP DATABASE " + name)


def test_what_is_refused_changes_nothing(postgres, restored):
    postgres.sql("CREATE DATABASE another OWNER shop")
    for options, message in REFUSED:
        for check in (True, False):
            result = restored(check, **options)
            assert result["failed"] and message in result["msg"], options
    assert postgres.databases() == {"shop", "another"}
