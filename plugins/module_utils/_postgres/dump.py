# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Dump a database into a store: pg_dump writes the archive, on a snapshot of ours that the manifest's rows belong to."""

from __future__ import annotations

import contextlib
import datetime
import socket
import time
import uuid

from ansible_collections.slipway.app.plugins.module_utils._core.account import user
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import follow, killed, redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres import clients as programs
from ansible_collections.slipway.app.plugins.module_utils._postgres import compression
from ansible_collections.slipway.app.plugins.module_utils._postgres import manifest as manifests
from ansible_collections.slipway.app.plugins.module_utils._postgres import money
from ansible_collections.slipway.app.plugins.module_utils._postgres.configs import split
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import BEGIN, PostgresError, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import in_the_way, naming_who_is_in_the_way, system_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.encoding import encoded
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import OLDEST
from ansible_collections.slipway.app.plugins.module_utils._postgres.properties import outside
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Selection, exactly, names, spoken
from ansible_collections.slipway.app.plugins.module_utils._postgres.watching import Beside, Watching, share

AT_ONCE = 50  # tables in one statement
UNTOUCHED = "No dump was made, and nothing of it is left in the store."

LOOK = """
SELECT current_setting('server_version_num')::int AS server_version, d.datname AS database, pg_is_in_recovery() AS standby,
       pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS "collate", d.datctype AS ctype,
       CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS locale_provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS icu_locale, to_jsonb(d) ->> 'daticurules' AS icu_rules,
       pg_get_userbyid(d.datdba) AS owner, d.datconnlimit AS connection_limit, pg_database_size(d.oid) AS size,
       (SELECT coalesce(json_object_agg(extname, extversion), '{}') FROM pg_extension) AS extensions, %s AS has_money, %s AS lc_monetary
FROM pg_database d WHERE d.datname = current_database()""" % (money.THERE, money.HERE)

# Roles that objects of the database belong or are granted to. Those of the server itself are on every server, but for
# the superuser that the cluster was made with: its name differs, and nobody keeps book of what it owns.
ROLES = """
SELECT DISTINCT r.rolname AS name FROM pg_roles r
WHERE r.oid >= 16384 AND r.oid IN (
    SELECT s.refobjid FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND s.refclassid = 'pg_authid'::regclass)
   OR r.oid = 10 AND EXISTS (
    SELECT FROM (SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relowner = 10 AND relnamespace <> 'pg_toast'::regnamespace
                 UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspowner = 10 AND nspname !~ '^pg_'
                 UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE proowner = 10
                 UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typowner = 10) o (classid, objid)
    WHERE o.objid >= 16384 AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = o.classid AND e.objid = o.objid AND e.deptype = 'e'))
ORDER BY 1"""

# Which of some tables have other files than in the snapshot: emptied or rewritten since, their rows of then are gone.
MOVED = """
SELECT c.oid::bigint FROM pg_class c WHERE c.oid IN (%s) AND pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode"""


class Wish:
    """What a dump is to be; every list may be empty.

    exclude_tables and exclude_table_data are patterns of tables. hooks are commands, each a text or a list of words, that
    are run before, with what libpq needs to reach the database in their environment. jobs None means as many as there
    are cores, compression is a text for the module of this name, who a text for the manifest, environment what the database belongs to
    (None: it is not named). remove_leftovers removes what
    dumps that were killed have left also where a store cannot be sure that they were. sanitizing, where there is one, is a
    Sanitizing, which masks the rows.
    """

    def __init__(self, instance, config="none", jobs=None, compression="auto", exclude_tables=(), exclude_table_data=(), hooks=(),
                 bin_dir=None, who=None, remove_leftovers=False, sanitizing=None, environment=None):
        if jobs is not None and jobs < 1:
            raise SlipwayError("%d jobs cannot dump anything; at least 1 is needed." % jobs, untouched="Nothing was changed.")
        self.instance = instance
        self.config = config
        self.jobs = jobs or programs.usual_jobs()
        self.compression = compression
        self.exclude_tables = exclude_tables
        self.exclude_table_data = exclude_table_data
        self.hooks = split(hooks, "pre_dump_hooks")
        self.bin_dir = bin_dir
        self.remove_leftovers = remove_leftovers
        self.sanitizing = sanitizing
        self.environment = environment
        self.who = who or "%s@%s" % (user(), socket.gethostname())


