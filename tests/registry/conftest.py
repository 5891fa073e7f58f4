# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real registry with TLS and a user, ways to it that break, and packages to push there."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store
from ansible_collections.slipway.app.tests.contract import conftest as contract
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.repositories import Repository

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import registry_server  # noqa: E402  (scripts is no package)

server = contract.server  # PostgreSQL, for whoever asks
PASSWORD = registry_server.PASSWORD
VENDOR = 3 * 1024 * 1024  # bytes of dependencies, which do not compress
SLIPWAY = """
application: shop
profile: generic
build: {commands: [["sh", "-c", "mkdir -p vendor && cp -r .vendor/. vendor && rm -r .vendor"]]}
layers: {dependencies: [vendor]}
"""


@pytest.fixture(scope="session")
def program():
    """program(name, package) -> the path of a program of a Debian package."""
    return lambda name, package: registry_server.program(name, package, str(ROOT / ".cache"))


@pytest.fixture(scope="session")
def registry(tmp_path_factory, program):
    """A registry for all; each test has a prefix of its own in it."""
    server = registry_server.Registry(tmp_path_factory.mktemp("registry"), program("docker-registry", "docker-registry"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where builds and relays keep what they need between runs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "slipway"


@pytest.fixture
def location(registry):
    """A place in the registry that is still empty."""
    return "%s/t%s" % (registry.url, os.urandom(4).hex())


@pytest.fixture
def options(registry, location):
    """The options with which a module finds the store."""
    return {"store": location, "store_auth": registry.auth}


@pytest.fixture
def store(registry, location):
    return open_store(location, registry.auth)


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """Tags 1.0.0 and 1.1.0, with the same dependencies."""
    made = Repository(tmp_path_factory.mktemp("git") / "repository")
    os.mkdir(os.path.join(made.path, ".vendor"))
    with open(os.path.join(made.path, ".vendor", "library"), "wb") as stream:
        stream.write(random.Random(7).randbytes(VENDOR))
    made.commit({"slipway.yml": SLIPWAY, "app.txt": "one\n"}, tag="1.0.0")
    made.commit({"app.txt": "two\n"}, tag="1.1.0")
    return made


@pytest.fixture
def build(run_module, repository, options):
    """build(reference, ...) -> result of package_build into the registry."""

    def runner(reference="1.0.0", check=False, **more):
        params = dict(options, name="shop", repository=repository.path, reference=reference)
        return without_secret(run_module("package_build", dict(params, **more), check=check))

    return runner


def without_secret(result):
    assert PASSWORD not in json.dumps(result)
    return result


@pytest.fixture
def start_module():
    """start_module(name, params) -> the process of a module, to be killed."""
    started = []

    def start(name, params):
        process = subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.slipway.app.plugins.modules." + name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": params}))
        process.stdin.close()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


class Tap:
    """A way to the registry through which so many bytes pass in one direction ("up" or "down"); then it stands still.

    With cut, the connection is broken there instead, that one time.
    """

    def __init__(self, port, direction, limit, cut=False):
        self.reached = threading.Event()
        self._to, self._direction, self._left, self._cut = port, direction, limit, cut
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = "https://127.0.0.1:%d" % self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._closed.set()
        self._server.close()

    def wait(self):
        assert self.reached.wait(30), "so many bytes never came by"

    def _accept(self):
        while True:
            try:
                near = self._server.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            for source, sink, direction in ((near, far, "up"), (far, near, "down")):
                threading.Thread(target=self._pump, args=(source, sink, direction), daemon=True).start()

    def _pump(self, source, sink, direction):
        try:
            while True:
                data = source.recv(16 * 1024)
                if not data:
                    break
                if direction == self._direction and self._full(len(data)):
                    if self._cut:
                        break
                    self._closed.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _full(self, count):
        with self._lock:
            if self._cut and self.reached.is_set():
                return False
            self._left -= count
            if self._left < 0:
                self.reached.set()
            return self._left < 0


@pytest.fixture
def tap(registry):
    """tap(direction, limit, cut=False) -> a Tap to the registry."""
    opened = []

    def open_tap(*arguments, **more):
        opened.append(Tap(registry.port, *arguments, **more))
        return opened[-1]

    yield open_tap
    for one in opened:
        one.close()


@pytest.fixture
def fetched(registry):
    """fetched() -> digests of the blobs that were read from the registry since the last call."""
    position = [len(registry.log())]

    def since():
        text = registry.log()
        deadline = time.monotonic() + 5
        while not text.endswith("\n") and time.monotonic() < deadline:  # a line on its way
            time.sleep(0.01)
            text = registry.log()
        lines, position[0] = text[position[0]:].splitlines(), len(text)
        asked = [json.loads(line) for line in lines if line.startswith("{")]
        return sorted({line["http.request.uri"].rpartition("/")[2] for line in asked
                       if line.get("msg") == "response completed" and line["http.request.method"] == "GET"
                       and "/blobs/" in line["http.request.uri"]})

    return since
