# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What molecule's scenario does not see of provisioning: the runtime PHP, and what is refused."""

from __future__ import annotations

import contextlib
import re
import socket

import pytest
from client import request  # the demo's; the lab has made its folder known
from oro_lab import HERE, NAME, PORT, ROOT, WEBSOCKET_PORT, play, users  # found by conftest.py

from ansible_collections.slipway.app.plugins.module_utils._maintenance.bypass import secret_path
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance
from ansible_collections.slipway.app.tests.waiting import until

# Programs that must not answer users, put into the live release by hand.
PROGRAMS = {"index_dev.php": "<?php echo 'the inside';", "other.php": "<?php echo 'not meant to be asked for';"}
# Takes up websockets on this host alone, and then says everything back as it came.
WEBSOCKET = r"""
import base64, hashlib, socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        lines = [line.decode().strip().split(": ", 1) for line in iter(self.rfile.readline, b"\r\n")]
        asked = {name.lower(): value for name, value in lines[1:]}
        key = asked["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        taken = asked.get("upgrade", "") + asked.get("connection", "").lower() == "websocketupgrade"
        answer = ["HTTP/1.1 " + ("101 Switching Protocols" if taken else "400 Bad Request"), "Upgrade: websocket",
                  "Connection: Upgrade", "Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key.encode()).digest()).decode(),
                  "X-Seen: {host} {x-forwarded-for}".format_map(asked), "", ""]
        self.wfile.write("\r\n".join(answer).encode())
        while taken and (data := self.connection.recv(4096)):
            self.wfile.write(data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""
HANDSHAKE = (b"GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n" % NAME.encode())
FRAME = b"\x82\x84abcd\x00\xff\x10\x7f"  # as browsers send them: binary, masked


def test_debugging_is_refused_where_users_are(lab):
    done = lab.playbook("provision", "--limit", "app1,localhost", slipway_environment_variables={"APP_DEBUG": "true"})
    assert done.rc != 0
    assert "APP_DEBUG turns debugging on" in done.output
    assert "Nothing of the application was changed on app1." in done.output
    assert done.output.count("changed=0") == 2, done.output


def test_an_application_whose_health_nobody_has_named_a_path_for_is_refused(lab):
    """A balancer that asks for the wrong one calls every host down."""
    done = lab.playbook("provision", "--limit", "app1,localhost", slipway_variables={"port": PORT})
    assert done.rc != 0
    assert "depends on backend_prefix" in done.output and "slipway_health_path" in done.output
    assert "Nothing of the application was changed on app1." in done.output
    assert done.output.count("changed=0") == 2, done.output


def test_the_administrators_own_settings_of_the_journal_stay(provisioned):
    assert "slipway" not in provisioned.ssh("app2", ["cat", "/etc/systemd/journald.conf"]).stdout
    shown = provisioned.ssh("app2", ["systemd-analyze", "cat-config", "systemd/journald.conf"]).stdout
    assert "Storage=persistent" in shown and "SystemMaxUse=1G" in shown


@pytest.mark.long
def test_a_second_run_changes_nothing(provisioned):
    done = play(provisioned, "provision", "--limit", "app2,localhost")
    assert done.output.count("changed=0") == 2, done.output


def test_php_belongs_to_the_application_and_answers_nginx_alone(lab, deployed):
    assert lab.ssh("app2", ["stat", "--format=%U %a", ROOT + "/php-fpm.sock"]).stdout.split()[0] == "oro"
    # Where the health check asks, nobody from elsewhere can.
    with pytest.raises(OSError), socket.create_connection((lab.address("app2"), PORT), timeout=5):
        pass


def test_every_path_is_the_front_controllers_but_files_are_served(lab, deployed):
    assert lab.page("app2", "/product/7?size=2")["path"] == "/product/7?size=2"
    assert lab.get("/build/app.css", "app2") == (200, (HERE / "application/assets/app.css").read_text(encoding="utf-8"))


def test_the_balancer_asks_for_what_the_profile_says_and_finds_all_well(lab, deployed):
    assert "meth GET uri /user/login ver" in lab.ssh("lb1", ["cat", "/etc/haproxy/haproxy.cfg"]).stdout
    until(lambda: lab.in_rotation() == len(lab.apps))


def test_a_picture_is_made_by_the_application_when_it_is_first_asked_for_and_is_a_file_then(lab, deployed):
    path = "/media/cache/attachment/resize/7/100/80/bell.png"
    status, made = lab.get(path, "app2")
    assert status == 200 and made.startswith("picture 7 made at ")
    for host in ("app2", "app1"):  # what one has made the other has as well
        status, headers, body = request("http://" + lab.address(host), "GET", path, headers={"Host": NAME})
        assert (status, body.decode(), headers["X-Content-Type-Options"]) == (200, made, "nosniff")
    # What is uploaded is a file or is not there, and no program in the place where pictures are made.
    assert lab.get("/media/nowhere.png", "app2")[0] == 404
    assert lab.get("/media/cache/other.php", "app2")[0] == 200 and lab.page("app2", "/media/cache/other.php")["version"] == "5.1.0"


@pytest.mark.long
def test_settings_of_php_reach_what_runs_and_no_request_is_lost(lab, deployed):
    before = lab.page("app2")
    secret, former = secret_path(ROOT), ROOT + "/state/maintenance_bypass.conf"  # of links past maintenance, also where it once was
    for path in (secret, former):
        lab.ssh("app2", ["install", "-D", "/dev/null", path])
    lab.ssh("app2", ["tee", secret], input='secure_link_md5 "no-longer-in-the-inventory $slipway_end";\n')
    lab.ssh("app2", ["systemctl", "stop", "oro-websocket.service"])
    with users(lab, "app2") as visits:
        changed = play(lab, "provision", "--limit", "app2,localhost", host_upload_limit_megabytes=40)
    lab.ssh("app2", ["systemctl", "start", "oro-websocket.service"])
    assert "On app2 nginx asks at port %d now, where nobody listens" % WEBSOCKET_PORT in " ".join(changed.output.split())
    assert "changed=0" not in changed.output.rpartition("app2")[2].partition("\n")[0]
    until(lambda: lab.page("app2")["upload_limit"] == "40M")
    assert before["upload_limit"] == "32M" and lab.page("app2")["fpm"] == before["fpm"]
    assert {status for status, *_page in visits} == {200}, visits
    # The inventory has none; and nginx has read so.
    assert "secure_link" not in lab.ssh("app2", ["cat", secret]).stdout and lab.ssh("app2", ["find", former], check=False).stdout == ""
    assert lab.ssh("app2", ["find", "/etc/nginx/sites-enabled", secret, "-cnewer", "/run/nginx.pid"]).stdout == ""


@pytest.fixture(scope="session")
def link(lab, deployed):
    """A signed link past maintenance, which each host's nginx knows of."""
    shown = play(lab, "maintenance_bypass", slipway_maintenance_secret="thirty-two-letters-and-digits-01").output
    assert "goes by another secret" not in shown
    found = re.search(r"/\.slipway-maintenance/pass\?key=[A-Za-z0-9_.-]+", shown).group()
    for host in lab.apps:
        until(lambda host=host: lab.get(found, host)[0] == 302)
    return found


