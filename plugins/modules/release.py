#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Unpack, activate and remove releases of an application
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - A release is a package unpacked on a host, in the folder C(releases) of the application. C(current) points to the live one.
  - The live release is never touched while another one is unpacked beside it, and a release is there as a whole or not at all,
    also when the module is killed.
  - Nothing is done while an operation (such as an upgrade) is open on the host.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
  - slipway.app._package
  - slipway.app._package.relay
attributes:
  diff_mode:
    details:
      - Of environment variables only the names are shown.
options:
  state:
    description:
      - V(present) reads the package from O(store) by its digest, verifies every blob, makes sure that the disk has room before it
        unpacks anything, refuses archives that reach outside of the release, and links the shared paths of the application.
        A release that is there already is not read again.
      - V(active) makes the release with this O(id) the live one, in one step. Services are not restarted.
        With O(package) instead of O(id), the package becomes V(present) first, in the same run.
      - V(absent) removes the release with this O(id) and its environment variables. The live release is refused.
    type: str
    choices: [present, active, absent]
    default: present
  package:
    description: The package to unpack, such as V(shop:1.1.0) or V(shop@sha256:...). Needed with O(state=present),
      one of the ways to say what to activate with O(state=active).
    type: str
  store:
    description:
      - Where packages are kept, a folder with an OCI image layout or the URL of a registry, as in M(slipway.app.package_info).
        Needed with O(package).
    type: str
    required: false
  id:
    description: The release to activate or to remove, as this module and M(slipway.app.release_info) return it.
    type: str
  environment_variables:
    description:
      - Variables for the application's processes in this release, with O(package).
      - They are written outside of the release, readable by their owner only. If omitted, those there are stay as they are.
    type: dict
  keep_releases:
    description:
      - With O(state=active), how many releases stay on the host; older ones are removed. The live one and the one before it
        always stay. If omitted, none is removed.
    type: int
seealso:
  - module: slipway.app.package_build
  - module: slipway.app.release_info
  - module: slipway.app.service
"""

EXAMPLES = r"""
---
- name: Unpack the shop beside the live release
  slipway.app.release:
    root: /srv/shop
    package: shop:1.1.0
    store: /srv/packages
    environment_variables:
      DJANGO_SECRET_KEY: "{{ vault_django_secret_key }}"
  register: unpacked

- name: Make it live
  slipway.app.release:
    root: /srv/shop
    state: active
    id: "{{ unpacked.release.id }}"
  register: activated

- name: Unpack it and make it live in one go, and let no more than three releases stay
  slipway.app.release:
    root: /srv/shop
    state: active
    package: shop:1.1.0
    store: /srv/packages
    keep_releases: 3

- name: Remove the one that was live before
  slipway.app.release:
    root: /srv/shop
    state: absent
    id: "{{ activated.previous }}"
  when: activated.previous
"""

RETURN = r"""
release:
  description: The release; with O(state=absent) as it was, or null where there was none.
  returned: success
  type: dict
  contains:
    id:
      description: Its id, tag and first digits of the digest.
      type: str
      sample: 1.1.0-9f86d081884c
    path:
      description: Its folder.
      type: str
      sample: /srv/shop/releases/1.1.0-9f86d081884c
    digest:
      description: The digest of its package.
      type: str
    package:
      description: The package as it was asked for.
      type: str
      sample: shop:1.1.0
    reference:
      description: The git reference the package was built from.
      type: str
    commit:
      description: The commit the package was built from.
      type: str
    label:
      description: The label of the package.
      type: str
      sample: "Reference: 1.1.0"
    unpacked_at:
      description: When it was unpacked, UTC.
      type: str
      sample: "2026-11-21T11:02:33.512345Z"
previous:
  description: Id of the release that was live before the current one, or null.
  returned: success
  type: str
removed:
  description: Ids of the releases that O(keep_releases) has left no place for.
  returned: with O(state=active)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import warn
from ansible_collections.slipway.app.plugins.module_utils._operation.action import action
from ansible_collections.slipway.app.plugins.module_utils._package.arguments import STORE_ARGUMENTS
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_on_host
from ansible_collections.slipway.app.plugins.module_utils._release import environment
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore


def present(releases, params, variables, check):
    release, changed, unused_planned, diff = unpack(releases, params, variables, check)
    return {"changed": changed, "release": release, "previous": releases.previous(), "diff": diff}


