# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that wants tokens (Bearer), with a token server that knows who may do what; and one that wants client certificates."""

from __future__ import annotations

import base64
import http.server
import json
import os
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store
from ansible_collections.slipway.app.tests.answering import answering
from ansible_collections.slipway.app.tests.registry.conftest import registry_server
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.test_layout import publish

MAY = {"builder": ["pull", "push"], "reader": ["pull"], None: []}
PASSWORDS = {"builder": "correct-horse", "reader": "battery-staple"}


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Signs tokens for the registry, as long as the password is right."""

    def __init__(self, folder):
        self.certificate, key = registry_server.certificate(str(folder), "tokens")
        self.given = []  # (user, scope)
        with open(key, "rb") as stream:
            self._key = serialization.load_pem_private_key(stream.read(), None)
        with open(self.certificate, "rb") as stream:
            found = x509.load_pem_x509_certificate(stream.read())
        self._chain = [base64.b64encode(found.public_bytes(serialization.Encoding.DER)).decode()]
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = parse_qs(urlsplit(self.path).query)
                token = server.token(self.headers.get("Authorization"), asked)
                body = json.dumps({"token": token} if token else {}).encode()
                self.send_response(200 if token else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *unused):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = "http://127.0.0.1:%d/token" % self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def token(self, authorization, asked):
        user = None
        if authorization:
            user, dummy, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
            if PASSWORDS.get(user) != password:
                return None
        scope = asked["scope"][0]
        self.given.append((user, scope))
        kind, name, actions = scope.split(":")
        allowed = [action for action in actions.split(",") if action in MAY[user]]
        now = int(time.time())
        claims = {"iss": "tests", "sub": user or "", "aud": asked["service"][0], "exp": now + 300, "nbf": now - 10, "iat": now,
                  "jti": os.urandom(8).hex(), "access": [{"type": kind, "name": name, "actions": allowed}]}
        head = {"typ": "JWT", "alg": "ES256", "x5c": self._chain}
        text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
        one, two = utils.decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return text + "." + encoded(one.to_bytes(32, "big") + two.to_bytes(32, "big"))

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    server = TokenServer(tmp_path_factory.mktemp("tokens"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, program, tokens):
    """A registry that believes this token server only."""
    server = registry_server.Registry(
        tmp_path_factory.mktemp("guarded"), program("docker-registry", "docker-registry"),
        auth={"token": {"realm": tokens.realm, "service": "tests", "issuer": "tests", "rootcertbundle": tokens.certificate}})
    yield server.start()
    server.stop()


@pytest.fixture
def as_user(guarded):
    """as_user(name, password) -> the store, seen by this user."""
    place = guarded.url + "/t" + os.urandom(4).hex()

    def store(name=None, password=None):
        return open_store(place, {"username": name, "password": password or PASSWORDS.get(name), "ca_path": guarded.ca_path})

    return store


def test_tokens_are_fetched_for_what_is_done_and_used_again(as_user, tokens):
    digest = publish(as_user("builder"), "shop:1.0.0", os.urandom(5000))
    reader = as_user("reader")
    tokens.given.clear()
    assert reader.resolve("shop:1.0.0") == digest
    assert [entry["package"] for entry in reader.list("shop")] == ["shop:1.0.0"]
    assert len(tokens.given) == 1 and tokens.given[0][0] == "reader" and tokens.given[0][1].endswith("/shop:pull")
    reader.of(parse("shop")).verify(digest)


def test_who_may_only_read_does_not_write(as_user):
    publish(as_user("builder"), "shop:1.0.0")
    with pytest.raises(SlipwayError) as caught:
        publish(as_user("reader"), "shop:1.1.0", b"other")
    assert "refuses" in str(caught.value) or "does not allow" in str(caught.value)
    assert as_user("reader").tag_digest(parse("shop:1.1.0")) is None


@pytest.mark.parametrize("name, password, words", [
    ("builder", "wrong-as-can-be", "refuses the user name or the password"), (None, None, "without a user name and a password")])
def test_a_wrong_password_gets_no_token(as_user, name, password, words):
    with pytest.raises(SlipwayError, match=words) as caught:
        as_user(name, password).resolve("shop:1.0.0")
    assert "wrong-as-can-be" not in str(caught.value)


def test_a_client_certificate_is_shown(tmp_path):
    """A server that speaks only to those who show one."""
    certificate, key = registry_server.certificate(str(tmp_path), "server")
    shown, shown_key = registry_server.certificate(str(tmp_path), "client")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=shown)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answering(lambda _headers: b"{}"))
    server.handle_error = lambda *unused: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url = "https://127.0.0.1:%d" % server.server_port
    try:
        auth = {"ca_path": certificate, "client_cert": shown, "client_key": shown_key}
        assert open_store(url, auth).tag_digest(parse("shop:1")).startswith("sha256:")
        with pytest.raises(SlipwayError, match="cannot be reached"):
            open_store(url, {"ca_path": certificate}).tag_digest(parse("shop:1"))
    finally:
        server.shutdown()
        server.server_close()
