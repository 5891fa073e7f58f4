# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What becomes of the live release's patches when another release is to take its place."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release.patches import Patches

SKIP = "Say -e skip_check_patches=true to go without them"


def refuse_to_drop(site, live):
    """Raise when the live release has patches that are not to be kept, and nobody has said that they may be dropped."""
    dropped = [one for one in Patches(site.root, live).list() if not one["keep"]]
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
    old = Patches(site.root, live)
    dropped = [one["name"] for one in old.list() if not one["keep"]]
    if not old.list():
        return {}
    result = dict(Patches(site.root, release).replay(old), dropped=dropped)
    if result["failed"] and not site.params["skip_check_patches"]:
        raise SlipwayError("Patches that are to be kept do not fit the new release: %s" % " ".join(
            "%s: %s" % failed for failed in sorted(result["failed"].items())), hint="%s." % SKIP)
    return result