def unpack(releases, params, variables, check):
    """Have the package unpacked and its variables written; (Release, changed, whether it is only planned, diff)."""
    packages = open_on_host(params, params["root"], params["package"])
    before = [release.id for release in releases.list()]
    with releases.untouched():
        digest = packages.resolve(params["package"])
        if params["relayed"] and not check and not releases.find(digest):
            ask_for_layers(packages, digest, params["relayed"])
    release, unpacked = releases.present(packages, digest, params["package"], check=check)
    after = [release.id] + before if unpacked else before
    diff = {"before": {"releases": before}, "after": {"releases": after}}
    written = False
    if variables is not None:
        diff["before"]["environment_variables"], diff["after"]["environment_variables"] = environment.names(
            releases.root, release.id, variables)
        written = environment.write(releases.root, release.id, variables, check=check)
    return release, unpacked or written, unpacked and check, diff


def ask_for_layers(packages, digest, relayed):
    """Tell the controller which layers it has to send, unless it has sent them."""
    missing = packages.missing(digest)
    if missing and not relayed.get("folder"):
        raise SlipwayError("%d layers have to be relayed." % len(missing), relay=missing)


def active(releases, params, variables, check):
    live, there = releases.current(), releases.list()
    if params["package"]:
        release, changed, planned, diff = unpack(releases, params, variables, check)
    else:
        release, changed, planned, diff = releases.get(params["id"]), False, False, {"before": {}, "after": {}}
    # What is only planned cannot be live, nor be asked for.
    previous, switched = (live, True) if planned else releases.activate(release.id, check=check)
    diff["before"]["current"], diff["after"]["current"] = live.id if live else None, release.id
    removed, warnings = prune(releases, params["keep_releases"], {one.id for one in (release, previous) if one}, check)
    if removed:
        diff["before"].setdefault("releases", [one.id for one in there])
        staying = diff["after"].get("releases", diff["before"]["releases"])
        diff["after"]["releases"] = [one for one in staying if one not in removed]
    return {"changed": changed or switched or bool(removed), "release": release, "previous": previous, "diff": diff,
            "removed": removed, "warnings": warnings}


def prune(releases, keep, needed, check):
    """Remove the releases that are too many: (ids, what went wrong). The live one is live, whatever becomes of the old."""
    removed, warnings = [], []
    for old in releases.surplus(keep, needed) if keep is not None else []:
        try:
            releases.absent(old.id, check=check)
            removed.append(old.id)
        except SlipwayError as error:
            warnings.append(str(error))
    return removed, warnings


def absent(releases, params, unused_variables, check):
    there = releases.list()
    release = next((one for one in there if one.id == params["id"]), None)
    before = [one.id for one in there]
    changed = releases.absent(params["id"], check=check)
    after = [one for one in before if one != params["id"]]
    previous = releases.previous()
    if previous and previous.id == params["id"]:
        previous = None  # a check has left it there
    diff = {"before": {"releases": before}, "after": {"releases": after}}
    return {"changed": changed, "release": release, "previous": previous, "diff": diff}


STATES = {"present": present, "active": active, "absent": absent}


def run(params, variables, check):
    with action(params["root"], "release", check=check):
        return _run(params, variables, check)


def _run(params, variables, check):
    releases = ReleaseStore(params["root"])
    result = STATES[params["state"]](releases, params, variables, check)
    if not check and params["state"] != "present":
        releases.tidy()
    release, previous = result["release"], result["previous"]
    return dict(result, release=release.as_dict() if release else None, previous=previous.id if previous else None)


def take_secrets(module):
    """Take the variables out of the parameters; nothing this module returns has their values.

    So Ansible need not look for them in the result, where it would replace every "1" by stars for the sake of DEBUG=1.
    """
    variables = module.params["environment_variables"]
    if variables is not None:
        module.params["environment_variables"] = dict.fromkeys(variables, "********")
        module.no_log_values.intersection_update({(module.params["store_auth"] or {}).get("password")})
    return variables


def main():
    module = AnsibleModule(
        argument_spec=dict(
            STORE_ARGUMENTS,
            root=dict(type="path", required=True),
            state=dict(type="str", choices=["present", "active", "absent"], default="present"),
            package=dict(type="str"),
            relay=dict(type="raw", default="auto"),
            relayed=dict(type="dict"),
            id=dict(type="str"),
            environment_variables=dict(type="dict", no_log=True),
            keep_releases=dict(type="int"),
        ),
        required_if=[
            ("state", "present", ("package",)),
            ("state", "active", ("package", "id"), True),
            ("state", "absent", ("id",)),
        ],
        required_by={"package": ["store"]},
        mutually_exclusive=[("package", "id")],
        supports_check_mode=True,
    )
    variables = take_secrets(module)
    try:
        result = run(module.params, variables, module.check_mode)
        warn(module, result.pop("warnings", []))
        module.exit_json(**result)
    except SlipwayError as error:
        module.fail_json(msg=str(error), **error.facts)
    except OSError as error:
        module.fail_json(msg=str(SlipwayError("The releases cannot be read or changed: %s." % error,
                                              hint="The module slipway.app.release_info says which one is live.")))


if __name__ == "__main__":
    main()