def test_by_the_balancer_only_who_may_gets_past_maintenance(lab, link, tmp_path):
    """Who has the cookie of a signed link, or one of the addresses; not who says so of himself."""
    Maintenance(str(tmp_path)).on("We are updating this site.", 60, "ann")
    for host in lab.apps:
        lab.copy(tmp_path / "maintenance", host, ROOT)

    def ask(path="/", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return request("http://" + lab.address("lb1"), "GET", path, headers={"Host": NAME, **headers})

    status, headers, _body = ask(link)
    assert status == 302
    cookie = headers["Set-Cookie"].partition(";")[0]
    near = lab.address("jobs1")  # of slipway_maintenance_bypass_addresses
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} ", "-H", "Host: " + NAME]
    for _turn in lab.apps * 2:  # the balancer sends to each of them
        assert ask(Cookie=cookie)[0] == 200
        status, headers, _body = ask()
        assert status == 503 and headers["Retry-After"] == "60"
        assert [ask(Cookie=cookie + "0")[0], ask(X_Forwarded_For=near)[0]] == [503, 503]
        for host, expected in (("jobs1", "200"), ("db1", "503")):
            assert lab.ssh(host, [*curl, "http://%s/" % lab.address("lb1")]).stdout.strip() == expected, host
    for host in lab.apps:
        lab.ssh(host, ["rm", ROOT + "/maintenance/on"])
    until(lambda: lab.in_rotation() == len(lab.apps))


