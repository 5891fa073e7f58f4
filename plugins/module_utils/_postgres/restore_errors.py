# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What pg_restore says: how far it is, what went wrong, and whether that matters.

Two tables are all the judgement there is: what of an archive is left out before pg_restore begins, and which errors
are known to be harmless. An error that is in neither is fatal.
"""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import OLDEST
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import listed, places
from ansible_collections.slipway.app.plugins.module_utils._postgres.watching import share

NEWEST = 99

# Entries of an archive that are never asked of the server: their kind, which of them, for whom, and why.
# rights "superuser" means that a superuser restores them, "nobody" that they are left out whoever restores.
LEFT_OUT = (
    {"kind": "SUBSCRIPTION", "tag": "", "rights": "nobody",
     "reason": "a restored copy must not take changes from the publisher of the original"},
    {"kind": "PUBLICATION", "tag": "", "rights": "superuser",
     "reason": "only a superuser may publish all tables; a publication is of no use without its subscribers"},
    {"kind": "EVENT TRIGGER", "tag": "", "rights": "superuser", "reason": "only a superuser may make event triggers"},
    # The restoring role owns an extension it makes, but a trusted one belongs to the bootstrap superuser in parts.
    {"kind": "COMMENT", "tag": r"- EXTENSION ", "rights": "superuser",
     "reason": "the comment of an extension comes with the extension"},
    {"kind": "COMMENT", "tag": r"- SUBSCRIPTION ", "rights": "nobody", "reason": "the subscription itself is left out"},
    {"kind": "COMMENT", "tag": r"- (PUBLICATION|EVENT TRIGGER) ", "rights": "superuser", "reason": "what it describes is left out"},
    {"kind": "EXTENSION", "tag": r"- (pg_stat_statements|pg_stat_kcache|pg_buffercache|pgstattuple|pg_wait_sampling) ", "rights": "superuser",
     "reason": "it watches the server and holds nothing of the application; only a superuser may install it"},
)

# Errors known to be harmless: their text, the command they answer, the majors of the server that say them, and why.
BENIGN = (
    {"text": r'unrecognized configuration parameter "transaction_timeout"', "command": r"SET transaction_timeout = 0;",
     "since": OLDEST, "until": 16,
     "reason": "pg_restore 17 and later turns off a timeout that servers before 17 do not have"},
    {"text": r'schema "public" already exists', "command": r"CREATE SCHEMA public;",
     "since": OLDEST, "until": NEWEST,
     "reason": "an archive of pg_dump before 15 can ask for the schema that every database has from the beginning"},
    {"text": r"must be owner of schema public", "command": r"COMMENT ON SCHEMA public IS ",
     "since": OLDEST, "until": NEWEST,
     "reason": "the comment that every schema public has; since PostgreSQL 15 the schema belongs to the database's owner"},
    {"text": r"must be owner of extension \S+", "command": r"COMMENT ON EXTENSION ",
     "since": OLDEST, "until": NEWEST,
     "reason": "the comment of an extension comes with the extension"},
)

# What to do about errors that matter.
DISK_FULL = r"No space left on device|Disk quota exceeded|could not extend file"  # the system and the server say so
NO_RIGHT = "Restore as a role that may do this%s."
HINTS = (
    (r'role "[^"]*" does not exist', "Roles belong to the server, not to a database: make it there first."),
    (r'extension "[^"]*" is not available', "Install the extension's package on the server's machine."),
    (r"must be able to SET ROLE|must be member of role|must be owner of|permission denied",
     NO_RIGHT),
    (r"could not load library", "The server's package was upgraded while it ran: restart the server."),
    (DISK_FULL, "The disk of the server is full."),
    (r"unsupported version", "The archive was written by a newer pg_dump: install the client of that version on this host."),
)

# What the server says when what was left out of a dump is wanted.
_LACKING = re.compile(r'violates foreign key constraint|relation "[^"]*" does not exist')

_BEGINS = re.compile(r"pg_restore: (?:error|fatal): (?P<text>.*)", re.DOTALL)
# Several jobs write to one pipe, each message in pieces: one can begin in the middle of another, and what it says be torn.
_ERROR = re.compile(r"(?:error|fatal): ")
# Messages that are about an entry, whose name may have anything in it.
_ABOUT = re.compile(r'pg_restore: (?:from TOC entry|(?:processing|launching|finished|skipping) item|creating|executing|processing data for table) ')
_ENTRY = re.compile(r"pg_restore: from TOC entry \d+; \d+ \d+ (?P<entry>.*)", re.DOTALL)
_ANSWER = re.compile(r"could not execute query: (?:ERROR|FATAL|PANIC):  (?P<text>.*)", re.DOTALL)
_IN_LIST = re.compile(r"(?P<id>\d+); \d+ \d+ (?P<entry>.*)")
_FINISHED = re.compile(r"pg_restore: finished item \d+ TABLE DATA (?P<table>.*)")
_PROCESSING = re.compile(r'pg_restore: processing data for table "(?P<table>.*)"')
# What comes after the rows and can take as long as they: its lines in a list, and what pg_restore says when it begins one.
_LATER = "(?:INDEX(?! ATTACH)|CONSTRAINT|FK CONSTRAINT|MATERIALIZED VIEW DATA) "
_LATER_LISTED = re.compile(r"^\d+; \d+ \d+ " + _LATER, re.MULTILINE)
_ROWS_LISTED = re.compile(r"^\d+; \d+ \d+ TABLE DATA ", re.MULTILINE)
_CREATING = re.compile("pg_restore: creating " + _LATER + '"(?P<what>.*)"')


class RestoreError:
    """One error: the entry of the archive it is about, what was said, and the command it answers ("" where not told)."""

    def __init__(self, entry, said):
        self.entry = entry
        text, _separator, self.command = said.partition("\nCommand was: ")
        answer = _ANSWER.match(text)
        self.by_server = answer is not None
        self.text = (answer.group("text") if answer else text).strip()
        self.command = self.command.strip()

    def benign_for(self, major):
        """Why the error does not matter on a server of this major version; None when it does, as far as we know."""
        if not self.by_server or _ERROR.search(self.text) or _ERROR.search(self.command):  # another one may be in the middle of it
            return None
        said = self.text.splitlines()[0]
        for known in BENIGN:
            if (known["since"] <= major <= known["until"] and re.fullmatch(known["text"], said)
                    and re.match(known["command"], self.command)):
                return known["reason"]
        return None

    def __str__(self):
        return "%s%s" % (self.entry + ": " if self.entry else "", " ".join(self.text.split()))


class ErrorReader:
    """Takes pg_restore's messages line by line and cuts the errors out of them."""

    def __init__(self):
        self._entry = ""
        self._said = None

    def feed(self, line):
        """Take one line (without its end); return the error that ended before it, or None."""
        if self._said is not None and not line.startswith("pg_restore: "):
            self._said.append(line)
            return None
        ended = self.end()
        entry, begun = _ENTRY.match(line), _BEGINS.match(line)
        if line.startswith("pg_restore: while "):
            self._entry = ""
        elif entry:
            self._entry = entry.group("entry").strip()
        elif begun:
            self._said = [begun.group("text")]
        elif _ERROR.search(line) and not _ABOUT.match(line):
            self._entry, self._said = "", [line]
        return ended

    def end(self):
        """The error that was being read when the messages ended, or None."""
        said, self._said = self._said, None
        return RestoreError(self._entry, "\n".join(said)) if said is not None else None


