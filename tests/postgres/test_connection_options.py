# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that lets in by certificates of clients, by its socket alone, or by passwords; and every module that has to get in."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, cluster

ODD = "It's a\\role"
RULES = """\
hostssl   all certified all           cert
local     all local     trust
host      all local     all           reject
hostnossl all certified all           reject
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with an authority (ca), its certificates for a server at 127.0.0.1 and a client "certified", and an authority nobody knows (other)."""
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    for name in ("ca", "other"):
        openssl(*new, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem")
    for name, subject in (("server", "/CN=server"), ("client", "/CN=certified")):
        openssl(*new, "-subj", subject, "-addext", "subjectAltName=IP:127.0.0.1", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-keyout", name + ".key", "-out", name + ".pem")
    os.chmod(folder / "client.key", 0o600)
    return folder


@pytest.fixture(scope="module")
def strict(tmp_path_factory, bin_dir, server, keys):
    """A server with TLS and those rules, and database "shop" of role "owner", which others are members of."""
    strict = cluster(tmp_path_factory.mktemp("strict"), bin_dir)
    for name in ("server.key", "server.pem", "ca.pem"):
        strict._own(shutil.copy(keys / name, strict.data_dir))
        os.chmod(os.path.join(strict.data_dir, name), 0o600)
    rules = pathlib.Path(strict.data_dir, "pg_hba.conf")
    rules.write_text(RULES + rules.read_text(encoding="utf-8"), encoding="utf-8")
    for name, value in (("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key"), ("ssl_ca_file", "ca.pem"), ("ssl", "on")):
        strict.sql("ALTER SYSTEM SET %s = '%s'" % (name, value))
    strict.sql("SELECT pg_reload_conf()")
    for role in ('owner CREATEDB', '"%s" CREATEDB IN ROLE owner' % ODD, "certified LOGIN CREATEDB IN ROLE owner",
                 "local LOGIN CREATEDB IN ROLE owner", "plain LOGIN PASSWORD '%s' IN ROLE owner, \"%s\"" % (PASSWORD, ODD)):
        strict.sql("CREATE ROLE " + role)
    strict.sql("CREATE DATABASE shop OWNER owner")
    strict.sql("CREATE TABLE public.orders AS SELECT g AS id FROM generate_series(1, 100) g; ALTER TABLE public.orders OWNER TO owner", "shop")
    yield strict
    strict.remove()


@pytest.fixture
def by_certificate(strict, keys):
    return {"login_host": "127.0.0.1", "login_port": strict.port, "login_user": "certified", "login_db": "shop", "ssl_mode": "verify-full",
            "ca_cert": str(keys / "ca.pem"), "ssl_cert": str(keys / "client.pem"), "ssl_key": str(keys / "client.key")}


@pytest.fixture
def by_service(by_certificate, tmp_path):
    """The same as a service says it, which names a database that is not meant."""
    (tmp_path / "services").write_text(
        "[strict]\nhost=127.0.0.1\nport=%(login_port)s\nuser=certified\ndbname=postgres\nsslmode=verify-full\nsslrootcert=%(ca_cert)s\n"
        "sslcert=%(ssl_cert)s\nsslkey=%(ssl_key)s\n" % by_certificate, encoding="utf-8")
    return {"pg_service": "strict", "pg_service_file": str(tmp_path / "services"), "login_db": "shop"}


@pytest.fixture
def listed(run_module):
    """listed(options) -> what the module can be restored from, or what is said against it."""
    return lambda options: run_module("postgres_dump_info", dict(options, local=True))


def test_a_certificate_lets_in_and_nothing_less(listed, keys, by_certificate):
    assert listed(by_certificate)["local"] == []
    for change, message in (({"ssl_cert": None, "ssl_key": None}, "certificate"), ({"ca_cert": str(keys / "other.pem")}, "certificate verify failed"),
                            ({"ssl_mode": "disable"}, "pg_hba.conf rejects")):
        options = {name: value for name, value in dict(by_certificate, **change).items() if value}
        assert message in listed(options)["msg"], change


def test_a_socket_may_be_the_only_way_in(strict, listed):
    known = {"login_port": strict.port, "login_user": "local", "login_db": "shop"}
    assert listed(dict(known, login_unix_socket=strict.socket_dir))["local"] == []
    assert listed(dict(known, login_host=strict.socket_dir))["local"] == []
    assert "pg_hba.conf rejects" in listed(dict(known, login_host="127.0.0.1"))["msg"]


def test_a_file_of_passwords_and_a_role_for_the_session(strict, listed, run_module, tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text("127.0.0.1:%d:*:plain:%s\n" % (strict.port, PASSWORD), encoding="utf-8")
    os.chmod(passwords, 0o600)
    known = {"login_host": "127.0.0.1", "login_port": strict.port, "login_user": "plain", "login_db": "shop", "name": "one"}
    assert "no password" in listed({name: value for name, value in known.items() if name != "name"})["msg"]
    known["connect_params"] = {"passfile": str(passwords)}
    refused = run_module("postgres_restore_point", known)
    assert 'Role "plain" may not create databases' in refused["msg"]
    made = run_module("postgres_restore_point", dict(known, session_role=ODD))
    assert made["after"] == "present" and "failed" not in made, made
    assert run_module("postgres_restore_point", dict(known, session_role=ODD, state="absent"))["changed"]


def test_every_module_and_its_hooks_get_in_by_a_service(strict, by_service, run_module, tmp_path):
    """The programs that modules start as well, and the hook of a restore is in what is restored, not in what the service names."""
    def run(name, **options):
        result = run_module("postgres_" + name, dict(by_service, environment="dev", **options))
        assert "failed" not in result, result
        return result

    store = str(tmp_path / "store")
    hook = ["sh", "-c", "psql -XAtqc 'CREATE TABLE public.hooked ()'"]
    dumped = run("dump", store=store, instance="dev", jobs=2, pre_dump_hooks=[["sh", "-c", 'test "$(psql -XAtqc "SELECT current_database()")" = shop']])
    assert dumped["rows"] == 100
    restored = run("restore", store=store, source=dumped["key"], jobs=2, reversible=True, pre_swap_hooks=[hook])
    assert restored["checked"] == 1
    assert strict.sql("SELECT to_regclass('public.hooked')", "shop") == "hooked" and not strict.sql("SELECT to_regclass('public.hooked')")
    server = {name: value for name, value in by_service.items() if name != "login_db"}
    copied = run_module("postgres_copy", dict(by_service, login_db="shop_test", environment="dev", source="shop", source_environment="dev",
                                              source_server=server))
    assert copied["way"] == "stream" and copied["checked"] == 2, copied
    local = run_module("postgres_dump_info", dict(by_service, store=store, local=True))
    assert [each["source"] for each in local["local"]] == [":pre", ":shop_test"] and local["newest"] == dumped["key"]
    assert json.dumps(local).count(PASSWORD) == 0
