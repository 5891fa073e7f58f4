# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each playbook does where all is well, looked at from outside."""

from __future__ import annotations

import getpass
import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from check import service_states, services_are, serves
from client import request

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.tests.integration.crashes import kill_tree
from ansible_collections.slipway.app.tests.integration.packages import derive
from ansible_collections.slipway.app.tests.waiting import until

pytestmark = pytest.mark.timeout(900)

HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}


@pytest.fixture
def play(shop, run):
    """Run a playbook on the shop that must end well; return its output."""

    def player(playbook, *options, **variables):
        result = run(shop, playbook, *options, **variables)
        assert result.rc == 0, result.output
        return result.output

    return player


@pytest.fixture
def unchanged(shop, state, changes):
    """A test that must leave the shop as it is, its processes included."""
    before = state(shop)
    yield
    assert changes(before, state(shop)) == {}


def changed_hosts(output):
    """Hosts on which a playbook has changed something, by its recap."""
    recap = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.MULTILINE)
    return [host for host, count in recap if count != "0"]


@pytest.mark.usefixtures("unchanged")
def test_status_says_what_is_live_what_runs_and_that_nobody_is_at_work(play):
    output = play("status")
    assert len(re.findall(r"release +shop:1\.0\.0 \(1\.0\.0-[0-9a-f]{12}\)", output)) == 3
    for service in ("web", "cron", "consumer@1", "consumer@2"):
        assert re.search(re.escape(service) + " +running", output), service
    assert len(re.findall(r"maintenance +off", output)) == 3
    assert len(re.findall(r"operation +\S+-deploy-1: done", output)) == 3
    assert "held by" not in output
    assert changed_hosts(output) == []


@pytest.mark.usefixtures("unchanged")
def test_status_says_all_it_can_where_supervisord_is_gone_and_where_nothing_is_deployed(shop, play, tmp_path):
    """supervisord is gone everywhere; on app2 there is no application either."""
    roots = dict({host: str(shop.root(host)) for host in shop.hosts}, app2=str(tmp_path))
    output = play("status", slipway_root="{{ %s[inventory_hostname] }}" % json.dumps(roots),
                  slipway_supervisor_socket=str(tmp_path / "none.sock"))
    assert len(re.findall(r"services +unknown: supervisord does not answer at \S+none.sock: No such file", output)) == 3
    assert len(re.findall(r"release +shop:1\.0\.0", output)) == 2 and len(re.findall("release +none is live", output)) == 1
    assert len(re.findall(r"maintenance +off", output)) == 3
    assert len(re.findall(r"operation +\S+-deploy-1: done", output)) == 2 and len(re.findall("operation +none yet", output)) == 1


@pytest.mark.usefixtures("unchanged")
def test_operation_log_says_who_what_when_and_how_it_ended(play):
    output = play("operation_log")
    who = "%s on %s" % (getpass.getuser(), socket.gethostname())
    assert re.search(r"\S+-deploy-1  done  begun \S+Z by %s  [\d.]+ s" % re.escape(who), output)
    assert "shop:1.0.0 is live." in output
    for step in ("stage", "drain", "close", "protect", "migrate", "activate", "open", "finish"):
        assert re.search(r"%s +done +[\d.]+ s" % step, output), step


@pytest.mark.usefixtures("unchanged")
def test_recover_with_nothing_to_recover_says_so(play):
    output = play("recover")
    assert "Nothing to recover." in output
    assert changed_hosts(output) == []


@pytest.mark.usefixtures("unchanged", "shelf")
def test_an_upgrade_to_what_is_live_costs_one_round_and_does_nothing(play):
    output = play("upgrade", package="shop:1.0.0", slipway_environment_variables={"SECRET_KEY": "another"})
    assert "shop:1.0.0 is live on every host already; nothing was changed." in output
    assert "others by now for app1, app2, consumer1: the playbook slipway.app.service_start writes them" in output
    assert sorted(re.findall(r"^<(\w+)> EXEC ", output, re.MULTILINE)) == ["app1", "app2", "consumer1"]
    assert changed_hosts(output) == []


