# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules release and release_info, as processes, on a real folder."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import entry, flip_byte, put_package
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application

SECRETS = {"DEBUG": "1", "SECRET_KEY": "correct horse", "PORT": 8000}


@pytest.fixture
def release(run_module, tmp_path):
    """release(state, ...) -> result; a check comes first each time and has to tell what the real run then does."""
    layers = {"source": [entry("manage.py", b"#!"), entry("media/logo", b"logo")]}
    for tag in ("1.0.0", "1.1.0"):
        put_package(tmp_path / "packages", "shop:" + tag, dict(layers, version=[entry("VERSION", tag.encode())]), ["media"])

    def runner(state, **params):
        params = dict(params, state=state, root=str(tmp_path / "root"))
        if state == "present":
            params = dict({"store": str(tmp_path / "packages"), "package": "shop:1.0.0"}, **params)
        before = snapshot(tmp_path / "root")
        checked = run_module("release", params, check=True)
        assert snapshot(tmp_path / "root") == before
        result = run_module("release", params)
        assert without_moment(checked) == without_moment(result)
        return result

    return runner


def snapshot(root):
    return {path: os.lstat(path).st_mtime_ns for path in root.rglob("*")} if root.exists() else None


def without_moment(result):
    """The result without what may be different a moment later: the time, and the disk's free bytes in an error."""
    release = result.get("release")
    fleeting = {"msg": None, "free": None} if result.get("failed") else {}
    return dict(result, release=release and dict(release, unpacked_at=None), **fleeting)


def test_the_life_of_releases(release, run_module, tmp_path):
    root = tmp_path / "root"
    first = release("present")
    assert first["changed"] and first["previous"] is None
    assert first["diff"] == {"before": {"releases": []}, "after": {"releases": [first["release"]["id"]]}}
    assert os.path.isfile(os.path.join(first["release"]["path"], "manage.py"))
    assert os.readlink(os.path.join(first["release"]["path"], "media")) == "../../shared/media"
    again = release("present", package="shop@" + first["release"]["digest"])
    assert not again["changed"] and again["release"] == first["release"]

    live = release("active", id=first["release"]["id"])
    assert live["changed"] and live["previous"] is None and live["release"] == first["release"]
    assert live["diff"] == {"before": {"current": None}, "after": {"current": first["release"]["id"]}}
    second = release("present", package="shop:1.1.0")
    live = release("active", id=second["release"]["id"])
    assert live["changed"] and live["previous"] == first["release"]["id"]
    assert (root / "current" / "VERSION").read_text() == "1.1.0"
    live = release("active", id=second["release"]["id"])
    assert not live["changed"] and live["previous"] == first["release"]["id"]

    found = run_module("release_info", {"root": str(root)})
    assert [(one["package"], one["current"]) for one in found["releases"]] == [("shop:1.1.0", True), ("shop:1.0.0", False)]
    assert found["current"] == found["releases"][0] and found["previous"] == found["releases"][1]
    assert run_module("release_info", {"root": str(root)}, check=True) == found

    refused = release("absent", id=second["release"]["id"])
    assert refused["failed"] and "is live and is not removed" in refused["msg"]
    gone = release("absent", id=first["release"]["id"])
    assert gone["changed"] and gone["release"] == first["release"] and gone["previous"] is None
    assert gone["diff"]["after"] == {"releases": [second["release"]["id"]]}
    gone = release("absent", id=first["release"]["id"])
    assert not gone["changed"] and gone["release"] is None


@pytest.mark.one_core
def test_a_package_goes_live_in_one_go_and_the_oldest_releases_go(release, tmp_path):
    store = str(tmp_path / "packages")
    for tag in ("1.2.0", "1.3.0"):
        put_package(store, "shop:" + tag, {"source": [entry("VERSION", tag.encode())]})
    ids = []
    for tag in ("1.0.0", "1.1.0", "1.2.0"):
        live = release("active", package="shop:" + tag, store=store, keep_releases=3)
        assert live["changed"] and live["removed"] == [] and live["previous"] == (ids[-1] if ids else None)
        ids.append(live["release"]["id"])
    release("active", id=ids[0])  # back to the oldest; the newest becomes the one before it
    live = release("active", package="shop:1.3.0", store=store, keep_releases=2, environment_variables=SECRETS)
    assert live["changed"] and live["previous"] == ids[0] and live["removed"] == [ids[2], ids[1]]
    new = live["release"]["id"]
    assert live["diff"]["before"]["current"] == ids[0] and live["diff"]["after"]["current"] == new
    assert live["diff"]["before"]["releases"] == [ids[2], ids[1], ids[0]] and live["diff"]["after"]["releases"] == [new, ids[0]]
    assert sorted(os.listdir(tmp_path / "root" / "releases")) == sorted([new, ids[0]])
    again = release("active", package="shop:1.3.0", store=store, keep_releases=2)
    assert not again["changed"] and again["previous"] == ids[0]
    assert release("active", package="shop:9.9.9", store=store)["failed"]
    for options in ({"package": "shop:1.3.0", "id": new, "store": store}, {"package": "shop:1.3.0"}, {}):
        assert release("active", **options)["failed"]


