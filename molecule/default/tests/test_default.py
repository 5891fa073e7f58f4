# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What provisioning and deploying left, seen from the hosts and from outside."""

from __future__ import annotations

import shlex
import urllib.error
import urllib.request

import pytest
from conftest import names
from lab_engine import until

APPS, CONSUMERS = names("app"), names("consumer")
RUNNING = [*[(host, "nginx") for host in APPS], ("db1", "postgresql@15-main"), ("lb1", "haproxy"),
           ("build1", "docker-registry")]
# What shows when it has read last, and what it reads.
READ = [("app1", "/run/nginx.pid", "/etc/nginx/sites-enabled"), ("lb1", "/run/haproxy.pid", "/etc/haproxy/haproxy.cfg"),
        ("db1", "/run/postgresql/15-main.pid", "/etc/postgresql/15/main/conf.d/slipway.conf /etc/postgresql/15/main/pg_hba.conf")]
UNREACHABLE = '{"error": "bad_gateway", "message": "The application does not answer."}'
PLACES = [("app1", {"web", "cron"}), ("app2", {"web"}), *[(host, {"consumer"}) for host in CONSUMERS]]


def get(address, path="/", body=None, **headers):
    """(status, body) of a request, whatever the status is."""
    request = urllib.request.Request("http://%s%s" % (address, path), body, {"Host": "shop.test", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask_database(host, variables, query):
    """psql on the host, as the application."""
    login = variables["slipway_database"]
    return host.run("PGPASSWORD=%s psql -XAt -h db1 -U %s -d %s -c %s", login["login_password"], login["login_user"],
                    login["login_db"], query)


@pytest.mark.parametrize("name", [*APPS, *CONSUMERS, "db1", "lb1", "build1"])
def test_no_unit_has_failed(on, name):
    assert on(name).run("systemctl is-system-running").stdout.strip() == "running"


@pytest.mark.parametrize("name, service", RUNNING)
def test_servers_run_and_come_back_after_a_reboot(on, name, service):
    assert on(name).service(service).is_running
    assert on(name).service(service).is_enabled


@pytest.mark.parametrize("name, pid, files", READ)
def test_servers_have_read_what_was_written(on, name, pid, files):
    assert on(name).check_output("find " + files + " -cnewer " + pid) == ""  # which fails where one is not there


@pytest.mark.parametrize("name", APPS + CONSUMERS)
def test_the_application_has_a_user_without_rights(on, name):
    user, folder = on(name).user("shop"), on(name).file("/srv/shop")
    assert (user.shell, user.home) == ("/usr/sbin/nologin", "/srv/shop")
    assert user.password in ("!", "*", "!*")
    assert (folder.user, folder.group, oct(folder.mode)) == ("shop", "shop", "0o755")
    assert on(name).file("/srv").user == "root"
    assert "not allowed" in on(name).run("sudo -n -l -U shop").stdout


@pytest.mark.parametrize("name", APPS)
def test_each_app_host_serves_the_shop(address, name):
    status, body = get(address(name))
    assert status == 200
    assert "<html" in body


def rotation_is(shop, hosts):
    until(lambda: shop.in_rotation() == hosts, 30, "the balancer does not come to send users to %s" % ", ".join(sorted(hosts)))


def test_users_come_in_by_the_balancer_to_every_app_host(shop, address):
    rotation_is(shop, set(APPS))
    assert [get(address("lb1"))[0] for _turn in range(4)] == [200] * 4


def test_users_are_not_sent_to_a_host_that_is_not_healthy(shop, on, address):
    on("app1").check_output("systemctl stop shop-web.service")
    try:
        assert get(address("app1"), Accept="application/json") == (502, UNREACHABLE)
        rotation_is(shop, set(APPS) - {"app1"})
        assert [get(address("lb1"))[0] for _turn in range(4)] == [200] * 4
    finally:
        on("app1").check_output("systemctl start shop-web.service")
    rotation_is(shop, set(APPS))


def test_uploads_are_limited(on):
    """Asked without a body: nginx looks at the length that is announced."""
    asked = "curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Content-Length: 34603008' http://127.0.0.1/"
    assert on("app1").run(asked).stdout == "413"


def test_the_database_is_for_the_application_only(on, variables):
    asked = "SELECT ssl, current_user, pg_encoding_to_char(encoding), usesuper FROM pg_stat_ssl, pg_database, pg_user"
    asked += " WHERE pid = pg_backend_pid() AND datname = current_database() AND usename = current_user"
    assert ask_database(on("app1"), variables, asked).stdout.strip() == "t|shop|UTF8|f"
    assert "no pg_hba.conf entry" in ask_database(on("lb1"), variables, asked).stderr


@pytest.mark.parametrize("name, kinds", PLACES)
def test_services_run_where_they_belong(on, name, kinds):
    listed = on(name).check_output("systemctl list-units --plain --no-legend --state=running 'shop-*.service'")
    assert {kind for kind in ("web", "cron", "consumer") if kind in listed} == kinds


@pytest.mark.parametrize("name", APPS + CONSUMERS)
def test_programs_need_not_compile_their_sources(on, name):
    """What Python makes of them came with the package, as nobody's whom an intruder in the application could be."""
    asked = "find /srv/shop/current/vendor/django/db -maxdepth 2 -name '__init__*.pyc' ! -user shop"
    assert on(name).check_output(asked) == "/srv/shop/current/vendor/django/db/__pycache__/__init__.%s.pyc" % tag(on(name))
    # Python itself says that it takes it.
    said = on(name).check_output("runuser -u shop -- env PYTHONPATH=/srv/shop/current/vendor python3 -v -c 'import django.db' 2>&1")
    assert "matches /srv/shop/current/vendor/django/db/__init__.py" in said
    assert on(name).check_output("find /srv/shop/current/ -name '*.pyc' -user shop") == ""


def tag(host):
    return host.check_output("python3 -c 'import sys; print(sys.implementation.cache_tag)'")


@pytest.mark.parametrize("name", APPS)
def test_requests_are_in_the_journal(on, address, name):
    mark = "/nothing-here-%s" % name
    assert get(address(name), mark)[0] == 404
    asked = "for turn in $(seq 50); do journalctl -q -t nginx --grep %s && exit 0; sleep 0.1; done; exit 1"
    assert on(name).run(asked % shlex.quote(mark)).rc == 0


def test_the_registry_asks_for_the_password(on, variables):
    login = variables["slipway_store_auth"]
    asked = "curl -s -o /dev/null -w '%{http_code}' https://build1:5000/v2/ --cacert " + login["ca_path"]
    assert on("app1").run(asked).stdout == on("app1").run(asked + " --user :").stdout == "401"
    assert on("app1").run(asked + " --user %s:%s" % (login["username"], login["password"])).stdout == "200"
