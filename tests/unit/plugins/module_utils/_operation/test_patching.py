# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade says and does about the patches of the release that is live."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.patching import carried, refuse_to_drop, replay
from ansible_collections.slipway.app.plugins.module_utils._release.patches import Patches
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.plugins.plugin_utils._words import outcome_line, remarks


@pytest.fixture
def site(application):
    """Releases 1.0, live, and 2.0; old and new are theirs."""
    for number in (1, 2):
        path = application.release({}, number, live=number == 1)
        with open(os.path.join(path, "app.txt"), "w", encoding="utf-8") as stream:
            stream.write("one\ntwo\n")
    os.mkdir(os.path.join(application.root, "state"))
    releases = ReleaseStore(application.root)
    new, old = releases.list()
    return SimpleNamespace(root=releases.root, releases=releases, old=old, new=new, params={"skip_check_patches": False})


def patch(site, name, old="one", keep=False):
    new = old.upper()
    text = "--- a/app.txt\n+++ b/app.txt\n@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n" if old == "one" else (
        "--- a/app.txt\n+++ b/app.txt\n@@ -2 +2 @@\n-%s\n+%s\n" % (old, new))
    Patches(site.releases, site.old).apply(text.encode("utf-8"), name, keep=keep, by="ann")


def test_without_patches_there_is_nothing_to_say(site):
    refuse_to_drop(site, site.old)
    assert replay(site, site.old, site.new) == replay(site, None, site.new) == {}
    assert not os.path.exists(os.path.join(site.new.path, ".slipway", "patches"))


def test_patches_that_would_be_lost_are_named(site):
    patch(site, "kept.patch", keep=True)
    patch(site, "lost.patch", old="two")
    with pytest.raises(SlipwayError, match=r"lost\.patch \(applied by ann at .*skip_check_patches=true") as error:
        refuse_to_drop(site, site.old)
    assert "kept.patch" not in str(error.value)
    with pytest.raises(SlipwayError, match=r"lost\.patch \(applied by ann"):  # it came after the preflight
        replay(site, site.old, site.new)
    site.params["skip_check_patches"] = True
    refuse_to_drop(site, site.old)
    assert replay(site, site.old, site.new)["dropped"] == ["lost.patch"]


def test_hosts_are_compared_by_the_patches_an_upgrade_has_to_do_with(site):
    patch(site, "kept.patch", keep=True)
    patch(site, "lost.patch", old="two")
    (kept, lost) = carried(site)["patches"]
    assert (kept["name"], lost["name"]) == ("kept.patch", "lost.patch")
    site.params["skip_check_patches"] = True
    assert carried(site) == {"release": site.old.id, "patches": [kept], "interrupted": False}


def test_a_patch_to_be_kept_is_applied_to_the_new_release_once(site):
    patch(site, "kept.patch", keep=True)
    refuse_to_drop(site, site.old)
    for _time in range(2):  # a step can be run again
        assert replay(site, site.old, site.new) == {"applied": ["kept.patch"], "contained": [], "failed": {}, "dropped": []}
    with open(os.path.join(site.new.path, "app.txt"), encoding="utf-8") as stream:
        assert stream.read() == "ONE\ntwo\n"
    assert replay(site, site.new, site.new) == {}


def test_what_the_new_release_still_has_of_another_time_is_taken_back(site):
    patch(site, "kept.patch", keep=True)
    patch(site, "reverted.patch", old="two", keep=True)
    replay(site, site.old, site.new)  # by an upgrade that was undone
    Patches(site.releases, site.old).revert("reverted.patch")
    replay(site, site.old, site.new)
    assert [one["name"] for one in Patches(site.releases, site.new).list()] == ["kept.patch"]
    Patches(site.releases, site.old).revert("kept.patch")
    assert replay(site, site.old, site.new) == {}
    with open(os.path.join(site.new.path, "app.txt"), encoding="utf-8") as stream:
        assert stream.read() == "one\ntwo\n"


def test_a_patch_to_be_kept_that_no_longer_fits(site):
    patch(site, "kept.patch", keep=True)
    with open(os.path.join(site.new.path, "app.txt"), "w", encoding="utf-8") as stream:
        stream.write("three\n")
    with pytest.raises(SlipwayError, match=r"kept\.patch: The patch does not fit release 2\.0") as error:
        replay(site, site.old, site.new)
    assert "The live release is as it was. Say -e skip_check_patches=true" in str(error.value)
    site.params["skip_check_patches"] = True
    result = replay(site, site.old, site.new)
    assert list(result["failed"]) == ["kept.patch"]
    line = outcome_line("app1", "stage", 1, "maintenance", {"release": "2.0", "patches": dict(result, dropped=["a", "b"])})
    assert "already has 2.0; DROPPED a, b; DROPPED, no longer fits: kept.patch" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray")
def test_a_patch_of_before_on_what_is_the_applications_is_in_nobodys_way_and_named(site):
    """Root once patched what the application may write to, and no longer does."""
    patch(site, "old.patch")
    os.chown(os.path.join(site.old.path, "app.txt"), 65534, 65534)
    with pytest.raises(SlipwayError, match="as the application's user") as refused:
        Patches(site.releases, site.old).revert("old.patch")
    assert "Revert later patches" not in str(refused.value) and "skip_check_patches=true" in str(refused.value)
    result = replay(site, site.new, site.old)
    assert [one["name"] for one in Patches(site.releases, site.old).list()] == result["left"] == ["old.patch"]
    stage = {"release": "1.0", "patches": result}
    assert "STILL PATCHED by old.patch" in outcome_line("app1", "stage", 1, "maintenance", stage)
    assert "1.0 still has patches" in remarks({"stage": stage})[0] and "old.patch" in remarks({"stage": stage})[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray")
def test_patches_below_one_that_stays_stay_as_well(site):
    """It was made on them; where both change the same lines, they could not be taken back either."""
    patch(site, "first.patch")
    with open(os.path.join(site.old.path, "own.txt"), "w", encoding="utf-8") as stream:
        stream.write("one\n")
    both = "--- a/app.txt\n+++ b/app.txt\n@@ -1,2 +1,2 @@\n-ONE\n+1\n two\n--- a/own.txt\n+++ b/own.txt\n@@ -1 +1 @@\n-one\n+1\n"
    Patches(site.releases, site.old).apply(both.encode("utf-8"), "second.patch", by="ann")
    os.chown(os.path.join(site.old.path, "own.txt"), 65534, 65534)
    patch(site, "third.patch", old="two")
    assert replay(site, site.new, site.old) == {"left": ["second.patch", "first.patch"]}
    with open(os.path.join(site.old.path, "app.txt"), encoding="utf-8") as stream:
        assert stream.read() == "1\ntwo\n"
