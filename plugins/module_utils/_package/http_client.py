# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""HTTP with a registry: who asks, over which way, and how often, on the standard library alone.

Credentials go to the registry and to the token server that it names, never to where it redirects, and never over a
connection that others can read. What others must not see (passwords, tokens, signed addresses) is in no error. (Ansible's open_url
sends the headers of a request on to where it is redirected, and its body from memory.)
"""

from __future__ import annotations

import base64
import errno
import http.client
import ipaddress
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode, urljoin, urlsplit

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

TIMEOUT = 30  # seconds in which nothing arrives
DELAYS = (0.25, 1, 3)  # seconds to wait before trying once more
PATIENCE = 30  # seconds that a registry may ask for at most before the next try
TEMPORARY = (429, 500, 502, 503, 504)  # statuses that may be another one in a moment
NETWORK = (OSError, http.client.HTTPException)  # what a broken connection looks like; URLError is an OSError
# That there is no way to a registry, or none back. Its answers, and certificates that nobody trusts, are not among it.
UNREACHABLE = (ConnectionError, socket.timeout, socket.gaierror)
TUNNEL = "Tunnel connection failed: "  # what http.client says of a forward proxy that lets nobody through, without a number
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL, errno.ETIMEDOUT)
LIMIT = 16 * 1024 * 1024  # bytes of a JSON document
PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def as_json(data, who):
    """The JSON object in the bytes of a response; who names the one who gave it."""
    try:
        found = json.loads(data.decode("utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SlipwayError("%s does not answer as a registry does." % (who[0].upper() + who[1:]), hint="Is its URL right?")
    return found


def is_loopback(host):
    """Whether a host, as a URL names it, is this machine by its name or address alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Client:
    """Requests to one registry.

    base is its URL without a path; auth may have username, password, ca_path, client_cert, client_key. It may be used
    by several threads at once.
    """

    def __init__(self, base, auth=None):
        auth = auth or {}
        self.base = base
        self._origin = _origin(base)
        self._username, self._password = auth.get("username") or "", auth.get("password") or ""
        self._heard = False  # whether anybody has answered yet
        self._authorizations = {}  # {(realm of the right, whether to write): (header, the challenges that it meets)}
        if self._username and not _private(base):
            raise SlipwayError("The credentials for %s would travel readable for everybody on the way." % base,
                               untouched="They were not sent.", hint="Use https.")
        handlers = [
            # A registry on this machine is asked directly, whatever the environment says of proxies.
            urllib.request.ProxyHandler({} if is_loopback(urlsplit(base).hostname) else None),
            urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(context=_tls(auth)),
            urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(), _Redirects()]
        self._opener = urllib.request.OpenerDirector()  # and nothing else: no file: or ftp: to be redirected to
        for handler in handlers:
            self._opener.add_handler(handler)

    def ask(self, method, url, right, headers=None, body=None, expected=(200,), timeout=TIMEOUT):
        """The response, whose status is one of the expected ones. To be closed by the caller.

        url may be relative to the registry. right names what the authorization is for, such as a repository.
        body() is asked for the content anew for every try: an iterable of bytes, with Content-Length in the headers.
        """
        url = self._safe(urljoin(self.base, url))
        for number, delay in enumerate(DELAYS + (None,)):
            try:
                response = self._authorized(method, url, right, headers or {}, body, timeout, renew=bool(body and number))
            except NETWORK as error:
                # A firewall that drops what is sent lets each try take as long as it may: one more is enough.
                self._give_up_or_wait(error, None if number and self._is_dropped(error) else delay)
                continue
            if response.code in expected:
                return response
            with response:
                if response.code not in TEMPORARY or delay is None:
                    raise self._refusal(method, response, right)
                time.sleep(_delay(response, delay))
        raise AssertionError("the last try either returns or raises")

    def read(self, url, right, headers=None, expected=(200,), limit=LIMIT):
        """The response to a GET, closed, and its whole body; one that is larger than limit comes with more bytes than that.

        A body that breaks off is asked for again. It is for documents, which are small.
        """
        for delay in DELAYS + (None,):
            with self.ask("GET", url, right, headers, expected=expected) as response:
                try:
                    return response, _body(response, limit)
                except NETWORK as error:
                    self._give_up_or_wait(error, delay)
        raise AssertionError("the last try either returns or raises")

    def _give_up_or_wait(self, error, delay):
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise SlipwayError(
                "The certificate of the registry %s is not trusted: %s." % (self.base, reason.verify_message),
                untouched="Nothing was sent.",
                hint="Name the certificates that it is signed by in store_auth.ca_path, or install them on the machine.")
        if delay is None:
            raise SlipwayError("The registry %s cannot be reached: %s." % (self.base, _words(reason)),
                               hint="Is it running, and may this machine reach it? Set relay for hosts that may not.",
                               store_unreachable=isinstance(reason, UNREACHABLE) or getattr(reason, "errno", None) in NO_WAY
                               or str(reason).startswith(TUNNEL))
        time.sleep(delay)

    def _is_dropped(self, error):
        """Whether no connection came about in time, and never has: urllib wraps nothing that happens once it has sent a request."""
        return not self._heard and isinstance(error, urllib.error.URLError) and isinstance(error.reason, socket.timeout)

    def _safe(self, url):
        """The URL, which may be one that the registry names to go on at; refused where others could read what is sent there."""
        parts = urlsplit(url)
        if not _as_safe(url, self.base):
            raise SlipwayError("The registry %s wants us to go on at %s://%s, which is not safe." % (self.base, parts.scheme, parts.hostname),
                               untouched="Nothing was sent there.",
                               hint="Let the proxy in front of it pass on X-Forwarded-Proto, or tell the registry its own URL.")
        return url

    def _authorized(self, method, url, right, headers, body, timeout, renew):
        """Send with the authorization known, and once more with a new one when the registry asks for it.

        renew: get a new one at once. Who refuses a large body closes without reading it, and that a token has run out is never heard.
        """
        ours = _origin(url) == self._origin  # elsewhere, such as at an upload's own server, nobody needs to know
        key = (right, method not in ("GET", "HEAD"))
        known, challenges = self._authorizations.get(key, (None, None)) if ours else (None, None)
        if renew and known:
            known = self._authorize(key, challenges)
        response = self._send(method, url, headers, body, known, timeout)
        # Who we were sent on to may answer 401 as well, but has no say in who gets to know the password.
        if response.code != 401 or not ours or not self._is_ours(response):
            return response
        with response:
            challenges = response.headers.get_all("WWW-Authenticate") or []
        return self._send(method, url, headers, body, self._authorize(key, challenges), timeout)

    def _authorize(self, key, challenges):
        header = self._answer(challenges)
        self._authorizations[key] = header, challenges
        return header

    def _is_ours(self, response):
        """Whether it is the registry that answers, and not somebody it redirects to."""
        return _origin(response.geturl()) == self._origin

    def _send(self, method, url, headers, body, authorization=None, timeout=TIMEOUT):
        headers = dict(headers, **{"User-Agent": "slipway.app"})
        request = urllib.request.Request(url, data=body() if body else None, headers=headers, method=method)
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        try:
            response = self._opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            response = error  # a response like any other
        self._heard = True
        return response

    def _answer(self, challenges):
        """The Authorization header with which to meet a challenge."""
        for challenge in challenges:
            scheme, unused, rest = challenge.strip().partition(" ")
            if scheme.lower() == "bearer":
                return "Bearer " + self._token(dict(PARAMETER.findall(rest)))
        if any(challenge.strip().lower().startswith("basic") for challenge in challenges):
            if not self._username:
                raise SlipwayError("The registry %s wants a user name and a password." % self.base,
                                   hint="Set them in store_auth.")
            return self._basic()
        raise SlipwayError("The registry %s asks for a kind of authorization that is not supported." % self.base,
                           hint="Supported are Basic and Bearer.")

    def _basic(self):
        return "Basic " + base64.b64encode(("%s:%s" % (self._username, self._password)).encode("utf-8")).decode("ascii")

    def _token(self, parameters):
        """A token from the server that the registry names in its challenge."""
        realm = urljoin(self.base, parameters.get("realm", ""))
        if self._username and not _private(realm):
            raise SlipwayError("The registry %s wants the credentials to be sent to a server over plain http." % self.base,
                               untouched="They were not sent.")
        query = urlencode([(name, parameters[name]) for name in ("service", "scope") if name in parameters])
        response = self._send("GET", "%s%s%s" % (realm, "&" if "?" in realm else "?", query), {}, None,
                              self._basic() if self._username else None)
        with response:
            if response.code == 200:
                found = as_json(_body(response, LIMIT), "the token server of the registry " + self.base)
                return str(found.get("token") or found.get("access_token"))
            if response.code in TEMPORARY:
                raise OSError("its token server answers %d" % response.code)
            raise self._refused()

    def _refused(self):
        if self._username:
            return SlipwayError("The registry %s refuses the user name or the password." % self.base,
                                hint="Look at store_auth.")
        return SlipwayError("The registry %s lets nobody in without a user name and a password." % self.base,
                            hint="Set them in store_auth.")

    def _refusal(self, method, response, right):
        """An error for a status that no other try will change."""
        if response.code == 401 and self._is_ours(response):
            return self._refused()
        said = _said(response)
        if response.code == 403:
            return SlipwayError("The registry %s does not allow %s%s %s%s." % (
                self.base, "" if self._username else "everybody ", "to read" if method in ("GET", "HEAD") else "to write",
                right, said), hint="Look at store_auth, and at what its user may do.")
        return SlipwayError("The registry %s answers %s of %s with status %d%s." % (
            self.base, method, right, response.code, said), status=response.code)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Registries send readers on to where their blobs are kept. Authorization stays behind, and so does plain http."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if req.get_method() not in ("GET", "HEAD"):
            return None
        if not _as_safe(newurl, req.full_url):
            raise SlipwayError("The registry redirects to an address that is not safe.", untouched="Nothing was read.")
        return urllib.request.Request(newurl, headers=dict(req.headers), method=req.get_method(),
                                      origin_req_host=req.origin_req_host, unverifiable=True)

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302  # Python knows it from 3.11 on


