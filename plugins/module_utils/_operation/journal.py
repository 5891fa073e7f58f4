# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The journal of one operation on one host: what was about to be done, and how it went.

One file per operation, <root>/state/journal/<operation id>.jsonl, one JSON record per line, each fsync'ed before the
thing it announces is done. A record holds the hash of the one before it, so that a changed journal shows. The journal
of the leader is the operation's own: the other hosts keep theirs to know what they did themselves.

Record: seq (from 1), at (UTC), operation, fence, host, step, event (begin, done, fail), data, previous (SHA-256, hex).
The first record is step "operation", event begin; the record with step "operation", event done or fail closes it.
"""

from __future__ import annotations

import contextlib
import datetime
import glob
import hashlib
import json
import os
import re
import shutil

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import fsync_dir, make_own_dir

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
OPERATION = "operation"  # the step that frames all others
JOURNALS = 200  # of so many operations a host keeps its journal, and of so many what their programs printed
OUTPUTS = 10
MOVE = "Restore it from a copy, or move it away if the operation is known to be over."


def now():
    """This moment in UTC, ISO 8601 with milliseconds."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def seconds_between(earlier, later):
    """Seconds between two times as written by now()."""
    begun, ended = (datetime.datetime.fromisoformat(moment[:-1]) for moment in (earlier, later))  # Python before 3.11 takes no Z
    return (ended - begun).total_seconds()


class Journal:
    """Append to and read the journal of one operation."""

    def __init__(self, root, operation):
        if not _ID.fullmatch(operation):
            raise SlipwayError("%r is not the id of an operation." % operation, untouched="Nothing was changed.")
        self.operation = operation
        self.path = os.path.join(directory(root), operation + ".jsonl")

    def append(self, step, event, fence=0, host="", data=None):
        """Write one record and return it once it is on the disk."""
        make_own_dir(os.path.dirname(self.path), 0o700)
        new = not os.path.exists(self.path)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "r+b") as stream:
                record = self._write(stream, {"operation": self.operation, "fence": fence, "host": host,
                                              "step": step, "event": event, "data": data or {}})
            if new:
                fsync_dir(os.path.dirname(self.path))
        except OSError:
            if new:  # an operation that was never begun has no journal
                os.unlink(self.path)
            raise
        return record

    @staticmethod
    def _write(stream, facts):
        lines = _whole_lines(stream.read())
        # What a crash left of a last line was never acknowledged to anybody: write over it.
        stream.seek(sum(len(line) + 1 for line in lines))
        stream.truncate()
        record = dict(facts, seq=len(lines) + 1, at=now(), previous=hashlib.sha256(lines[-1]).hexdigest() if lines else "")
        stream.write(json.dumps(record, sort_keys=True).encode("utf-8") + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
        return record

    def _lines(self):
        try:
            with open(self.path, "rb") as stream:
                return _whole_lines(stream.read())
        except FileNotFoundError:
            return []

    def last(self):
        """The last record, or None."""
        lines = self._lines()
        return self._parsed(lines[-1:])[0] if lines else None

    def records(self):
        """All records, oldest first; an error where the chain of hashes is broken."""
        lines = self._lines()
        records = self._parsed(lines)
        for number, record in enumerate(records):
            expected = hashlib.sha256(lines[number - 1]).hexdigest() if number else ""
            if record["previous"] != expected:
                raise SlipwayError("The journal %s was changed by hand before record %d." % (self.path, number + 1),
                                   hint=MOVE)
        return records

    def _parsed(self, lines):
        try:
            return [json.loads(line.decode("utf-8")) for line in lines]
        except ValueError:
            raise SlipwayError("The journal %s is damaged: a line of it is no JSON." % self.path, hint=MOVE) from None


def _whole_lines(content):
    """The lines that end, and are JSON; a crash can only leave a piece at the end."""
    lines = content.split(b"\n")[:-1]
    if lines:
        try:
            json.loads(lines[-1].decode("utf-8"))
        except ValueError:
            lines.pop()
    return lines


def directory(root):
    """The folder of the journals of an application."""
    return os.path.join(root, "state", "journal")


def operations(root):
    """The ids of all operations this host has a journal of, newest first (ids begin with their time)."""
    try:
        names = os.listdir(directory(root))
    except FileNotFoundError:
        return []
    return sorted((name[:-len(".jsonl")] for name in names if name.endswith(".jsonl")), reverse=True)


def _closes(record):
    """Whether a record closes its operation; none does not."""
    return record is not None and record["step"] == OPERATION and record["event"] != "begin"


def _outcome(record):
    """How an operation ended, by the record that closes it."""
    return record["data"].get("outcome", record["event"])


def summary(records):
    """One operation as people ask for it: who, what, when, how it ended, and seconds per step."""
    if not records:
        return None
    first, last = records[0], records[-1]
    closed = _closes(last)
    steps = []
    for record in records:
        if record["step"] == OPERATION:
            continue
        if record["event"] == "begin":
            steps.append({"step": record["step"], "begun": record["at"], "outcome": "open", "seconds": None, "data": {}})
        else:
            step = next(item for item in reversed(steps) if item["step"] == record["step"])
            step.update(outcome=record["event"], seconds=seconds_between(step["begun"], record["at"]), data=record["data"])
    return {
        "id": first["operation"], "kind": first["data"].get("kind"), "owner": first["data"].get("owner", {}),
        "begun": first["at"], "ended": last["at"] if closed else None,
        "outcome": _outcome(last) if closed else "open",
        "message": last["data"].get("message") if closed else None,
        "seconds": seconds_between(first["at"], last["at"]) if closed else None,
        "fence": last["fence"], "plan": first["data"], "steps": steps}


def open_operation(root):
    """The summary of the operation that is open on this host, or None. There is at most one."""
    for operation in operations(root):
        journal = Journal(root, operation)
        last = journal.last()  # there are as many journals as there were operations
        if last and not _closes(last):
            return summary(journal.records())
    return None


def ended(root):
    """{operation: outcome} of all that have ended on this host."""
    lasts = {operation: Journal(root, operation).last() for operation in operations(root)}
    return {operation: _outcome(last) for operation, last in lasts.items() if _closes(last)}


def prune(root, journals=JOURNALS, outputs=OUTPUTS):
    """Remove what operations that ended long ago have left: what their programs printed, later their journals as well."""
    for number, operation in list(enumerate(operations(root)))[outputs:]:
        with contextlib.suppress(SlipwayError, OSError):  # tidying up is no reason for anything to fail
            journal = Journal(root, operation)
            if not _closes(journal.last()):
                continue
            for folder in glob.glob(os.path.join(glob.escape(root), "state", "detached", operation + "-*")):
                shutil.rmtree(folder, ignore_errors=True)
            if number >= journals:
                os.unlink(journal.path)
