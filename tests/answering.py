# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server of tests that answers whatever it is asked."""

from __future__ import annotations

import http.server


def answering(body):
    """The handler of a server that answers every GET with body(its headers), which is bytes."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            said = body(self.headers)
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *unused):
            pass

    return Handler
