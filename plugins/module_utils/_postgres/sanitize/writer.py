# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A program of its own that writes the rows of tables into the files of an archive: what pg_dump is for an ordinary dump.

write() starts it and tells it on its standard input what to do, as JSON: nothing of it is in an argument. It says one JSON
document a line on its standard output: {"table": number, "rows": so far, "done": bool}, {"residue": what Residue.told()
says} of each of its workers, at last {"end": true}, or {"error": sentence}. It is a process of its own so that its process
group can be held, and is killed with whoever started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import hear, killed, started
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import (
    BEGIN, WRITTEN, Connection, PostgresError, quote_literal)
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.compressor import File
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.residue import Residue

NUMBER = 4  # bytes of the number of a table, as workers are told it
BEAT = 1  # seconds between two words about a table
AT_ONCE = 64 * 1024  # bytes of rows that are looked at
TURN = 1024 * 1024  # bytes of rows that are compressed before they are looked at: each of the two fills the caches of a processor anew
# In one time zone, since pseudonyms are drawn from what is written.
SETTINGS = (*WRITTEN, "SET timezone = 'UTC'", "SET synchronize_seqscans = off",
            # One backend for each of our jobs, and rows in the order they stand in.
            "SET max_parallel_workers_per_gather = 0",
            # A query that gives out no row would not notice that psql is gone, and keep its snapshot and its locks. Some other systems refuse it.
            "SELECT set_config('client_connection_check_interval', '2s', false) WHERE version() ~ 'linux'")
BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from %s import main; main()" % __name__
END = b"\\.\n\n\n"  # what pg_dump writes behind the rows


@contextlib.contextmanager
def session_at(connection, snapshot, in_our_group=False):
    """A session in the transaction of a snapshot, which writes values as pg_dump does, and ends with us. See Session for in_our_group."""
    with connection.session(in_our_group=in_our_group, dies_with_us=not in_our_group) as session:
        session.execute(*SETTINGS)
        session.execute(BEGIN, "SET TRANSACTION SNAPSHOT %s" % quote_literal(snapshot))
        yield session


def write(task, heard, begun=None):
    """Do a task in a process of its own, and return what Residue.told() says; heard(word) has each of its words, begun(pgid) its process group.

    task: connection (the fields of a Connection), snapshot, encoding, compression, jobs, tables [[path of the file less its
    suffix, query, name, [[name of a column, its residue.form()]]]], residue (what a Residue takes), schema (the path of a
    toc.dat to look at). Tables that come first are begun first. An error of it is raised.
    """
    from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import UNTOUCHED  # imports much that the program has no need of

    words = []

    def hear_word(line):
        try:
            words.append(json.loads(line))
        except ValueError:
            words.append({"error": line})
        heard(words[-1])

    with started([sys.executable, "-c", BOOT, json.dumps(sys.path)], _environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT) as process:
        if begun:
            begun(process.pid)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(task).encode("utf-8"))
            process.stdin.close()
        hear(process.stdout, hear_word)
        rc = process.wait()
    errors = [word["error"] for word in words if "error" in word]
    if errors or rc or not words or not words[-1].get("end"):
        raise SlipwayError("The rows could not be written: %s" % (
            errors[0] if errors else _killed(-rc) if rc < 0 else "the program that does it ended in the middle (status %d)." % rc), untouched=UNTOUCHED)
    looks = [word["residue"] for word in words if "residue" in word]
    return dict(looks[-1], bytes=sum(look["bytes"] for look in looks), found=[found for look in looks for found in look["found"]])


def _told(error):
    """An error as it is said: of a mistake of ours, or where memory is short, its kind only, since what it says may have a value in it."""
    return str(error) if isinstance(error, (SlipwayError, OSError)) else "%s in a process that does it." % type(error).__name__


def _killed(number):
    return "a process that does it %s." % killed(number)


