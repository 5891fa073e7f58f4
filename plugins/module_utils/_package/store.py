# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Where packages are kept: a location becomes a store."""

from __future__ import annotations

import os

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.layout import LayoutStore


def open_store(location):
    """The PackageStore at a location: for now, a folder."""
    if "://" in location:
        raise SlipwayError("The package store %s is not a folder." % location,
                           hint="Only folders are supported for now.")
    return LayoutStore(os.path.abspath(os.path.expanduser(location)))