def dump(connection, store, wish, check=False, report=None):
    """Dump the connection's database into a store and return what became of it; with check only what would.

    report, where there is one, is a Progress: while pg_dump is at work it is told of table, bytes, total_bytes and rows.
    """
    with naming_who_is_in_the_way(connection):
        return _dump(connection, store, wish, check, report)


def _dump(connection, store, wish, check, report):
    begun = time.monotonic()
    store.require_usable()
    with connection.session() as session:
        facts = session.query(LOOK)[0]
        if facts["server_version"] // 10000 < OLDEST:
            raise SlipwayError("The server is PostgreSQL %s; dumps need %d or later." % (programs.spoken(facts["server_version"]), OLDEST),
                               untouched="Nothing was changed.")
        clients = programs.for_dump(facts["server_version"], wish.bin_dir)
        settled = (wish.sanitizing or compression).settle(wish.compression, clients)
        if check:
            session.execute(BEGIN)  # what is looked at for a moment is let go of within it
            selection = Selection(session, wish.exclude_tables, wish.exclude_table_data, bool(wish.sanitizing))
            manifest, warnings = _manifest(facts, clients, wish, settled, selection), selection.warnings
            if wish.sanitizing:
                manifest["sanitized"], said = wish.sanitizing.check(connection, selection, facts)
                warnings = warnings + said
            return _result(None, store, manifest, store.leftovers(), [*warnings, *store.warnings], begun)
    _run_hooks(connection, wish.hooks)
    try:
        leftovers = store.remove_leftovers(wish.remove_leftovers)
        with store.new(wish.instance, connection.login_db, wish.config) as part:
            manifest, warnings = _written(connection, part, wish, clients, settled, report)
            if report:
                report(part.last_phase)
            manifest["files"] = part.files()
            manifest["seconds"] = round(time.monotonic() - begun, 3)
            key = part.finish(manifest)
    except OSError as error:
        raise SlipwayError("The dump cannot be written to %s: %s." % (store.location, error.strerror), untouched=UNTOUCHED) from error
    return _result(key, store, manifest, leftovers, [*warnings, *store.warnings], begun)


def _run_hooks(connection, hooks):
    environment = dict(connection.environment(), PGDATABASE=connection.login_db)
    for hook in hooks:
        done = run(hook, env=environment, dies_with_us=True)
        if not done.ok:
            said = redact(tail(done.stderr + done.stdout, 10), [connection.login_password])
            raise SlipwayError("The pre-dump hook %s failed with exit status %d. It printed%s" % (
                hook[0], done.rc, ": " + said if said else " nothing."), untouched="No dump was made.")  # its arguments may be secrets


def _written(connection, part, wish, clients, settled, report):
    """Let the archive of a part be written; return the manifest, as far as it is known by then, and warnings."""
    started = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with connection.session() as session:
        snapshot = begin(session)
        facts = session.query(LOOK)[0]
        selection = Selection(session, wish.exclude_tables, wish.exclude_table_data, bool(wish.sanitizing))
        manifest = dict(_manifest(facts, clients, wish, settled, selection), started=started)
        manifest["roles"] = [row["name"] for row in session.query(ROLES)]
        manifest["outside"] = outside(session, facts["database"])
        connection = writing(connection, facts)
        if wish.sanitizing:
            manifest["outside"] = wish.sanitizing.outside(manifest["outside"])
            manifest["system"] = system_of(connection)
            manifest["sanitized"], rows, warnings = wish.sanitizing.write(
                connection, snapshot, selection, facts, part, wish, clients, settled, report)
        else:
            rows, warnings = _dumped(connection, snapshot, selection, facts, part, wish, clients, settled, report)
        for told, table in zip(manifest["tables"], selection.tables):
            told["rows"] = rows.get(table["oid"])
    return manifest, selection.warnings + warnings


def _dumped(connection, snapshot, selection, facts, part, wish, clients, settled, report):
    """Let pg_dump write the archive of a part as the database is; return {oid: rows} and warnings."""
    argv = arguments(connection, wish, settled, clients, selection.excluded, selection.excluded_data, snapshot, facts)
    counting = Counting(connection, snapshot, selection)
    with part.written(wish.jobs) as begun:
        warnings = _run_pg_dump(connection, clients, argv + [*part.arguments, "--file=" + part.archive], facts["encoding"], selection, counting, report, begun)
    return counting.rows, counting.warnings + warnings


def begin(session):
    """Begin the transaction of a dump; the id of its snapshot, which others can look at for as long as it lasts."""
    session.execute(BEGIN)
    return session.query("SELECT pg_export_snapshot() AS id")[0]["id"]