def _environment():
    """Ours, less what is PostgreSQL's, and what would make fingerprints that others know."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG") and name != "PYTHONHASHSEED"}


def main():
    """The program."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the key and raw values are in its memory
    task = json.load(sys.stdin)
    residue = Residue(*task["residue"])
    try:
        with session_at(Connection(**task["connection"]), task["snapshot"], in_our_group=True) as session:
            residue.learn(session)
        with open(task["schema"], "rb") as stream:
            residue.look_at_schema(stream.read())
    except Exception as error:
        _say(error=_told(error))
        return
    workers = []
    reader, numbers = os.pipe()
    for _job in range(min(task["jobs"], len(task["tables"]))):
        worker = os.fork()  # a process each: threads would wait for each other where they look; their fingerprints are of one key all the same
        if worker == 0:
            os.close(numbers)
            _as_worker(task, residue, reader)
        workers.append(worker)
    os.close(reader)
    with contextlib.suppress(BrokenPipeError):  # all have failed
        for number in range(len(task["tables"])):
            os.write(numbers, number.to_bytes(NUMBER, "little"))
    os.close(numbers)
    if not _all_well(workers):
        os.killpg(0, signal.SIGKILL)  # the other workers, and each psql, which would wait for rows that nobody wants any more
    _say(residue=residue.told(), end=True)


def _all_well(workers):
    """Wait for all workers, or for the first that fails. One that was killed could not say so itself."""
    for _worker in workers:
        _pid, status = os.wait()
        if status:
            if os.WIFSIGNALED(status):
                _say(error=_killed(os.WTERMSIG(status)))
            return False
    return True


def _as_worker(task, residue, reader):
    """In a forked child: write one table after the other, as numbers come."""
    status, stack = 1, contextlib.ExitStack()
    try:
        residue.forget()
        session = stack.enter_context(session_at(Connection(**task["connection"]), task["snapshot"], in_our_group=True))
        for number in iter(lambda: os.read(reader, NUMBER), b""):
            number = int.from_bytes(number, "little")
            _do_table(session, number, task, residue)
        stack.close()
        _say(residue=residue.seen())
        status = 0
    except Exception as error:  # the session stays open: to close it would be to wait for what its query is at
        _say(error=_told(error))
    finally:
        os._exit(status)


def _do_table(session, number, task, residue):
    path, query, name, columns = task["tables"][number]
    places = [("%s.%s" % (name, column), form) for column, form in columns]
    try:
        file = File(path, task["compression"])
        _write_table(session.unload(query, task["encoding"]), file, number, lambda rows: residue.look(rows, places))
        file.close()
    except PostgresError as error:
        raise SlipwayError("table %s: %s" % (name, error)) from error


def _say(**word):
    """One write, so that words of several processes do not mix, as long as they are no more than select.PIPE_BUF bytes."""
    os.write(1, (json.dumps(word) + "\n").encode("ascii"))


def _write_table(chunks, file, number, look):
    """Write the chunks that COPY gives out into a file, and look at them row by row; all but the end of the file is there then."""
    rows, beaten = 0, time.monotonic()
    _say(table=number, rows=0, done=False)
    for blocks in _turns(_blocks(chunks)):
        for block in blocks:
            file.write(block)
        for block in blocks:
            look(block)
            rows += block.count(b"\n")
        if time.monotonic() - beaten >= BEAT:
            beaten = time.monotonic()
            _say(table=number, rows=rows, done=False)
    file.write(END)
    _say(table=number, rows=rows, done=True)


def _blocks(chunks):
    """Whole rows of at least AT_ONCE bytes, but for the last ones: looking costs least then, and keeps in the caches of a processor."""
    gathered, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        cut = chunk.rfind(b"\n") + 1 if size >= AT_ONCE else 0  # line ends inside of values are written as \n
        if cut:
            yield b"".join([*gathered, chunk[:cut]])
            gathered, size = [chunk[cut:]], len(chunk) - cut
        else:  # or in the middle of a row, however long it is
            gathered.append(chunk)
    yield b"".join(gathered)


def _turns(blocks):
    """Lists of blocks that come to at least TURN bytes, but for the last one."""
    gathered, size = [], 0
    for block in blocks:
        gathered.append(block)
        size += len(block)
        if size >= TURN:
            yield gathered
            gathered, size = [], 0
    yield gathered
