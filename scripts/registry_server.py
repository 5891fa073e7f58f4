# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway OCI registry for tests: Debian's docker-registry on loopback, with TLS and a user, as root or as anybody."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import lab_engine

USERNAME = "builder"
PASSWORD = "open-sesame-7"
# Of the password above, by bcrypt, which no program makes that is on every machine.
HTPASSWD = USERNAME + ":$2b$04$ccQdzfMG6tzoN4a6JfMJG.tde81toj0R/7I3/4pdbuo3wCu6V1scm\n"


class ServerError(Exception):
    """The registry or its programs cannot be had; the text says why."""


def program(name, package, cache_dir):
    """The path of a program: the machine's, else that of the Debian package, unpacked.

    Where it lacks libraries to run so, root installs the package; never one with a service, which would be there after every boot.
    """
    unpacked = os.path.join(os.path.abspath(cache_dir), package)
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", os.path.join(unpacked, "usr", "bin")])
    os.makedirs(cache_dir, exist_ok=True)
    with open(os.path.join(cache_dir, "packages.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests that run at the same time want it at the same time
        if not shutil.which(name, path=search):
            unpack(package, unpacked)
        if os.geteuid() == 0 and not _runs(name, search) and not _has_service(unpacked):
            lab_engine.install(package, why="it is only unpacked here, and lacks libraries to run so")
    if not _runs(name, search):
        raise ServerError("There is no %s that runs on this machine: install the package %s." % (name, package))
    return shutil.which(name, path=search)


def _runs(name, search):
    found = shutil.which(name, path=search)
    return bool(found) and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0


def _has_service(unpacked):
    return any(glob.glob(os.path.join(glob.escape(unpacked), *folder, "systemd", "system", "*.service")) for folder in (["lib"], ["usr", "lib"]))


def unpack(package, folder):
    """Put the files of a Debian package below a folder, as anybody can."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=os.path.dirname(folder)) as part:
        done = lab_engine.apt("download", package, cwd=part)
        if done.returncode:
            raise ServerError("apt-get cannot fetch %s: %s" % (package, done.stderr[-500:]))
        subprocess.run(["dpkg-deb", "-x", glob.glob(os.path.join(glob.escape(part), "*.deb"))[0], part + "/x"], check=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(part + "/x", folder)


def certificate(folder, name):
    """Make <name>.pem and <name>.key, for 127.0.0.1 and signed by itself; return their paths."""
    pem, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", key, "-out", pem], check=True, capture_output=True)
    return pem, key


class Registry:
    """A registry in a folder. auth is docker-registry's own section of that name; by default one user, by password.

    settings are other sections to add.
    """

    def __init__(self, folder, binary, auth=None, **settings):
        self.folder = str(folder)
        self.storage = os.path.join(self.folder, "storage")
        self.log_file = os.path.join(self.folder, "log")
        self._binary = binary
        self._process = None
        self.port = None
        os.makedirs(self.folder, exist_ok=True)
        self.ca_path, self._key = certificate(self.folder, "registry")
        passwords = os.path.join(self.folder, "htpasswd")
        with open(passwords, "w", encoding="utf-8") as stream:
            stream.write(HTPASSWD)
        self._config = dict({
            "version": 0.1,
            "log": {"level": "info", "formatter": "json"},
            "storage": {"filesystem": {"rootdirectory": self.storage}, "delete": {"enabled": True}},
            "auth": auth or {"htpasswd": {"realm": "tests", "path": passwords}},
        }, **settings)

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port

    @property
    def auth(self):
        """What store_auth has to be for this registry."""
        return {"username": USERNAME, "password": PASSWORD, "ca_path": self.ca_path}

    def start(self, timeout=30):
        """Start it and wait until it listens, on the same port as before if there was one."""
        config = os.path.join(self.folder, "config.json")  # YAML, as JSON is
        http = {"addr": "127.0.0.1:%d" % (self.port or 0), "secret": "tests",
                "tls": {"certificate": self.ca_path, "key": self._key}}
        with open(config, "w", encoding="utf-8") as stream:
            json.dump(dict(self._config, http=http), stream)
        with open(self.log_file, "wb") as log:
            self._process = subprocess.Popen([self._binary, "serve", config], stdout=log, stderr=log)
        deadline = time.monotonic() + timeout
        while self._process.poll() is None and time.monotonic() < deadline:
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", self.log())
            if found:
                self.port = int(found.group(1))
                return self
            time.sleep(0.02)
        self.stop()
        raise ServerError("docker-registry does not start:\n" + self.log()[-2000:])

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def blob(self, digest):
        """The file in which the registry keeps a blob."""
        found = digest.partition(":")[2]
        return os.path.join(self.storage, "docker", "registry", "v2", "blobs", "sha256", found[:2], found, "data")