def writing(connection, facts):
    """The connection to dump by, so that what it writes can be read as the manifest says."""
    return money.neutral(connection, facts["lc_monetary"]) if facts["has_money"] else connection


def arguments(connection, wish, settled, clients, excluded, excluded_data, snapshot, facts):
    """What pg_dump is told, but for where; excluded are relations to leave out, excluded_data those whose rows are."""
    argv = [clients.pg_dump, "--format=directory", "--no-password", "--jobs=%d" % wish.jobs, "--snapshot=" + snapshot,
            "--lock-wait-timeout=%ds" % connection.lock_timeout, compression.argument(settled, clients)]
    for option, relations in (("--exclude-table=", excluded), ("--exclude-table-data=", excluded_data)):
        argv += [encoded(option + exactly(relation), facts["encoding"]) for relation in relations]
    return argv


def _run_pg_dump(connection, clients, argv, encoding, selection, counting, report, begun):
    """Run pg_dump to its end, whose process group begun is told, and count meanwhile; return its warnings. The archive is in that encoding."""
    environment = dict(connection.environment(), PGAPPNAME="slipway dump %s" % uuid.uuid4().hex, PGCLIENTENCODING=encoding)
    with contextlib.ExitStack() as stack:
        beside = [counting]
        heard = Heard(selection, lambda: [stack.enter_context(work) for work in beside])
        if report:
            beside.append(Watching(connection, connection.login_db, environment["PGAPPNAME"], _HowFar(selection, heard, report)))
        rc = follow(argv + ["--verbose", "--dbname=" + connection.conninfo(connection.login_db)], heard, environment, begun)
        if rc != 0:
            raise failure(connection, clients, rc, "; ".join(heard.errors), untouched=UNTOUCHED)
        counting.finish()
    return heard.warnings


def failure(connection, clients, rc, said, untouched=None):
    """The error of a pg_dump that has failed; where it has waited for locks, as many at a time, whoever has them is named."""
    waited = "LOCK TABLE" in said and "permission denied" not in said  # that it was in vain is said in any language
    return SlipwayError("pg_dump %s %s on %s: %s.%s" % (
        programs.spoken(clients.version), killed(-rc) if rc < 0 else "failed (exit status %d)" % rc, connection.describe(connection.login_db),
        redact(said or "no reason given", [connection.login_password]).rstrip("."),
        in_the_way(connection, connection.login_db) if waited else ""), untouched=untouched)


class Heard:
    """What pg_dump says, line by line: errors and warnings to pass on, and the tables it began.

    locked() is called once, when pg_dump has got the locks of all its tables, which it keeps to its end.
    """

    LOCKING = "reading user-defined tables"
    BEGUN = 'dumping contents of table "'

    def __init__(self, selection, locked):
        self.begun = []
        self.errors = []
        self.warnings = []
        self._tables = {"%(schema)s.%(name)s" % table: table for table in selection.with_rows}  # as pg_dump says them
        self._said = self.errors  # where the next lines of what was said last belong
        self._locked = locked
        self._locking = False

    def __call__(self, line):
        program, _colon, text = line.partition(": ")
        if program != "pg_dump":  # the second line of a message, or the word of a library that cannot be loaded
            self._said.append(line)
            return
        kind, _colon, words = text.partition(": ")
        if kind in ("error", "warning"):
            self._said = self.errors if kind == "error" else self.warnings
            self._said.append(words)
        elif kind in ("detail", "hint"):
            self._said.append(words)
        else:
            self._said = []
            if self._locking:
                self._locked()
            self._locking = text == self.LOCKING
            if text.startswith(self.BEGUN) and text[len(self.BEGUN):-1] in self._tables:
                self.begun.append(self._tables[text[len(self.BEGUN):-1]])


