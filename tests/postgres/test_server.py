# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The throwaway server of tests and demo, where the environment names another: nobody asks that one anything."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.slipway.app.tests.postgres.conftest import Cluster, postgres_server


@pytest.fixture
def other(monkeypatch, tmp_path):
    """The socket of another server, which a service names; nobody may come."""
    with socket.create_server(("127.0.0.3", 0)) as listener:
        port = listener.getsockname()[1]
        (tmp_path / "services").write_text("[prod]\nhost=127.0.0.3\nport=%d\nuser=admin\nsslmode=disable\nconnect_timeout=2\n" % port, encoding="utf-8")
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        yield listener
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("name, value", [("PGSERVICE", "prod"), ("PGHOSTADDR", "127.0.0.3"), ("PGSSLMODE", "require"), ("PGOPTIONS", "-c nothing=1")])
def test_it_answers_itself(server, other, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert server.sql("SHOW data_directory") == server.data_dir


def test_another_that_answers_in_its_place_is_noticed(server, tmp_path):
    twin = Cluster(str(tmp_path / "twin"), server.bin_dir, port=server.port)
    twin.password = server.password
    with pytest.raises(postgres_server.ServerError, match="Another server answers on port %d, that of %s" % (server.port, server.data_dir)):
        twin.wait_ready(timeout=0)
