# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Profiles: what holds for every application of a kind, as data in the shape of slipway.yml.

A profile is added by a file here and a line below; by a line in VERSIONS too, where it is not the same for all versions
of what the application is built on.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._config.profiles.django import DJANGO
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.generic import GENERIC
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.oro import ORO, ORO_VERSIONS

PROFILES = {
    "django": DJANGO,
    "generic": GENERIC,
    "oro": ORO,
}

# profile -> environment variables by which an application lets everybody see its inside
DEBUG_SWITCHES = {
    "django": ("DEBUG", "DJANGO_DEBUG"),
    "generic": ("DEBUG",),
    "oro": ("APP_DEBUG", "ORO_DEBUG"),
}

# profile -> (what composer.lock calls the thing whose version counts, ((version, what differs from it on), ...))
VERSIONS = {
    "oro": ("oro/platform", ORO_VERSIONS),
}
