# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service of pg_service.conf says, and which of several words counts."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import service_file
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from

TEXT = """\
# two of them
[other]
host=other
[shop]
host=db1
port=6432
user=shop
  password=se cret=x
dbname=elsewhere
hostaddr=127.0.0.1
host=counts not
keepalives_idle=7
sslcrl=/crl.pem

[shop]
host=later
"""


@pytest.fixture
def connection(tmp_path):
    """connection(**options) -> what the options of a module make of the file."""
    file = tmp_path / "services"
    file.write_text(TEXT, encoding="utf-8")

    def make(**options):
        nothing = {name: option.get("default") for name, option in POSTGRES_ARGUMENTS.items()}
        return connection_from(dict(nothing, **dict({"pg_service": "shop", "pg_service_file": str(file), "login_db": "shop"}, **options)))

    return make


def variables(connection):
    return {name: value for name, value in connection.environment().items() if name.startswith("PG")}


def test_a_service_says_what_nothing_else_says(connection):
    found = variables(connection())
    assert found == {"PGHOST": "db1", "PGPORT": "6432", "PGUSER": "shop", "PGPASSWORD": "se cret=x", "PGHOSTADDR": "127.0.0.1", "PGSSLCRL": "/crl.pem",
                     "PGSSLMODE": "prefer", "PGAPPNAME": "slipway", "PGCLIENTENCODING": "UTF8", "PGCONNECT_TIMEOUT": "10"}
    assert connection().login_password == "se cret=x", "what errors are cleaned of"
    assert connection().login_db == "shop" and "elsewhere" not in str(found)


def test_options_come_before_it_and_connect_params_before_both(connection):
    found = variables(connection(login_host="db2", login_port=5432, ssl_mode="require", connect_params={"port": 1, "connect_timeout": 3}))
    assert (found["PGHOST"], found["PGPORT"], found["PGSSLMODE"], found["PGUSER"], found["PGCONNECT_TIMEOUT"]) == ("db2", "1", "require", "shop", "3")
    assert "PGHOSTADDR" not in found, "it is that of another host"
    assert variables(connection(login_unix_socket="/run/x", login_host="localhost"))["PGHOST"] == "/run/x"


@pytest.mark.parametrize("role, said", [("boss", "-c role=boss"), ("It's a\\role", "-c role=It's\\ a\\\\role")])
def test_a_role_of_any_name_is_one_option_of_the_server(connection, role, said):
    assert variables(connection(session_role=role))["PGOPTIONS"] == said
    assert variables(connection(session_role=role, connect_params={"options": "-c x=1"}))["PGOPTIONS"] == "-c x=1 " + said


@pytest.mark.parametrize("options, message", [
    ({"pg_service": "shup"}, "no service shup in /"), ({"pg_service_file": "/nowhere"}, "/nowhere cannot be read"),
    ({"connect_params": {"password": "x"}}, "say login_password"), ({"connect_params": {"sslpassword": "x"}}, "cannot hand on"),
    ({"connect_params": {"prot": "x"}}, "port"), ({"login_unix_socket": "/run/x", "login_host": "db1"}, "two places"),
    ({"login_unix_socket": "run"}, "begins with a slash")])
def test_what_cannot_be_meant_is_refused(connection, options, message):
    with pytest.raises(SlipwayError, match=message) as caught:
        connection(**options)
    assert caught.value.untouched == "Nothing was changed."


@pytest.mark.parametrize("line, message", [("ldap://ldap/x", "LDAP"), ("nonsense", "no setting=value"), ("sslpassword=x", "Service x of .* sslpassword")])
def test_a_file_that_cannot_be_used_is_named(tmp_path, line, message):
    file = tmp_path / "services"
    file.write_text("[x]\n%s\n" % line, encoding="utf-8")
    with pytest.raises(SlipwayError, match=message):
        service_file.read_service("x", str(file))


def test_the_first_file_that_has_it_counts(tmp_path, monkeypatch):
    for name, text in (("own", "[a]\nhost=own\n"), ("system", "[a]\nhost=system\n[b]\nhost=b\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(service_file, "FILES", ("~/missing", "~/own", str(tmp_path / "system")))
    assert service_file.read_service("a") == {"host": "own"} and service_file.read_service("b") == {"host": "b"}
    with pytest.raises(SlipwayError, match="no service c in .*/missing or .*/own or "):
        service_file.read_service("c")
