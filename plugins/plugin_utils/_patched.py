# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether all hosts have the same patches, as "applied to every host or to none" promises.

A controller that dies while they are patched leaves some hosts with a patch and others without. Nobody can put that
right by himself: only who wanted the patch knows which of both is meant.
"""

from __future__ import annotations

MEND = ("say slipway.app.patch_apply with it once more and every host has it, or slipway.app.patch_revert -e patch='%s' -e force=true "
        "and none has")


def differences(hosts):
    """[(hosts it is about, sentence)] of what makes the patches of hosts differ, and what mends it.

    hosts: {name: {"release": id of the live release, or None, "patches": [{"name", "digest", "keep"}], "interrupted": bool}}.
    Only hosts with the same live release are compared: while releases are switched, patches are not all alike.
    """
    found = []
    for release in sorted({said["release"] for said in hosts.values() if said["release"]}):
        found += _of_release(release, {name: said for name, said in hosts.items() if said["release"] == release})
    return found


def left_out(hosts):
    """[(hosts, sentence)] of hosts without a release, to which the patches of the others would not come; hosts as above."""
    patches = sorted({one["name"] for said in hosts.values() for one in said["patches"]})
    new = [name for name, said in hosts.items() if said["release"] is None]
    return [(new, "No release is live here, so patches of the other hosts would not come with the new one (%s): say slipway.app.patch_revert, "
                  "upgrade, then apply them to all." % ", ".join(patches))] if patches and new else []


def _of_release(release, hosts):
    for name in [name for name, said in hosts.items() if said["interrupted"]]:
        yield [name], ("A run was killed while it changed release %s; the next run of slipway.app.patch_apply or patch_revert that changes "
                       "something here takes back what it had begun." % release)
    known = {(one["name"], one["digest"]): one for said in hosts.values() for one in said["patches"]}
    for (patch, digest), dummy in sorted(known.items()):
        kept = {name: one["keep"] for name, said in hosts.items() for one in said["patches"] if (one["name"], one["digest"]) == (patch, digest)}
        lacking = [name for name in hosts if name not in kept]
        if lacking:
            yield lacking, "The patch %s (%s) of release %s is applied on %s and not here: %s." % (
                patch, digest[:12], release, ", ".join(kept), MEND % patch)
        if len(set(kept.values())) > 1:
            yield [name for name in kept if not kept[name]], (
                "The patch %s is to be kept by an upgrade on %s and not here: say slipway.app.patch_apply with it once more, with or "
                "without -e keep=true." % (patch, ", ".join(name for name in kept if kept[name])))
