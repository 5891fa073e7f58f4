# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that lack a value are found before anything changes, on the hosts that would run them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.preflight import _commands
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import open_runtime

COMMANDS = {name: ["run {%s}" % name] for name in ("install", "migrate", "check", "check_upgrade", "warm")}


@pytest.fixture
def lacking(application):
    """lacking(kind, serves) -> the placeholders, named like their commands, that are missed one after the other."""
    application.release({}, commands=COMMANDS)

    def run(kind, serves=True):
        variables, missed = {}, []
        while True:
            runtime = open_runtime({"root": application.root, "environment": None, "variables": variables, "python": None})
            try:
                _commands(SimpleNamespace(serves=serves, runtime=lambda release: runtime), None, kind)
                return sorted(missed)
            except SlipwayError as error:
                missed.append(next(name for name in COMMANDS if "unknown placeholder {%s}" % name in str(error)))
                variables[missed[-1]] = "given"

    return run


@pytest.mark.parametrize("kind, names", [
    ("deploy", ["check", "install", "warm"]), ("upgrade", ["check", "check_upgrade", "migrate", "warm"])])
def test_commands_of_the_operation_are_looked_at(lacking, kind, names):
    assert lacking(kind) == names


def test_a_host_without_web_warms_its_caches_only(lacking):
    assert lacking("upgrade", serves=False) == ["warm"]
