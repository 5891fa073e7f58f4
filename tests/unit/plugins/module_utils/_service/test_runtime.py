# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service.definition import definitions
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import open_runtime

SERVICES = {
    "web": {"kind": "web", "command": "{python} serve --port {port} --name 'a b'"},
    "mailer": {"kind": "consumer", "command": ["work", "{shared}/queue"], "count": 2, "stop_timeout": 90},
    "feed": {"kind": "consumer", "command": "feed", "on": "app"},
    "clock": {"kind": "cron", "command": "tick"},
}


@pytest.fixture
def runtime(application):
    application.release(SERVICES, private={"TOKEN": "s3cret"},
                        environment={"MEDIA": "{shared}/media", "TOKEN": "from slipway.yml", "BRACES": "{{x}}"})

    def opened(release=None, **options):
        defaults = {"root": application.root, "environment": None, "variables": {"port": 8000}, "python": None}
        return open_runtime(dict(defaults, **options), release)
    return opened


def by_name(runtime, *roles):
    return {definition.name: definition for definition in definitions(runtime, roles)}


@pytest.mark.parametrize("roles, names", [
    (["app"], ["web", "feed"]), (["consumer"], ["mailer@1", "mailer@2"]), (["leader"], ["clock"]), ([], []),
    (["app", "consumer", "leader"], ["web", "feed", "mailer@1", "mailer@2", "clock"]),
])
def test_roles_decide_what_runs_here(runtime, roles, names):
    assert list(by_name(runtime(), *roles)) == names


def test_definitions_are_complete(runtime, application):
    found = by_name(runtime(), "app", "consumer")
    release = runtime().release.path
    assert found["web"].argv == [sys.executable, "serve", "--port", "8000", "--name", "a b"]
    assert found["web"].cwd == release and "current" not in release
    assert found["mailer@2"].argv == ["work", os.path.join(application.root, "shared", "queue")]
    assert found["mailer@1"].stop_timeout == 90 and found["web"].stop_timeout == 65


def test_each_release_has_a_namespace_of_its_own(application):
    """For caches that all releases share, such as Redis: their keys must not mix, on whatever host they are."""
    found = set()
    for number in (1, 2):
        application.release({}, number=number, environment={"PREFIX": "shop:{namespace}:"})
        options = {"root": application.root, "environment": None, "variables": {"namespace": "mine"}, "python": None}
        found.add(open_runtime(options).environment()["PREFIX"])
    assert found == {"shop:000000000001:", "shop:000000000002:"}


def test_the_environment_is_made_and_not_inherited(runtime, application, monkeypatch):
    monkeypatch.setenv("LEAKED", "1")
    environment = runtime(python="/srv/shop/venv/bin/python").environment({"MORE": "1"})
    assert set(environment) == {"PATH", "HOME", "LANG", "MEDIA", "TOKEN", "BRACES", "MORE"}
    assert environment["PATH"].startswith("/srv/shop/venv/bin:") and os.path.isdir(environment["HOME"])
    assert environment["MEDIA"] == os.path.join(application.root, "shared/media")
    assert environment["TOKEN"] == "s3cret" and environment["BRACES"] == "{x}"
    assert runtime().secrets() == ["s3cret"]


def test_a_definition_is_another_one_where_a_restart_is_needed(runtime, application):
    first = by_name(runtime(), "app")["web"]
    assert by_name(runtime(), "app")["web"] == first
    assert by_name(runtime(variables={"port": 8001}), "app")["web"] != first
    application.release(SERVICES, number=2)
    assert by_name(runtime(variables={"port": 8000}), "app")["web"] != first


@pytest.mark.parametrize("name, value, message", [
    ("BAD-NAME", "1", "'BAD-NAME' cannot be the name"), ("NUL", "a\0b", "NUL has a NUL character")])
def test_what_no_environment_can_hold_is_refused(runtime, name, value, message):
    with pytest.raises(SlipwayError, match=message):
        runtime().environment({name: value})


def test_a_placeholder_that_nobody_gave_is_named(runtime):
    with pytest.raises(SlipwayError, match="{port}"):
        definitions(runtime(variables={}), ["app"])


def test_slipway_yml_gives_placeholders_values_and_the_inventory_better_ones(runtime, application):
    application.release({}, number=2, variables={"port": "80", "php": "php", "root": "/elsewhere"})
    assert runtime(variables={"port": 8000}).argv("{php} {port} {root}") == ["php", "8000", application.root]


def test_an_exit_status_means_what_slipway_yml_says(runtime, application):
    application.release({}, number=2, exit_codes={"make": {"3": "It was made already."}})
    assert runtime().meaning(["php", "make", "--all"], 3) == " It was made already."
    assert runtime().meaning(["php", "make"], 1) == runtime().meaning(["remake"], 3) == ""


def test_a_name_that_leads_elsewhere_is_refused(runtime):
    opened = runtime()
    opened.config["services"]["../x"] = opened.config["services"]["web"]
    with pytest.raises(SlipwayError, match="cannot be called '../x'"):
        definitions(opened, ["app"])


def test_without_a_release_there_is_nothing_to_run(tmp_path):
    with pytest.raises(SlipwayError, match="No release is live in .*slipway.app.deploy"):
        open_runtime({"root": str(tmp_path), "environment": None, "variables": {}, "python": None})