def test_package_build_and_package_list(shop, package, play, state, changes):
    before = state(shop)
    assert changed_hosts(play("package_build", reference="1.2.0")) == ["localhost"]
    built = state(shop)
    assert set(changes(before, built)) == {"packages"}
    again = play("package_build", reference="1.2.0")
    assert "is there already" in again and changed_hosts(again) == []
    listed = play("package_list")
    newest, older = (listed.index(package) for package in ("shop:1.2.0 ", "shop:1.0.0 "))
    assert newest < older
    for word in ("Reference: 1.2.0", "sha256:"):
        assert word in listed
    # What the tests here derive instead of building it is this very package, or its tag would be refused as taken.
    derive(shop, package, "1.2.0")
    assert changes(built, state(shop)) == {}


@pytest.mark.usefixtures("unchanged")
def test_check_mode_does_not_miss_the_package_it_would_build(play):
    assert "shop:main" in play("upgrade", "--check", reference="main")


@pytest.mark.usefixtures("package", "unchanged")
def test_check_mode_says_what_an_upgrade_would_do(play):
    output = play("upgrade", "--check", package="shop:1.1.0")
    for words in ("would take the lock", "would fetch, verify and unpack",
                  "would take the restore point; migrate the database", "would maintenance off",
                  "Nothing speaks against the upgrade to shop:1.1.0 so far; nothing was changed (check mode).",
                  "Not looked at, since the package is not unpacked in check mode: whether the application's own checks pass in it"):
        assert words in output, words


def test_maintenance_turns_users_away_politely_and_lets_them_in_again(shop, play, state, changes):
    before = state(shop)
    assert changed_hosts(play("maintenance_on", message="Back after the race", expected_seconds=90)) == ["app1", "app2"]
    assert changed_hosts(play("maintenance_on", message="Back after the race", expected_seconds=90)) == []
    for host in shop.apps:
        status, headers, page = request(shop.address(host), "GET", "/", headers=HTML)
        assert (status, headers["Retry-After"], headers.get_content_type()) == (503, "90", "text/html")
        status, headers, body = request(shop.address(host), "POST", "/orders/", "{}", headers=JSON)
        assert (status, headers["Retry-After"], headers.get_content_type()) == (503, "90", "application/json")
        assert b"Back after the race" in body and json.loads(body)
        assert page.lstrip().startswith(b"<!")
    assert set(changes(before, state(shop))) == {"maintenance"}
    long_ago = shop.root("app2") / "maintenance" / "on" / "status.json"
    long_ago.write_text(json.dumps(dict(json.loads(long_ago.read_text()), since="2026-01-01T00:00:00.000Z")))
    told = play("status")
    assert len(re.findall(r"maintenance +on since", told)) == 2
    assert re.findall(r"WARNING +maintenance lasts \d+ seconds by now and was to be over after (\d+)", told) == ["90"]
    assert changed_hosts(play("maintenance_off")) == ["app1", "app2"]
    assert serves(shop, "1.0.0") == []
    assert changes(before, state(shop)) == {}


