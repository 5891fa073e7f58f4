# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a database from elsewhere this environment's: the SQL of profiles and of slipway.yml, whatever the values have in them."""

from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.adoption import adoption_by
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application

HOSTILE = "uat.example'\"\\$do$; DROP TABLE orders; -- {x}"
SITES = """CREATE TABLE public.django_site (id serial PRIMARY KEY, domain varchar(100) UNIQUE, name varchar(50));
INSERT INTO public.django_site (domain, name) VALUES ('shop.example', 'Shop')"""
ORO = pathlib.Path(__file__).with_name("oro.sql").read_text(encoding="utf-8")


@pytest.fixture
def adopt(postgres, tmp_path):
    """adopt(variables, **documents) -> what the live release has for it; adopt.run(it) runs its SQL in the database."""
    def make(variables, **documents):
        number = len(list(tmp_path.iterdir()))
        application = Application(tmp_path / str(number))
        application.release({}, **documents)
        return adoption_by({"root": application.root, "variables": variables, "python": None}, "uat")

    make.run = lambda adoption: postgres.connection().run_texts(adoption.sql, "shop", "shop", "adopt.sql", adoption.settings)
    return make


def test_the_site_of_django_gets_its_domain_here(postgres, adopt):
    shop = postgres.connection()
    adopt.run(adopt({}, profile="django"))  # no sites, nothing to say
    shop.execute(SITES)
    with pytest.raises(SlipwayError, match="slipway_variables.site_domain"):
        adopt.run(adopt({}, profile="django"))
    adopt.run(adopt({"site_domain": HOSTILE}, profile="django"))
    assert shop.query("SELECT domain, name FROM public.django_site") == [{"domain": HOSTILE, "name": HOSTILE[:50]}]
    assert shop.query("SELECT count(*) AS n FROM public.orders") == [{"n": 1000}]
    shop.execute("INSERT INTO public.django_site (domain, name) VALUES ('b.example', 'B')")
    with pytest.raises(SlipwayError, match="several sites"):
        adopt.run(adopt({"site_domain": "uat.example"}, profile="django"))


def test_the_addresses_of_oro_lead_here(postgres, adopt):
    shop = postgres.connection()
    shop.run_texts([ORO], "shop", "shop")
    oro = {"profile": "oro", "profile_version": "6.0"}
    with pytest.raises(SlipwayError, match="application_url"):
        adopt({}, **oro)
    there = "https://uat.example/" + HOSTILE
    for _again in range(2):
        adopt.run(adopt({"application_url": there}, **oro))
        assert shop.query("SELECT count(*) AS n, min(text_value) AS least, max(text_value) AS most FROM public.oro_config_value"
                          " WHERE name LIKE '%url' OR name = 'application_url'") == [{"n": 4, "least": there, "most": there}]
        # Where system configuration says none, as in a dump that empties it, it is the application's: Oro would have http://localhost.
        shop.execute("DELETE FROM public.oro_config_value WHERE name = 'application_url'")
    adopt.run(adopt({"application_url": there}, **oro))
    assert shop.query("SELECT entity, type, object_value FROM public.oro_config_value v JOIN public.oro_config c ON c.id = config_id"
                      " WHERE name = 'application_url' AND text_value LIKE 'https://uat%'") == [{"entity": "app", "type": "scalar", "object_value": "Tjs="}]
    assert shop.query("SELECT text_value AS key FROM public.oro_config_value WHERE name = 'api_key'") == [{"key": "rawapikey"}]


def test_sql_of_the_application_with_braces_and_values(postgres, adopt):
    texts = ["CREATE TABLE told (what text); INSERT INTO told VALUES ({port}), ('{{\"a\": {{}}}}')", "INSERT INTO told VALUES ({port})"]
    adopt.run(adopt({"port": 8000}, adopt={"sql": texts}))
    with pytest.raises(SlipwayError, match="refused in text 2 of 2 of adopt.sql, in database"):
        adopt.run(adopt({"port": 8000}, adopt={"sql": ["SELECT {port}", "SELECT base_ur"]}))
    assert [row["what"] for row in postgres.connection().query("SELECT what FROM public.told")] == ["8000", '{"a": {}}', "8000"]


@pytest.mark.parametrize("said", [{"sql": ["SELECT {nobody}"]}, {"sql": ["SELECT {"]}, {"commands": ["touch {nobody}"]}], ids=str)
def test_what_it_lacks_is_said_before_anything_is_done(adopt, said):
    with pytest.raises(SlipwayError, match="placeholder|single brace"):
        adopt({}, adopt=said)


