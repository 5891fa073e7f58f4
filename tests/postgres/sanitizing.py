# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of sanitized dumps share: a shop with personal data, rules for it, and what can be looked at in a dump."""

from __future__ import annotations

import contextlib
import copy
import os
import pathlib
import re
import subprocess

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.tests.postgres.conftest import Cluster

SECRET = "a key that no list of processes and no log may show"  # given to no program as an argument, as those of playbooks are
RULES = {"tables": {
    "app.*": {"columns": {"email": "email"}},
    "app.customer": {"columns": {
        "first_name": "first_name", "last_name": {"rule": "last_name", "locale": "de"}, "phone": "phone",
        "birth": {"rule": "date", "entity": "id", "domain": "customer"},
        "iban": "iban", "ip": "inet", "token": "uuid", "code": {"rule": "hash", "length": 20}, "note": "text", "tags": {"rule": "array", "of": "hash"},
        "address": {"rule": "json", "paths": {"street": "street", "geo.name": "hash", "plan": "keep"}}, "home": None,
        "salary": "number", "visits": {"rule": "number", "bucket": 10}, "seen": {"rule": "date", "days": 30}, "secret": "empty",
        "id": "keep", "parent": "keep"}},
    'app."Bestellung Ü"': {"columns": {'"Nr."': "keep", "customer": "keep", "total": "keep", "order": "keep"}},
    "app.visit": {"columns": {"day": "keep", "who": {"rule": "last_name", "locale": "de"}}},
    "app.session": "truncate", "app.hen": "keep", "app.egg": "keep", "app.empty": "keep"}}
KEPT = {  # what of each table is to be as it was
    "app.customer": "id, parent, address ->> 'plan', tags[2:3], note IS NULL, length(note), first_name IS NULL, extract(hour FROM seen), secret IS NULL",
    'app."Bestellung Ü"': '"Nr.", customer, total, "order"', "app.visit": "day", "app.hen": "id, egg", "app.egg": "id, hen"}


def fill(server):
    """Make the shop in a server's database "shop"; its owner's connection."""
    connection = server.connection()
    subprocess.run([server.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "shop", "-f", str(pathlib.Path(__file__).with_name("personal.sql"))],
                   env=connection.environment(), check=True, stdout=subprocess.DEVNULL)
    return connection


def let_read(shop):
    for what in ("USAGE ON SCHEMA app", "SELECT ON ALL TABLES IN SCHEMA app", "SELECT ON ALL SEQUENCES IN SCHEMA app"):
        shop.execute("GRANT %s TO guest" % what)


@pytest.fixture
def shop(postgres):
    """The owner's connection to the shop with the personal data."""
    postgres.start_over()
    return fill(postgres)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "dumps"))


@pytest.fixture
def reader(postgres, shop):
    """A connection of a role that may do nothing but read."""
    let_read(shop)
    return postgres.connection("guest")


@pytest.fixture
def small(postgres):
    """The owner's connection to an empty database."""
    postgres.start_over()
    return postgres.connection()


def sanitized(connection, store, rules=None, check=False, secret=SECRET, report=None, **options):
    wish = Wish("here", config="sanitized", sanitizing=Sanitizing(RULES if rules is None else rules, secret), **dict({"environment": "uat"}, **options))
    return dump(connection, store, wish, check=check, report=report)


def newest(store):
    whole = store.open(store.newest("here"))
    whole.verify()
    return whole


def schema_of(postgres, connection):
    """The schema as pg_dump writes it, but for the key that differs each time."""
    text = subprocess.run([os.path.join(postgres.bin_dir, "pg_dump"), "--schema-only", connection.conninfo(connection.login_db)],
                          env=connection.environment(), check=True, capture_output=True, text=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def text_of(postgres, whole):
    """All that pg_restore reads in a dump, as text."""
    text = subprocess.run([os.path.join(postgres.bin_dir, "pg_restore"), "--file=-", whole.archive], check=True, capture_output=True, text=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def changed(**tables):
    """The rules with others for tables of schema app; None takes a table out."""
    rules = copy.deepcopy(RULES)
    for name, said in tables.items():
        rules["tables"]["app." + name] = said
        if said is None:
            del rules["tables"]["app." + name]
    return rules


def customer(**columns):
    """The rules with others for columns of app.customer."""
    return changed(customer={"columns": dict(RULES["tables"]["app.customer"]["columns"], **columns)})


def rules_of(text):
    return {"tables": yaml.safe_load(text)}


def refused(connection, store, rules, *words):
    with pytest.raises(SlipwayError) as error:
        sanitized(connection, store, rules, check=True)
    for word in words:
        assert word in str(error.value), str(error.value)


def standby_of(primary, folder, bin_dir):
    """A standby of a Cluster, started."""
    standby = Cluster(str(folder), bin_dir, settings={"fsync": "off", "hot_standby": "on"})
    with contextlib.suppress(FileExistsError):
        os.mkdir(standby.home)
    primary.sql("ALTER ROLE %s REPLICATION" % primary.superuser)
    subprocess.run([os.path.join(primary.bin_dir, "pg_basebackup"), "-D", standby.data_dir, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
                   env=primary.environment(), check=True, cwd="/", **primary._demote)
    auto = pathlib.Path(standby.data_dir, "postgresql.auto.conf")
    standby.settings["primary_conninfo"] = re.search(r"^primary_conninfo = '(.*)'$", auto.read_text(encoding="utf-8"), re.MULTILINE).group(1).replace("''", "'")
    standby.password = primary.password
    return standby.start()
