# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of hostile hands, whose digests are right: whoever can write an archive can write its manifest."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres import manifest
from ansible_collections.slipway.app.plugins.module_utils._postgres.replacement import quoted_name
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore, TablesSource
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.postgres.test_restore import as_text, refused, restore

SECRET = "4711\tthe host's own\n\\.\n\n\n"


def packed(text):
    """A text as toc.dat has it."""
    return b"\0" + len(text).to_bytes(4, "little") + text


@pytest.fixture
def dump(postgres, tmp_path):
    postgres.connection().execute("SELECT lo_from_bytea(4711, 'mine')")
    (tmp_path / "secret").write_text(SECRET)
    return dumped(postgres, tmp_path / "store")


def entry_file(toc, begin):
    """The name of the file of the first entry whose copy statement begins so."""
    return re.search(re.escape(begin) + rb".*?\0....([0-9]+\.dat)", toc, re.DOTALL).group(1)


def rows_from_elsewhere(archive):
    toc = archive / "toc.dat"
    name = entry_file(toc.read_bytes(), b"COPY public.orders")
    toc.write_bytes(toc.read_bytes().replace(packed(name), packed(b"../../../../../../secret")))


def large_object_from_elsewhere(archive):
    next(archive.glob("blobs_*.toc")).write_text("4711 ../../../../../../secret\n")


def list_from_elsewhere(archive):
    toc = archive / "toc.dat"
    name = next(archive.glob("blobs_*.toc")).name.encode()
    toc.write_bytes(toc.read_bytes().replace(packed(name), packed(b"../../../../../../secret")))


def cut_lines(archive):
    """pg_restore reads lines of at most 1023 bytes: what is one line is two to it."""
    next(archive.glob("blobs_*.toc")).write_text("4711 blob_4711.dat" + " " * 1005 + "4711 ../../../../../../secret\n")


def hidden_list(archive):
    """One that nobody looks at here, since it is compressed."""
    path = next(archive.glob("blobs_*.toc"))
    subprocess.run(["gzip", str(path)], check=True)


def without_an_end(archive):
    toc = archive / "toc.dat"
    toc.write_bytes(toc.read_bytes()[:-30])


def another_format(archive):
    toc = archive / "toc.dat"
    toc.write_bytes(toc.read_bytes()[:8] + b"\x08" + toc.read_bytes()[9:])


@pytest.fixture
def harmed(dump, tmp_path):
    """harmed(harm) -> the dump with a changed archive, and a manifest that fits."""
    shutil.copytree(dump.archive, tmp_path / "whole")

    def change(harm):
        shutil.rmtree(dump.archive)
        shutil.copytree(tmp_path / "whole", dump.archive)
        harm(pathlib.Path(dump.archive))
        dump.manifest["files"] = manifest.describe_files(dump.archive)
        return DumpSource(dump)

    return change


def test_no_file_of_the_host_gets_into_the_database(postgres, harmed):
    for harm, match in (
            (rows_from_elsewhere, r"toc.dat names a file that is none of its manifest: '\.\./\.\./"),
            (list_from_elsewhere, r"toc.dat names a file that is none of its manifest: '\.\./\.\./"),
            (large_object_from_elsewhere, r"blobs_[0-9]+.toc has a line that names no file of it: '4711 \.\./"),
            (cut_lines, "has a line that names no file of it"), (hidden_list, "is no list of large objects"),
            (without_an_end, "toc.dat ends in the middle"), (another_format, "the beginning of toc.dat is")):
        refused(postgres, harmed(harm), match)


def test_pg_restore_itself_would_have_read_it(postgres, harmed):
    """What the test before is worth: without a look at the names, the archive brings the file's content along."""
    source = harmed(rows_from_elsewhere)
    postgres.sql("CREATE DATABASE target OWNER shop")
    subprocess.run([postgres.bin_dir + "/pg_restore", "-d", "target", source.dump.archive], check=False, capture_output=True,
                   env=postgres.connection(database="target").environment())
    assert postgres.sql("SELECT note FROM public.orders", "target") == "the host's own"


def test_names_comments_and_rows_that_psql_would_take_for_its_commands(postgres, tmp_path, monkeypatch):
    """Whatever the pg_dump that wrote them and the pg_restore that reads them make of a new line in a name."""
    monkeypatch.chdir(tmp_path)  # programs are started here, and a name has 63 bytes
    command = "\n\\! touch sign\n"
    table = {"schema": "public", "name": "x" + command}
    statements = """CREATE TABLE %(table)s ("%(command)s" text DEFAULT '%(command)s');
        COMMENT ON TABLE %(table)s IS '%(command)s'; INSERT INTO %(table)s VALUES ('%(command)s');
        CREATE FUNCTION public.touch() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN '%(command)s'; END$$"""
    postgres.connection().execute(statements % {"table": quoted_name(table), "command": command})
    dump, before = dumped(postgres, tmp_path / "store"), as_text(postgres, "shop")
    restore(postgres, DumpSource(dump))
    assert as_text(postgres, "shop") == before
    postgres.connection().execute("DROP TABLE " + quoted_name(table))
    TablesRestore(postgres.connection(), Wishes()).run(TablesSource(dump, postgres.bin_dir, ['"%s"' % table["name"]], []))
    assert as_text(postgres, "shop") == before and not pathlib.Path("sign").exists()