class Reader:
    """Listens to pg_restore, which is asked for some lines of its list: stops it at the first error that matters, and says how far it is.

    One that is at work alone says what it begins, others what they have finished, too. Of the tables that are being copied
    Watching knows how far they are; begun(seen) is to let it begin, once pg_restore is at work.
    """

    def __init__(self, major, manifest, asked_for, watch, alone, begun, as_dumped):
        self._errors = ErrorReader()
        self._major = major
        self._watch = watch
        self._alone = alone
        self._begun = begun
        self._as_dumped = as_dumped
        without = places(manifest["excluded_data"])
        self._tables = {_place(table): table for table in manifest["tables"] if _place(table) not in without}
        self._sizes = {}  # of those that are not done
        for table in self._tables.values():
            self._sizes[self._said(table)] = self._sizes.get(self._said(table), 0) + table["bytes"]
        self._done, self._total = 0, sum(self._sizes.values())
        self._table, self._copied, self._most = "", {}, 0
        self._rows_left = len(_ROWS_LISTED.findall(asked_for))
        self._later, self._item, self._items = "", 0, len(_LATER_LISTED.findall(asked_for))
        self._known = set()
        self.ignored = []
        self._left_out = manifest["excluded"] + manifest["excluded_data"]
        self.last = ""

    def hear(self, line):
        if self._begun:
            self._begun(self.seen)
            self._begun = None
        self._judge(self._errors.feed(line))
        self.last = line or self.last
        finished, begun, later = _FINISHED.match(line), _PROCESSING.match(line), _CREATING.match(line)
        if finished:
            self._table = finished.group("table")
            self._rows_left -= 1
            self._done += self._sizes.pop(self._table, 0)
        elif begun:
            if self._alone:
                self._done += self._sizes.pop(self._table, 0)
            self._table = begun.group("table")
        elif later:
            self._later = later.group("what")
            self._item += 1
        if finished or begun or later:
            self._tell()

    def seen(self, copies):
        """So far are tables that are being copied, as Watching tells it."""
        copied = {}
        for copy in copies:
            table = self._tables.get(_place(copy))
            if table:
                size = table["bytes"] * share(copy, table["rows"], table["bytes"])
                copied[self._said(table)] = copied.get(self._said(table), 0) + int(size)
        self._copied = copied
        self._tell()

    def _tell(self):
        # Several at work make indexes of one table while they copy another, and it is the rows then that tell how far they are.
        if self._later and (self._alone or not self._rows_left):
            self._watch("indexes and keys", table=self._later, item=self._item, items=self._items)
            return
        self._most = max(self._most, self._done + sum(size for name, size in self._copied.items() if name in self._sizes))
        self._watch("restore", table=self._table, bytes=self._most, total_bytes=self._total)

    def _said(self, table):
        """The table as pg_restore names it."""
        return ("%(schema)s.%(name)s" if self._alone else "%(name)s") % table

    def fine(self, rc):
        """Whether a pg_restore that ended with rc came through; with 1 it says that there were errors, and all were harmless."""
        return rc == 0 or rc == 1 and bool(self.ignored)

    def end(self):
        self._judge(self._errors.end())

    def _judge(self, error):
        if error is None:
            return
        reason = error.benign_for(self._major)
        if reason is None:
            raise SlipwayError("pg_restore cannot restore %s" % error, hint=hint_for(error, self._left_out, self._as_dumped))
        if error.text not in self._known:  # each job says it once more
            self._known.add(error.text)
            self.ignored.append({"error": str(error), "reason": reason})


