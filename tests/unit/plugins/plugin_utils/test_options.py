# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.slipway.app.plugins.plugin_utils._options import shortened

ROLE = Path(__file__).resolve().parents[4] / "roles" / "operation"


@pytest.mark.parametrize("value, shorter", [
    ("{{ slipway_root | default('') }}", "/srv/shop"),
    ("{{ slipway_database | default({}) }}", {"login_password": "{{ password }}"}),
    ("{{ slipway_relay | default('auto') }}", "auto"),
    ("{{ slipway_environment_variables | default({}) }}", {}),
    ("{{ slipway_fall_seconds | default(8) }}", 8),
    ("{{ slipway_store | default('') }}", None),
])
def test_a_variable_or_else_a_literal_needs_no_template(value, shorter):
    assert shortened(value, {"slipway_root": "/srv/shop", "slipway_database": {"login_password": "{{ password }}"}, "slipway_store": None}) == shorter


@pytest.mark.parametrize("value", [
    "/srv/shop", 3, None, {}, "{{ slipway_root }}", "{{ slipway_root | default('') }}/x", "{{ slipway_root | default(other) }}",
    "{{ slipway_root | default('') | bool }}", "{{ slipway_root | default('{{') }}", "{{ template | default('') }}", "{{ batches | default(1) }}",
    "{{ secret | default('') }}", "{{ database | default({}) }}", "{{ several | default({}) }}"])
def test_all_else_is_left_as_it_is(value):
    secret = object()  # as one of a vault: no text
    assert shortened(value, {"slipway_root": "/srv/shop", "template": "{{ base }}/shop", "batches": "[1, 2]", "secret": secret,
                             "database": {"login_password": secret}, "several": {"of": [secret]}}) is value


def test_the_options_that_a_step_asks_for_are_written_in_that_way():
    """Otherwise they are right all the same, and slow."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert [name for name, value in defaults.items() if "{{" in str(value) and shortened(value, {}) is value] == [
        "operation_by"]  # asked for once, when an operation begins