def _tls(auth):
    """Trust the machine's certificate authorities, and those of ca_path; show the client certificate if there is one."""
    try:
        context = ssl.create_default_context()
        if auth.get("ca_path"):
            context.load_verify_locations(auth["ca_path"])
        if auth.get("client_cert"):
            context.load_cert_chain(auth["client_cert"], auth.get("client_key") or None)
    except OSError as error:
        raise SlipwayError("A certificate file named in store_auth cannot be used: %s." % _words(error),
                           hint="ca_path, client_cert and client_key are files on the machine that asks the registry.") from error
    return context


def _body(response, limit):
    """At most limit bytes and one more of a response."""
    data = response.read(limit + 1)
    if response.length and len(data) <= limit:  # asked for a number of bytes, http.client is silent about those that are missing
        raise http.client.IncompleteRead(data, response.length)
    return data


def _origin(url):
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _private(url):
    """Whether nobody on the way can read what is sent to a URL."""
    return urlsplit(url).scheme == "https" or is_loopback(urlsplit(url).hostname)


def _as_safe(url, before):
    """Whether a URL is one of HTTP, and over TLS where the one before it is."""
    return urlsplit(url).scheme in ("https", urlsplit(before).scheme)


def _delay(response, otherwise):
    asked = response.headers.get("Retry-After") or ""
    return min(int(asked), PATIENCE) if asked.isdigit() else otherwise


def _words(reason):
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _said(response):
    """The reasons that a registry gives in the body of an error, as the specification has them."""
    try:
        errors = json.loads(response.read(64 * 1024).decode("utf-8"))["errors"]
        return " (%s)" % ", ".join("%s: %s" % (error["code"], error.get("message", "")) for error in errors[:3])
    except (ValueError, KeyError, TypeError, AttributeError) + NETWORK:
        return ""
