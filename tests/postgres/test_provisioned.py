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
    written = (REPOSITORY / "roles" / "postgres_server" / "tasks" / "main.yml").read_text(encoding="utf-8")
    waits = re.search(r'-d postgres -c "(.*?)"\n', written, re.DOTALL).group(1)

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
