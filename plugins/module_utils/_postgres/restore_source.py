# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a database can be restored from: a dump, or another database of the same server."""

from __future__ import annotations

import contextlib
import re
import tempfile
import uuid

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._core.process import follow, killed, redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres import money
from ansible_collections.slipway.app.plugins.module_utils._postgres.archive import tablespaces
from ansible_collections.slipway.app.plugins.module_utils._postgres.clients import for_dump, for_restore
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import IN_USE, allow, copying, in_time, version_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.encoding import codec, encoded
from ansible_collections.slipway.app.plugins.module_utils._postgres.grants import Grants, compared, copy_grants
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import collation_warnings, look, problems
from ansible_collections.slipway.app.plugins.module_utils._postgres.properties import NOTHING, carry_over, give, keep_out
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_errors import DISK_FULL, Reader, chosen
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import spoken
from ansible_collections.slipway.app.plugins.module_utils._postgres.watching import Watching

COUNTED_AT_ONCE = 200  # tables in one statement
UNTRANSLATABLE = "22P05"  # the encoding of a database has no such letter
PROVIDERS = 15  # major from which on a database has a provider of its locale
_NAMING_ROLES = re.compile(r"\d+; \d+ \d+ (?:POLICY|USER MAPPING) ")
_TYPES_AND_TABLES = re.compile(r"\d+; \d+ \d+ (?:DOMAIN|TYPE|TABLE) (?!DATA |ATTACH )")

ROLES = "SELECT rolname AS name FROM pg_roles WHERE rolname IN (%s)"  # no others: from a database in SQL_ASCII a name that is no UTF-8 cannot be had

# Which of these tables this role can see all rows of.
COUNTABLE = """
SELECT n.nspname AS schema, c.relname AS name, has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid) AS countable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm', 'f')"""

# The tablespaces of the server and whether a role may make tables in them; that of the database itself is named in no archive.
TABLESPACES = "SELECT spcname AS name, has_tablespace_privilege(%s, oid, 'CREATE') AS usable FROM pg_tablespace"

IN_ITS_OWN = "All of the dump comes into the tablespace of the database itself."

# The tables that pg_dump has to lock, but for those that this role may.
UNREADABLE = """
SELECT n.nspname AS schema, c.relname AS name, current_user AS role FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT, UPDATE, DELETE, TRUNCATE'))
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY 1, 2 LIMIT 10"""

# The extensions of the server and whether a role that is no superuser may install them in a database of its own.
AVAILABLE = """
SELECT e.name, bool_or(v.trusted OR NOT v.superuser) AS trusted
FROM pg_available_extensions e JOIN pg_available_extension_versions v USING (name) GROUP BY 1"""


