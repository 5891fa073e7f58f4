# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad network between a client and an S3 server: an HTTP proxy on loopback that does wrong what it is told to."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import threading

BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
BLOCK = 65536


class Fault:
    """What happens to the first requests of a method whose path has a text in it.

    kind: "cut" breaks the connection in the middle of the request's body, "cut answer" in the middle of the answer's, "busy"
    answers 503 SlowDown, "flip" changes a byte of the answer, "wait" goes on when the event open is set.
    """

    def __init__(self, kind, method, text, times=1):
        self.kind, self.method, self.text, self.left = kind, method, text, times
        self.open = threading.Event()
        self.met = 0

    def meets(self, method, path):
        if method != self.method or self.text not in path or not self.left:
            return False
        self.left -= 1
        self.met += 1
        return True


class Proxy:
    """endpoint stands for the server at a port; faults are what it does wrong."""

    def __init__(self, port):
        self.faults = []
        self._turn = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                fault = proxy.fault(self.command, self.path)
                if fault and fault.kind == "wait":
                    fault.open.wait(60)
                self.relay(fault.kind if fault else None)

            def relay(self, kind):
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                length = int(self.headers.get("Content-Length") or 0)
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    upstream.putheader(name, value)
                upstream.endheaders()
                for size in pieces(length // 2 if kind == "cut" else length):
                    upstream.send(self.rfile.read(size))
                if kind == "cut":
                    self.close_connection = True
                elif kind == "busy":
                    self.answer(503, [], len(BUSY), [BUSY])
                else:
                    self.pass_on(upstream.getresponse(), kind)
                upstream.close()

            def pass_on(self, answer, kind):
                size = 0 if self.command == "HEAD" else int(answer.headers.get("Content-Length") or 0)
                body = (answer.read(piece) for piece in pieces(size // 2 if kind == "cut answer" else size))
                if kind == "flip":
                    body = (bytes([piece[0] ^ 1]) + piece[1:] for piece in body)
                self.answer(answer.status, answer.headers.items(), answer.headers.get("Content-Length") or 0, body)
                if kind == "cut answer":
                    self.close_connection = True

            def answer(self, status, headers, length, body):
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                for piece in body:
                    self.wfile.write(piece)

        class Server(http.server.ThreadingHTTPServer):
            connections = set()

            def process_request(self, request, client_address):
                self.connections.add(request)
                super().process_request(request, client_address)

            def shutdown_request(self, request):
                self.connections.discard(request)
                super().shutdown_request(request)

            def handle_error(self, request, client_address):
                """Connections that break are what this is for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = "http://127.0.0.1:%d" % self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def fault(self, method, path):
        with self._turn:
            return next((fault for fault in self.faults if fault.meets(method, path)), None)

    def stop(self):
        """Refuse connections from now on, and break those that there are."""
        with self._turn:
            if self._thread.is_alive():
                self._server.shutdown()
                self._thread.join()
                self._server.server_close()
                for connection in list(self._server.connections):
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


def pieces(length):
    for at in range(0, length, BLOCK):
        yield min(BLOCK, length - at)
