# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What becomes of the live release's patches when another release is to take its place."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release.patches import Patches, Unsafe, patched

SKIP = "Say -e skip_check_patches=true to go without them"


def carried(site):
    """The patches of the live release as far as an upgrade has to do with them, for the controller to compare hosts by."""
    found = patched(site.root)
    if found["patches"] and site.params["skip_check_patches"]:
        found["patches"] = [one for one in found["patches"] if one["keep"]]
    return found


def refuse_to_drop(site, live):
    """Raise when the live release has patches that are not to be kept, and nobody has said that they may be dropped."""
    dropped = [one for one in Patches(site.releases, live).list() if not one["keep"]]
    if dropped and not site.params["skip_check_patches"]:
        raise SlipwayError(
            "Patches of release %s would be lost: %s." % (live.id, ", ".join(
                "%s (applied by %s at %s)" % (one["name"], one["by"] or "somebody", one["at"]) for one in dropped)),
            hint="%s, or apply them once more with -e keep=true: those are applied to the new release as well." % SKIP)


def replay(site, live, release):
    """Apply the patches that are to be kept to the new release, before it serves; what became of all of them, by name."""
    if live is None or live.id == release.id:
        return {}
    refuse_to_drop(site, live)  # the preflight did that without the lock
    old, new = Patches(site.releases, live), Patches(site.releases, release)
    names = _clear(new, {one["digest"] for one in old.list() if one["keep"]})
    left = {"left": names} if names else {}
    dropped = [one["name"] for one in old.list() if not one["keep"]]
    if not old.list():
        return left
    result = dict(new.replay(old), dropped=dropped, **left)
    if result["failed"] and not site.params["skip_check_patches"]:
        raise SlipwayError("Patches that are to be kept do not fit the new release. %s" % " ".join(
            "%s: %s" % failed for failed in sorted(result["failed"].items())), untouched="The live release is as it was.",
            hint="%s, or revert them (slipway.app.patch_revert) and make them anew for the new release." % SKIP)
    return result


def _clear(patches, kept):
    """Take back what a release still has of the time when it was live, or of an upgrade to it that was undone; the names of what stays.

    What root may not take back stays, and what was applied before it as well, which it was made on.
    """
    old = [one["name"] for one in reversed(patches.list()) if one["digest"] not in kept]
    for number, name in enumerate(old):
        try:
            patches.revert(name)
        except Unsafe:
            return old[number:]
    return []
