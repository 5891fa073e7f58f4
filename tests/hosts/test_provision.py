# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What molecule's scenario does not see of provisioning: the runtime PHP, and what is refused."""

from __future__ import annotations

import contextlib
import re
import socket
import urllib.error
import urllib.request

import pytest

from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance
from ansible_collections.slipway.app.tests.hosts.machine import until

PORTAL = {"slipway_application": "portal", "slipway_root": "/srv/portal", "slipway_user": "portal",
          "slipway_profile": "oro", "slipway_server_name": "portal.test", "slipway_variables": {"port": 8001}}
FILES = {
    "index.php": "<?php echo '%s ', posix_getpwuid(posix_geteuid())['name'], ' ', $_SERVER['REQUEST_URI'];",
    "index_dev.php": "<?php echo 'the inside of %s';",
    "other.php": "<?php echo 'not meant to be asked for, %s';",
    "robots.txt": "%s",
}
# Takes up websockets on this host alone, and then says everything back as it came.
WEBSOCKET = r"""
import base64, hashlib, socketserver
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
socketserver.ThreadingTCPServer(("127.0.0.1", 8080), Echo).serve_forever()
"""
HANDSHAKE = (b"GET /ws HTTP/1.1\r\nHost: portal.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
FRAME = b"\x82\x84abcd\x00\xff\x10\x7f"  # as browsers send them: binary, masked
PLACES = "app2,lb1,localhost"


@pytest.fixture(scope="module")
def portal(lab):
    """A lab whose host app2 has an application in PHP beside the shop, in two releases of which "one" is live.

    The balancer sends users there, since nobody else is healthy.
    """
    done = lab.playbook("provision", "--limit", PLACES, **PORTAL)
    assert done.rc == 0, done.output
    for release in ("one", "two"):
        folder = "/srv/portal/releases/%s/public" % release
        lab.ssh("app2", ["mkdir", "-p", folder])
        for name, text in FILES.items():
            lab.ssh("app2", ["tee", "%s/%s" % (folder, name)], input=text % release)
    activate(lab, "one")
    # As the unit of the service web runs it.
    lab.ssh("app2", ["systemd-run", "--quiet", "--unit=portal-web", "--uid=portal", "--property=Restart=always",
                     "php-fpm8.2", "--nodaemonize", "--fpm-config", "/srv/portal/php-fpm.conf"])
    return lab


def activate(lab, release):
    """As Slipway does it: the link is replaced in one step, and nothing is told."""
    lab.ssh("app2", ["ln", "-s", "releases/" + release, "/srv/portal/.part-current"])
    lab.ssh("app2", ["mv", "-T", "/srv/portal/.part-current", "/srv/portal/current"])


def get(lab, path, host="app2"):
    request = urllib.request.Request("http://%s%s" % (lab.address(host), path), headers={"Host": "portal.test"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_host_can_ask_the_application_itself(portal):
    answer = portal.ssh("app2", ["curl", "-sf", "--retry", "20", "--retry-all-errors", "--retry-delay", "1",
                                 "http://127.0.0.1:8001/user/login"])
    assert answer.stdout == "one portal /user/login"
    assert portal.ssh("app2", ["stat", "--format=%U %a", "/srv/portal/php-fpm.sock"]).stdout.split()[0] == "portal"


def test_every_path_is_the_front_controllers_but_files_are_served(portal):
    assert get(portal, "/product/7?size=2") == (200, "one portal /product/7?size=2")
    assert get(portal, "/robots.txt") == (200, "one")


def test_no_other_program_can_be_asked_for(portal):
    for path in ("/index_dev.php", "/index_dev.php/product", "/other.php", "/_profiler/latest", "/%69ndex_dev.php"):
        status, body = get(portal, path)
        assert (status, "inside" in body, "meant" in body) == (404, False, False), path


def test_after_a_switch_no_process_runs_the_release_before(portal):
    """PHP keeps what it compiled and the paths that it resolved; nothing is reloaded here."""
    assert {get(portal, "/")[1] for _turn in range(20)} == {"one portal /"}
    activate(portal, "two")
    assert {get(portal, "/")[1] for _turn in range(20)} == {"two portal /"}
    activate(portal, "one")
    assert {get(portal, "/")[1] for _turn in range(20)} == {"one portal /"}


def test_a_second_run_changes_nothing(portal):
    done = portal.playbook("provision", "--limit", PLACES, **PORTAL)
    assert done.rc == 0, done.output
    assert done.output.count("changed=0") == 3, done.output


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


def test_a_websocket_goes_all_the_way_and_new_ones_are_kept_out_by_maintenance(portal, tmp_path):
    portal.ssh("app2", ["systemd-run", "--quiet", "--unit=portal-websocket", "python3", "-c", WEBSOCKET])
    until(lambda: portal.ssh("app2", ["ss", "-Htln", "sport = :8080"]).stdout)
    until(lambda: get(portal, "/", "lb1")[0] == 200)
    for door in ("app2", "lb1"):
        with websocket(portal, door) as (answer, connection):
            assert answer[0].split()[1] == "101" and "upgrade: websocket" in answer
            assert re.search(r"\nx-seen: portal\.test [0-9]+\.[0-9.]+(, [0-9.]+)?\n", "\n".join(answer)), answer
            assert said_back(connection) == FRAME
    Maintenance(str(tmp_path)).on("We are updating this site.", 60, "ann")  # the portal's releases are none of Slipway's
    portal.copy(tmp_path / "maintenance", "app2", "/srv/portal")
    for door in ("app2", "lb1"):
        with websocket(portal, door) as (answer, _connection):
            assert answer[0].split()[1] == "503" and any(line.startswith("retry-after: ") for line in answer)
    portal.ssh("app2", ["rm", "/srv/portal/maintenance/on"])
    with websocket(portal, "app2") as (answer, connection):
        assert answer[0].split()[1] == "101" and said_back(connection) == FRAME


def test_debugging_is_refused_where_users_are(lab):
    done = lab.playbook("provision", "--limit", "app1,localhost", slipway_environment_variables={"DEBUG": "true"})
    assert done.rc != 0
    assert "DEBUG turns debugging on" in done.output
    assert lab.ssh("app1", ["id", "shop"], check=False).returncode != 0, "something was changed"
