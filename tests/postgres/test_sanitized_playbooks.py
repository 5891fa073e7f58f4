# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of sanitized dumps, one after the other in one run, as a user calls them; hosts are this machine."""

from __future__ import annotations

import re

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place
from ansible_collections.slipway.app.tests.selection import long_but
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application, running_daemon, script
from ansible_collections.slipway.app.tests.waiting import until

KEY = "a key of thirty-two characters..."
RULES = {"tables": {"orders": {"columns": {"id": "keep", "note": "hash"}}, "django_migrations": "keep",
                    "site": {"where": "url <> ''", "columns": {"url": "keep"}}},
         "after_restore": ["UPDATE public.django_migrations SET name = 'restored'"]}
ADOPT = {"sql": ["UPDATE site SET url = {site_url}"], "commands": [["sh", "-c", "test ! -e {root}/ran && echo adopted >> {shared}/adopted"]]}
WARM = ["sh", "-c", "test ! -e {root}/ran && test -e {shared}/adopted && echo warm >> {shared}/warmed"]


@pytest.fixture
def playbooks(playbooks):
    """As playbooks of databases, with the key and the rules of sanitized dumps."""
    def run(names, *options, **more):
        done = playbooks(names, *options, **dict({
            "slipway_sanitize_key": KEY, "slipway_postgres_configs": {"people": {"sanitize": RULES}},
            "slipway_variables": {"site_url": "https://uat.example"}}, **more))
        assert KEY not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def prod(postgres):
    """The database of production, beside the one of uat."""
    postgres.connection().execute("CREATE TABLE public.site (url text); INSERT INTO public.site VALUES ('https://shop.example')")
    postgres.sql("CREATE DATABASE prod OWNER shop TEMPLATE shop")
    postgres.connection(database="prod").execute("UPDATE public.orders SET note = 'Ada Lovelace ' || id")
    return {"prod": {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret", "login_db": "prod"}}


def test_made_listed_restored_refreshed_and_removed(postgres, prod, playbooks, tmp_path):
    """Services are stopped for the swap; rows, address, index and caches are this environment's before they start again.

    For a way back that there is nothing to go to they are not.
    """
    with running_daemon() as daemon:
        web = {"kind": "web", "command": script("trap 'rm ../../ran; exit' TERM; touch ../../ran; while :; do sleep 0.1; done")}
        Application(tmp_path / "shop").release({"web": web}, adopt=ADOPT, commands={"warm": [WARM]})
        (tmp_path / "shop" / "shared").mkdir()
        service = {"slipway_service_driver": "supervisor", "slipway_supervisor_socket": daemon.socket, "slipway_supervisor_conf_dir": daemon.conf_dir}
        done = playbooks(["service_start", "sanitized_create", "sanitized_list", "sanitized_restore", "sanitized_delete", "environment_refresh",
                          "database_reverse"],
                         config="people", source="uat/shop", prefix="uat/shop", keep=0, server="prod", migrate=False, after_restore=True,
                         reversible=True, to="post", slipway_copy_servers=prod, slipway_allow_dump=True, **service)
        until((tmp_path / "shop" / "ran").exists)
    output = done.stdout
    assert done.returncode == 0, output + done.stderr
    key, = set(re.findall(r"uat/shop/people/\d{8}T\d{6}\.\d{6}Z", output))
    assert output.count('"adopted: 1 texts of SQL"') == output.count('"adopted: 1 commands"') == output.count('"SQL of the rules: 1 texts"') == 2, output
    assert "masked: public.orders: note (hash)" in output and re.search(r"proof: none of \d+ raw values and words out of 1 columns", output)
    assert "; some rows only: public.site; with SQL for what is restored" in output and "SQL for what is restored: UPDATE public.django" in output
    assert "sanitized: 1 columns masked, by rules" in output and "was removed: " + key in output
    assert len(set(re.findall(r"prod/prod/people/\d{8}T\d{6}\.\d{6}Z", output))) == 1 and "was removed: prod/prod/people" in output
    shop = postgres.connection()
    assert shop.query("SELECT count(DISTINCT note) AS n FROM public.orders WHERE note ~ '^[0-9a-f]{32}$'") == [{"n": 1000}]
    assert shop.query("SELECT name FROM public.django_migrations") == [{"name": "restored"}]
    assert shop.query("SELECT url FROM public.site") == [{"url": "https://uat.example"}]
    assert (tmp_path / "shop" / "shared" / "adopted").read_text() == "adopted\n" * 2
    assert (tmp_path / "shop" / "shared" / "warmed").read_text() == "warm\n" * 2
    assert "shop: nothing was changed; what was restored last is live" in output
    assert list((tmp_path / "dumps").rglob("manifest.json")) == [] and postgres.databases() == {"shop", "shop__pre", "prod"}


REFUSED = [
    (["sanitized_create"], {"media": "{}/media", "media_archive": "{}/media.tar.gz"}, "No rules say how the dump is sanitized"),
    (["sanitized_create"], {"config": "people", "slipway_allow_dump": True, "media": "/nowhere", "media_archive": "/nowhere.tar.gz"},
     "There is no folder /nowhere of media"),
    (["sanitized_restore"], {"source": "uat/shop/people", "slipway_environment": "prod", "confirm": "shop", "adopt": False}, "prod has real rows"),
    (["environment_refresh"], {"server": "prod", "slipway_environment": "prod", "config": "people", "slipway_allow_dump": True}, "its rows are real"),
    (["environment_refresh"], {"server": "prod", "config": "people", "slipway_allow_dump": True, "slipway_variables": {}}, "nobody says it for uat")]


@pytest.mark.parametrize("names, more, words", long_but(REFUSED, REFUSED[2]))
def test_what_is_refused(playbooks, prod, names, more, words, tmp_path):
    Application(tmp_path / "shop").release({}, adopt=ADOPT, variables={"site_url": "https://shop.example"})
    (tmp_path / "media").mkdir()
    more = {name: value.format(tmp_path) if name.startswith("media") else value for name, value in more.items()}
    done = playbooks(names, slipway_copy_servers=prod, **more)
    assert done.returncode and words in done.stdout, done.stdout
    assert list((tmp_path).rglob("manifest.json")) == [] == list(tmp_path.glob("media.tar.gz"))


def test_a_release_that_could_not_migrate_what_is_restored_is_refused_before_anything_is_dumped(playbooks, prod, tmp_path):
    """Without adoption, too."""
    Application(tmp_path / "shop").release({}, commands={"migrate": [["true"]]})
    done = playbooks(["environment_refresh"], slipway_copy_servers=prod, **REFRESH)
    assert done.returncode and "database.current" in done.stdout and list(tmp_path.rglob("manifest.json")) == [], done.stdout


@pytest.mark.long
def test_a_call_that_leaves_out_a_host_is_refused_before_anything_is_dumped(playbooks, prod, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "more").write_text("[consumer]\nworker\n", encoding="utf-8")
    done = playbooks(["environment_refresh"], "-i", "group", "--limit", "host,localhost", slipway_copy_servers=prod, **REFRESH)
    assert done.returncode and "say it without --limit" in done.stdout and list(tmp_path.rglob("manifest.json")) == [], done.stdout


REFRESH = {"server": "prod", "config": "people", "slipway_allow_dump": True, "adopt": False}


@pytest.mark.long
@pytest.mark.parametrize("in_the_way, words", [
    ("lock", "upgrade-1"), ("leftover", "is left of an earlier restore (half restored, worth nothing); it is dropped with remove_leftovers=true")])
def test_what_is_in_the_way_of_the_restore_is_said_before_anything_is_dumped(playbooks, postgres, prod, in_the_way, words, tmp_path):
    (tmp_path / "shop").mkdir()
    if in_the_way == "lock":
        Lock(str(tmp_path / "shop")).acquire("upgrade-1", {"user": "ada", "controller": "there", "pid": 1, "ticks": None})
    else:
        postgres.sql('CREATE DATABASE "%s" OWNER shop' % Place("shop").new)
    for options in ([], ["--check"]):
        done = playbooks(["environment_refresh"], *options, slipway_copy_servers=prod, **REFRESH)
        assert done.returncode and words in done.stdout and "Say what was dumped" not in done.stdout, done.stdout
    assert list(tmp_path.rglob("manifest.json")) == []


@pytest.mark.long
def test_who_could_not_restore_what_was_dumped_is_told_where_it_is(playbooks, postgres, prod, tmp_path):
    Application(tmp_path / "shop").release({}, adopt={"sql": ["SELECT {site_url}", "UPDATE site SET ur = {site_url}"]})
    done = playbooks(["environment_refresh"], slipway_copy_servers=prod, stop_services=False, **dict(REFRESH, migrate=False, adopt=True))
    assert done.returncode and "refused in text 2 of 2 of adopt.sql, in database" in done.stdout, done.stdout
    manifest, = tmp_path.rglob("manifest.json")
    key = str(manifest.parent.relative_to(tmp_path / "dumps"))
    assert "The dump %s stays in the store" % key in done.stdout and "sanitized_restore goes on with -e source=%s -e after_restore=true" % key in done.stdout
    assert postgres.databases() == {"shop", "prod"}


@pytest.mark.long
def test_what_a_refresh_would_do_is_said_and_nothing_of_it_is_done(playbooks, postgres, prod, tmp_path):
    Application(tmp_path / "shop").release({})
    there = list(tmp_path.joinpath("shop").iterdir())
    postgres.sql('CREATE DATABASE "%s" OWNER shop' % Place("shop").new)
    told = "shop on 127.0.0.1 (uat) would be replaced by a sanitized copy of prod on prod (prod)"
    unadopted = "The rows come from prod, and slipway.yml of the live release says nothing under adopt"
    rules = {"people": {"sanitize": dict(RULES, after_restore=[])}}
    service = {"slipway_service_driver": "supervisor", "slipway_supervisor_socket": str(tmp_path / "none"), "slipway_supervisor_conf_dir": str(tmp_path)}
    refused = playbooks(["environment_refresh"], slipway_copy_servers=prod, remove_leftovers=True, **dict(REFRESH, migrate=False, **service))
    assert refused.returncode and str(tmp_path / "none") in refused.stdout and "Dump the database of that" not in refused.stdout, refused.stdout
    for said, words in (({}, "what is live there would be dropped"), ({"reversible": True, "adopt": ""}, "what is live there would be kept")):
        with running_daemon() as daemon:
            service.update(slipway_supervisor_socket=daemon.socket, slipway_supervisor_conf_dir=daemon.conf_dir)
            done = playbooks(["environment_refresh"], "--check", slipway_copy_servers=prod, remove_leftovers=True, slipway_postgres_configs=rules,
                             **dict(REFRESH, migrate=False, **service, **said))
        flat = " ".join(done.stdout.split()) + " ".join(done.stderr.split())
        assert done.returncode == 0 and "database prod would be dumped" in done.stdout, done.stdout + done.stderr
        assert done.stdout.index(told) < done.stdout.index("database prod would be dumped") and words in done.stdout
        assert "would be dropped, too: " + Place("shop").new in done.stdout and "services that run would be stopped for it on host" in done.stdout
        assert (unadopted in flat) is ("adopt" in said), flat
    assert "sanitized: 1 columns masked" in done.stdout and "masked: public.orders: note (hash)" in done.stdout
    assert "proof: raw values are looked for only while the dump is made" in done.stdout
    assert not (tmp_path / "dumps").exists() and list((tmp_path / "shop").iterdir()) == there
    assert postgres.connection().query("SELECT count(*) AS n FROM public.orders WHERE note LIKE 'order %'") == [{"n": 1000}]
    assert Place("shop").new in postgres.databases()
