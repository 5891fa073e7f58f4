# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of no real archive, for tests of what is done with them in a store."""

from __future__ import annotations

import copy
import os
import pathlib

MOMENT = "20261126T031500.123456Z"
CONTENT = {
    "format": 1, "server_version": 170011, "client_version": 170011, "database": "shop", "encoding": "UTF8", "collate": "C", "ctype": "C",
    "locale_provider": "libc", "icu_locale": None, "owner": "shop", "size": 7640755, "jobs": 2, "compression": "zstd:3", "excluded": [],
    "excluded_data": [{"schema": "public", "name": "log"}], "extensions": {"plpgsql": "1.0"}, "roles": ["shop"],
    "tables": [{"schema": "public", "name": "orders", "rows": 3, "bytes": 8192}, {"schema": "public", "name": "log", "rows": None, "bytes": 0}],
    "started": "2026-11-26T03:15:00Z", "seconds": 0.4, "who": "ann@control", "slipway": "0.1.0"}
SANITIZED = {"policy": "strict", "rules": "0" * 64, "key": "k", "emptied": [{"schema": "public", "name": "session"}],
             "residue": {"columns": 1, "values": 1, "bytes": 1, "left_out": []},
             "masked": [{"schema": "public", "name": "orders", "column": "note", "rule": "hash"}]}


def write(store, instance="uat", config="none", **changes):
    """A dump of no real archive; its key."""
    with store.new(instance, "shop", config) as part:
        os.mkdir(part.archive)
        for name in ("toc.dat", "12.dat.zst"):
            pathlib.Path(part.archive, name).write_bytes(name.encode() * 1000)
        return part.finish(dict(copy.deepcopy(CONTENT), files=part.files(), **changes))
