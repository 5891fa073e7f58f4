# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Presets: rules for the tables that every application of a kind has, as data in the shape of a document of rules.

A preset is added by a file here and a line below. It knows no database: what it says of tables and columns that are not there, or
that a rule does not fit, is passed over. So columns have names in it wherever it keeps them: what is new has no decision.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.presets.django import DJANGO
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.presets.oro import ORO

PRESETS = {"django": DJANGO, "oro": ORO}
