# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The profile of applications about which nothing is known beforehand: slipway.yml says everything."""

from __future__ import annotations

GENERIC = {}