def test_a_link_past_maintenance_is_good_on_every_host_and_in_no_log(lab, link):
    assert lab.get(link)[0] == 302 and lab.get("/seen-in-the-log")[0] == 200
    until(lambda: "/seen-in-the-log" in lab.ssh("lb1", ["journalctl", "--quiet"]).stdout)
    for host in ("lb1", *lab.apps):
        assert "pass?key=" not in lab.ssh(host, ["journalctl", "--quiet"]).stdout, host


def test_no_other_program_can_be_asked_for(lab, deployed):
    public = lab.live("app2") + "/public/"
    for name, text in PROGRAMS.items():
        lab.ssh("app2", ["tee", public + name], input=text)
    for path in ("/index_dev.php", "/index_dev.php/product", "/other.php", "/_profiler/latest", "/%69ndex_dev.php"):
        status, body = lab.get(path, "app2")
        assert (status, "inside" in body, "meant" in body) == (404, False, False), path
        assert "The stand-in has no such page" in body  # the application's own, by error_pages
    lab.ssh("app2", ["rm", *(public + name for name in PROGRAMS)])


def test_after_a_switch_of_the_link_alone_no_process_runs_the_release_before(lab, deployed):
    """PHP keeps what it compiled and the paths that it resolved; nothing is reloaded here."""
    releases, live = lab.live("app2").rsplit("/", 1)
    lab.ssh("app2", ["cp", "-a", releases + "/" + live, releases + "/other"])
    lab.ssh("app2", ["sed", "-i", "s/'5.1.0'/'other'/", releases + "/other/public/index.php"])
    for name, version in ((live, "5.1.0"), ("other", "other"), (live, "5.1.0")):
        lab.ssh("app2", ["ln", "-s", "releases/" + name, ROOT + "/.part-current"])
        lab.ssh("app2", ["mv", "-T", ROOT + "/.part-current", ROOT + "/current"])
        assert {lab.page("app2")["version"] for _turn in range(20)} == {version}
    lab.ssh("app2", ["rm", "-r", releases + "/other"])


@contextlib.contextmanager
def websocket(lab, host):
    """(the answer's lines, the connection) of somebody who would talk to the application's websocket."""
    with socket.create_connection((lab.address(host), 80), timeout=30) as connection:
        connection.sendall(HANDSHAKE)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = connection.recv(4096)
            assert more, answer
            answer += more
        yield answer.decode("latin-1").lower().split("\r\n"), connection


def said_back(connection):
    connection.sendall(FRAME)
    answer = b""
    while len(answer) < len(FRAME):
        answer += connection.recv(4096) or pytest.fail("the connection was closed")
    return answer


def test_a_websocket_goes_all_the_way_and_new_ones_are_kept_out_by_maintenance(lab, deployed, tmp_path):
    Maintenance(str(tmp_path)).on("We are updating this site.", 60, "ann")
    for host in lab.apps:  # the stand-in's own does not talk as browsers do
        lab.ssh(host, ["systemctl", "stop", "oro-websocket.service"])
        lab.ssh(host, ["systemd-run", "--quiet", "--unit=echo", "python3", "-c", WEBSOCKET, str(WEBSOCKET_PORT)])
        until(lambda host=host: lab.ssh(host, ["ss", "-Htln", "sport = :%d" % WEBSOCKET_PORT]).stdout)
    until(lambda: lab.in_rotation() == len(lab.apps))
    for door in ("app2", "lb1"):
        with websocket(lab, door) as (answer, connection):
            assert answer[0].split()[1] == "101" and "upgrade: websocket" in answer
            assert re.search(r"\nx-seen: oro\.test [0-9]+\.[0-9.]+(, [0-9.]+)?\n", "\n".join(answer)), answer
            assert said_back(connection) == FRAME
    for host in lab.apps:
        lab.copy(tmp_path / "maintenance", host, ROOT)
    for door in ("app2", "lb1"):
        with websocket(lab, door) as (answer, _connection):
            assert answer[0].split()[1] == "503" and any(line.startswith("retry-after: ") for line in answer)
    for host in lab.apps:
        lab.ssh(host, ["rm", ROOT + "/maintenance/on"])
    with websocket(lab, "app2") as (answer, connection):
        assert answer[0].split()[1] == "101" and said_back(connection) == FRAME
    for host in lab.apps:
        lab.ssh(host, ["systemctl", "stop", "echo.service"])
        lab.ssh(host, ["systemctl", "start", "oro-websocket.service"])
