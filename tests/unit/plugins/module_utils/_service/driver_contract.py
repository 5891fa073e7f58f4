# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every driver of services is held to, whatever starts and stops them."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


def failures_are_told(driver, define, not_found):
    """Programs that fail to start are an error with their logs; not_found is what stands there of one that is not there."""
    missing = define("missing")
    missing.argv[:] = ["/no/such/program"]
    with pytest.raises(SlipwayError) as error:
        driver.start([define("good"), define("bad", "echo no database for s3cret >&2; exit 3"), missing], 20)
    assert "The service bad does not stay up." in str(error.value)
    assert "no database for ********" in str(error.value) and "s3cret" not in str(error.value)
    assert "/no/such/program: " + not_found in str(error.value)
    assert "good" not in str(error.value) and driver.status()["good"].state == "running"
    driver.start([define("bad")], 10)
    assert driver.status()["bad"].state == "running"
