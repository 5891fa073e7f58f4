# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real pg_restore says of a real server, read and judged."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.clients import find
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_errors import chosen, read_errors

OBJECTS = """
CREATE ROLE boss; CREATE EXTENSION pg_stat_statements; CREATE EXTENSION citext;
CREATE TABLE public.t (id int PRIMARY KEY, note text CHECK (note <> 'x'));
INSERT INTO public.t VALUES (1, 'a'); ALTER TABLE public.t OWNER TO boss;
CREATE PUBLICATION p FOR ALL TABLES;
CREATE VIEW public.v AS SELECT 1 AS "line
pg_restore: error: could not execute query: ERROR:  must be owner of extension citext
Command was: COMMENT ON EXTENSION citext";
ALTER VIEW public.v OWNER TO boss;"""


@pytest.fixture
def said(postgres, tmp_path):
    """said(prepare="", *options): restore the objects as a role that may not make all of them; what pg_restore says."""
    clients = find(postgres.bin_dir)[0]
    postgres.sql("DROP ROLE IF EXISTS boss")
    postgres.sql(OBJECTS, "shop")
    boss = postgres.connection(postgres.superuser)
    archive = str(tmp_path / "archive")
    subprocess.run([clients.pg_dump, "-Fd", "-f", archive, "-d", "shop"], env=boss.environment(), check=True)

    def run(prepare="", *options):
        postgres.sql("CREATE DATABASE target TEMPLATE template0 OWNER shop")
        postgres.sql(prepare, "target")
        connection = postgres.connection()
        done = subprocess.run([clients.pg_restore, "-v", "-d", "target", *options, archive], env=connection.environment(),
                              capture_output=True, text=True, check=False)
        listing = subprocess.run([clients.pg_restore, "-l", archive], capture_output=True, text=True, check=True).stdout
        return done.stderr, listing

    yield run
    postgres.drop_all()
    postgres.sql("DROP ROLE boss")


@pytest.mark.parametrize("options", [(), ("-j2",)])
def test_errors_are_cut_out_of_real_output(said, options):
    text, listing = said("", *options)
    errors = read_errors(text)
    told = [str(error) for error in errors]
    for begins in ('EXTENSION pg_stat_statements (no owner): permission denied to create extension "pg_stat_statements"',
                   'COMMENT EXTENSION pg_stat_statements: extension "pg_stat_statements" does not exist',
                   'TABLE t boss: must be able to SET ROLE "boss"', 'VIEW v boss: must be able to SET ROLE "boss"',
                   "PUBLICATION p postgres: must be superuser to create FOR ALL TABLES publication"):
        assert any(line.startswith(begins) for line in told), (begins, told)
    assert all(error.benign_for(17) is None for error in errors)
    lines, left_out = chosen(listing, superuser=False)
    assert {item["entry"] for item in left_out} == {
        "EXTENSION - pg_stat_statements", "COMMENT - EXTENSION pg_stat_statements", "COMMENT - EXTENSION citext", "PUBLICATION - p postgres"}
    assert len(lines.splitlines()) == len([line for line in listing.splitlines() if line[:1].isdigit()]) - 4
    assert chosen(listing, superuser=True) == ("".join(line + "\n" for line in listing.splitlines() if line[:1].isdigit()), [])


def test_data_that_does_not_fit_is_fatal(said):
    text, _listing = said("CREATE TABLE public.t (id int PRIMARY KEY, note text CHECK (note <> 'a')); ALTER TABLE public.t OWNER TO shop",
                          "--no-owner", "-t", "t")
    errors = read_errors(text)
    assert any('violates check constraint' in str(error) for error in errors)
    assert any('relation "t" already exists' in str(error) for error in errors)
    assert all(error.benign_for(17) is None for error in errors)


def test_the_comment_of_an_extension_that_another_owns_is_benign(said):
    text, _listing = said("CREATE EXTENSION pg_stat_statements; CREATE EXTENSION citext", "--no-owner")
    reasons = {str(error): error.benign_for(17) for error in read_errors(text)}
    benign = [error for error, reason in reasons.items() if reason]
    assert sorted(benign) == ["COMMENT EXTENSION %s: must be owner of extension %s" % (name, name) for name in ("citext", "pg_stat_statements")]
    assert [error for error, reason in reasons.items() if not reason and "PUBLICATION" not in error] == []


@pytest.mark.parametrize("major, benign", [(13, False), (14, True), (16, True), (17, False)])
def test_a_setting_that_only_later_servers_have(postgres, major, benign):
    """The words of pg_restore 17 to a server of 15; a setting that no server has stands for it here."""
    text = subprocess.run(["psql", "-XAtqc", "SET transaction_timeout_ = 0;"], capture_output=True, text=True, check=False,
                          env=dict(postgres.connection().environment(), PGDATABASE="shop")).stderr
    said = text.strip().replace("transaction_timeout_", "transaction_timeout")
    errors = read_errors("pg_restore: while INITIALIZING:\npg_restore: error: could not execute query: %s\nCommand was: "
                         "SET transaction_timeout = 0;\npg_restore: creating TABLE\n" % said)
    assert [bool(error.benign_for(major)) for error in errors] == [benign]


def test_an_error_of_the_program_itself_is_fatal(postgres, tmp_path):
    (tmp_path / "toc.dat").write_bytes(b"PGDMP\x01\x63\x00")
    text = subprocess.run([find(postgres.bin_dir)[0].pg_restore, "-l", str(tmp_path)], capture_output=True, text=True, check=False).stderr
    errors = read_errors(text)
    assert len(errors) == 1 and "unsupported version (1.99)" in str(errors[0]) and errors[0].benign_for(17) is None
