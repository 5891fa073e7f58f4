# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Output of pg_restore with several jobs, whose messages, written in pieces, can get into one another."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_errors import read_errors

BENIGN = "could not execute query: ERROR:  must be owner of extension citext\nCommand was: COMMENT ON EXTENSION citext IS 'x';\n\n"
REAL = 'could not execute query: ERROR:  relation "t" already exists\nCommand was: CREATE TABLE t ();\n\n'
SAID = """pg_restore: creating TABLE "public.an error: "
pg_restore: launching item 7 TABLE DATA an error: of the user
pg_restore: executing SEQUENCE SET fatal: no
pg_restore: from TOC entry 7; 1 2 TABLE an error: shop
"""


@pytest.mark.parametrize("torn", [
    "pg_restore: pg_restore: error: " + BENIGN + "error: " + REAL,
    "pg_restore: pg_restore: error: error: " + REAL + BENIGN,
    "pg_restore: error: pg_restore: error: " + BENIGN + REAL,
    "pg_restore: creating INDEX \"a\"\npg_restore: pg_restore: error: finished item 5 TABLE t\n" + REAL,
    "pg_restore: error: " + BENIGN.replace("'x'", "'pg_restore: error: could not execute query: ERROR:  no room\n'"),
])
def test_an_error_in_the_middle_of_another_message_is_not_missed(torn):
    assert any(error.benign_for(17) is None for error in read_errors(SAID + torn))


def test_what_people_call_things_is_no_error():
    errors = read_errors(SAID + "pg_restore: error: " + BENIGN + SAID)
    assert len(errors) == 1 and errors[0].benign_for(17)
