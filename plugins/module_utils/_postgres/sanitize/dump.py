# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A sanitized dump: the schema by pg_dump, the rows by the server as masks make them, both of one snapshot, in one archive.

pg_dump never reads a row: what it writes is an archive of the schema and the values of sequences, into whose table of
contents the rows are entered that our own program wrote. A table that nobody wrote rows of has none.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._core.process import started
from ansible_collections.slipway.app.plugins.module_utils._postgres import compression, encoding
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.archive import CONTENTS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import catalog, compressor, privileges, writer
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import residue as residues
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import SETTING, Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.meant import Meant
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.plan import Plan
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import NONE, SCAN, STRICT, Rules
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.toc import Toc
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import exactly, spoken

CONFIG = "sanitized"  # the config in the key of such a dump when it has none
ENCRYPTED = ("require", "verify-ca", "verify-full")  # values of ssl_mode
LOCAL = ("", "localhost", "127.0.0.1", "::1")
AT_ONCE = 500  # tables that one statement locks
COLUMNS = """
SELECT a.attrelid::bigint AS oid, a.attnum AS number, a.attname AS name, a.atttypid::bigint AS type, c.relname AS "table", c.relnamespace::bigint AS schema
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attrelid IN (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2"""


class Sanitizing:
    """How dumps are sanitized: rules, as Rules takes them, a secret for the key, and the policy where no document says one."""

    def __init__(self, document, secret, environment=None, below=()):
        try:
            self.rules = Rules(document, below)
        except SlipwayError as error:
            raise SlipwayError(error.message, untouched=error.untouched or "Nothing was changed.", hint=error.hint, **error.facts) from None
        self.key = Key(secret)
        self.rules.salted(self.key.salt)
        self.policy = self.rules.policy or (SCAN if environment in ("dev", "stag", "uat") else STRICT)

    def keyed(self, connection):
        """The connection with the key, for sessions that mask; provided that nobody on the way reads it."""
        _require_private(connection)
        connection.query("SELECT 1 AS one")  # a pooler is found out by it, and would write the key, which it refuses as well, into its log
        return connection.having(SETTING, self.key.setting)

    def settle(self, text, clients):
        """The compression that a text comes to: pg_restore has to read it, and we to write it."""
        method, _level = compression.check(text)
        if method == compression.AUTO and not set(clients.compressions()) & set(compressor.known()) - {"none", "gzip"}:
            return compression.settle("gzip", clients)
        settled = compression.settle(text, clients)
        if settled.partition(":")[0] not in compressor.known():
            raise SlipwayError("A sanitized dump cannot be compressed by %s on this host, only by %s." % (
                settled.partition(":")[0], ", ".join(compressor.known())), untouched="Nothing was changed.")
        return settled

    def plan(self, session, selection, facts):
        """The Plan for a database, provided nothing speaks against it."""
        plan = Plan(session, self.rules, self.policy, selection, facts)
        plan.require()
        plan.try_all()
        plan.require()
        return plan

    def check(self, connection, selection, facts):
        """Do all that a dump does before it writes; return (what its manifest says of the rules, warnings)."""
        with self.keyed(connection).session(dies_with_us=True) as session:
            session.execute(*writer.SETTINGS, dumps.BEGIN)
            warnings = self._prepared(session, selection)[1]
            return dict(self.told(self.plan(session, selection, facts)), residue=None), self.rules.warnings + warnings

    def told(self, plan):
        """What a manifest says of the masks: which columns have which rule, and by which key."""
        return {"policy": self.policy, "rules": self.rules.digest, "key": self.key.id,
                "emptied": [_name(table) for table in plan.tables if table.rows == NONE],
                "subset": [_name(table) for table in plan.tables if table.part], "after_restore": self.rules.after_restore,
                "masked": [dict(_name(table), column=column.name, rule=table.decisions[column.name].rule.name)
                           for table in plan.tables if table.rows != NONE for column in table.masked()]}

    @staticmethod
    def outside(told):
        """What a manifest says of the database itself, less its comment and the settings of applications, where secrets are kept."""
        return dict(told, comment=None, settings=[item for item in told["settings"] if "." not in item["setting"].partition("=")[0]])

    def write(self, connection, snapshot, selection, facts, part, wish, clients, settled, report):
        """Write the archive of a part; return (what the manifest says of it, {oid: rows}, warnings)."""
        # Where a killed dump leaves its things, so that what it had not removed the secrets of yet goes with them.
        beside = os.path.dirname(part.archive)
        keyed = self.keyed(connection)
        with writer.session_at(keyed, snapshot) as session, tempfile.TemporaryDirectory(prefix="slipway-schema-", dir=beside) as folder:
            foreign, warnings = self._prepared(session, selection)
            _lock(session, selection.with_rows)
            _require_unchanged(connection, session, selection.with_rows)
            arguments = dumps.arguments(connection, wish, settled, clients, selection.excluded, selection.excluded_data + selection.with_rows + foreign,
                                        snapshot, facts)
            # One job: for next to no rows each of them would have a session of its own.
            arguments += ["--no-blobs", "--no-subscriptions", "--jobs=1"] + (["--no-statistics"] if clients.major >= 18 else [])
            schema = os.path.join(folder, "archive")
            with _schema(connection, clients, facts["encoding"], arguments, schema, selection) as written:
                plan = self.plan(session, selection, facts)
                toc, said = written()
            toc.require_no_rows_of({(entry.schema, entry.tag) for entry in toc.tables().values()})
            rows, residue, not_looked_for = self._write_rows(keyed, session, snapshot, plan, facts, toc, schema, part, wish, settled, report)
        return dict(self.told(plan), residue=residue), rows, self.rules.warnings + warnings + said + not_looked_for

    def _prepared(self, session, selection):
        """The tables of extensions that are left out, and warnings that name them, provided that the role may read all that is dumped."""
        lacking = self.lacking(session, selection)
        if lacking:
            raise lacking.error("Nothing was dumped.")
        dumped = Meant(session, self.rules, selection).dumped()
        _kept, left_out = self._of_extensions(session, selection, dumped)
        return left_out, [self._why_left_out(row, dumped) for row in left_out]

    def lacking(self, session, selection):
        """What the role of a session lacks for a dump, as a Lacking, or None."""
        dumped = Meant(session, self.rules, selection).dumped()
        kept, _left_out = self._of_extensions(session, selection, dumped)
        there = {relation["oid"]: relation for relation in selection.relations}
        return privileges.lacking(session, selection, dumped, [there[row["oid"]] for row in kept if row["oid"] in there])

    def _of_extensions(self, session, selection, dumped):
        """The tables of extensions whose rows pg_dump would dump: (those that a rule keeps, those that none does)."""
        out = {relation["oid"] for relation in selection.excluded + selection.excluded_data}
        rows = [row for row in session.query(catalog.OF_EXTENSIONS) if row["oid"] not in out]
        kept = [row for row in rows if self._kept_whole(row, len(_called(row, dumped + rows)) > 1)]
        return kept, [row for row in rows if row not in kept]

    def _why_left_out(self, row, dumped):
        others = _called(row, dumped) if self._kept_whole(row) else []
        return "The rows of table %s of extension %s are not in the dump, since %s." % (
            spoken(row), row["extension"], "%s is also what %s is called: name it with its schema to keep them" % (
                one_line(row["name"]), ", ".join(map(spoken, others))) if others else "no rule keeps them")

    def _kept_whole(self, table, one_of_several=False):
        """Whether all rules for a table keep all of its rows and columns, and one of whoever dumps names it: pg_dump can mask none, and the proof sees none.

        Where it is one of several that are called so, it is named with its schema.
        """
        entries = [entry for entry in self.rules.entries if entry.matcher.matches(table["schema"], table["name"])]
        named = [entry for entry in entries if entry.matcher.exact]
        masked = any(rule.name != "keep" and matcher.matches("", name) for entry in entries for matcher, rule in entry.columns for name in table["columns"])
        return not all(entry.of_package or one_of_several and not entry.matcher.whole for entry in named) and not masked and all(
            entry.rows != NONE and not (entry.where or entry.sample or entry.orphans) and [matcher.text for matcher, _rule in entry.columns] == ["*"]
            for entry in named)

    def _write_rows(self, keyed, session, snapshot, plan, facts, toc, schema, part, wish, settled, report):
        """Write the rows, then the table of contents, without which they are no archive; return {oid: rows}, what was looked for in them, and warnings."""
        tables = [table for table in plan.tables if table.rows != NONE]
        entries, first = toc.tables(), toc.free_id()
        files = ["%d.dat" % (first + number) for number in range(len(tables))]
        watch = _Watch(tables, report)
        os.mkdir(part.archive, 0o700)
        looked_for, left_out, constants = residues.sources(session, tables)
        codec = encoding.codec(facts["encoding"])
        with part.written(wish.jobs) as begun:
            residue = writer.write({
                "connection": vars(keyed), "snapshot": snapshot, "encoding": facts["encoding"],
                "compression": settled, "jobs": wish.jobs, "schema": os.path.join(schema, CONTENTS),
                "residue": [looked_for, codec, self.rules.accepted, constants],
                "tables": [[os.path.join(part.archive, file), table.copied(), spoken(table.relation),
                            [[column.name, residues.form(column)] for column in table.columns]]
                           for file, table in zip(files, tables)]}, watch, begun)
            _require_none(residue["found"], self.rules.warnings)
            for number, (file, table) in enumerate(zip(files, tables)):
                toc.add_rows(entries[table.relation["oid"]], first + number, _copy(table).encode(codec), file.encode("ascii"))
            _move_files(schema, part.archive)
            _write_contents(part.archive, toc.written())
        rows = {table.relation["oid"]: watch.rows[number] for number, table in enumerate(tables)}
        rows.update((table.relation["oid"], 0) for table in plan.tables if table.rows == NONE)
        return rows, {"columns": residue["columns"], "values": residue["values"], "bytes": residue["bytes"],
                      "left_out": left_out + residue["left_out"], "accepted": self.rules.accepted}, residue["warnings"]


