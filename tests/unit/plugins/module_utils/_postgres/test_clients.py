# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the programs of PostgreSQL are taken."""

from __future__ import annotations

import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    clients)


def fakes(tmp_path, monkeypatch, *versions):
    """Folders with a pg_dump that says it is of these versions; nothing else is found."""
    for version in versions:
        folder = tmp_path / version
        folder.mkdir()
        (folder / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) %s'\n" % version)
        (folder / "pg_dump").chmod(0o755)
    monkeypatch.setattr(clients, "FOLDERS", (str(tmp_path / "*"),))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("server, taken", [(140023, 140023), (150001, 160015), (160000, 160015), (170011, 180006), (180001, 180006)])
def test_the_client_is_of_the_major_of_the_server_or_the_next_one(tmp_path, monkeypatch, server, taken):
    fakes(tmp_path, monkeypatch, "14.23", "16.13", "16.15 (Debian 16.15-1)", "18.6")
    assert clients.for_dump(server).version == taken


def test_no_program_is_asked_twice_and_no_wrapper_at_all(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "16.15", "behind")
    (tmp_path / "behind" / "pg_dump").rename(tmp_path / "behind" / "pg_wrapper")
    for name, leads_to in (("linked", "16.15/pg_dump"), ("wrapped", "behind/pg_wrapper")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pg_dump").symlink_to(tmp_path / leads_to)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("16.15", "linked", "wrapped", "nowhere")))
    assert [client.version for client in clients.find()] == [160015]


def test_psql_is_the_newest_itself_where_a_wrapper_would_look_for_it(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "9.6", "14", "16", "path")
    monkeypatch.setattr(clients, "FOLDERS", (str(tmp_path / "[0-9]*"),))
    for name in ("9.6", "14", "16", "path"):
        (tmp_path / name / "psql").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert clients.psql() == "psql"  # whose who calls us has put first
    (tmp_path / "path" / "psql").rename(tmp_path / "path" / "pg_wrapper")
    (tmp_path / "path" / "psql").symlink_to("pg_wrapper")
    assert clients.psql() == str(tmp_path / "16" / "psql")
    monkeypatch.setattr(clients, "FOLDERS", ())
    assert clients.psql() == "psql"


def test_an_older_client_is_refused_with_both_versions(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "14.23", "15.2")
    with pytest.raises(SlipwayError, match=r"PostgreSQL 17\.11; .* only 14\.23 in .*/14\.23 and 15\.2 in"):
        clients.for_dump(170011)
    with pytest.raises(SlipwayError, match="only 14.23"):
        clients.for_dump(150001, str(tmp_path / "14.23"))
    with pytest.raises(SlipwayError, match="no PostgreSQL client pg_dump that runs"):
        clients.for_dump(150001, str(tmp_path / "nowhere"))


@pytest.mark.parametrize("dumped, by, target, taken", [
    (140000, 140000, 140000, 140023), (140000, 140000, 150000, 150002), (140000, 160000, 150000, 160015), (140000, 180000, 160000, 180006),
    (140000, 170011, 180000, 180006)])
def test_the_client_to_restore_with(tmp_path, monkeypatch, dumped, by, target, taken):
    fakes(tmp_path, monkeypatch, "14.23", "15.2", "16.15", "18.6")
    assert clients.for_restore(dumped, by, target).version == taken


def test_what_cannot_be_restored(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "14.23", "16.15")
    with pytest.raises(SlipwayError, match=r"dump is of PostgreSQL 16\.1 and the server is 15\.2"):
        clients.for_restore(160001, 160001, 150002)
    with pytest.raises(SlipwayError, match=r"written by pg_dump 17\.11.*PostgreSQL 17 or later"):
        clients.for_restore(160001, 170011, 160001)
    with pytest.raises(SlipwayError, match=r"server is PostgreSQL 17\.11; .*older version.* only 14\.23 in .* and 16\.15 in .*PostgreSQL 17 or later"):
        clients.for_restore(160001, 160015, 170011)