class DumpSource:
    """A dump of a store. The archive is verified, filtered and restored by pg_restore; psql never sees any of it.

    With only_look it is not going to be restored, so not all of it has to be on this host.
    """

    options = ()  # of pg_restore, beside those that all dumps are restored with
    takes_privileges = True  # of the live database, where the properties are those of the target
    without_tablespaces = ()  # an option more, where those of the dump are of no use
    in_parallel = True  # whether several tables can be restored at the same time

    def __init__(self, dump, bin_dir=None, only_look=False):
        self.dump = dump
        self._only_look = only_look
        self.manifest = dump.manifest
        self.name = str(dump.key)
        self.bin_dir = bin_dir
        self.left_out, self.ignored, self.checked, self.removed, self.warnings = [], [], 0, [], []
        self._clients = None
        self._asked_for = ""

    def owner(self, _session):
        return self.manifest["owner"]

    @contextlib.contextmanager
    def brought(self):
        """For as long as the block runs the dump may be on this host; an error says what becomes of it: what may be on a full disk does not stay."""
        try:
            yield self
        except OSError as error:
            if re.search(DISK_FULL, str(error)):
                self.dump.used()
            raise
        except SlipwayError as error:
            told = self.dump.stays()
            if told and re.search(DISK_FULL, error.message):
                self.dump.used()
                told = "What was fetched was removed, since a disk is full."
            hint = " ".join(filter(None, [error.hint, told]))
            raise SlipwayError(error.message, untouched=error.untouched, hint=hint or None, **error.facts) from error
        finally:
            self.dump.close()

    # Looking

    def problems(self, restore, session, facts):
        """What speaks against restoring this dump there, as sentences."""
        found = []
        try:
            self._clients = for_restore(self.manifest["server_version"], self.manifest["client_version"], version_of(session), self.bin_dir)
            self.dump.bring(restore.watch, True)
            self._choose(_is_superuser(session, _maker(restore, facts)))
            self.warnings = self.warnings + self._doubtful_amounts(session)
            found += self._tablespaces(restore, session, facts)
        except SlipwayError as error:
            found.append(" ".join(part for part in (error.message, error.hint) if part))
        if self.takes_privileges and restore.wishes.properties == "target" and facts["open"] and not facts["superuser"]:
            found += _unreadable(restore)
        return found + self._roles(restore, session) + self._extensions(session, _maker(restore, facts)) + self._encoding(restore, facts)

    def ready(self, restore):
        """Have all of it here and compared, now that nothing speaks against it; where it is only looked at, what is here anyway."""
        if self.dump.at_hand or not self._only_look:
            try:
                self.removed = self.dump.bring(restore.watch)
            except SlipwayError as error:  # a store knows of no database
                raise SlipwayError(error.message, untouched=error.untouched or "Nothing was changed.", hint=error.hint, **error.facts) from error

    def used(self):
        """What was restored of it is worth something: no other call needs the dump on this host."""
        self.dump.used()

    def _choose(self, superuser):
        listing = self._run("--list")
        self._asked_for, self.left_out = chosen(listing, superuser)

    def _roles(self, restore, session):
        """Roles that the dump needs and the server lacks."""
        as_dumped = restore.wishes.properties == "dump"
        needed = set(self.manifest["roles"] + [self.manifest["owner"]] * as_dumped)
        missing = sorted(needed - _there(session, sorted(needed))) if needed else []
        if not as_dumped:
            # Owners and grants are not taken over; policies and user mappings name roles all the same.
            naming = "".join(line + "\n" for line in self._asked_for.splitlines() if _NAMING_ROLES.match(line))
            text = self._listed(naming, "--no-owner", "--file=-") if naming and missing else ""
            missing = [role for role in missing if re.search(r"(?<!\w)%s(?!\w)" % re.escape(role.replace('"', '""')), text)]
        return ['Role "%s", which the dump needs, is not on this server.' % role for role in missing]

    def _doubtful_amounts(self, session):
        """A sentence for a dump with amounts of money that does not say how it writes them, as those of before do not."""
        if "lc_monetary" in self.manifest or not money.in_tables(self._listed(self._tables_asked_for(), "--no-owner", "--no-acl", "--file=-")):
            return []
        return ["The dump does not say how it writes amounts of money, and they are read with lc_monetary=%s: compare some of them with those of its source."
                % session.query("SELECT %s AS here" % money.HERE)[0]["here"]]

    def _tables_asked_for(self):
        """Lines of the list for the tables whose rows are asked for, with all types."""
        return "".join(line + "\n" for line in self._asked_for.splitlines() if _TYPES_AND_TABLES.match(line))

    def _tablespaces(self, restore, session, facts):
        """Tablespaces that the dump needs and that cannot be used here; where the properties are those of the target none of the dump is needed then."""
        asked = self._asked_tablespaces()
        if not asked:
            return []
        maker = _maker(restore, facts)
        # In its own tablespace a database needs no right; this is what fill() makes it in.
        own = "pg_default" if restore.wishes.properties == "dump" or not facts["here"] else facts["tablespace"] or "pg_default"
        usable = {}
        for row in session.query(TABLESPACES % quote_literal(maker)):
            with contextlib.suppress(SlipwayError):  # a name that the archive's encoding cannot have stands in none
                usable[self._encoded(row["name"])] = row["usable"] or row["name"] == own
        found = []
        for name in sorted(asked):
            if not usable.get(name):
                said = name.decode(codec(self.manifest["encoding"]), "replace")
                found.append((said, 'Tablespace "%s", which the dump needs, %s.' % (
                    said, 'may not be used by role "%s"' % maker if name in usable else "is not on this server")))
        if restore.wishes.properties == "dump":
            return [sentence for _name, sentence in found]
        if found:
            self.without_tablespaces = ("--no-tablespaces",)
            self.left_out = self.left_out + [{"entry": "TABLESPACE - " + name, "reason": sentence + " " + IN_ITS_OWN} for name, sentence in found]
        return []

    def _asked_tablespaces(self):
        """The names of the tablespaces that stand in the archive, in bytes of its encoding."""
        return tablespaces(self.dump.archive)

    def _encoded(self, name):
        return encoded(name, self.manifest["encoding"])

    def _extensions(self, session, maker):
        available = {row["name"]: row["trusted"] for row in session.query(AVAILABLE)}
        superuser = _is_superuser(session, maker)
        left_out = {out["entry"].split()[2] for out in self.left_out if out["entry"].startswith("EXTENSION ")}
        found = []
        for name in sorted(set(self.manifest["extensions"]) - left_out - {"plpgsql"}):
            if name not in available:
                found.append('Extension "%s", which the dump needs, is not installed on the server\'s machine.' % name)
            elif not (available[name] or superuser):
                found.append('Extension "%s", which the dump needs, may only be made by a superuser, and role "%s" is none.'
                             % (name, maker))
        return found

    def _encoding(self, restore, facts):
        there = self.manifest["encoding"]
        here = facts["encoding"]
        if restore.wishes.properties == "dump" or here is None or here in (there, "UTF8") and there != "SQL_ASCII":
            return []
        if here == there:
            return []
        return ["The database has the encoding %s and the dump %s, whose characters may not fit; properties=dump takes that of the dump."
                % (here, there)]

    def _counted(self):
        without = {(table["schema"], table["name"]) for table in self.manifest["excluded_data"] + self.manifest["excluded"]}
        return {(table["schema"], table["name"]): table["rows"] for table in self.manifest["tables"]
                if table["rows"] is not None and (table["schema"], table["name"]) not in without}

    # Filling

    def fill(self, restore, session, facts):
        new = restore.place.new
        session.execute(_creating(new, facts, self.manifest if restore.wishes.properties == "dump" or not facts["here"] else None),
                        keep_out(new))
        jobs = restore.wishes.jobs if self.in_parallel else 1
        argv = [self._clients.pg_restore, "--verbose", "--no-password", "--jobs=%d" % jobs,
                "--dbname=" + restore.connection.conninfo(new), *self.options, *self.without_tablespaces]
        if restore.wishes.properties == "target":
            argv += ["--no-owner", "--no-acl", "--role=" + facts["new_owner"]]
        environment = dict(_reading(restore.connection, session, self.manifest), PGAPPNAME="slipway restore %s" % uuid.uuid4().hex)
        with contextlib.ExitStack() as beside:
            # A thread, so it begins when the programs have.
            reader = Reader(facts["major"], self.manifest, self._asked_for, restore.watch, jobs == 1, lambda seen: beside.enter_context(
                Watching(restore.connection, new, environment["PGAPPNAME"], seen)), restore.wishes.properties == "dump")
            rc = self._pour(argv, environment, reader)
        reader.end()
        self.ignored = reader.ignored
        if not reader.fine(rc):
            said = redact(reader.last, [restore.connection.login_password])
            raise SlipwayError("pg_restore %s: %s" % (killed(-rc) if rc < 0 else "ended with %d" % rc, said or "it said nothing."))

    def _pour(self, argv, environment, reader):
        """Run pg_restore as argv and environment say, with reader listening; its exit status."""
        with file_with(self._asked_for) as listed:
            return follow(argv + ["--use-list=" + listed, self.dump.archive], reader.hear, environment)

    def check(self, restore, new):
        """Compare the number of rows of each table with the manifest; a difference is an error."""
        expected = self._counted()
        with restore.connection.session(new) as session:
            there = {(row["schema"], row["name"]): row["countable"] for row in session.query(COUNTABLE)}
            tables = [table for table in expected if there.get(table, True)]
            lacking = [table for table in tables if table not in there]
            found = dict.fromkeys(lacking)
            tables = [table for table in tables if table in there]
            for first in range(0, len(tables), COUNTED_AT_ONCE):
                found.update(count_rows(session, tables[first:first + COUNTED_AT_ONCE]))
        self.checked = len(tables)
        wrong = [(table, found[table]) for table in expected if found.get(table, expected[table]) != expected[table]]
        if wrong:
            said = ["%s has %s rows instead of %d" % (one_line("%s.%s" % tuple(map(quote_ident, table))), "no" if rows is None else rows,
                                                      expected[table]) for table, rows in wrong[:5]]
            raise SlipwayError("What was restored is not what was dumped: %s%s." % (
                ", ".join(said), " and %d more tables" % (len(wrong) - 5) if len(wrong) > 5 else ""))

    def grants(self, restore, new, facts):
        """Privileges inside the database as the live one has them; what is lacking, as sentences. The rows are there: much would be lost by an error."""
        return copy_grants(self._clients, restore.connection, facts, restore.database, new, restore.seconds["restore"])

    def compared(self, restore, new):
        """Whom the new database lets do less than the live one, or more, as sentences."""
        return compared(restore.connection, restore.database, new)

    def carry_over(self, restore, session, facts):
        """What stands outside of the database, as the dump says, else as the live one has it. What is lacking, as sentences."""
        told = self._outside(restore)
        if told or not facts["oid"]:
            return give(session, restore.place.new, told or NOTHING)
        return carry_over(session, restore.database, restore.place.new)

    def connection_limit(self, restore, facts):
        """How many may connect; -1 or None: no limit."""
        told = self._outside(restore)
        return told["connection_limit"] if told else facts["connection_limit"]

    def _outside(self, restore):
        """What the dump says of the database itself, where that is asked for and it is no older one, which says nothing."""
        return self.manifest.get("outside") if restore.wishes.properties == "dump" else None

    # Programs

    def _run(self, *options):
        done = run([self._clients.pg_restore, *options, self.dump.archive], dies_with_us=True)
        if not done.ok:
            raise SlipwayError("pg_restore cannot read the archive of %s: %s" % (self.name, tail(done.stderr, 3)))
        return done.stdout

    def _listed(self, lines, *options):
        with file_with(lines) as listed:
            return self._run("--use-list=" + listed, *options)