def test_services_stop_stay_stopped_over_a_restart_and_start(shop, play, tmp_path):
    """The restart brings an environment variable that is new, the start takes it away again."""
    def states():
        return {host: service_states(shop, host) for host in shop.hosts}

    before = states()
    assert changed_hosts(play("service_stop", services="consumer@2,cron")) == ["app1", "consumer1"]
    assert services_are(shop, {"app1": {"web": True, "cron": False}, "app2": {"web": True},
                               "consumer1": {"consumer@1": True, "consumer@2": False}}) == []
    assert changed_hosts(play("service_stop", services="consumer@2,cron")) == []

    # One that does not end when it is asked to is killed after the seconds it was given, and named.
    os.kill(before["consumer1"]["consumer@1"][1], signal.SIGSTOP)
    more = tmp_path / "more.yml"
    more.write_text('slipway_environment_variables: {DATABASE_URL: "{{ shop_database_url }}", SECRET_KEY: "{{ shop_secret_key }}",'
                    ' UPLOAD_TOKEN: "{{ shop_upload_token }}", BAROMETER: "swordfish"}', encoding="utf-8")
    output = play("service_restart", "--diff", "-e", "@%s" % more, services="consumer,cron", drain=1)
    assert changed_hosts(output) == shop.hosts and "BAROMETER" in output and "swordfish" not in output
    assert re.search(r"consumer@1 +restarted +it ran \([0-9.]+ s\), KILLED: it did not end in time", output), output
    assert output.count("KILLED") == 1
    restarted = states()
    assert restarted["consumer1"]["consumer@2"][0] == restarted["app1"]["cron"][0] == "STOPPED"
    assert restarted["consumer1"]["consumer@1"][0] == "RUNNING"
    assert restarted["consumer1"]["consumer@1"] != before["consumer1"]["consumer@1"]
    environ = Path("/proc", str(restarted["consumer1"]["consumer@1"][1]), "environ").read_bytes()
    assert b"BAROMETER=swordfish" in environ.split(b"\0")
    assert restarted["app2"] == before["app2"] and restarted["app1"]["web"] == before["app1"]["web"]

    assert changed_hosts(play("service_start")) == shop.hosts
    assert services_are(shop, {"app1": {"web": True, "cron": True}, "app2": {"web": True},
                               "consumer1": {"consumer@1": True, "consumer@2": True}}) == []
    started = states()
    assert started["consumer1"]["consumer@1"] != restarted["consumer1"]["consumer@1"], "its environment has changed back"
    assert started["app2"] == before["app2"] and started["app1"]["web"] == before["app1"]["web"]


@pytest.mark.long
@pytest.mark.usefixtures("unchanged")
def test_what_is_so_already_is_not_done_again(play):
    """As maintenance_on and service_stop above."""
    assert [changed_hosts(play(playbook)) for playbook in ("maintenance_off", "service_start")] == [[], []]


@pytest.mark.usefixtures("unchanged")
def test_the_database_is_dumped_by_a_config_and_listed(shop, play, tmp_path):
    small = {"instance": "Here", "exclude_table_data": ["django_migrations"], "store": str(tmp_path / "dumps")}
    there = {"config": "small", "slipway_postgres_configs": {"small": small}, "slipway_postgres_bin_dir": shop.postgres.bin_dir}
    output = play("database_dump", slipway_allow_dump=True, slipway_dump_store="/nowhere", **there)
    key = re.search(r"%48ere/shop/small/\d{8}T\d{6}\.\d{6}Z", output).group()
    assert "without its rows: public.django_migrations" in output and changed_hosts(output) == ["app1"]
    output = play("database_list", **there)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d +\d+ min +[\d.]+ MB +[\d.]+ kB +\d+  " + re.escape(key), output)
    assert changed_hosts(output) == []


@pytest.mark.long
def test_the_database_is_restored_under_the_application_and_brought_back(shop, play, state, changes, tmp_path):
    """A hook waits until the playbook has shown that it waits, so there is something to watch."""
    before = state(shop)
    connection = Connection("127.0.0.1", shop.postgres.port, "shop", shop.secrets["database"], "shop")
    dump(connection, open_store(str(tmp_path)), Wish("here", jobs=1, bin_dir=shop.postgres.bin_dir))
    shop.sql("CREATE TABLE later (); ALTER TABLE later OWNER TO shop")
    there = "SELECT to_regclass('later') IS NOT NULL AS later"

    def watch(line):
        if re.match(r"  app1 +hook, sh, for \d+ s$", line.rstrip()):
            (tmp_path / "seen").touch()

    hook = ["sh", "-c", "for i in $(seq 600); do [ -e %s/seen ] && exit 0; sleep 0.1; done; exit 1" % tmp_path]
    done = shop.playbook("database_restore", echo=watch, source="here/shop", confirm="shop", reversible=True,
                         slipway_dump_store=str(tmp_path), database_pre_swap_hooks=[hook])
    assert done.rc == 0, done.output
    assert "here/shop/none/" in done.output and "kept as shop__pre" in done.output
    restored = state(shop)
    assert set(changes(before, restored)) == {"databases", "database", "pids"}
    assert serves(shop, "1.0.0") == []
    assert shop.sql(there) == [{"later": False}]

    play("database_reverse", confirm="shop")
    assert shop.sql(there) == [{"later": True}]
    shop.postgres.sql("DROP DATABASE shop__post")
    shop.sql("DROP TABLE later")
    assert set(changes(before, state(shop))) == {"pids"}


