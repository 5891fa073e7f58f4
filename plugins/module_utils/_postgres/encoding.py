# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Texts in the encoding of a database, in which pg_dump speaks and writes its archives: some cannot be put in another one."""

from __future__ import annotations

import codecs

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# What Python calls encodings that it knows by other names than PostgreSQL.
_CODECS = {"SQL_ASCII": "utf-8", "KOI8R": "koi8_r", "KOI8U": "koi8_u", "WIN866": "cp866", "WIN874": "cp874", "UHC": "cp949"}


def codec(encoding):
    """What Python calls an encoding of PostgreSQL."""
    try:
        return codecs.lookup(_CODECS.get(encoding, encoding.replace("WIN", "cp"))).name
    except LookupError as error:
        raise _unspeakable(encoding, error) from error


def encoded(name, encoding):
    """The name of a table, or a text with it, in an encoding of PostgreSQL."""
    if name.isascii():  # in every encoding of a server, also those that Python does not know
        return name.encode("ascii")
    try:
        return name.encode(codec(encoding))
    except (UnicodeError, LookupError) as error:  # Python has encodings that are none of texts
        raise _unspeakable(encoding, error) from error


def _unspeakable(encoding, error):
    return SlipwayError("A table cannot be named in the database's encoding %s: %s." % (encoding, error), untouched="Nothing was changed.")
