# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Talk to a PostgreSQL server through psql, the one client every host of a PostgreSQL application can have."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import subprocess
import tempfile
import uuid

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, run, started
from ansible_collections.slipway.app.plugins.module_utils._postgres.clients import psql
from ansible_collections.slipway.app.plugins.module_utils._postgres.service_file import VARIABLES

CONNECT_TIMEOUT = 10  # seconds
LOCK_TIMEOUT = 30  # seconds, where nobody says others; whoever holds a lock that long will not let go by itself
# A dead network must not hang a step for ever, however long its statement may take.
KEEPALIVES = "keepalives_idle=30 keepalives_interval=10 keepalives_count=3"
EXIT_TIMEOUT = 10000  # milliseconds a session gets to end when told to
CHUNK = 256 * 1024  # bytes of rows at a time
READ = 64 * 1024  # bytes of them that are read at once
PIPE, F_SETPIPE_SZ = 1024 * 1024, 1031  # bytes that psql may be ahead of us, and how Linux is told; the module fcntl knows it from Python 3.10 on
LOST = "08006"  # SQLSTATE connection_failure: no session, or one that ended in the middle
ENCODING = "UTF8"  # that we and our sessions talk in
NOT_UTF8 = "22021"  # SQLSTATE character_not_in_repertoire
CONVERT = "A database in SQL_ASCII may have texts of bytes that are no UTF-8: convert these, or leave the rows of that table out."
STOPPED = "?"  # psql itself ended at an error of the server, and says no SQLSTATE then
_STOPPED_RC = 3  # the exit status of such a psql

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"  # of a transaction that is to see one state of the database and change nothing

# A setting that comes with the start of a session, which begins with asking the server for it: a pooler refuses or drops it. With others of
# ours, such as search_path, it would lend the connection to the application.
DIRECT = "slipway.direct"
ITSELF = "A pooler, such as pgbouncer, seems to stand between: connect to the server itself."

# Settings of the role or the database must not change what our statements mean.
SETTINGS = ("SET search_path = pg_catalog, pg_temp", "SET standard_conforming_strings = on", "SET client_min_messages = error",
            "SET row_security = off", "SET default_transaction_read_only = off", "SET synchronous_commit = on",
            "SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0",
            # To find tables that it need not read, the server would run what checks of theirs call, with our rights.
            "SET constraint_exclusion = off",
            # It would end a copy by the server, too. Known from 17 on.
            "SELECT set_config('transaction_timeout', '0', false) WHERE current_setting('transaction_timeout', true) IS NOT NULL",
            # The server, too, is to find out that a client's host is gone: until then it would keep the client's locks, by default for hours.
            # Not by tcp_user_timeout: Linux takes a client that only reads slowly for a dead one then.
            "SET tcp_keepalives_idle = 30", "SET tcp_keepalives_interval = 10", "SET tcp_keepalives_count = 3")
PATIENT = "SET lock_timeout = '%ds'" % LOCK_TIMEOUT  # for what brings a database back to its clients, however soon all else is to give up
# How values are written, as pg_dump has it: nothing of them is lost, and any server reads them as they were.
WRITTEN = ("SET datestyle = ISO", "SET intervalstyle = postgres", "SET extra_float_digits = 3")
READ_AS_WRITTEN = ("SET lc_monetary = 'C'", "SET xmloption = content", "SET array_nulls = on")  # to be set where they are written and where they are read


class PostgresError(SlipwayError):
    """The server refused, or could not be reached; sqlstate tells the two apart."""

    def __init__(self, message, sqlstate, **more):
        self.sqlstate = sqlstate
        super().__init__(message, **more)


def quote_ident(name):
    """The name as an SQL identifier."""
    if not name or "\0" in name:
        raise SlipwayError("%r cannot be a name in PostgreSQL." % (name,))
    return '"%s"' % name.replace('"', '""')


def quote_literal(text):
    """The text as an SQL string, right whatever standard_conforming_strings says."""
    if "\0" in text:
        raise SlipwayError("%r holds a zero byte, which PostgreSQL cannot store." % (text,))
    quoted = "'%s'" % text.replace("'", "''").replace("\\", "\\\\")
    return " E" + quoted if "\\" in text else quoted


def _by_server(text):
    """A line for psql by which the server runs a text: in letters that are the same in every encoding, whatever became of that of the session."""
    return r"SELECT pg_catalog.convert_from(pg_catalog.decode('%s', 'base64'), 'UTF8') \gexec" % base64.b64encode(text.encode("utf-8")).decode("ascii")


