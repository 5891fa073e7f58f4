# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal


def both(run_module, params):
    """Run in check mode, then really: both must tell the same. The latter's result."""
    predicted = run_module("maintenance", params, check=True)
    result = run_module("maintenance", params)
    assert not result.get("failed"), result
    for key in ("changed", "diff", "on", "message", "expected_seconds", "by"):
        assert predicted[key] == result[key], key
    assert set(predicted) == set(result)
    return result


def info(run_module, root):
    return run_module("maintenance_info", {"root": root})


def test_on_and_off(run_module, application):
    root = application.root
    assert info(run_module, root)["on"] is False
    assert not both(run_module, {"root": root, "state": "off"})["changed"]
    first = both(run_module, {"root": root, "msg": "Moving", "expected_seconds": 600, "by": "ann"})
    assert first["changed"] and first["by"] == "ann" and first["diff"]["after"]["message"] == "Moving"
    assert os.path.exists(os.path.join(root, "maintenance", "on", "index.html"))
    again = both(run_module, {"root": root, "msg": "Moving", "expected_seconds": 600, "by": "bob"})
    assert not again["changed"] and again["by"] == "ann" and again["since"] == first["since"]
    longer = both(run_module, {"root": root, "msg": "Moving", "expected_seconds": 900})
    assert longer["changed"] and longer["since"] == first["since"]
    now = info(run_module, root)
    assert now["on"] and now["expected_seconds"] == 900 and now["seconds"] > 0
    off = both(run_module, {"root": root, "state": False})  # what YAML makes of an unquoted off
    assert off["changed"] and not off["on"] and off["seconds"] > 0
    assert info(run_module, root)["since"] is None


@pytest.mark.one_core
def test_the_live_release_says_what_users_are_told(run_module, application):
    path = application.release({}, maintenance={"message": "Shop closed", "expected_seconds": 30, "page": "down.html"})
    with open(os.path.join(path, "down.html"), "w", encoding="utf-8") as stream:
        stream.write("<h1>Own page</h1>")
    result = both(run_module, {"root": application.root})
    assert (result["message"], result["expected_seconds"]) == ("Shop closed", 30) and result["by"]
    with open(os.path.join(application.root, "maintenance", "on", "index.html"), encoding="utf-8") as stream:
        assert stream.read() == "<h1>Own page</h1>"


def test_a_page_that_is_missing_keeps_nobody_from_turning_users_away(run_module, application):
    application.release({}, maintenance={"page": "down.html"})
    result = run_module("maintenance", {"root": application.root})
    (warning,) = result["warnings"]
    assert "Users see the collection's own page." in str(warning) and "down.html cannot be read" in str(warning)
    assert info(run_module, application.root)["on"]
    for option, seconds in (("expected_seconds", 0), ("lifetime", 10 ** 10)):  # a moment that far away has no date
        result = run_module("maintenance", {"root": application.root, option: seconds})
        assert "%s must be at least 1 and at most 1000000000. Maintenance is as it was." % option in result["msg"]


@pytest.mark.one_core
@pytest.mark.parametrize("module, file, options, said", [
    ("maintenance", "maintenance/pages", {}, "Users are not kept out. "),
    ("maintenance", "maintenance/on", {}, "The page is up, users are kept out. "),
    ("maintenance_info", "maintenance/on/status.json", {}, ""),
    ("maintenance_bypass", "bypass", {"secret": "0123456789" * 3}, "Links are as good as before."),
    ("service_info", "state/services.json", {"roles": ["app"], "driver": "supervisor"}, "The services cannot be told: "),
], ids=["off", "on", "info", "bypass", "services"])
def test_a_file_that_cannot_be_read_or_written_is_named(run_module, application, supervisord, module, file, options, said):
    application.release({}, maintenance={"on": ["true"]})
    path = os.path.join(application.root, file)
    if file.endswith("pages"):
        os.makedirs(os.path.dirname(path))
        with open(path, "wb"):
            pass
    else:
        os.makedirs(os.path.join(path, "folder"))
    options = dict(options, root=application.root)
    if module == "maintenance_bypass":
        options["path"] = path
    if module == "service_info":
        options.update(supervisor_socket=supervisord.socket, supervisor_conf_dir=supervisord.conf_dir)
    result = run_module(module, options)
    assert result["failed"] and said in result["msg"] and path in result["msg"] and "Traceback" not in str(result)


LOCK = {"on": [["sh", "-c", "echo on $(test -e ../../maintenance/on && echo kept-out) >> ../../said; test ! -e ../../broken"]],
        "off": [["sh", "-c", "echo off $(test -e ../../maintenance/on && echo kept-out) >> ../../said; test ! -e ../../broken"]]}


@pytest.mark.one_core
def test_the_application_is_locked_behind_the_page_and_unlocked_before_users_are_let_in(run_module, application):
    application.release({}, maintenance=LOCK)
    root = application.root

    def said():
        with open(os.path.join(root, "said"), encoding="utf-8") as stream:
            return stream.read().split("\n")[:-1]

    with open(os.path.join(root, "broken"), "wb"):
        failed = run_module("maintenance", {"root": root, "by": "ann"})
    assert failed["failed"] and "The page is up, users are kept out. Run this again" in failed["msg"] and info(run_module, root)["on"]
    os.unlink(os.path.join(root, "broken"))
    again = both(run_module, {"root": root})
    assert again["changed"] and again["locked"] and not again["diff"]["before"]["locked"]
    assert not both(run_module, {"root": root})["changed"]
    other = both(run_module, {"root": root, "msg": "Back at noon"})
    assert other["changed"] and other["locked"]  # and not locked once more
    assert said() == ["on kept-out"] * 2

    with open(os.path.join(root, "broken"), "wb"):
        failed = run_module("maintenance", {"root": root, "state": "off"})
    assert failed["failed"] and "Users are still kept out." in failed["msg"] and info(run_module, root)["on"]
    os.unlink(os.path.join(root, "broken"))
    opened = both(run_module, {"root": root, "state": "off"})
    assert opened["changed"] and not opened["locked"]
    assert not both(run_module, {"root": root, "state": "off"})["changed"]
    assert said()[2:] == ["off kept-out"] * 2


@pytest.mark.one_core
def test_it_keeps_out_of_an_open_operation(run_module, application):
    Journal(application.root, "20261121-open").append(
        "operation", "begin", data={"kind": "upgrade", "owner": {"user": "ann", "controller": "here"}})
    result = run_module("maintenance", {"root": application.root, "state": "off"})
    assert result["failed"] and "is open on this host" in result["msg"]
