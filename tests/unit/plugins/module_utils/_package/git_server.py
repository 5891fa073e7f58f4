# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""git's own HTTP server, for whom gives the right user and password. While it is asked, it looks who shows the password."""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import pathlib
import subprocess
import threading
from urllib.parse import quote


@contextlib.contextmanager
def serving(folder, user, password):
    """The server of the repositories in a folder: authority (host and port), secrets (the password as it may be
    written), seen (command lines with one of them)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.folder, server.seen = str(folder), []
    server.secrets = [text.encode() for text in (password, quote(password, safe=""))]
    server.expected = "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
    server.authority = "127.0.0.1:%d" % server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_request(self, *dummy):
        pass

    def do_GET(self):
        # Whoever asks waits for the answer, so its processes are there to be looked at.
        self.server.seen += [line for line in _command_lines() if any(secret in line for secret in self.server.secrets)]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != self.server.expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        head, _empty, content = self._backend(body).partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in dict(headers, **{"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def _backend(self, body):
        path, _mark, query = self.path.partition("?")
        env = dict(os.environ, GIT_PROJECT_ROOT=self.server.folder, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path,
                   QUERY_STRING=query, REQUEST_METHOD=self.command, REMOTE_USER="ada",
                   CONTENT_TYPE=self.headers.get("Content-Type", ""), CONTENT_LENGTH=str(len(body)),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        return subprocess.run(["git", "http-backend"], input=body, env=env, check=True, capture_output=True).stdout


def _command_lines():
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()
