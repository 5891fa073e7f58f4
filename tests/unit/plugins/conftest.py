# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real supervisord and an installed application, for the library and for the modules."""

from __future__ import annotations

import os

import pytest

from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application, running_daemon


@pytest.fixture(scope="session")
def _daemon():
    with running_daemon() as daemon:
        yield daemon


@pytest.fixture
def supervisord(_daemon):
    """The supervisord of all tests: their programs differ by the folder of their application."""
    yield _daemon
    # What still runs goes on until the last test, but supervisord must not look for its log in a folder that is gone.
    for name in os.listdir(_daemon.conf_dir):
        os.unlink(os.path.join(_daemon.conf_dir, name))


@pytest.fixture
def application(tmp_path):
    """An application in a folder whose path has all that paths may have."""
    return Application(tmp_path / "my shop 100% 'old'")