class CopySource:
    """A database of the same server, copied as it is. Nobody may be connected to it."""

    def __init__(self, database, bin_dir=None):
        self.database = database
        self.bin_dir = bin_dir
        self.name = ":" + database
        self.left_out, self.ignored, self.checked, self.removed, self.warnings = [], [], 0, [], []
        self._facts = self._clients = None

    def owner(self, session):
        self._facts = look(session, self.database)
        return self._facts["owner"]

    def problems(self, restore, session, facts):
        self._facts = look(session, self.database)
        found = not_itself(restore, self.database) or problems(session, self.database, self._facts)
        if restore.wishes.properties == "target" and facts["oid"]:
            try:
                self._clients = for_dump(version_of(session), self.bin_dir)
            except SlipwayError as error:
                found.append("The privileges inside the database, which the copy is to have, cannot be read: %s" % error)
        return found

    def ready(self, restore):
        """It is where it has to be."""

    def used(self):
        """Nothing was fetched of it."""

    def fill(self, restore, session, facts):
        new = restore.place.new
        owner = {"owner": facts["new_owner"]}
        if self._clients:
            with Grants(self._clients, restore.connection, restore.database):
                pass  # they can be read: seen before the server copies for hours, and read again after it
        restore.watch("copy")
        self.warnings = collation_warnings(session, self.database, self._facts)
        try:
            with in_time(session):
                session.execute(copying(self.database, new, dict(self._facts, connection_limit=-1, **owner)))
            session.execute(keep_out(new), allow(new, True))
        except PostgresError as error:
            if error.sqlstate != IN_USE:
                raise
            raise SlipwayError("Database %s is in use, so it cannot be copied: %s" % (quote_ident(self.database), error.message),
                               hint="Call it again: unless way=template is said, it is streamed as it is used.") from error

    def check(self, restore, new):
        """A copy by the server itself has all rows."""

    def grants(self, restore, new, facts):
        """A copy has the privileges of what it was copied from; it gets those of the live database beside them."""
        return copy_grants(self._clients, restore.connection, facts, restore.database, new, restore.seconds["restore"]) if self._clients else []

    def compared(self, restore, new):
        return compared(restore.connection, restore.database, new, beside=True) if self._clients else []

    def carry_over(self, restore, session, _facts):
        return carry_over(session, self.database, restore.place.new)

    def connection_limit(self, restore, facts):
        return (self._facts if restore.wishes.properties == "dump" else facts)["connection_limit"]


