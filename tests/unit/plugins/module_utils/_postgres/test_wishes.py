# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a dump: its compression, its config, its hooks, and whether it is allowed."""

from __future__ import annotations

import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    compression, configs, guard)
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumping
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection


@pytest.mark.parametrize("text", ["", "zip", "zstd:0", "zstd:23", "gzip:10", "none:1", "auto:3", "zstd:3; rm", "lz4:-1"])
def test_what_is_no_compression(text):
    with pytest.raises(SlipwayError):
        compression.check(text)


def test_the_call_comes_before_the_config():
    sets = {"small": {"jobs": "3", "exclude_tables": ["log_*"], "compression": None}}
    said = {"jobs": None, "exclude_tables": ["sessions"], "compression": "none"}
    found = configs.effective(said, sets, "small", configs.DUMP)
    assert (found["jobs"], found["exclude_tables"], found["compression"], found["instance"]) == (3, ["sessions"], "none", None)
    assert configs.key_part(said, "small") == "none"
    assert configs.key_part({"jobs": 1}, "small") == "small"


def test_one_config_has_what_each_of_the_calls_needs(monkeypatch):
    monkeypatch.setenv("HOME", "/srv/ann")
    sets = {"small": {"store": "~/dumps", "source": "prod/shop/small", "prefix": "prod", "way": "stream", "jobs": 2}}
    asked = {name: configs.effective({}, sets, "small", options, configs.ALL) for name, options in (
        ("dump", configs.DUMP), ("restore", configs.RESTORE), ("copy", configs.COPY), ("list", configs.LIST))}
    assert asked["dump"]["store"] == asked["restore"]["store"] == asked["list"]["store"] == "/srv/ann/dumps"
    assert asked["restore"]["source"] == "prod/shop/small" and asked["list"]["prefix"] == "prod" and asked["copy"]["way"] == "stream"
    assert "source" not in asked["copy"], "that of a restore is no database"


@pytest.mark.parametrize("sets, config, words", [
    ({"small": {}}, "smal", "no config smal. Did you mean small"), ({}, "small", "no config small"),
    ({"small": {"exclude_table": []}}, "none", "unknown option exclude_table. Did you mean exclude_tables"),
    ({"small": []}, "none", "is no mapping"), ({"none": {}}, "none", "stands for no config"),
    ({"small": {"jobs": "many"}}, "small", "'many' as jobs"), ({"small": {"exclude_tables": "a"}}, "small", "'a' as exclude_tables"),
    ({"small": {"pre_dump_hooks": [[]]}}, "small", "as pre_dump_hooks"), ({"small": {"sanitize": None}}, "small", "None as sanitize")])
def test_a_config_that_is_wrong(sets, config, words):
    with pytest.raises(SlipwayError, match=words):
        configs.effective({}, sets, config, configs.DUMP)


@pytest.mark.parametrize("hook, words", [("echo it's secret", "No closing quotation"), ("", "empty"), ([], "empty"), ([""], "empty"), ("  ", "empty"),
                                         (5, "neither"), ({"secret": 1}, "neither")])
def test_a_hook_that_is_no_command_is_named_without_its_words(hook, words):
    with pytest.raises(SlipwayError, match="Command 2 of pre_swap_hooks cannot be one: .*%s.*Nothing was changed" % words) as caught:
        configs.split([["echo", 5], hook], "pre_swap_hooks")
    assert "secret" not in str(caught.value)
    with pytest.raises(SlipwayError, match="Command 1 of pre_dump_hooks"):
        dumping.Wish("uat", hooks=[hook])
    assert configs.split([["echo", 5], "echo 'a b'"], "pre_swap_hooks") == [["echo", "5"], ["echo", "a b"]]


@pytest.mark.parametrize("environment, said, allowed", [
    ("dev", None, True), ("uat", None, True), ("prod", None, False), (None, None, False), ("prod", True, True), (None, True, True),
    ("dev", False, False)])
def test_who_may_dump(environment, said, allowed):
    if allowed:
        guard.require_allowed("dump", environment, said, "allow_dump")
    else:
        with pytest.raises(SlipwayError, match="is not allowed"):
            guard.require_allowed("dump", environment, said, "allow_dump")


def test_what_a_hook_is_told_is_not_in_its_error():
    with pytest.raises(SlipwayError, match="The pre-dump hook .* failed with exit status 3. It printed nothing. No dump was made") as caught:
        dumping._run_hooks(Connection(login_db="shop"), [[sys.executable, "-c", "raise SystemExit(3)", "--token=top secret"]])
    assert "top secret" not in str(caught.value)