def _place(table):
    return table["schema"], table["name"]


def read_errors(text):
    """All errors in the output of a pg_restore."""
    reader = ErrorReader()
    found = [reader.feed(line) for line in text.splitlines()] + [reader.end()]
    return [error for error in found if error]


def chosen(listing, superuser):
    """What to restore of an archive whose list (pg_restore --list) this is.

    Returns the lines to ask for, as one text, and what is left out: [{entry, reason}].
    """
    lines, left_out = [], []
    for line in listing.splitlines():
        entry = _IN_LIST.match(line)
        if not entry:
            continue
        reason = _why_not(entry.group("entry"), superuser)
        if reason:
            left_out.append({"entry": entry.group("entry").strip(), "reason": reason})
        else:
            lines.append(line)
    return "".join(line + "\n" for line in lines), left_out


def _why_not(entry, superuser):
    for rule in LEFT_OUT:
        kind = rule["kind"] + " "
        if (entry.startswith(kind) and re.match(rule["tag"], entry[len(kind):])
                and not (superuser and rule["rights"] == "superuser")):
            return rule["reason"]
    return None


def hint_for(error, left_out, as_dumped):
    """What to do about an error, or None.

    left_out are tables that a dump lacks, or lacks the rows of; as_dumped: things are to belong to whom they belonged to.
    """
    if left_out and _LACKING.search(error.text):
        return "The dump was made without these tables, or their rows, which something in it may refer to: %s." % listed(left_out)
    hint = next((hint for text, hint in HINTS if re.search(text, error.text)), None)
    if hint is NO_RIGHT:
        return hint % (", or with properties=target, which gives everything to the owner of the database" if as_dumped else "")
    return hint