def not_itself(restore, database):
    """Why a database of the server cannot be put in the place of the live one, as sentences: it is that, or is dropped on the way."""
    if database == restore.database:
        return ["A database cannot be restored from itself."]
    if database in restore.place.passing:
        return ['Database "%s" is a thing of restores that are under way, and no source of others.' % database]
    return []


def _maker(restore, facts):
    """The role that makes what is restored."""
    return facts["new_owner"] if restore.wishes.properties == "target" else facts["role"]


def _unreadable(restore):
    """Sentences on tables of the live database whose privileges cannot be read when the rows are there, perhaps hours later."""
    return ['Role "%s" may not read table %s of the live database, so the new one cannot get its privileges.' % (row["role"], spoken(row))
            for row in restore.connection.query(UNREADABLE)]


def _there(session, roles):
    """Those of some roles that the server has: none whose name cannot be written as the database says that names are."""
    try:
        return {row["name"] for row in session.query(ROLES % ", ".join(map(quote_literal, roles)))}
    except PostgresError as error:
        if error.sqlstate != UNTRANSLATABLE:
            raise
    return set().union(*(_there(session, [role]) for role in roles)) if len(roles) > 1 else set()


def _is_superuser(session, role):
    rows = session.query("SELECT rolsuper AS super FROM pg_roles WHERE rolname = %s" % quote_literal(role))
    return bool(rows and rows[0]["super"])