@pytest.mark.long
def test_the_database_is_copied_to_another_one_and_back(shop, play, state, changes):
    """Both ways: as a stream under the application, and by the server itself once nobody is in the other one."""
    before = state(shop)
    allowed = {"slipway_allow_copy": True, "slipway_postgres_bin_dir": shop.postgres.bin_dir}
    output = play("database_copy", target="shop_test", confirm="shop_test", **allowed)
    assert "copied by pg_dump into pg_restore: the source may not be blocked in prod" in output
    assert set(changes(before, state(shop))) == {"databases"}

    shop.sql("CREATE TABLE later (); ALTER TABLE later OWNER TO shop")
    output = play("database_copy", source="shop_test", source_environment="prod", confirm="shop", slipway_allow_block=True, **allowed)
    assert "copied by the server itself (WAL_LOG)" in output and ":ready was put in the place of the live database" in output
    assert serves(shop, "1.0.0") == []
    shop.postgres.sql("DROP DATABASE shop_test")
    assert set(changes(before, state(shop))) == {"database", "pids"}


@pytest.mark.long
def test_a_table_is_restored_although_the_controller_dies_on_the_way(shop, play, run, state, changes, tmp_path):
    """Killed while services are stopped for it: everybody says so, recover starts what ran, and the restore comes through."""
    before = state(shop)
    connection = Connection("127.0.0.1", shop.postgres.port, "shop", shop.secrets["database"], "shop")
    dump(connection, open_store(str(tmp_path)), Wish("here", jobs=1, bin_dir=shop.postgres.bin_dir))
    shop.sql("UPDATE shop_order SET customer = 'spoilt'")
    options = {"source": "here/shop", "confirm": "shop", "tables": "shop_order", "slipway_dump_store": str(tmp_path)}
    # Asked from another database: a superuser within this one would be in the way of the restore.
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'"
    with connection.session() as somebody:
        somebody.execute("BEGIN", "LOCK TABLE public.shop_order IN SHARE MODE")
        restore = shop.start_playbook("database_restore", **options)
        until(lambda: shop.postgres.sql(waiting) or restore.poll() is not None)
        assert restore.poll() is None, restore.stdout.read()
        kill_tree(restore)
    output = play("status")
    assert len(re.findall(r"not started again yet by \S+-restore-\d+: .*(?:web|consumer@1)", output)) == 3
    refused = run(shop, "database_restore", **options)
    assert refused.rc != 0 and re.search(r"-restore-\d+ holds the lock", refused.output)
    assert changed_hosts(play("recover", takeover=True)) == ["app1", "app2", "consumer1"]
    assert services_are(shop, {"app1": {"web": True, "cron": True}, "app2": {"web": True},
                               "consumer1": {"consumer@1": True, "consumer@2": True}}) == []
    assert "the rows of 1 tables were replaced" in play("database_restore", remove_leftovers=True, **options)
    assert set(changes(before, state(shop))) == {"pids"}


@pytest.mark.long
def test_an_old_dump_is_migrated_before_it_is_live(shop, play, state, changes, tmp_path):
    """The oldest there can be: of a database that has nothing yet."""
    before = state(shop)
    shop.postgres.sql("CREATE DATABASE early OWNER shop")
    connection = Connection("127.0.0.1", shop.postgres.port, "shop", shop.secrets["database"], "early")
    dump(connection, open_store(str(tmp_path)), Wish("early", jobs=1, bin_dir=shop.postgres.bin_dir))
    shop.postgres.sql("DROP DATABASE early")
    play("database_restore", source="early/early", confirm="shop", reversible=True, slipway_dump_store=str(tmp_path))
    assert set(changes(before, state(shop))) == {"databases", "database", "pids", "rows"}  # columns and migrations are the same
    assert shop.sql("SELECT count(*) AS n FROM shop_order") == [{"n": 0}]
    play("database_reverse", confirm="shop")
    shop.postgres.sql("DROP DATABASE shop__post")
    assert set(changes(before, state(shop))) == {"pids"}
