# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows on their way into a file: all of them are written, and all are looked at, each as a whole."""

from __future__ import annotations

import os
import signal

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import writer
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.compressor import File

ROWS = [b"%d\t%s\n" % (number, b"x" * (number * 7 % 50)) for number in range(60)] + [b"y" * 3000 + b"\n", b"\n", b"last\n"]


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 10 ** 6])
@pytest.mark.parametrize("at_once", [1, 100, 64 * 1024])
def test_however_rows_come_each_is_written_and_looked_at_once(monkeypatch, tmp_path, size, at_once):
    said, looked_at = [], []
    monkeypatch.setattr(writer, "AT_ONCE", at_once)
    monkeypatch.setattr(writer, "TURN", 3 * at_once)
    monkeypatch.setattr(writer, "_say", lambda **word: said.append(word))
    data = b"".join(ROWS)
    file = File(str(tmp_path / "1.dat"), "none")
    writer._write_table((data[place:place + size] for place in range(0, len(data), size)), file, 3, looked_at.append)
    file.close()
    assert (tmp_path / "1.dat").read_bytes() == data + writer.END
    assert b"".join(looked_at) == data and all(not part or part.endswith(b"\n") for part in looked_at)
    assert [said[0], said[-1]] == [{"table": 3, "rows": 0, "done": False}, {"table": 3, "rows": len(ROWS), "done": True}]


@pytest.fixture
def forked(monkeypatch):
    """Runs a function in a child, as a worker; what all processes say is in the list said."""
    reader, told = os.pipe()
    monkeypatch.setattr(writer, "_say", lambda **word: os.write(told, repr(word).encode() + b"\n"))

    def run(function):
        child = os.fork()
        if child == 0:
            try:
                function()
            finally:
                os._exit(9)
        well = writer._all_well([child])
        os.write(told, b"\n")
        return well, os.read(reader, 10000).decode().strip()

    yield run
    os.close(reader)
    os.close(told)


def test_a_worker_that_was_killed_is_told_of(forked):
    well, said = forked(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert not well and "killed by signal 9, as the kernel does when memory is short" in said
    assert "status" not in said and forked(lambda: os._exit(0)) == (True, "")


@pytest.mark.parametrize("error, told", [(ValueError("rawvalue"), "ValueError in a process"), (MemoryError(), "MemoryError in a process"),
                                         (OSError(28, "No space left"), "No space left")])
def test_what_a_worker_fails_of_is_told_without_what_may_be_a_value(monkeypatch, forked, error, told):
    class Broken:
        def forget(self):
            raise error

    monkeypatch.setattr(writer, "session_at", None)
    well, said = forked(lambda: writer._as_worker({}, Broken(), None))
    assert not well and told in said and "rawvalue" not in said


def test_what_has_no_end_is_looked_at_all_the_same(monkeypatch, tmp_path):
    looked_at = []
    monkeypatch.setattr(writer, "_say", lambda **_word: None)
    writer._write_table([b"a\nraw", b"value"], File(str(tmp_path / "1.dat"), "none"), 0, looked_at.append)
    assert b"".join(looked_at) == b"a\nrawvalue"
