# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a registry: what is tried again, where credentials go, and what a server cannot make the client do."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import http.server
import json
import socket
import threading
import urllib.request

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package import artifact
from ansible_collections.slipway.app.plugins.module_utils._package import http_client as client_module
from ansible_collections.slipway.app.plugins.module_utils._package import registry as registry_module
from ansible_collections.slipway.app.plugins.module_utils._package.http_client import Client
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store

AUTH = {"username": "ada", "password": "swordfish"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    for module in (client_module, registry_module):
        monkeypatch.setattr(module, "DELAYS", (0, 0, 0))


class Server:
    """Answers as it is told: answer(request) -> (status, headers, body) or None for a connection that just ends.

    hears(request): whether the body is read before the answer; where it is not, the connection breaks while it is sent.
    """

    def __init__(self, answer, hears=lambda request: True):
        self.asked = []  # (method, path, headers)
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self):
                if hears(self):
                    self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.asked.append((self.command, self.path, self.headers))
                answered = answer(self)
                self.close_connection = True
                if answered is None:
                    return
                status, headers, body = answered
                self.send_response(status)
                for name, value in dict({"Content-Length": str(len(body))}, **headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_CONNECT = do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _any

            def log_message(self, *unused):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:
        def start(*how):
            server = Server(*how)
            stack.callback(server.close)
            return server
        yield start


def after(failures, good):
    """An answer that is good after these failures."""
    left = list(failures)
    return lambda request: left.pop(0) if left else good


def get(server, path="/x", auth=None):
    with Client(server.url, auth).ask("GET", path, "shop") as response:
        return response.read()


@pytest.mark.parametrize("failures", [
    [(503, {}, b"")], [None, (500, {}, b""), None], [(429, {"Retry-After": "0"}, b"")], [(502, {}, b""), (504, {}, b"")]])
def test_what_may_pass_is_tried_again(serve, failures):
    server = serve(after(failures, (200, {}, b"fine")))
    assert get(server) == b"fine"
    assert len(server.asked) == len(failures) + 1


@pytest.mark.parametrize("status, tries", [(503, 4), (404, 1), (400, 1), (403, 1)])
def test_what_stays_is_said_after_as_many_tries_as_make_sense(serve, status, tries):
    said = json.dumps({"errors": [{"code": "NO", "message": "not today"}]}).encode()
    server = serve(lambda request: (status, {}, said))
    with pytest.raises(SlipwayError, match="NO: not today"):
        get(server)
    assert len(server.asked) == tries


def test_a_registry_that_is_down_is_said_without_a_traceback(serve):
    server = serve(lambda request: None)
    server.close()
    with pytest.raises(SlipwayError, match="The registry %s cannot be reached: Connection refused" % server.url):
        get(server)


@pytest.fixture
def dropping():
    """The URL of who drops what arrives, as a firewall does: the queue of a socket that nobody accepts from is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _place in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield "http://127.0.0.1:%d" % listening.getsockname()[1]


@pytest.mark.parametrize("heard, tries", [(False, 2), (True, 4)])
def test_who_never_was_heard_of_is_not_waited_for_as_long_as_who_was(serve, dropping, monkeypatch, heard, tries):
    """Each try takes as long as it may, and whether a firewall drops it is seen in no other way."""
    client, tried, connect = Client(dropping), [], socket.create_connection
    if heard:
        client = Client(serve(lambda request: (307 if request.path == "/x" else 200, {"Location": dropping}, b"")).url)
        client.ask("GET", "/v2/", "shop").close()
    monkeypatch.setattr(socket, "create_connection", lambda place, *rest, **more: tried.append(place[1]) or connect(place, *rest, **more))
    with pytest.raises(SlipwayError, match="cannot be reached: ") as error:
        client.ask("GET", "/x", "shop", timeout=0.2)
    assert error.value.facts["store_unreachable"] and tried.count(int(dropping.rpartition(":")[2])) == tries


def test_a_proxy_that_lets_nobody_through_is_no_way(serve, monkeypatch):
    proxy = serve(lambda request: (403, {}, b""))
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(SlipwayError, match="cannot be reached: Tunnel connection failed: 403") as error:
        Client("https://registry.example.com").ask("GET", "/x", "shop")
    assert error.value.facts["store_unreachable"] and {method for method, _path, _headers in proxy.asked} == {"CONNECT"}


def test_credentials_are_sent_when_asked_for_and_stay_where_they_belong(serve):
    elsewhere = serve(lambda request: (200, {}, b"the blob"))

    def answer(request):
        if not request.headers.get("Authorization"):
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        return 307, {"Location": elsewhere.url + "/signed"}, b""

    server = serve(answer)
    assert get(server, auth=AUTH) == b"the blob"
    assert [headers.get("Authorization") for dummy, dummy2, headers in server.asked] == [None, "Basic YWRhOnN3b3JkZmlzaA=="]
    assert [headers.get("Authorization") for dummy, dummy2, headers in elsewhere.asked] == [None]


def test_a_token_is_asked_for_once_and_again_when_it_has_run_out(serve):
    tokens = []

    def answer(request):
        if request.path.startswith("/token"):
            tokens.append("token-%d" % len(tokens))
            return 200, {}, json.dumps({"token": tokens[-1]}).encode()
        if request.headers.get("Authorization") != "Bearer %s" % (tokens[-1] if tokens else None):
            return 401, {"WWW-Authenticate": 'Bearer realm="/token",service="reg",scope="repository:shop:pull"'}, b""
        return 200, {}, b"fine"

    server = serve(answer)
    client = Client(server.url, AUTH)
    for expected in (1, 1, 2):
        if expected == 2:
            tokens.append("somebody else's")  # the first one is good no more
        with client.ask("GET", "/x", "shop") as response:
            assert response.read() == b"fine"
    asked = [(path, headers.get("Authorization")) for dummy, path, headers in server.asked if path.startswith("/token")]
    assert asked == [("/token?service=reg&scope=repository%3Ashop%3Apull", "Basic YWRhOnN3b3JkZmlzaA==")] * 2


@pytest.mark.parametrize("status", [401, 502])
def test_a_token_that_runs_out_while_a_layer_is_pushed_is_asked_for_again(serve, tmp_path, monkeypatch, status):
    """Who refuses a large body does not read it, and closes: all that is heard of it is a broken connection, or what a proxy makes of that."""
    monkeypatch.setattr(registry_module, "PART", 16 * 1024 * 1024)
    good = set()

    def known(request):
        return request.headers.get("Authorization") in good

    def answer(request):
        if request.path.startswith("/token"):
            good.add("Bearer %d" % len(server.asked))
            return 200, {}, json.dumps({"token": len(server.asked)}).encode()
        if not known(request) and request.command == "PATCH":
            return status, {"WWW-Authenticate": 'Bearer realm="/token"'}, b""
        if not known(request):
            return 401, {"WWW-Authenticate": 'Bearer realm="/token"'}, b""
        if request.command == "PATCH":
            good.clear()
        return {"HEAD": 404, "PUT": 201}.get(request.command, 202), {"Location": "/up/1"}, b""

    server = serve(answer, lambda request: request.command != "PATCH" or known(request) or status == 502)
    with open(tmp_path / "layer", "wb") as stream:
        stream.truncate(2 * registry_module.PART)
    open_store(server.url, AUTH)._upload("shop", "sha256:" + "0" * 64, 2 * registry_module.PART, registry_module._File(str(tmp_path / "layer")))
    assert [method for method, path, dummy in server.asked if path.startswith("/up/")] == ["PATCH", "PATCH", "PATCH", "PUT", "PUT"]


@pytest.mark.parametrize("auth, words", [(AUTH, "refuses the user name or the password"), (None, "lets nobody in without")])
def test_a_token_server_that_refuses_is_said_without_the_password(serve, auth, words):
    server = serve(lambda request: (401, {"WWW-Authenticate": 'Bearer realm="/token"'}, b""))
    with pytest.raises(SlipwayError, match=words) as caught:
        get(server, auth=auth)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize("realm", ["http://registry.example.com/token", "//registry.example.com/token"])
def test_credentials_do_not_follow_a_challenge_to_where_others_can_read_them(serve, realm):
    server = serve(lambda request: (401, {"WWW-Authenticate": 'Bearer realm="%s"' % realm}, b""))
    with pytest.raises(SlipwayError, match="over plain http. They were not sent"):
        get(server, auth=AUTH)


@pytest.mark.parametrize("challenge", ['Bearer realm="%s/steal",service="reg"', 'Basic realm="%s"'])
def test_who_a_registry_redirects_to_has_no_say_in_where_credentials_go(serve, challenge):
    thief = serve(lambda request: (200, {}, b'{"token": "x"}'))
    elsewhere = serve(lambda request: (401, {"WWW-Authenticate": challenge % thief.url}, b""))
    server = serve(lambda request: (307, {"Location": elsewhere.url + "/blob"}, b""))
    with pytest.raises(SlipwayError, match="answers GET of shop with status 401"):
        get(server, auth=AUTH)
    assert thief.asked == []
    assert len(server.asked) == len(elsewhere.asked) == 1


def test_credentials_need_tls_and_a_url_has_none_in_it():
    with pytest.raises(SlipwayError, match="readable for everybody.*They were not sent. Use https"):
        open_store("http://registry.example.com", AUTH)
    for location in ("https://ada:swordfish@registry.example.com/shop", "https://registry.example.com/Shop",
                     "https://", "https://registry.example.com:none/shop", "https://registry.example.com/a?b=swordfish"):
        with pytest.raises(SlipwayError, match="is not the URL of a registry") as caught:
            open_store(location)
        assert "swordfish" not in str(caught.value)


def test_a_registry_on_this_machine_is_asked_past_every_proxy(serve, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert get(serve(lambda request: (200, {}, b"fine"))) == b"fine"


def test_other_registries_are_asked_through_the_proxy(serve, monkeypatch):
    proxy = serve(lambda request: (200, {}, b"fine"))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    with Client("http://registry.example.com").ask("GET", "/x", "shop") as response:
        assert response.read() == b"fine"
    assert proxy.asked[0][1] == "http://registry.example.com/x"


@pytest.mark.parametrize("method, place", [("GET", "file:///etc/passwd"), ("GET", "ftp://127.0.0.1/x"), ("POST", "/other")])
def test_a_redirect_leads_only_to_where_it_may(serve, method, place):
    server = serve(lambda request: (307, {"Location": place}, b""))
    with pytest.raises(SlipwayError, match="redirect|status 307"):
        Client(server.url).ask(method, "/x", "shop")
    assert len(server.asked) == 1


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_an_upload_does_not_go_on_where_others_can_read_it(serve, scheme):
    """So says a registry behind a proxy that does not tell it of TLS; the application's source would follow."""
    server = serve(lambda request: (202, {}, b""))
    place = server.url.replace("http", scheme) + "/v2/shop/blobs/uploads/1?_state=swordfish"
    with pytest.raises(SlipwayError, match="go on at %s://127.0.0.1.*Nothing was sent there.*X-Forwarded-Proto" % scheme) as caught:
        Client("https://127.0.0.1:1").ask("PATCH", place, "shop", {"Content-Length": "1"}, lambda: [b"x"], (202,))
    assert server.asked == [] and "swordfish" not in str(caught.value)


def test_a_missing_certificate_file_is_said(tmp_path):
    with pytest.raises(SlipwayError, match="A certificate file named in store_auth cannot be used"):
        open_store("https://registry.example.com", {"ca_path": str(tmp_path / "none.pem")})


# Blobs


def blob_server(serve, content, piece, ranges=True):
    """A registry that ends each connection after so many bytes of the blob."""
    def answer(request):
        asked = request.headers.get("Range")
        offset = int(asked[6:-1]) if asked and ranges else 0
        if offset >= len(content):
            return 416, {}, b""
        headers = {"Content-Length": str(len(content) - offset)}
        end = offset + piece if ranges else piece + server.more * len(content)
        server.more = 1
        return 206 if offset else 200, headers, content[offset:end]

    server = serve(answer)
    server.more = 0
    return server


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("size", [-1, 1000])
def test_a_download_goes_on_where_the_connection_broke(serve, ranges, size):
    content = bytes(range(256)) * 40
    descriptor = {"digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}
    server = blob_server(serve, content, 4000, ranges)
    found = b""
    with open_store(server.url).of(parse("shop")).open_blob(descriptor) as reader:
        while len(found) < len(content):
            found += reader.read(size)
    assert found == content
    assert len(server.asked) > 1


def test_a_blob_that_a_proxy_cuts_off_is_not_called_damaged(serve):
    server = serve(lambda request: (206, BROKEN, b"") if request.headers.get("Range") else (200, BROKEN, b"x" * 400))
    with pytest.raises(SlipwayError, match="broke off at 400 of 1000 bytes: the connection ended"):
        with open_store(server.url).of(parse("shop")).open_blob({"digest": "sha256:" + "0" * 64, "size": 1000}):
            pass


@pytest.mark.parametrize("content", [b"short", b"the same length, other bytes"])
def test_a_blob_that_is_not_what_it_should_be_is_damaged(serve, content):
    good = b"the same length, right bytes"
    server = blob_server(serve, content, 100)
    store = open_store(server.url).of(parse("shop"))
    with pytest.raises(SlipwayError, match="is damaged.*The registry does not take one that it has"):
        with store.open_blob({"digest": "sha256:" + hashlib.sha256(good).hexdigest(), "size": len(good)}):
            pass


def test_a_config_is_whole_where_the_connection_broke_within_it(serve):
    content = json.dumps({"a": "b" * 1000}).encode()
    server = blob_server(serve, content, 400)
    store = open_store(server.url).of(parse("shop"))
    assert store.read_document("sha256:" + hashlib.sha256(content).hexdigest(), len(content)) == content
    assert len(server.asked) > 1


BROKEN = {"Content-Length": "1000"}


def chunked(request):
    """Begin an answer whose pieces come with their sizes, and end it within the first one."""
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"100\r\n{")


@pytest.mark.parametrize("chunks", [False, True])
def test_a_manifest_is_whole_or_asked_for_again(serve, chunks):
    content = json.dumps({"a": "b" * 1000}).encode()

    def answer(request):
        if len(server.asked) == 3:
            return 200, {}, content
        return chunked(request) if chunks else (200, BROKEN, content[:400])

    server = serve(answer)
    assert open_store(server.url).tag_digest(parse("shop:1.0.0")) == "sha256:" + hashlib.sha256(content).hexdigest()
    assert len(server.asked) == 3


@pytest.mark.parametrize("read", [lambda store: store.tag_digest(parse("shop:1.0.0")), lambda store: store.list("shop")])
def test_a_document_that_breaks_off_each_time_is_said(serve, read):
    server = serve(lambda request: (200, BROKEN, b"{}"))
    with pytest.raises(SlipwayError, match=r"cannot be reached: IncompleteRead\(2 bytes read, 998 more expected\)"):
        read(open_store(server.url))
    assert len(server.asked) == 4


def test_a_page_that_leads_to_itself_is_the_last_one(serve):
    server = serve(lambda request: (200, {"Link": '<%s>; rel="next"' % request.path}, b'{"repositories": []}'))
    assert open_store(server.url).list() == []
    assert len(server.asked) == 1


def test_tags_come_in_pages(serve):
    pages = {"/v2/team/shop/tags/list?n=1000": (["1"], "</v2/team/shop/tags/list?last=1>; rel=\"next\""),
             "/v2/team/shop/tags/list?last=1": (["2"], None)}
    others = {"/v2/team/shop/manifests/1": {"artifactType": "something else"}, "/v2/team/shop/manifests/2": {"artifactType": artifact.ARTIFACT}}

    def answer(request):
        if request.path not in pages:
            return 200, {}, json.dumps(others[request.path]).encode()
        tags, link = pages[request.path]
        return 200, {"Link": link} if link else {}, json.dumps({"tags": tags}).encode()

    server = serve(answer)
    assert open_store(server.url + "/team").list("shop") == []
    assert {path for dummy, path, dummy2 in server.asked} == {*pages, "/v2/team/shop/manifests/1", "/v2/team/shop/manifests/2"}


def test_a_blob_whose_last_answer_was_lost_is_not_sent_again(serve, tmp_path, monkeypatch):
    """The session has done its work and is forgotten; the blob is there. And no request but the last one may take minutes."""
    there, opened = set(), urllib.request.OpenerDirector.open
    timeouts = collections.defaultdict(set)

    def opening(self, request, data=None, timeout=None):
        timeouts[request.get_method()].add(timeout)
        return opened(self, request, data, timeout)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", opening)

    def answer(request):
        if request.command == "HEAD":
            return (200 if request.path.rpartition("/")[2] in there else 404), {}, b""
        if request.command == "PUT":
            digest = request.path.rpartition("=")[2]
            if digest in there:
                return 404, {}, b""
            there.add(digest)
            return None
        return 202, {"Location": "/v2/shop/blobs/uploads/1"}, b""

    server = serve(answer)
    content = b"a large layer"
    (tmp_path / "layer").write_bytes(content)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    open_store(server.url)._upload("shop", digest, len(content), registry_module._File(str(tmp_path / "layer")))
    assert [method for method, dummy, dummy2 in server.asked] == ["HEAD", "POST", "PATCH", "PUT", "PUT", "HEAD"]
    assert timeouts == {"HEAD": {30}, "POST": {30}, "PATCH": {30}, "PUT": {300}}


def test_a_web_server_that_is_no_registry_is_said(serve):
    server = serve(lambda request: (200, {}, b"<html>Welcome</html>"))
    with pytest.raises(SlipwayError, match="does not answer as a registry does. Is its URL right?"):
        open_store(server.url).list("shop")


def test_a_digest_alone_names_no_repository():
    with pytest.raises(SlipwayError, match="in which repository.*Name it as in shop@sha256:0"):
        open_store("https://registry.example.com").of(parse("sha256:" + "0" * 64))


def test_a_digest_that_is_a_path_is_refused():
    store = open_store("https://registry.example.com").of(parse("shop"))
    with pytest.raises(SlipwayError, match="is not a digest"):
        store.open_blob({"digest": "sha256:../../../other/blobs/x", "size": 1})
