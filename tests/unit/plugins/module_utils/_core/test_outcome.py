# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module says at its end, which goes to the terminal of whoever has called it as it is."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump_choice, manifest, selection
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import dump as sanitized_dump

NAME = "a\x1b]52;c;cm0=\x07\r\nok: [db1] => swapped\u202e"
SAFE = r"a\x1b]52;c;cm0=\x07\r\nok: [db1] => swapped\u202e"


class Module:
    """Keeps what a module is told to say."""

    def __init__(self):
        self.warnings = []

    def warn(self, warning):
        self.warnings.append(warning)

    def fail_json(self, msg, **facts):
        raise SystemExit(msg)

    def exit_json(self, **result):
        self.result = result


def said(run):
    """What a module says that ends so."""
    module = Module()
    try:
        finish(module, run)
    except SystemExit as end:
        return [str(end)]
    return module.warnings


def lacking(_module):
    manifest.compare_sizes("s3://shop/x", {"files": []}, {NAME: 5})


@pytest.mark.parametrize("run", [
    lambda _module: {"warnings": dump_choice.masked({"sanitized": {"masked": [], "emptied": [{"schema": "public", "name": NAME}]}})},
    lambda _module: {"warnings": selection.needed([{"key": NAME, "table": {"schema": "public", "name": NAME}, "of": {"schema": "public", "name": NAME}}])},
    lambda _module: sanitized_dump._require_none([(NAME, "public.%s" % NAME)], []),
    lacking])
def test_names_that_users_give_command_no_terminal_and_begin_no_line(run):
    (words,) = said(run)
    assert SAFE in words and words.isprintable()


def printed(_module):
    raise SlipwayError("It printed: pg_dump: error:\n\tERREUR : la relation \xab\xa0é\xa0\xbb\x1b[2J\x9b1m", untouched="Not \x1b[2J.", hint="\x07Do.")


def test_what_programs_print_stays_readable_and_commands_no_terminal():
    expected = "It printed: pg_dump: error:\n\tERREUR : la relation \xab\xa0é\xa0\xbb\\x1b[2J\\x9b1m"
    assert said(printed) == [expected + r" Not \x1b[2J. \x07Do."]
    assert said(lambda _module: {"warnings": ["one\ntwo\x1b[2J"]}) == ["one\ntwo\\x1b[2J"]


def test_a_file_that_cannot_be_written_is_an_error_as_all_others():
    def full(_module):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/x")

    assert said(full) == ["A file cannot be read or written: [Errno 28] No space left on device: '/tmp/x'."]
