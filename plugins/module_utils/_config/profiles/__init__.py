# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Profiles: what holds for every application of a kind, as data in the shape of slipway.yml.

A profile is added by a file here and a line below.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._config.profiles.django import DJANGO
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.generic import GENERIC

PROFILES = {
    "django": DJANGO,
    "generic": GENERIC,
}