def test_info_where_nothing_is(run_module, tmp_path):
    found = run_module("release_info", {"root": str(tmp_path / "root")})
    assert (found["releases"], found["current"], found["previous"]) == ([], None, None)


def test_environment_variables_stay_secret_and_hide_nothing_else(release, tmp_path):
    written = release("present", environment_variables=SECRETS)
    path = tmp_path / "root" / "state" / "environments" / (written["release"]["id"] + ".json")
    assert json.loads(path.read_text()) == {"DEBUG": "1", "SECRET_KEY": "correct horse", "PORT": "8000"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert written["release"]["package"] == "shop:1.0.0"  # with its 1
    assert written["diff"]["after"]["environment_variables"] == ["DEBUG", "PORT", "SECRET_KEY"]
    assert not release("present", environment_variables=SECRETS)["changed"]
    assert not release("present")["changed"]  # left as they are
    changed = release("present", environment_variables={"DEBUG": "1", "SECRET_KEY": "battery staple"})
    assert changed["changed"]
    assert changed["diff"]["before"]["environment_variables"] == ["DEBUG", "PORT", "SECRET_KEY"]
    assert changed["diff"]["after"]["environment_variables"] == ["DEBUG", "SECRET_KEY (another value)"]
    refused = release("present", environment_variables={"LIST": ["battery staple"]})
    assert refused["failed"] and "variable LIST is not text" in refused["msg"]
    for result in (written, changed, refused):
        assert "horse" not in json.dumps(result) and "staple" not in json.dumps(result)


@pytest.mark.one_core
def test_what_is_wrong_is_named_and_changes_nothing(release, tmp_path):
    live = release("present")["release"]
    release("active", id=live["id"])
    before = set(snapshot(tmp_path / "root"))
    missing = release("present", package="shop:9.9.9")
    assert "There is no package shop:9.9.9" in missing["msg"]
    damaged = put_package(tmp_path / "packages", "shop:1.2.0", {"source": [entry("a", b"x")]})
    flip_byte(tmp_path / "packages", damaged)
    assert damaged in release("present", package="shop:1.2.0")["msg"]
    put_package(tmp_path / "packages", "shop:1.3.0", {"source": [entry("a", b"x")]}, unpacked_size=10 ** 18)
    small = release("present", package="shop:1.3.0")
    assert small["needed"] > small["free"] and "too small" in small["msg"]
    for result in (missing, small):
        assert result["failed"] and "the live release %s is untouched" % live["id"] in result["msg"]
    unknown = release("active", id="1-0123456789ab")
    assert unknown["failed"] and "There is no release 1-0123456789ab" in unknown["msg"] and live["id"] in unknown["msg"]
    assert release("present", store=str(tmp_path / "nothing"))["failed"]
    assert set(snapshot(tmp_path / "root")) == before


@pytest.mark.one_core
def test_nothing_is_done_while_an_operation_is_open(release, tmp_path):
    first = release("present")["release"]
    Journal(str(tmp_path / "root"), "20261121-1").append(
        "operation", "begin", data={"kind": "upgrade", "owner": {"user": "ann", "controller": "desk"}})
    for state, params in (("present", {"package": "shop:1.1.0"}), ("active", {"id": first["id"]}), ("absent", {"id": first["id"]})):
        refused = release(state, **params)
        assert refused["failed"] and "is open on this host" in refused["msg"]


@pytest.mark.parametrize("module, blocked, options", [
    ("release", "root/state/activated.json", {"state": "active", "id": "1.0-000000000001"}),
    ("release_info", "root/state/activated.json", {}), ("patch_info", "root/current/.slipway/patches/applied.json", {}),
    ("console", "root/state/environments/1.0-000000000001.json", {"command": ["true"]}), ("package_info", "packages/oci-layout", {})])
def test_what_the_system_refuses_is_said_without_a_traceback(run_module, tmp_path, module, blocked, options):
    Application(tmp_path / "root").release({})
    (tmp_path / blocked).mkdir(parents=True)
    where = {"store": str(tmp_path / "packages")} if module == "package_info" else {"root": str(tmp_path / "root")}
    result = run_module(module, dict(options, **where))
    assert result["failed"] and "Is a directory" in result["msg"] and "/proc/" not in result["msg"] and "traceback" not in result["msg"].lower()
    assert "exception" not in result
