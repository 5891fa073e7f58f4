# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role postgres_server asks a server."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from ansible_collections.slipway.app.tests.postgres.conftest import REPOSITORY


WRITTEN = (REPOSITORY / "roles" / "postgres_server" / "tasks" / "main.yml").read_text(encoding="utf-8")


def asks(begins):
    """The query of the role that begins so."""
    return re.search(r'__postgres_server_query }} "(%s.*?)"\n' % re.escape(begins), WRITTEN, re.DOTALL).group(1)


@pytest.fixture
def settings(server):
    """settings(what stands in slipway.conf, what stands below it in postgresql.conf); they wait for a restart, and are gone afterwards."""
    folder = Path(server.data_dir)
    whole, ours = folder / "postgresql.conf", folder / "conf.d" / "slipway.conf"
    before = whole.read_text(encoding="utf-8")
    ours.parent.mkdir(mode=0o755)

    def write(text, below=""):
        ours.write_text(text, encoding="utf-8")
        whole.write_text("%s\ninclude_dir 'conf.d'\n%s" % (before, below), encoding="utf-8")
        server.sql("SELECT pg_reload_conf()")

    yield write
    whole.write_text(before, encoding="utf-8")
    ours.unlink()
    ours.parent.rmdir()
    server.sql("ALTER SYSTEM RESET max_worker_processes")
    server.sql("SELECT pg_reload_conf()")


def test_a_restart_is_asked_for_by_what_waits_of_slipways_own_settings_and_not_by_what_another_file_says(server, settings):
    waits = asks("SELECT name FROM pg_settings")

    def asked():
        return set(server.sql(waits).split())

    own = "max_worker_processes = 9\ntrack_activity_query_size = 2048\n"
    settings(own)
    deadline = time.monotonic() + 10  # that it was read, new sessions know in a moment
    while asked() != {"max_worker_processes", "track_activity_query_size"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.sql("ALTER SYSTEM SET max_worker_processes = 10")
    assert asked() == {"track_activity_query_size"}
    settings(own, "track_activity_query_size = 4096\n")
    assert asked() == set()


def test_settings_count_as_read_once_the_server_has_read_them_whole(server, settings):
    amiss = asks("SELECT 'pg_hba.conf")
    rules = Path(server.data_dir, "pg_hba.conf")
    before = rules.read_text(encoding="utf-8")

    def wait_for(begun, words):
        deadline = time.monotonic() + 10
        while words not in (found := server.sql(amiss.replace("$begun", str(begun)))) or bool(words) != bool(found.strip()):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    begun = time.time()
    settings("max_worker_processes = 9\n")  # which waits for a restart
    wait_for(begun, "")
    begun = time.time()
    settings("max_wroker_processes = 9\n")
    wait_for(begun, "error in postgresql.conf")
    try:
        rules.write_text(before + "hostssl all shop 10.0.0.1/32 scram-sha-256\n", encoding="utf-8")  # a warning without SSL: all is read
        begun = time.time()
        settings("max_worker_processes = 9\n")
        wait_for(begun, "")
        rules.write_text(before + "local all shop\n", encoding="utf-8")
        wait_for(begun, "pg_hba.conf, line %d: end-of-line" % (before.count("\n") + 1))
    finally:
        rules.write_text(before, encoding="utf-8")


def test_roles_of_administrators_are_known_by_what_they_may(server):
    asked = re.search(r"query: (SELECT 1 FROM pg_roles WHERE .*)", WRITTEN).group(1)
    server.sql("CREATE ROLE backups SUPERUSER; CREATE ROLE personnel CREATEROLE")
    try:
        found = {name: server.sql(asked.replace("%s", "'%s'" % name)).split() for name in ("backups", "personnel", "shop", "nobody")}
        assert found == {"backups": ["1"], "personnel": ["1"], "shop": [], "nobody": []}
    finally:
        server.sql("DROP ROLE backups, personnel")
