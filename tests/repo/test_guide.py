# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide to slipway.yml names every key of the schema and no other; its example is valid."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand, expand_text
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.oro import ORO
from ansible_collections.slipway.app.plugins.module_utils._config.schema import validate
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import RUNTIME_ARGUMENTS

GIVEN = dict.fromkeys(("root", "release", "shared", "python", "namespace"), "")
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


@pytest.fixture(scope="session")
def example(guide):
    return yaml.safe_load(re.search(r"code-block:: yaml\n\n((?:    .*\n|\n)+)", guide).group(1))


def test_the_example_is_valid(example):
    validate(example, "the example")


def test_the_example_of_oro_says_no_address_for_all_environments(guide):
    """Who copies it would not be asked for one in any other."""
    example = yaml.safe_load(re.search(r"code-block:: yaml\n\n((?:    .*\n|\n)+)", guide[guide.index("\nThe profile oro\n"):]).group(1))
    validate(example, "the example")
    placeholders = {name for text in ORO["adopt"]["sql"] for name in re.findall(r"{(\w+)}", text)}
    assert placeholders and not placeholders & set(example["variables"])
    assert all("``%s`` in ``slipway_variables``" % name in guide for name in placeholders)


def test_examples_of_modules_run_the_application_as_playbooks_do(example, module_docs):
    """By slipway.yml alone it would be another one, and services without their {port} cannot be looked at, let alone be started."""
    runs = [name for name, docs in module_docs.items() if set(RUNTIME_ARGUMENTS) <= set(docs["doc"]["options"])]
    calls = [(name, task["name"], task["slipway.app." + name]) for docs in module_docs.values() for task in yaml.safe_load(docs["examples"])
             for name in runs if "slipway.app." + name in task]
    assert {name for name, _task, _options in calls} == set(runs)
    assert all("C({%s})" % given in str(module_docs["service"]["doc"]["options"]["variables"]["description"]) for given in GIVEN)
    assert [(name, task) for name, task, options in calls if options.get("environment") != "prod"] == []
    config = effective({"base": example, "overlays": {}}, "prod")
    for _name, _task, options in calls:
        variables = dict(GIVEN, **options.get("variables", {}))
        for text in config["environment"].values():
            expand_text(text, variables)
        for service in config["services"].values() if "roles" in options else ():
            expand(service["command"], variables)
