# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that costs next to nothing to run, so that what is measured is the deployment.

One small web server, a consumer and a cron that sleep, a migration of two statements, and a tree of about 17 MB in 650
files to carry about.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from ansible_collections.slipway.app.plugins.module_utils._package.build import build
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store

FILES = 650
FILE_SIZE = 26000
SHARED = ("media", "logs", "cache", "uploads")

SLIPWAY = """\
application: shop
profile: generic
layers:
  dependencies: [vendor]
shared: [%s]
commands:
  install: ["{python} migrate.py"]
  migrate: ["{python} migrate.py"]
services:
  web: {kind: web, command: "{python} web.py {port}"}
  consumer: {kind: consumer, command: "{python} sleep.py"}
  cron: {kind: cron, command: "{python} sleep.py"}
health:
  url: "http://127.0.0.1:{port}/"
  interval: 0.05
""" % ", ".join(SHARED)

PROGRAMS = {
    "web.py": """\
import http.server, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
""",
    "sleep.py": "import signal\nsignal.pause()\n",
    "migrate.py": """\
import os

try:
    import psycopg
except ImportError:  # Debian's package is the one before
    import psycopg2 as psycopg

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE IF NOT EXISTS migration (at timestamptz)")
    cursor.execute("INSERT INTO migration VALUES (now())")
""",
}


def make(directory):
    """Make the application's git repository, with the tag 0; return its path."""
    directory = Path(directory)
    directory.mkdir(parents=True)
    _git(directory, "init", "--quiet", "--initial-branch", "main")
    words = random.Random(1)  # the same tree every time, which compresses about as source code does
    vocabulary = ["%x" % words.getrandbits(words.choice((8, 16, 24))) for _number in range(3000)]
    for number in range(FILES):
        folder = directory / ("vendor" if number < FILES * 3 // 4 else "shop") / ("part%d" % (number % 12))
        folder.mkdir(parents=True, exist_ok=True)
        text = " ".join(words.choices(vocabulary, k=FILE_SIZE // 5))
        (folder / ("file%d.txt" % number)).write_text(text[:FILE_SIZE] + "\n", encoding="utf-8")
    for name, content in {**PROGRAMS, "slipway.yml": SLIPWAY}.items():
        (directory / name).write_text(content, encoding="utf-8")
    return tag(directory, 0)


def tag(directory, number):
    """Change one line, commit, tag; return the path."""
    (directory / "VERSION").write_text("%d\n" % number, encoding="utf-8")
    _git(directory, "add", "--all")
    _git(directory, "-c", "user.name=Benchmark", "-c", "user.email=benchmark@shop.example",
         "commit", "--quiet", "--message", "Version %d" % number)
    _git(directory, "tag", str(number))
    return directory


def package(directory, number, store):
    """Build the package shop:<number> of the tag."""
    build(str(directory), str(number), parse("shop:%d" % number), open_store(str(store)))


def _git(directory, *arguments):
    subprocess.run(["git", *arguments], cwd=directory, check=True)