def _reading(connection, session, manifest):
    """The environment of pg_restore, for which a role or a server may have set that it reads values otherwise than they were written."""
    here = session.query("SELECT current_setting('array_nulls') AS array_nulls, %s AS lc_monetary" % money.HERE)[0]
    if here["array_nulls"] == "off":  # an archive has NULL in arrays, which is a text then
        connection = connection.having("array_nulls", "on")
    if manifest.get("lc_monetary"):
        connection = money.neutral(connection, here["lc_monetary"])
    return connection.environment()


def _creating(new, facts, manifest):
    """The statement that makes the empty database: as the manifest says, else as the live database is."""
    if manifest:
        encoding, collate, ctype, provider, locale, rules, tablespace = (
            [manifest[key] for key in ("encoding", "collate", "ctype", "locale_provider", "icu_locale")] + [manifest.get("icu_rules"), None])
    else:
        here = facts["here"]
        provider = {"i": "icu", "b": "builtin"}.get(here.get("datlocprovider"), "libc")
        encoding, collate, ctype, locale, rules, tablespace = (
            facts["encoding"], here["datcollate"], here["datctype"], here.get("datlocale") or here.get("daticulocale"),
            here.get("daticurules"), facts["tablespace"])
    options = [("ENCODING", encoding), ("LC_COLLATE", collate), ("LC_CTYPE", ctype)]
    if provider == "libc" and facts["major"] >= PROVIDERS:  # not that of template0, whatever it is
        options.append(("LOCALE_PROVIDER", provider))
    elif provider != "libc":
        options += [("LOCALE_PROVIDER", provider), (provider.upper() + "_LOCALE", locale), ("ICU_RULES", rules)]
    text = " ".join("%s %s" % (name, quote_literal(value)) for name, value in options if value is not None)
    return "CREATE DATABASE %s TEMPLATE template0 OWNER %s %s%s" % (
        quote_ident(new), quote_ident(facts["new_owner"]), text, " TABLESPACE " + quote_ident(tablespace) if tablespace else "")


def count_rows(session, tables):
    """{(schema, name): rows} of some tables, those of their children not counted in."""
    rows = session.query("\nUNION ALL ".join("SELECT %d AS number, count(*) AS rows FROM ONLY %s.%s" % (
        number, quote_ident(schema), quote_ident(name)) for number, (schema, name) in enumerate(tables)))
    return {tables[row["number"]]: row["rows"] for row in rows}


@contextlib.contextmanager
def file_with(text):
    """The path of a file with this text, for as long as the block runs."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape", prefix="slipway-restore-") as stream:
        stream.write(text)
        stream.flush()
        yield stream.name
