#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: patch
short_description: Apply a patch to the live release, or revert it
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - A patch is a unified diff that changes the files of the live release on a host. It is lost with the release, at the next upgrade,
    unless it is to be kept.
  - It is applied as a whole or not at all, also when the module is killed, and every hunk has to fit exactly (its lines may have moved).
  - A diff that names files outside of the release, over a link or in C(.slipway), or that changes what is not text, is refused.
    Where root unpacks releases, so is one that changes what the application's user may write to (C(writable) of C(slipway.yml)).
  - Services are not restarted; they go on with the code they have loaded. Restart them with M(slipway.app.service).
  - Nothing is done while an operation (such as an upgrade) is open on the host, or on the leader holds the lock of the application.
    Hold it yourself while several hosts are patched, as the playbook C(slipway.app.patch_apply) does.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
requirements:
  - GNU patch 2.7 or later on the host.
options:
  state:
    description:
      - V(applied) applies the diff in O(src). One that is applied already is not applied again, and neither is one that the release
        contains by itself.
      - V(reverted) takes the applied patch called O(name) back. One that is not applied is left alone.
    type: str
    choices: [applied, reverted]
    default: applied
  src:
    description: The diff, a file on the controller. Needed with O(state=applied).
    type: path
  name:
    description: What the patch is called. By default the file name of O(src). When reverting, its digest does as well.
    type: str
  strip:
    description: How many folders are taken off the paths in the diff. Without it, 1 for paths as C(git diff) writes them, else 0, then 1.
    type: int
  keep:
    description: Apply the patch again to the release that an upgrade brings.
    type: bool
    default: false
  by:
    description: Who does this, for the record; the user who logged in on the host when empty.
    type: str
    default: ''
  content:
    description: The diff itself, encoded in base64, in place of O(src).
    type: str
  operation:
    description: Id of the operation that this is a part of, as M(slipway.app.operation) has begun it.
    type: str
seealso:
  - module: slipway.app.operation
  - module: slipway.app.patch_info
  - module: slipway.app.service
"""

EXAMPLES = r"""
---
- name: Mend the live release until the next one does
  slipway.app.patch:
    root: /srv/shop
    src: fix-totals.patch
    by: ann
  register: patched

- name: Let the web processes load it
  slipway.app.service:
    root: /srv/shop
    roles: [app]
    environment: prod
    variables:
      port: 8000
    state: restarted
    names: [web]
  when: patched is changed

- name: Take it back
  slipway.app.patch:
    root: /srv/shop
    state: reverted
    name: fix-totals.patch
"""

RETURN = r"""
release:
  description: Id of the live release.
  returned: success
  type: str
  sample: 1.1.0-9f86d081884c
patch:
  description:
    - The patch, as RV(slipway.app.patch_info#module:patches) has it, without its text. With O(state=reverted) as it was.
    - Null where there was none to revert, or where the release contains it.
  returned: success
  type: dict
  sample:
    name: fix-totals.patch
    digest: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    strip: 1
    keep: false
    by: ann
    at: "2026-11-21T11:02:33Z"
    files: [shop/totals.py]
content:
  description: The diff that was reverted, encoded in base64.
  returned: with O(state=reverted), when there was one
  type: str
contained:
  description: Whether the release contains the patch by itself, so that nothing was applied.
  returned: success
  type: bool
interrupted:
  description:
    - Whether some of the release's files may be changed and others not, which the next run of this module takes back.
    - Without this in its result, a failed module has not come to its end, and all of the patch may be there.
  returned: failure
  type: bool
restart_needed:
  description:
    - Whether the patch is there, or with O(state=reverted) was taken back. Services that were started before go on as they were until they
      are restarted. It does not say that there are such, and is V(true) also where an earlier run did it, which may have been killed before
      it had restarted them.
  returned: success
  type: bool
"""

import base64
import binascii
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.account import user
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.action import action
from ansible_collections.slipway.app.plugins.module_utils._release.patches import open_patches


def applied(patches, options, check):
    if options["content"] is None:
        raise SlipwayError("Say with src which patch to apply.", untouched="Nothing was changed.")
    try:
        text = base64.b64decode(options["content"], validate=True)
    except binascii.Error as error:
        raise SlipwayError("The content is not base64: %s." % error, untouched="Nothing was changed.") from error
    return patches.apply(text, _name(options), options["strip"], options["keep"], options["by"] or user(), check)


def reverted(patches, options, check):
    record, changed = patches.revert(_name(options), check)
    return record, changed, False


def _name(options):
    return options["name"] or os.path.basename(options["src"])


def run(options, check):
    with action(options["root"], "patch", options["operation"], check):
        return _run(options, check)


def _run(options, check):
    patches = open_patches(options["root"])
    before = patches.list()
    texts = {one["digest"]: patches.text(one) for one in before}
    record, changed, contained = {"applied": applied, "reverted": reverted}[options["state"]](patches, options, check)
    known = record is not None and record["digest"] in [one["digest"] for one in before]
    if options["state"] == "reverted":
        after = [one for one in before if one != record]
    elif record is None or known:
        after = [record if record and one["digest"] == record["digest"] else one for one in before]
    else:
        after = before + [record]
    content = {}
    if options["state"] == "reverted" and record:
        content["content"] = base64.b64encode(texts[record["digest"]]).decode("ascii")
    return {"changed": changed, **content, "release": patches.release.id, "patch": record, "contained": contained,
            "restart_needed": record is not None or options["state"] == "reverted" and patches.had(_name(options)),
            "diff": {"before": {"patches": _shown(before)}, "after": {"patches": _shown(after)}}}


def _shown(records):
    return [{"name": one["name"], "digest": one["digest"], "keep": one["keep"]} for one in records]


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            state=dict(type="str", choices=["applied", "reverted"], default="applied"),
            src=dict(type="path"),
            name=dict(type="str"),
            strip=dict(type="int"),
            keep=dict(type="bool", default=False),
            by=dict(type="str", default=""),
            content=dict(type="str"),
            operation=dict(type="str"),
        ),
        required_one_of=[("src", "name")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except SlipwayError as error:
        module.fail_json(msg=str(error), interrupted=False, **error.facts)
    except OSError as error:
        module.fail_json(msg=str(SlipwayError("The release cannot be changed: %s. What was begun is taken back by the next run." % error)),
                         interrupted=_interrupted(module.params["root"]))


def _interrupted(root):
    try:
        return open_patches(root).interrupted()
    except (OSError, SlipwayError):
        return True


if __name__ == "__main__":
    main()
