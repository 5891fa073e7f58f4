# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import types

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import (
    Connection, PostgresError, Session, quote_ident, quote_literal)


@pytest.mark.parametrize("name, quoted", [
    ("shop", '"shop"'), ("Shop one", '"Shop one"'), ('a"b', '"a""b"'), ("it's", '"it\'s"'), ("käse", '"käse"')])
def test_identifiers(name, quoted):
    assert quote_ident(name) == quoted


@pytest.mark.parametrize("name", ["", None, "a\0b"])
def test_what_cannot_be_an_identifier(name):
    with pytest.raises(SlipwayError, match="cannot be a name"):
        quote_ident(name)


@pytest.mark.parametrize("dies_with_us", [False, True])
def test_a_psql_that_is_not_there_is_said_with_what_to_install(monkeypatch, tmp_path, dies_with_us):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PostgresError, match="psql cannot be started: No such file or directory.*package postgresql-client"):
        with Connection().session("shop", dies_with_us=dies_with_us):
            pass


@pytest.mark.parametrize("text, quoted", [("", "''"), ("it's", "'it''s'"), ("a\\'b", " E'a\\\\''b'"), ("ü\n", "'ü\n'")])
def test_literals(text, quoted):
    assert quote_literal(text) == quoted


def test_a_zero_byte_is_refused():
    with pytest.raises(SlipwayError, match="zero byte"):
        quote_literal("a\0b")


def test_environment_of_psql_holds_what_was_asked_and_nothing_inherited(monkeypatch):
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGSERVICE", "inherited")
    environment = Connection("db", 5433, "shop", "secret", "shop", ca_cert="/ca.pem").environment()
    assert {name: value for name, value in environment.items() if name.startswith("PG")} == {
        "PGAPPNAME": "slipway", "PGCLIENTENCODING": "UTF8", "PGCONNECT_TIMEOUT": "10", "PGHOST": "db", "PGPORT": "5433",
        "PGUSER": "shop", "PGPASSWORD": "secret", "PGSSLMODE": "prefer", "PGSSLROOTCERT": "/ca.pem"}
    assert "PGHOST" not in Connection().environment()


def test_the_password_is_not_in_the_description():
    assert Connection("db", 5433, "shop", "secret").describe("shop") == 'database "shop" on db:5433 as user "shop"'


class Pieces(io.BytesIO):
    """Gives out what it has in pieces of a size, whoever asks for how much, as a pipe may."""

    def __init__(self, data, size):
        super().__init__(data)
        self._size = size

    def read1(self, size=-1):
        return super().read1(min(size, self._size))


def unloading(said, size):
    session = Session.__new__(Session)
    session._mark = "0123456789abcdef" * 2
    session._errors = io.BytesIO()
    session.connection = Connection("db", 5432, "shop", "secret", "shop")
    session.database = "shop"
    session._process = types.SimpleNamespace(stdin=io.BytesIO(), stdout=Pieces(said(session._mark), size), wait=lambda: 0)
    return session.unload("SELECT 1", "UTF8")


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 34, 50, 66, 67, 1000])
@pytest.mark.parametrize("rows", [b"", b"1\n", b"0123456789abcdef\n" * 7])
def test_what_is_unloaded_ends_before_the_mark_however_it_comes(size, rows):
    pieces = list(unloading(lambda mark: rows + b"%s\n" % mark.encode(), size))
    assert b"".join(pieces) == rows and all(pieces)


@pytest.mark.parametrize("size", [1, 33, 1000])
def test_what_is_unloaded_without_a_mark_is_an_error(size):
    with pytest.raises(PostgresError):
        list(unloading(lambda mark: b"1\n2\n" + mark[:-1].encode(), size))