@pytest.fixture
def refreshed(postgres, tmp_path, run_module):
    """refreshed(**options) -> the result of a restore that adopts; its dump is sanitized."""
    database = {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret", "login_db": "shop",
                "environment": "uat", "bin_dir": postgres.bin_dir, "store": str(tmp_path / "dumps")}
    rules = {"tables": {"orders": {"columns": {"id": "keep", "note": "hash"}}, "django_migrations": "keep"}}
    dump = dict(database, sanitize_key="a key of thirty-two characters...")

    def dumped(instance):
        made = run_module("postgres_dump", dict(dump, sanitize=rules, instance=instance))
        assert not made.get("failed"), made
        return made["key"]

    raw = run_module("postgres_dump", database)
    (tmp_path / "bare").mkdir()
    for said in ({}, {"sanitize": {}}, {"sanitize_root": str(tmp_path / "bare")}):
        assert run_module("postgres_dump", dict(dump, only_sanitized=True, **said))["msg"].startswith("No rules say how the dump is sanitized")
    application = Application(tmp_path / "shop")
    adopt = {"sql": ["UPDATE orders SET note = {port} WHERE id = 1"], "commands": [["sh", "-c", "echo {port} >> {shared}/adopted; exit $FAIL"]]}
    application.release({}, adopt=adopt, environment={"FAIL": "{fail}"}, variables={"fail": "0"})
    (tmp_path / "shop" / "shared").mkdir()

    def run(check=False, **options):
        params = dict(database, source=run.key, only_sanitized=True, application={"root": application.root, "variables": {"port": "8000"}, "adopt": True})
        return run_module("postgres_restore", dict(params, **options), check=check)

    run.raw, run.key, run.root, run.dump = raw["key"], dumped("uat"), application.root, dumped
    return run


def note(postgres):
    return postgres.connection().query("SELECT note FROM public.orders WHERE id = 1")[0]["note"]


def test_a_restore_adopts_before_and_after_it_is_live(postgres, refreshed, tmp_path):
    adopted = tmp_path / "shop" / "shared" / "adopted"
    looked = refreshed(check=True)
    assert looked["restored"] == refreshed.key and looked["adopted"] == {"sql": 1, "commands": 1} and note(postgres) == "order 1"
    result = refreshed(swap=False)
    assert not result.get("failed") and result["adopted"] == {"sql": 1, "commands": 0}, result
    assert note(postgres) == "order 1" and not adopted.exists()
    assert refreshed(source=":ready", only_sanitized=False)["adopted"] == {"sql": 0, "commands": 1}
    assert note(postgres) == "8000" and adopted.read_text() == "8000\n"
    failed = refreshed(application={"root": refreshed.root, "variables": {"port": "8001", "fail": "3"}, "adopt": True})
    assert "The restored database is live" in failed["msg"] and "exit status 3" in failed["msg"] and note(postgres) == "8001"


def test_the_database_of_prod_is_known_by_its_server_when_an_inventory_calls_it_another_one(postgres, refreshed, tmp_path):
    """A new inventory is a copy of another one; who forgets to change the address has the database of prod in uat."""
    key = refreshed.dump("prod")
    for check in (True, False):
        assert "of this very server" in refreshed(check, source=key)["msg"]
    postgres.sql("CREATE DATABASE other OWNER shop")
    assert refreshed(source=key, login_db="other", check=True)["restored"] == key
    bare = Application(tmp_path / "unadopted")
    bare.release({})
    application = {"root": bare.root, "migrate": False}
    for said, words in (({"adopt": True}, "says nothing under adopt"), ({"adopt": False}, None), ({}, "nobody has said adopt")):
        warnings = str(refreshed(source=key, login_db="other", check=True, application=dict(application, **said)).get("warnings"))
        assert words in warnings and "The rows come from prod" in warnings if words else "The rows come" not in warnings, said
    assert "The rows come" not in str(refreshed(check=True, application=dict(application, adopt=True)))
    assert "The rows come" not in str(refreshed(source=key, login_db="other", check=True, application=application, pre_swap_sql=["SELECT 1"]))
    assert note(postgres) == "order 1"


def test_only_what_is_sanitized_and_only_where_no_row_is_real(postgres, refreshed):
    for options, words in (({"source": refreshed.raw}, "is not sanitized"), ({"source": "uat/shop/none"}, "is not sanitized"),
                           ({"environment": "prod", "confirm": "shop"}, "prod has real rows"), ({"source": ":pre"}, "no sanitized dump"),
                           ({"tables": ["orders"]}, "Only a whole database")):
        assert words in json.dumps(refreshed(**options)), options
    assert note(postgres) == "order 1" and postgres.databases() == {"shop"}
