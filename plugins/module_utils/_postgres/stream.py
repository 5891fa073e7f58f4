# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A database as a source to restore from while it is being dumped: pg_dump writes into pg_restore, with no file between.

An archive that passes by can be read once and in its order, so one table comes after the other, over one connection at
each end. The death of either end is the end of both.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import uuid

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import hear, kill, run, started, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres import compression
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.clients import for_dump, spoken
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import naming_who_is_in_the_way
from ansible_collections.slipway.app.plugins.module_utils._postgres.encoding import encoded
from ansible_collections.slipway.app.plugins.module_utils._postgres.properties import carry_over
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_errors import chosen
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource, file_with, not_itself
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Selection

# The tablespaces, other than the database's own, that things of a database are in.
TABLESPACES = """
SELECT DISTINCT t.spcname AS name FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'"""

CHUNK = 1024 * 1024  # bytes that are passed on at once, at most


class StreamSource(DumpSource):
    """The database that a connection leads to; local where its server is that of the restore."""

    in_parallel = False  # what passes by can be read once

    def __init__(self, origin, local, bin_dir=None):
        self.local = local
        self._superuser = False
        with naming_who_is_in_the_way(origin), origin.session() as session:
            facts = session.query(dumps.LOOK)[0]
            self._written_in = facts["encoding"]
            self._dumper = for_dump(facts["server_version"], bin_dir)
            manifest = dumps.content(facts, self._dumper, Selection(session, (), ()))
            manifest["roles"] = [row["name"] for row in session.query(dumps.ROLES)]
            self._in_tablespaces = {encoded(row["name"], facts["encoding"]) for row in session.query(TABLESPACES)}
            self._limit = facts["connection_limit"]
        self.origin = dumps.writing(origin, facts)
        super().__init__(_Schema(self, manifest), bin_dir)
        self.name = (":" if local else "") + origin.login_db

    # Looking

    def problems(self, restore, session, facts):
        """What speaks against it, as sentences; for what an archive would tell, one with the schema alone is looked at."""
        found = not_itself(restore, self.origin.login_db) if self.local else []
        with tempfile.TemporaryDirectory(prefix="slipway-copy-") as folder:
            self.dump.archive = os.path.join(folder, "schema")
            return found + super().problems(restore, session, facts)

    def ready(self, restore):
        """It is read when it is restored."""

    def used(self):
        """Nothing was fetched of it."""

    def _choose(self, superuser):
        self._superuser = superuser
        super()._choose(superuser)

    def dumping(self, *options):
        """The arguments and the environment of pg_dump, to which options say what and where."""
        environment = dict(self.origin.environment(), PGAPPNAME="slipway copy %s" % uuid.uuid4().hex, PGCLIENTENCODING=self._written_in)
        return [self._dumper.pg_dump, "--format=custom", "--no-password", "--lock-wait-timeout=%ds" % self.origin.lock_timeout,
                compression.argument("none", self._dumper), "--dbname=" + self.origin.conninfo(self.origin.login_db)] + list(options), environment

    def dump_error(self, rc, said):
        return dumps.failure(self.origin, self._dumper, rc, said)

    def _asked_tablespaces(self):
        return self._in_tablespaces

    # Filling

    def _pour(self, argv, environment, reader):
        """As for a dump, but that pg_dump writes it meanwhile; its rows are counted in the same snapshot."""
        with self.origin.session() as session, tempfile.TemporaryFile() as errors:
            snapshot = dumps.begin(session)
            facts = session.query(dumps.LOOK)[0]
            selection = Selection(session, (), ())
            counting = dumps.Counting(self.origin, snapshot, selection)
            dump_argv, dump_environment = self.dumping("--snapshot=" + snapshot)
            with started(dump_argv, dump_environment, stdout=subprocess.PIPE, stderr=errors) as dump:
                pipe = _Pipe(dump, lambda: self._judge_dump(dump, errors, selection))
                listing = pipe.read_contents(self._clients)
                with contextlib.ExitStack() as stack:
                    listed = stack.enter_context(file_with(chosen(listing, self._superuser)[0]))
                    restoring = stack.enter_context(started(argv + ["--use-list=" + listed], environment,
                                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
                    stack.enter_context(counting)  # a thread, so it begins when the programs have
                    rc = pipe.pass_on(restoring, reader)
                    if reader.fine(rc):
                        self._judge_dump(dump, errors, selection)
                        counting.finish()
        self.manifest["tables"] = dumps.content(facts, self._dumper, selection)["tables"]
        for told, table in zip(self.manifest["tables"], selection.tables):
            told["rows"] = counting.rows.get(table["oid"])
        self.warnings += selection.warnings + counting.warnings
        return rc

    def _judge_dump(self, dump, errors, selection):
        """Wait for pg_dump to end; an error unless it ended well."""
        heard = dumps.Heard(selection, lambda: None)
        rc = dump.wait()
        errors.seek(0)
        hear(errors, heard)
        if rc:
            raise self.dump_error(rc, "; ".join(heard.errors))
        self.warnings = heard.warnings

    def connection_limit(self, restore, facts):
        return self._limit if restore.wishes.properties == "dump" else super().connection_limit(restore, facts)

    def carry_over(self, restore, session, _facts):
        """What stands outside of the database comes from where it stands."""
        with contextlib.nullcontext(session) if self.local else self.origin.session() as there:
            return carry_over(session, self.origin.login_db, restore.place.new, there)


class _Schema:
    """What DumpSource takes for a dump: here it has the schema alone, and is made when it is to be brought."""

    def __init__(self, source, manifest):
        self.source = source
        self.manifest = manifest
        self.key = source.origin.login_db
        self.archive = None

    def bring(self, _watch, _contents_only=False):
        argv, environment = self.source.dumping("--schema-only", "--file=" + self.archive)
        done = run(argv, env=environment, dies_with_us=True)
        if not done.ok:
            raise self.source.dump_error(done.rc, tail(done.stderr, 3))
        return []


class _Pipe:
    """Between a pg_dump that writes an archive and the pg_restore that reads it.

    judge() is to wait for the pg_dump, and to raise an error unless it ended well.
    """

    def __init__(self, dump, judge):
        self._dump = dump
        self._judge = judge
        self._head = b""
        self._error = None
        self._no_use = False  # for more of it: pg_restore has failed, and so pg_dump is ended

    def read_contents(self, clients):
        """Read the archive as far as it says what is in it; return the list, as pg_restore prints it."""
        head = []
        with tempfile.TemporaryFile() as listing:
            # To a file: it reads no more while it prints, and a pipe would have to be emptied meanwhile.
            with started([clients.pg_restore, "--list"], dict(os.environ, LC_ALL="C"), stdin=subprocess.PIPE, stdout=listing,
                         stderr=subprocess.STDOUT) as lister:
                with contextlib.suppress(BrokenPipeError):  # it has read enough
                    for chunk in self._chunks():
                        head.append(chunk)
                        lister.stdin.write(chunk)
                        lister.stdin.flush()
                    self._judge()
                    lister.stdin.close()
                rc = lister.wait()
            listing.seek(0)
            text = listing.read().decode("utf-8", "surrogateescape")
        if rc:
            raise SlipwayError("pg_restore %s cannot read what pg_dump writes: %s" % (spoken(clients.version), tail(text, 3)))
        self._head = b"".join(head)
        return text

    def pass_on(self, restoring, reader):
        """Give all of it to a pg_restore with reader listening, a _Reader; its exit status once it has ended.

        What is wrong at pg_dump's end is raised, and pg_restore killed before it could take what it got for the whole.
        """
        pump = threading.Thread(target=self._pump, args=(restoring,), daemon=True)
        pump.start()
        try:
            hear(restoring.stdout, reader.hear)
            rc = restoring.wait()
            if not reader.fine(rc):
                self._end_dump()
        except BaseException:
            self._end_dump()
            kill(restoring)
            raise
        finally:
            pump.join()
        if self._error:
            raise self._error
        return rc

    def _pump(self, restoring):
        try:
            restoring.stdin.write(self._head)
            for chunk in self._chunks():
                restoring.stdin.write(chunk)
            self._judge()
            restoring.stdin.close()
        except BrokenPipeError:  # pg_restore has ended, well or not; pg_dump may have some bytes left that nobody needs
            for _chunk in self._chunks():
                pass
        except SlipwayError as error:
            if not self._no_use:
                self._error = error
            kill(restoring)

    def _end_dump(self):
        self._no_use = True
        kill(self._dump)

    def _chunks(self):
        return iter(lambda: self._dump.stdout.read1(CHUNK), b"")