def _require_private(connection):
    """The key travels with the start of each connection, in clear text where that is not encrypted."""
    hosts = (connection.settings.get("hostaddr") or connection.login_host or "").split(",")
    private = connection.ssl_mode in ENCRYPTED or connection.settings.get("gssencmode") == "require"
    if not private and not all(host.startswith(("/", "@")) or host in LOCAL for host in hosts):
        raise SlipwayError("The key of a sanitized dump would travel to %s in clear text: ssl_mode is %s." % (", ".join(hosts), connection.ssl_mode),
                           untouched=dumps.UNTOUCHED, hint="ssl_mode=verify-full (with ca_cert) encrypts it, and tells whose server it is.")


def _require_none(found, passed_over):
    if found:
        hints = ["Mask them there, too, or say with residue: accept that they may stand there.", *passed_over]
        raise SlipwayError("Raw values were found in what was to be dumped: %s." % one_line(", ".join("of %s in %s" % tuple(pair) for pair in found)),
                           untouched=dumps.UNTOUCHED, hint=" ".join(hints))


class _Watch:
    """Hears how far the writer is, and reports it by the sizes of the tables."""

    def __init__(self, tables, report):
        self.rows = {}
        self._tables = tables
        self._report = report
        self._done = set()

    def __call__(self, word):
        if "table" not in word:
            return
        self.rows[word["table"]] = word["rows"]
        if word["done"]:
            self._done.add(word["table"])
        if self._report:
            size = sum(self._tables[number].relation["bytes"] * self._share(number) for number in self.rows)
            self._report("dump", table=spoken(self._tables[word["table"]].relation), bytes=int(size),
                         total_bytes=sum(table.relation["bytes"] for table in self._tables), rows=sum(self.rows.values()))

    def _share(self, number):
        return 1 if number in self._done else min(1, self.rows[number] / max(self._tables[number].estimate, 1))


