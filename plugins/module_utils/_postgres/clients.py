# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The client programs of PostgreSQL on a host: which there are, and which of them suits a server."""

from __future__ import annotations

import glob
import os
import re
import shutil

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import run, tail

# Where packages of Debian and of PostgreSQL for Red Hat keep one folder for each major.
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
# What stands on PATH in Debian: it takes a version of those by rules of its own, and needs ten times as long to say which.
WRAPPER = "pg_wrapper"
# First major whose pg_dump writes the version of archives that the ones before cannot read.
ARCHIVES = (12, 16, 17)
COMPRESSIONS = ("zstd", "lz4", "gzip", "none")
MOST_JOBS = 8  # that are taken when nobody says how many
NEEDS = 16  # major from which on pg_dump knows compressions by their names


class Clients:
    """pg_dump and pg_restore of one folder, and their version as server_version_num has it: 170011 for 17.11."""

    def __init__(self, folder, version):
        self.folder = folder
        self.version = version

    @property
    def major(self):
        return self.version // 10000

    @property
    def pg_dump(self):
        return os.path.join(self.folder, "pg_dump")

    @property
    def pg_restore(self):
        return os.path.join(self.folder, "pg_restore")

    def compressions(self):
        """The compressions that this pg_dump was built with, the best first."""
        return [method for method in COMPRESSIONS if self.knows(method)]

    def knows(self, method):
        """Whether this pg_dump was built with a compression."""
        if method == "none" or self.major < NEEDS:
            return method in ("gzip", "none")
        # The compression is looked at first; then it is refused, before any server is asked, for what else is wrong.
        done = run([self.pg_dump, "--format=plain", "--jobs=2", "--compress=" + method], env=dict(os.environ, LC_ALL="C"))
        return "parallel backup" in done.stderr


def usual_jobs():
    """How many tables are dumped or restored at the same time when nobody says it."""
    return min(os.cpu_count() or 1, MOST_JOBS)


def find(bin_dir=None):
    """The Clients of a folder, or where none is named all that are on this host."""
    if bin_dir:
        version = _version(bin_dir)
        if version is None:
            raise SlipwayError("There is no PostgreSQL client pg_dump that runs in %s." % bin_dir, untouched="Nothing was changed.")
        return [Clients(bin_dir, version)]
    found = [(folder, _version(folder)) for folder in _folders()]
    clients = [Clients(folder, version) for folder, version in found if version is not None]
    if not clients:
        raise SlipwayError("There is no PostgreSQL client on this host.", untouched="Nothing was changed.",
                           hint="Install it (package postgresql-client on Debian, postgresql on Red Hat), or name its folder as bin_dir.")
    return clients


def psql():
    """What to run as psql: in Debian the newest itself, as its wrapper does (a Perl program: 0.066 CPU s for --version instead of 0.012)."""
    packaged = [path for pattern in FOLDERS for path in glob.glob(os.path.join(pattern, "psql"))]
    if packaged and os.path.basename(os.path.realpath(shutil.which("psql") or "")) == WRAPPER:
        return max(packaged, key=lambda path: [int(number) for number in re.findall(r"\d+", path)])
    return "psql"


def for_dump(server_version, bin_dir=None):
    """The Clients to dump a server of this server_version_num with: of its own major, else of the next newer one."""
    major = server_version // 10000
    clients = find(bin_dir)
    fit = [client for client in clients if client.major >= major]
    if not fit:
        raise SlipwayError(
            "The server is PostgreSQL %s; pg_dump of an older version cannot dump it, and here is only %s."
            % (spoken(server_version), _list(clients)), untouched="Nothing was changed.",
            hint="Install the client of PostgreSQL %d or later on this host, or name its folder as bin_dir." % major)
    return _nearest(fit)


def for_restore(dump_server_version, dump_client_version, target_version, bin_dir=None):
    """The Clients to restore an archive with.

    The versions are those of the server it came from, of the pg_dump that wrote it and of the server it is meant for, as
    server_version_num has them. pg_dump is to read the target as well, for its grants, which one older than the server
    refuses; a client newer than the target may send settings the target does not know, so the nearest is taken.
    """
    target = target_version // 10000
    if dump_server_version // 10000 > target:
        raise SlipwayError("The dump is of PostgreSQL %s and the server is %s: a newer database cannot be restored into an older server."
                           % (spoken(dump_server_version), spoken(target_version)), untouched="Nothing was changed.",
                           hint="Restore it into a server of PostgreSQL %d or later." % (dump_server_version // 10000))
    clients = find(bin_dir)
    fit = [client for client in clients if _archive(client.major) >= _archive(dump_client_version // 10000)]
    if not fit:
        needed = max(first for first in ARCHIVES if first <= dump_client_version // 10000)
        raise SlipwayError("The archive was written by pg_dump %s; pg_restore of an older version cannot read it, and here is only %s."
                           % (spoken(dump_client_version), _list(clients)), untouched="Nothing was changed.",
                           hint="Install the client of PostgreSQL %d or later on this host, or name its folder as bin_dir." % needed)
    new_enough = [client for client in fit if client.major >= target]
    if not new_enough:
        raise SlipwayError("The server is PostgreSQL %s; a client of an older version cannot read the grants of its databases, and here is only %s."
                           % (spoken(target_version), _list(clients)), untouched="Nothing was changed.",
                           hint="Install the client of PostgreSQL %d or later on this host, or name its folder as bin_dir." % target)
    return _nearest(new_enough)


def spoken(version):
    """A server_version_num as people say it: 17.11."""
    return "%d.%d" % (version // 10000, version % 10000)


def _nearest(clients):
    """The newest of the oldest major."""
    major = min(client.major for client in clients)
    return max((client for client in clients if client.major == major), key=lambda client: client.version)


def _archive(major):
    """The number of the version of archives that a major writes."""
    return sum(1 for first in ARCHIVES if first <= major)


def _folders():
    """The folders with a pg_dump on this host; of those that lead to the same program the first."""
    found = {}
    for folder in [folder for pattern in FOLDERS for folder in glob.glob(pattern)] + os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.realpath(os.path.join(folder, "pg_dump"))
        if os.path.exists(program) and os.path.basename(program) != WRAPPER:
            found.setdefault(program, os.path.abspath(folder))
    return list(found.values())


def _version(folder):
    """The version of a folder's pg_dump, or None where it does not run."""
    try:
        done = run([os.path.join(folder, "pg_dump"), "--version"])
    except SlipwayError:
        return None
    said = re.search(r"\) (\d+)(?:\.(\d+))?", tail(done.stdout, 1)) if done.ok else None
    return int(said.group(1)) * 10000 + int(said.group(2) or 0) if said else None


def _list(clients):
    return " and ".join(sorted("%s in %s" % (spoken(client.version), client.folder) for client in clients))
