# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of databases, as a user calls them who has a database and no application; the host is this machine."""

from __future__ import annotations

import re

import pytest

from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application, running_daemon, script
from ansible_collections.slipway.app.tests.waiting import until


def notes(postgres, database="shop"):
    return {row["note"] for row in postgres.connection(database=database).query("SELECT note FROM public.orders")}


def test_there_and_back_and_a_copy_as_it_is_said_with_the_playbook(postgres, playbooks, tmp_path):
    """What is said comes before the config, be it an empty list."""
    postgres.sql("CREATE DATABASE shop__new OWNER shop")
    config = {"config": "small", "slipway_postgres_configs": {"small": {"source": "uat/shop", "exclude_table_data": ["orders"]}}}
    done = playbooks(["database_list", "database_dump", "database_restore", "database_reverse", "database_copy"], "-vvv", jobs=3, verify=True,
                     reversible=True, target="shop_clean", target_environment="uat", exclude_table_data=[], remove_leftovers=True, **config,
                     pre_dump_hooks="psql -Xqc \"UPDATE public.orders SET note = 'dumped, here'\"",
                     pre_swap_hooks=[["psql", "-Xqc", "INSERT INTO public.orders (id, note) VALUES (1001, 'hook')"]],
                     pre_swap_sql=["UPDATE public.orders SET note = 'sql' WHERE id = 1", "UPDATE public.orders SET note = 'more' WHERE id = 2"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no dump in %s/dumps" % tmp_path in done.stdout and "left of an earlier restore, dropped: shop__new" in done.stdout
    assert postgres.databases() == {"shop", "shop__post", "shop_clean"}
    postgres.sql("ALTER DATABASE shop__post ALLOW_CONNECTIONS true")
    assert notes(postgres, "shop__post") == {"dumped, here", "hook", "sql", "more"}
    assert notes(postgres) == notes(postgres, "shop_clean") == {"dumped, here"}
    asked = [line.split()[1].rstrip(",") for line in done.stdout.splitlines() if line.strip().startswith(('"jobs": ', '"verify": '))]
    assert set(asked) == {"3", "true", "null"} and asked.count("null") == 2, asked  # going back looks and goes, with no jobs
    # What it does, it does only as long as it holds the lock.
    assert re.search(r'"operation": \{\s+"id": "\S+-restore-\d+",\s+"root": "', done.stdout)


@pytest.mark.long
def test_a_clean_copy_is_restored_again_and_again(postgres, playbooks):
    clean = {"source": ":shop_clean", "source_environment": "uat"}
    for playbook, more in (("database_copy", {"target": "shop_clean", "target_environment": "uat"}), ("database_restore", clean), ("database_restore", clean)):
        done = playbooks([playbook], **more)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "spoiled" not in notes(postgres)
        postgres.connection().execute("UPDATE public.orders SET note = 'spoiled'")
    assert postgres.databases() == {"shop", "shop_clean"}
    # Another application's, or production's, may have the name that was typed.
    done = playbooks(["database_copy"], target="shop_clean")
    assert done.returncode and "confirm=shop_clean says it" in done.stdout, done.stdout
    assert "spoiled" not in {row["note"] for row in postgres.connection(database="shop_clean").query("SELECT note FROM public.orders")}


@pytest.mark.long
def test_it_is_said_what_is_live_where_there_is_nowhere_to_go(postgres, playbooks):
    done = playbooks(["database_dump", "database_restore", "database_reverse"], source="uat/shop", reversible=True, to="post")
    assert done.returncode == 0 and "shop: nothing was changed; what was restored last is live. :post is there only after -e to=pre" in done.stdout, done.stdout
    done = playbooks(["database_reverse", "database_reverse"])
    assert done.returncode == 0 and "shop: nothing was changed; what was live before the last restore is live again" in done.stdout, done.stdout


@pytest.mark.long
def test_services_run_on_when_the_lock_was_lost_before_they_were_to_be_stopped(postgres, playbooks, tmp_path):
    """Somebody took the restore for dead, and may be at an upgrade."""
    with running_daemon() as daemon:
        web = {"kind": "web", "command": script("trap 'touch ../../ended; exit' TERM; touch ../../ran; while :; do sleep 0.1; done")}
        Application(tmp_path / "shop").release({"web": web})
        done = playbooks(["service_start", "database_dump", "database_restore"], source="uat/shop", migrate=False, slipway_service_driver="supervisor",
                         slipway_supervisor_socket=daemon.socket, slipway_supervisor_conf_dir=daemon.conf_dir,
                         pre_swap_hooks=["rm %s" % (tmp_path / "shop" / "state" / "lock.json")])
        until((tmp_path / "shop" / "ran").exists)
        assert done.returncode and re.search(r"-restore-\d+ no longer holds the lock", done.stdout), done.stdout
        assert "Stop the services that run" not in done.stdout and postgres.databases() == {"shop", "shop__ready"}
        assert not (tmp_path / "shop" / "ended").exists()
