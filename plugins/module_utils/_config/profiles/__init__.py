# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Profiles: what holds for every application of a kind, as data in the shape of slipway.yml.

A profile is added by a file here and a line below; by a line in VERSIONS too, where it is not the same for all versions
of what the application is built on, and in FLOWS, where an upgrade can go more than one way.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._config.profiles.django import DJANGO
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.generic import GENERIC
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.oro import ORO, ORO_FLOWS, ORO_VERSIONS

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

# profile -> files of a release by which a web server lets everybody see its inside
DEBUG_FILES = {
    "oro": ("public/index_dev.php", "public/app_dev.php"),
}

# profile -> (what composer.lock calls the thing whose version counts, ((version, what differs from it on), ...))
VERSIONS = {
    "oro": ("oro/platform", ORO_VERSIONS),
}

# profile -> {flow, for who does not want the profile's own: (the first version that has it, what differs with it)}
FLOWS = {
    "oro": ORO_FLOWS,
}