def _called(row, tables):
    """Those of tables that are called as one is."""
    return [table for table in tables if table["name"] == row["name"]]


def _name(table):
    return {"schema": table.relation["schema"], "name": table.relation["name"]}


def _copy(table):
    """What pg_restore says before it sends the rows."""
    names = ", ".join('"%s"' % column.name.replace('"', '""') for column in table.columns)
    return "COPY %s %s FROM stdin;\n" % (table.sql, "(%s)" % names if names else "")


def _lock(session, tables):
    """Keep the tables as they are until the end of the dump, as pg_dump does."""
    for first in range(0, len(tables), AT_ONCE):
        session.execute("LOCK TABLE %s IN ACCESS SHARE MODE" % ", ".join("ONLY %s" % exactly(table) for table in tables[first:first + AT_ONCE]))


def _require_unchanged(connection, session, tables):
    """Between the snapshot and the locks somebody may have changed a table: the columns that were decided upon would not be those that are read."""
    oids = [table["oid"] for table in tables]

    def seen(by):
        return {tuple(sorted(row.items())) for row in by.query(COLUMNS % catalog.listed(oids))}

    with connection.session() as fresh:
        changed = {dict(row)["oid"] for row in seen(session) ^ seen(fresh)}
    changed |= dumps.moved(session, oids)
    if changed:
        raise SlipwayError("%s was changed just as the dump began." % ", ".join(
            spoken(table) for table in tables if table["oid"] in changed), untouched=dumps.UNTOUCHED, hint="Dump again.")


@contextlib.contextmanager
def _schema(connection, clients, encoding, arguments, folder, selection):
    """Let pg_dump write an archive without rows, in an encoding, into a folder, while the block is at work.

    What the block is given waits for it, and returns its Toc, without what has passwords of other servers, and warnings.
    """
    environment = dict(connection.environment(), PGCLIENTENCODING=encoding)
    arguments = arguments + ["--verbose", "--file=" + folder, "--dbname=" + connection.conninfo(connection.login_db)]
    with tempfile.TemporaryFile() as said, started(arguments, environment, stderr=said) as process:
        yield lambda: _written_schema(connection, clients, process.wait(), said, folder, selection)


def _written_schema(connection, clients, rc, said, folder, selection):
    heard = dumps.Heard(selection, lambda: None)
    said.seek(0)
    for line in said.read().decode("utf-8", "replace").splitlines():
        heard(line)
    if rc:
        raise dumps.failure(connection, clients, rc, "; ".join(heard.errors), untouched=dumps.UNTOUCHED)
    with open(os.path.join(folder, CONTENTS), "rb") as stream:
        toc = Toc(stream.read())
    gone = toc.remove_secrets()
    if gone:
        heard.warnings.append("Left out, for the passwords in them: %s." % one_line(b", ".join(gone).decode("utf-8", "replace")))
    return toc, heard.warnings


def _move_files(source, archive):
    """Take over what pg_dump has written beside its table of contents: rows of extensions that a rule keeps."""
    for name in sorted(os.listdir(source)):
        if name != CONTENTS:
            shutil.move(os.path.join(source, name), os.path.join(archive, name))


def _write_contents(archive, data):
    with open(os.path.join(archive, CONTENTS), "xb") as stream:
        stream.write(data)
