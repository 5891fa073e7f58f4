# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide to slipway.yml names every key of the schema and no other; its example is valid."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective
from ansible_collections.slipway.app.plugins.module_utils._config.schema import validate

SERVICE = {"worker": {"kind": "consumer", "command": "true"}}


@pytest.fixture(scope="session")
def guide(repository):
    return (repository.root / "docs" / "docsite" / "rst" / "guide_slipway_yml.rst").read_text(encoding="utf-8")


def keys(value, prefix=""):
    """Dotted names of all keys in a complete configuration."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from keys(inner, prefix + ("<name>" if prefix == "services." else key) + ".")
        else:
            yield prefix + key


def test_every_key_is_explained_and_nothing_else(guide):
    base = {"application": "shop", "profile": "generic", "services": SERVICE}
    known = set(keys(effective({"base": base, "overlays": {}}, "prod")))
    table = guide[guide.index("\nKeys\n----"):guide.index("\nMigrations and modes\n----")]
    explained = {name for line in table.splitlines() if line.startswith("   * - ") for name in re.findall(r"``(.+?)``", line)}
    assert explained - {"Key"} == known


def test_the_example_is_valid(guide):
    block = re.search(r"code-block:: yaml\n\n((?:    .*\n|\n)+)", guide).group(1)
    validate(yaml.safe_load(block), "the example")
