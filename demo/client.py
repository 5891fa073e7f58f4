# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A customer who never sleeps: orders over HTTP at a steady rate, and what became of each of them."""

from __future__ import annotations

import dataclasses
import http.client
import itertools
import json
import threading
import time
import uuid
from urllib.parse import urlsplit

NAMES = ["Ada Lovelace", "Grace Hopper", "Joan Clarke", "Mary Somerville", "Emmy Noether", "Hedy Lamarr",
         "Jeanne Baret", "Tove Jansson", "Maria Merian", "Sofia Kovalevskaya", "Anne Bonny", "Ching Shih",
         "Grace Darling", "Annie Londonderry", "Freya Stark", "Ellen MacArthur", "Naomi James", "Ida Lewis",
         "Betsy Miller", "Lisa Blair", "Krystyna Choynowska-Liskiewicz", "Isabella Bird", "Clare Francis"]
ONE_NAME = "Björk"  # the migration of 1.2.0 believes that everybody has two
PRODUCTS = ["anchor", "compass", "lantern", "rope", "bell", "lifering"]
TIMEOUT = 20


@dataclasses.dataclass(frozen=True)
class Event:
    """One request: when it was sent and answered, and what became of it: accepted, read, refused or error."""

    sent: float
    answered: float
    host: str
    kind: str
    order: str = ""
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Window:
    """A time in which orders were refused: from the first refusal to the first order accepted after it."""

    begun: float
    ended: float
    refused: int

    @property
    def seconds(self):
        return self.ended - self.begun


def request(address, method, path, body=None, headers=None):
    """One request over a connection of its own: (status, headers, body)."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Keeping:
    """Requests to one server over one connection, opened anew only when the server has said that it closes it."""

    def __init__(self):
        self._connection = None

    def __call__(self, address, method, path, body=None, headers=None):
        """(status, headers, body)"""
        self._connection = self._connection or http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT)
        try:
            self._connection.request(method, path, body, headers or {})
            answer = self._connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise


def place_order(address, customer, product="anchor", quantity=1, order=None, ask=request):
    """Place one order: (status, headers, body)."""
    body = {"id": order or str(uuid.uuid4()), "customer": customer, "email": "customer@example.com",
            "lines": [{"product": product, "quantity": quantity}]}
    return ask(address, "POST", "/orders/", json.dumps(body),
               {"Content-Type": "application/json", "Accept": "application/json"})


def upload_picture(address, token, product, svg):
    """Upload a product's picture as the shopkeeper: (status, headers, body)."""
    boundary = uuid.uuid4().hex
    body = (b'--%b\r\nContent-Disposition: form-data; name="picture"; filename="picture.svg"\r\n'
            b"Content-Type: image/svg+xml\r\n\r\n%b\r\n--%b--\r\n" % (boundary.encode(), svg, boundary.encode()))
    return request(address, "POST", "/products/%s/picture" % product, body, {
        "Authorization": "Bearer " + token, "Content-Type": "multipart/form-data; boundary=" + boundary})


class Client:
    """Places rate orders a second, round-robin over the hosts' addresses, and looks into the window now and then.

    With keep, which is for one address, each of its threads is somebody whose connection is kept.
    """

    def __init__(self, addresses, rate=6, threads=4, keep=False):
        self.addresses = addresses
        self.keep = keep
        self.rate = rate
        self.events = []
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _number in range(threads)]

    def start(self):
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        hosts = list(self.addresses)
        ask = Keeping() if self.keep else request
        # next() on a count is atomic, and so is append(): no lock is needed.
        for number in self._numbers:
            wait = self._begun + number / self.rate - time.monotonic()
            if self._stopped.wait(max(0, wait)):
                return
            host = hosts[number % len(hosts)]
            if number % 10 in (4, 5):  # one look at each of two hosts for four orders
                self._look(host, ask)
            else:
                self.order(host, NAMES[number % len(NAMES)], PRODUCTS[number % len(PRODUCTS)], number % 3 + 1, ask)

    def order(self, host, customer, product="anchor", quantity=1, ask=request):
        """Place one order and remember what became of it."""
        order = str(uuid.uuid4())
        sent = time.time()
        try:
            status, headers, body = place_order(self.addresses[host], customer, product, quantity, order, ask)
            kind, detail = ("accepted", "") if status == 201 else judge(status, headers, body, "application/json")
        except (OSError, http.client.HTTPException) as error:
            kind, detail = "error", repr(error)
        self.events.append(Event(sent, time.time(), host, kind, order, detail))

    def _look(self, host, ask):
        sent = time.time()
        try:
            status, headers, body = ask(self.addresses[host], "GET", "/", headers={"Accept": "text/html"})
            kind, detail = ("read", "") if status == 200 else judge(status, headers, body, "text/html")
        except (OSError, http.client.HTTPException) as error:
            kind, detail = "error", repr(error)
        self.events.append(Event(sent, time.time(), host, kind, "", detail))

    # What it saw

    def since(self, moment):
        """Requests sent after a moment, in the order they were sent."""
        return sorted((event for event in list(self.events) if event.sent >= moment), key=lambda event: event.sent)

    def accepted(self, moment=0.0):
        """Ids of the orders the shop said yes to."""
        return [event.order for event in self.since(moment) if event.kind == "accepted"]

    def windows(self, moment=0.0, host=None):
        """The times in which one host, or any, refused orders; the last one ends now when it is not over."""
        found, begun, refused = [], None, 0
        for event in self.since(moment):
            if host not in (None, event.host):
                continue
            if event.kind == "refused":
                begun = begun or event.answered
                refused += 1
            elif event.kind in ("accepted", "read") and begun and event.sent > begun:
                found.append(Window(begun, event.answered, refused))
                begun, refused = None, 0
        return found + ([Window(begun, time.time(), refused)] if begun else [])


def judge(status, headers, body, wanted):
    """A refusal is polite, or it is an error: 503, when to come back, and in the words the client understands."""
    if status == 503 and headers.get("Retry-After", "").isdigit() and headers.get_content_type() == wanted:
        return "refused", ""
    return "error", "%d %s: %s" % (status, headers.get_content_type(), body[:200].decode("utf-8", "replace"))