class Connection:
    """Where a server is and who asks; nothing is opened before a session is.

    login_host is a host, or a folder of a Unix socket when it starts with a slash; empty means the default socket.
    login_db is the application's database, maintenance_db the one to stay in while login_db is copied and renamed.
    session_role is the role to be in after the login. settings has what else libpq is told, by the names of service_file.VARIABLES.
    lock_timeout is how many seconds a lock is waited for, 0 for ever; but in maintenance_db, where clients may be refused meanwhile, LOCK_TIMEOUT
    at most. statement_timeout is how many the server may be at a copy of a database, 0 for any number; see databases.in_time.
    """

    def __init__(self, login_host="", login_port=5432, login_user="", login_password="", login_db="",
                 ssl_mode="prefer", ca_cert=None, maintenance_db="postgres", ssl_cert=None, ssl_key=None, session_role=None, settings=None,
                 lock_timeout=LOCK_TIMEOUT, statement_timeout=0):
        self.login_host = login_host
        self.login_port = login_port
        self.login_user = login_user
        self.login_password = login_password
        self.login_db = login_db
        self.ssl_mode = ssl_mode
        self.ca_cert = ca_cert
        self.maintenance_db = maintenance_db
        self.ssl_cert = ssl_cert
        self.ssl_key = ssl_key
        self.session_role = session_role
        self.settings = dict(settings or {})
        self.lock_timeout = lock_timeout
        self.statement_timeout = statement_timeout

    def having(self, name, value):
        """The same one, whose sessions have a setting that no SQL is to show: it comes with their start."""
        options = "%s -c %s=%s" % (self.settings.get("options", ""), name, value)
        return Connection(**dict(vars(self), settings=dict(self.settings, options=options.strip())))

    def first(self, database):
        """The statements that a session in a database begins with, where it has its environment from session_environment()."""
        return ("SHOW " + DIRECT, *SETTINGS, self.patience(database))

    def patience(self, database):
        """The statement by which a session in a database waits for locks as long as was said."""
        seconds = self.lock_timeout
        if database == self.maintenance_db != self.login_db:
            seconds = min(seconds or LOCK_TIMEOUT, LOCK_TIMEOUT)
        return "SET lock_timeout = '%ds'" % seconds

    @contextlib.contextmanager
    def session(self, database=None, in_our_group=False, dies_with_us=False):
        """One psql for as long as the block runs; in login_db unless another database is named. See Session for the others."""
        session = Session(self, database or self.login_db, in_our_group, dies_with_us)
        try:
            yield session
        except BaseException:
            session.abandon()
            raise
        finally:
            session.close()

    def query(self, sql, database=None):
        """The rows of one query, each a dict."""
        with self.session(database) as session:
            return session.query(sql)

    def execute(self, sql, database=None):
        """Run one statement that returns nothing of interest."""
        with self.session(database) as session:
            session.execute(sql)

    def run_texts(self, texts, database, role, of="", settings=None):
        """Run texts that people wrote, each one or more statements of SQL, one after the other in one session as a role.

        of is the name of what the texts are from. settings {name: value} are those of the session.
        The first error, in whichever statement, ends it. A text is all or nothing, unless it has BEGIN and COMMIT itself.
        psql is given each as a string to send to the server (\\gexec), and reads nothing of it: no quote, comment or backslash
        in it can hide an error or run a program, nor can an encoding that it sets. On its standard input no text is seen in a list of processes.
        """
        script = ["\\o /dev/null"] + ["%s;" % statement for statement in self.first(database) + ("SET ROLE " + quote_ident(role), "RESET search_path")]
        script += [_by_server("SELECT set_config(%s, %s, false)" % (quote_literal(name), quote_literal(value))) for name, value in (settings or {}).items()]
        for number, text in enumerate(texts):
            script += [_by_server(text), "\\echo %d" % number]
        script += ["COMMIT;", "\\echo end", ""]  # of what a text has begun
        done = run([psql(), "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-d", self.conninfo(database)],
                   env=self.session_environment(), stdin="\n".join(script), dies_with_us=True)
        came = done.stdout.split()
        if done.ok and came[-1:] == ["end"]:
            return
        said = _said(done.stderr, self.login_password)
        if done.ok:  # COPY took what came behind it for its rows
            said = "It reads rows from its client, and there are none."
        where = "in text %d of %d%s, " % (len(came) + 1, len(texts), of and " of " + of) if len(came) < len(texts) else ""
        raise PostgresError("PostgreSQL refused %sin %s: %s" % (where, self.describe(database), said),
                            STOPPED if done.rc in (0, _STOPPED_RC) else LOST)

    def rows(self, what, database):
        """What COPY of a table, or some of its columns, gives out, chunk by chunk, for a session with READ_AS_WRITTEN."""
        statements = ("\\o /dev/null", *self.first(database), *WRITTEN, *READ_AS_WRITTEN, "\\o", "COPY %s TO STDOUT" % what)
        commands = [word for statement in statements for word in ("-c", statement)]
        with tempfile.TemporaryFile() as errors, subprocess.Popen(
                [psql(), "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database), *commands],
                env=self.session_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True) as process:
            yield from iter(lambda: process.stdout.read(CHUNK), b"")
            if process.wait():
                errors.seek(0)
                raise SlipwayError("Cannot read %s in %s: %s" % (what, self.describe(database), redact(
                    " ".join(errors.read().decode("utf-8", "replace").split()), [self.login_password])))

    def end_sessions(self, name):
        """End what sessions of this name are at in login_db.

        The server does not look after a client while a statement runs: what a killed program had sent would go on, keep
        its locks, and change the database after anybody has looked at it.
        """
        self.query("SELECT pg_terminate_backend(pid, %d) FROM pg_stat_activity WHERE application_name = %s AND datname = %s"
                   " AND pg_has_role(usesysid, 'USAGE')"
                   % (EXIT_TIMEOUT, quote_literal(name), quote_literal(self.login_db)), self.maintenance_db)

    def describe(self, database):
        """Where this leads, in words and without the password."""
        return 'database "%s" on %s:%s as user "%s"%s' % (
            database, self.login_host or "the local socket", self.login_port, self.login_user or "(default)",
            ' in role "%s"' % self.session_role if self.session_role else "")

    def conninfo(self, database):
        """What names a database to a client program; all else is in its environment."""
        return "dbname='%s' %s" % (database.replace("\\", "\\\\").replace("'", "\\'"), KEEPALIVES)

    def environment(self):
        """The environment of a client program: nothing of PostgreSQL is inherited, the password is in no argument list."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment.update(LC_ALL="C", PGAPPNAME="slipway", PGCLIENTENCODING=ENCODING)
        settings = dict({"connect_timeout": str(CONNECT_TIMEOUT)}, **dict(self.settings, **{
            "host": self.login_host, "port": str(self.login_port), "user": self.login_user, "password": self.login_password,
            "sslmode": self.ssl_mode, "sslrootcert": self.ca_cert, "sslcert": self.ssl_cert, "sslkey": self.ssl_key,
            "options": self._options()}))
        environment.update((VARIABLES[name], value) for name, value in settings.items())
        return {name: value for name, value in environment.items() if value}

    def session_environment(self):
        """The environment of a psql that begins with first()."""
        environment = self.environment()
        return dict(environment, PGOPTIONS=("%s -c %s=1" % (environment.get("PGOPTIONS", ""), DIRECT)).strip())

    def _options(self):
        """What the server is told at the login: the role comes last, so that it counts whatever the settings say."""
        role = "-c role=" + re.sub(r"([\\\s])", r"\\\1", self.session_role) if self.session_role else ""
        return ("%s %s" % (self.settings.get("options", ""), role)).strip()


class Session:
    """One psql, fed statement by statement.

    Nothing is sent ahead: when this process is killed, psql finishes the one statement it is at, finds its input
    closed and ends. Whole scripts on its standard input would run on with nobody watching. With in_our_group what ends our
    process group ends psql, too, in the middle of a statement; with dies_with_us so does the end of this process, or of the block, by an error.
    """

    def __init__(self, connection, database, in_our_group=False, dies_with_us=False):
        self.connection = connection
        self.database = database
        self._mark = uuid.uuid4().hex
        self._errors = tempfile.TemporaryFile()
        self._guarded = contextlib.ExitStack()  # what kills psql
        argv, environment = [psql(), "-X", "-A", "-t", "-q", "-w", "-d", connection.conninfo(database)], connection.session_environment()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
        try:
            self._process = self._guarded.enter_context(started(argv, environment, **pipes)) if dies_with_us else subprocess.Popen(
                argv, env=environment, start_new_session=not in_our_group, **pipes)
        except (OSError, SlipwayError) as error:
            self._errors.close()
            raise PostgresError(
                "The PostgreSQL client psql cannot be started: %s." % (error.__cause__ or error).strerror, LOST,
                hint="Install it on this host (package postgresql-client on Debian, postgresql on Red Hat).") from error
        try:
            self.execute("\\; ".join(connection.first(database)))  # as one: when the server has much to do, each answer is waited for
        except BaseException:
            self.close()
            raise

    def query(self, sql):
        """The rows of a query, each a dict."""
        return json.loads(self._send("SELECT coalesce(json_agg(row_to_json(q)), '[]') FROM (\n%s\n) q" % sql))

    def query_rows(self, sql, what):
        """As query, over values of what, in words; of an error nothing but its SQLSTATE is told: what the server says may have a value in it."""
        try:
            return self.query(sql)
        except PostgresError as error:
            raise PostgresError("%s cannot be looked at in %s (SQLSTATE %s)." % (
                one_line(what), self.connection.describe(self.database), error.sqlstate), error.sqlstate,
                hint=CONVERT if error.sqlstate == NOT_UTF8 else None) from None

    def execute(self, *statements):
        """Run statements one after the other, each a transaction of its own; stop at the first error."""
        for statement in statements:
            self._send(statement)

    def parsed(self, query):
        """Let the server parse a query, which is not run, and return what it says meanwhile."""
        self._errors.seek(0)  # what was said before
        self._errors.truncate()
        self._converse([("%s \\gdesc\n" % query).encode("utf-8")])
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace")
        self._errors.seek(0)
        self._errors.truncate()
        return said

    def transaction(self, *statements):
        """Run statements in one transaction: all of them happen, or none."""
        self._send("BEGIN")
        try:
            self.execute(*statements)
            self._send("COMMIT")
        except PostgresError as error:
            if error.sqlstate != LOST:
                self._send("ROLLBACK")
            raise

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._guarded.close()
        self._errors.close()

    def abandon(self):
        """Kill a psql that dies with us, whatever it is at."""
        self._guarded.close()

    def load(self, what, chunks):
        """Put rows into a table, or some of its columns, as COPY of a server gives them out: it leaves no backslash to psql."""
        def parts():
            # When COPY is refused, psql is to end: it would take the rows for statements.
            yield ("\\set ON_ERROR_STOP on\nCOPY %s FROM STDIN;\n" % what).encode("utf-8")
            yield from chunks
            yield b"\\.\n\\unset ON_ERROR_STOP\n"

        self._converse(parts())

    def unload(self, query, encoding):
        """What COPY of a query gives out in an encoding, chunk by chunk. psql sends it as it is and reads nothing of it, whoever wrote it.

        Of an error nothing but its SQLSTATE is told: what the server says of it may have a value of a row in it.
        """
        statement = "COPY (%s) TO STDOUT (ENCODING %s)" % (query, quote_literal(encoding))
        with contextlib.suppress(OSError):  # more than this user may have
            fcntl.fcntl(self._process.stdout, F_SETPIPE_SZ, PIPE)
        # psql ends at an error: what it says behind the rows then could be taken for their end.
        self._process.stdin.write(("\\set ON_ERROR_STOP on\n\\set VERBOSITY sqlstate\n%s\n\\echo %s\n" % (
            _by_server(statement), self._mark)).encode("ascii"))
        self._process.stdin.flush()
        end, held = ("%s\n" % self._mark).encode("ascii"), b""
        for chunk in iter(lambda: self._process.stdout.read1(READ), b""):
            if len(chunk) < len(end):  # its beginning may be in the one before
                held, chunk = b"", held + chunk
            if held:
                yield held
            if chunk.endswith(end):
                if len(chunk) > len(end):
                    yield chunk[:-len(end)]
                return
            held = chunk
        raise self._error(STOPPED if self._process.wait() == _STOPPED_RC else LOST)

    def _send(self, statement):
        """Send one statement and return what psql prints for it."""
        return self._converse([("%s;\n" % statement).encode("utf-8")])

    def _converse(self, parts):
        lines = []
        with contextlib.suppress(BrokenPipeError):
            for part in parts:
                self._process.stdin.write(part)
            self._process.stdin.write(("\\echo %s :SQLSTATE :ENCODING\n" % self._mark).encode("utf-8"))
            self._process.stdin.flush()
            for line in self._process.stdout:
                line = line.decode("utf-8")
                if line.startswith(self._mark):
                    _mark, sqlstate, encoding = line.split()
                    if encoding != ENCODING:
                        self._process.kill()  # nothing more is sent: psql would find other ends of names and texts than we have written
                        raise PostgresError("Something in %s has changed the encoding of our session to %s." % (
                            self.connection.describe(self.database), encoding), LOST)
                    if sqlstate == "00000":
                        return "".join(lines)
                    raise self._error(sqlstate)
                lines.append(line)
        raise self._error(STOPPED if self._process.wait() == _STOPPED_RC else LOST)

    def _error(self, sqlstate):
        self._errors.seek(0)
        said = _said(self._errors.read().decode("utf-8", "replace"), self.connection.login_password)
        self._errors.seek(0)
        self._errors.truncate()
        verb = "Cannot reach" if sqlstate == LOST else "PostgreSQL refused in"
        hint = ITSELF if DIRECT in said or "unsupported startup parameter" in said else None
        return PostgresError("%s %s: %s" % (verb, self.connection.describe(self.database), said), sqlstate, hint=hint)


def _said(text, password):
    """What psql said on its standard error, in one line."""
    text = re.sub(r"^psql:\S*( error:)?", "", text, flags=re.MULTILINE)
    return redact(" ".join(text.split()), [password]) or "no reason given"
