# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Texts of SQL, read statement by statement by PostgreSQL's own parser, which the Python package pglast has in it."""

from __future__ import annotations

import contextlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


def parser(what, where):
    """The package pglast; what it is needed for and where it has to be are words for who lacks it."""
    try:
        import pglast
    except ImportError as error:
        raise SlipwayError("To %s, the Python of %s needs the package pglast (pip install pglast)." % (what, where),
                           untouched="Nothing was changed.") from error
    return pglast


def parsed(pglast, sql):
    """(text, tree or None, error or None) of each statement.

    Where the whole cannot be parsed, that is said once, and what can be parsed of its parts is told as well, so that
    one bad statement does not hide the others.
    """
    try:
        for raw in pglast.parse_sql(sql):
            end = raw.stmt_location + raw.stmt_len if raw.stmt_len else None
            yield sql[raw.stmt_location:end].strip(), raw.stmt, None
        return
    except (pglast.Error, RecursionError) as error:
        place = getattr(error, "location", None) or 0
        yield sql[max(0, place - 40):], None, str(error)
    with contextlib.suppress(pglast.Error):
        for part in pglast.split(sql, with_parser=False):
            with contextlib.suppress(pglast.Error, RecursionError):
                yield from ((part.strip(), raw.stmt, None) for raw in pglast.parse_sql(part))
