# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of databases that the server makes itself."""

from __future__ import annotations

import re
import types

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    databases, preflight)

FACTS = {"owner": "shop", "connection_limit": -1, "major": 17, "size": 1, "file_copy_method": "copy", "oid": 5, "collation_version": "2.31"}


@pytest.mark.parametrize("version, words", [("2.31", "STRATEGY WAL_LOG COLLATION_VERSION '2.31'"), (None, "STRATEGY WAL_LOG")])
def test_a_database_is_copied_whatever_its_machine_sorts_by(version, words):
    assert databases.copying("shop", "copy", dict(FACTS, collation_version=version)).endswith(words)


@pytest.mark.parametrize("version, now, words", [
    (None, None, None), ("2.31", "2.31", None), ("2.31", "2.36", "by version 2.31 .* has 2.36 now.* REINDEX"), ("2.31", None, "has none now")])
def test_who_copies_is_told_that_texts_are_sorted_otherwise_now(version, now, words):
    session = types.SimpleNamespace(query=lambda _sql: [{"version": now}])
    found = preflight.collation_warnings(session, "shop", dict(FACTS, collation_version=version))
    assert len(found) == bool(words) and (not words or re.search(words, found[0]))