class Counting(Beside):
    """Count the rows of the tables as the snapshot has them.

    In one transaction for a few tables at a time: a server has room for the locks of a limited number of them.
    """

    def __init__(self, connection, snapshot, selection):
        super().__init__()
        self.rows = {}  # by oid
        self.warnings = []
        self._begin = (BEGIN, "SET TRANSACTION SNAPSHOT '%s'" % snapshot)
        self._connection = connection
        self._tables = {table["oid"]: table for table in selection.with_rows}
        self._moved = set()

    def finish(self):
        """Wait until all are counted; an error when pg_dump cannot have seen the rows that there were."""
        if not self._thread.ident:
            self.warnings.append("pg_dump did not say when it had locked its tables, so their rows were not counted.")
            return
        self._thread.join()
        if self._moved:
            raise SlipwayError("Table %s was emptied or rewritten just as the dump began, so its rows are not in it."
                               % ", ".join(sorted(spoken(self._tables[oid]) for oid in self._moved)), untouched=UNTOUCHED, hint="Dump again.")

    def _work(self):
        try:
            with self._connection.session() as session:
                oids = list(self._tables)
                session.execute(*self._begin)
                self._moved = moved(session, oids)
                session.execute("COMMIT")
                for first in range(0, 0 if self._moved else len(oids), AT_ONCE):
                    if self._ended.is_set():
                        return
                    self._count(session, oids[first:first + AT_ONCE])
        except PostgresError as error:  # the dump itself can be whole all the same
            self.warnings.append("The rows of some tables could not be counted: %s" % error)

    def _count(self, session, oids):
        session.execute(*self._begin)
        counts = session.query(" UNION ALL ".join("SELECT %d AS oid, count(*) AS n FROM ONLY %s.%s" % (
            oid, quote_ident(self._tables[oid]["schema"]), quote_ident(self._tables[oid]["name"])) for oid in oids))
        lost = moved(session, oids)  # pg_dump may have ended, and its locks with it
        session.execute("COMMIT")
        self.rows.update((row["oid"], row["n"]) for row in counts if row["oid"] not in lost)


def moved(session, oids):
    """Which tables, of those with these oids, have lost the rows that the snapshot of a session has."""
    return {row["oid"] for row in session.query(MOVED % ", ".join(map(str, oids)))} if oids else set()


class _HowFar:
    """Report how far pg_dump is, by the sizes of the tables it is done with and what was copied of those it is at."""

    def __init__(self, selection, heard, report):
        self._heard = heard
        self._report = report
        self._total = sum(table["bytes"] for table in selection.with_rows)
        self._most = 0

    def __call__(self, copies):
        copying = {copy["oid"]: copy for copy in copies}
        begun = list(self._heard.begun)
        size, rows = 0, 0
        for table in begun:
            copy = copying.get(table["oid"])
            size += int(table["bytes"] * (share(copy, table["estimate"], table["bytes"]) if copy else 1))
            rows += copy["rows"] if copy else table["estimate"]
        # A table that was begun this moment is not seen being copied yet, and seems to be done.
        self._most = max(self._most, size)
        at = [spoken(table) for table in begun if table["oid"] in copying]
        self._report("dump", table=at[-1] if at else "", bytes=self._most, total_bytes=self._total, rows=rows)


def content(facts, clients, selection):
    """What a manifest says of a database and of what pg_dump is to write of it; the rows of its tables are not counted yet."""
    known = ("server_version", "database", "encoding", "collate", "ctype", "locale_provider", "icu_locale", "icu_rules", "owner", "size", "extensions")
    return dict({name: facts[name] for name in known}, client_version=clients.version, lc_monetary=money.NEUTRAL if facts["has_money"] else None,
                excluded=names(selection.excluded), excluded_data=names(selection.excluded_data),
                tables=[{"schema": table["schema"], "name": table["name"], "rows": None, "bytes": table["bytes"]} for table in selection.tables])


def _manifest(facts, clients, wish, settled, selection):
    """The manifest as far as it is known before the dump."""
    options = {"config": wish.config, "exclude_tables": list(wish.exclude_tables), "exclude_table_data": list(wish.exclude_table_data),
               "pre_dump_hooks": [argv[0] for argv in wish.hooks if argv]}
    return dict(content(facts, clients, selection), needed=selection.needed, format=manifests.FORMAT, jobs=wish.jobs, compression=settled, who=wish.who,
                environment=wish.environment, options=options, slipway=manifests.SLIPWAY)


def _result(key, store, manifest, leftovers, warnings, begun):
    """key, folder, archive_size and rows are None for a dump that was not made."""
    told = ("database", "server_version", "client_version", "size", "jobs", "compression", "excluded", "excluded_data")
    rows = [table["rows"] for table in manifest["tables"] if table["rows"] is not None]
    return dict({name: manifest[name] for name in told}, changed=True, sanitized=manifest.get("sanitized"), key=str(key) if key else None,
                folder=store.path(key) if key else None, tables=len(manifest["tables"]), rows=sum(rows) if key else None,
                archive_size=sum(item["size"] for item in manifest["files"]) if key else None,
                leftovers=leftovers, warnings=list(warnings), seconds=round(time.monotonic() - begun, 3))
