# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database can be restored from on its own server."""

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place

ODD = "It's \"my\" Shöp"


@pytest.fixture
def listed(postgres, run_module):
    """listed(**options) -> the result of the module, asked for what is on the server of database shop."""

    def run(**options):
        params = dict({"local": True, "login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret",
                       "login_db": "shop"}, **options)
        result = run_module("postgres_dump_info", {name: value for name, value in params.items() if value is not None})
        assert "no secret" not in json.dumps(result) and not result.get("changed")
        return result

    return run


def test_local_copies_are_listed_without_a_store(postgres, listed):
    assert listed()["local"] == []
    postgres.sql("CREATE DATABASE shop__new TEMPLATE template0 OWNER shop")
    with postgres.connection(database="postgres").session() as session:
        Place("shop").set_ready(session, "shop__ready")
    for name in ("another", "shop__old", "shop__new", "shop__post", "shop__pre", "shop__copy", "shop__part", ODD):
        postgres.sql("CREATE DATABASE %s TEMPLATE template0 OWNER shop" % quote_ident(name))
    postgres.sql("; ".join(allow(name, False) for name in ("shop__pre", "shop__post")))
    with postgres.connection(database="another").session():
        found = listed()
    # The marks of what a restore has not ended are no sources, nor is the live database.
    assert {copy["source"] for copy in found["local"][:3]} == {":pre", ":post", ":ready"}
    assert {copy["source"]: copy["database"] for copy in found["local"][3:]} == {":another": "another", ":" + ODD: ODD}
    assert all(copy["size"] > 1000000 and copy["owner"] == "shop" for copy in found["local"])
    assert {copy["database"] for copy in found["local"] if copy["sessions"]} == {"another"}
    assert found["dumps"] == [] and found["newest"] is None
    # What only has such a name is a database as all others.
    postgres.sql("COMMENT ON DATABASE shop__pre IS NULL; ALTER ROLE shop IN DATABASE shop__ready RESET ALL")
    assert {copy["source"] for copy in listed()["local"]} == {":post", ":another", ":shop__pre", ":" + ODD}


def test_what_is_listed_can_be_restored(postgres, listed, run_module):
    postgres.sql("CREATE DATABASE %s TEMPLATE shop OWNER shop" % quote_ident(ODD))
    postgres.connection().execute("DELETE FROM public.orders")
    (copy,) = listed()["local"]
    done = run_module("postgres_restore", {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret",
                                           "login_db": "shop", "source": copy["source"], "environment": "dev", "source_environment": "dev", "reversible": True})
    assert done["restored"] == copy["source"]
    assert postgres.connection().query("SELECT count(*) AS n FROM public.orders") == [{"n": 1000}]
    assert [copy["source"] for copy in listed()["local"]] == [":pre", ":" + ODD]


def test_both_are_listed_and_a_size_that_may_not_be_seen_is_null(postgres, listed, tmp_path):
    postgres.sql("CREATE DATABASE closed TEMPLATE template0; REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    found = listed(store=str(tmp_path))
    assert [(copy["source"], copy["size"]) for copy in found["local"]] == [(":closed", None)] and found["dumps"] == []


@pytest.mark.parametrize("options, message", [
    ({"login_db": None}, "missing: login_db"), ({"local": False}, "Nothing says where the store of dumps is"),
    ({"login_password": "wrong"}, "password authentication failed")])
def test_what_is_missing_is_said(listed, options, message):
    result = listed(**options)
    assert result["failed"] and message in result["msg"]
