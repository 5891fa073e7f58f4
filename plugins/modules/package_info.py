#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_info
short_description: List packages, or look into one
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Lists the packages in a store, newest first. One in a folder that is damaged is listed as C((damaged)), by its label.
  - Of a single package it also returns its layers and its configuration as it is effective in an environment, after
    the digests of manifest and configuration have been verified.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
  - slipway.app._package
options:
  environment:
    description:
      - The environment whose effective configuration is returned. When not set, it is that of C(slipway.yml) and the
        profile alone.
    type: str
    choices:
      - dev
      - stag
      - uat
      - prod
  name:
    description:
      - Which packages. V(shop) lists all of this name. V(shop:1.1.0), V(shop@sha256:...) or V(sha256:...) looks into
        one, which must be there. When not set, all packages are listed.
    type: str
  verify:
    description:
      - Read every blob of the single package to its end and compare its digest.
    type: bool
    default: false
seealso:
  - module: slipway.app.package_build
"""

EXAMPLES = r"""
---
- name: List all packages of the shop
  slipway.app.package_info:
    store: /srv/packages
    name: shop
  register: found

- name: See what a package does in production, and whether all of it is there
  slipway.app.package_info:
    store: /srv/packages
    name: shop:1.1.0
    environment: prod
    verify: true
  register: found

- name: List what the registry has of the shop
  slipway.app.package_info:
    store: https://registry.example.com:5000/team
    store_auth:
      username: reader
      password: "{{ vault_registry_password }}"
    name: shop

- name: Show its services
  ansible.builtin.debug:
    var: found.package.config.services
"""

RETURN = r"""
packages:
  description: The packages, newest first.
  returned: success
  type: list
  elements: dict
  contains: &listed
    package:
      description: Name with tag. A package whose tag has moved to another one is named by its digest.
      type: str
      sample: shop:1.1.0
    label:
      description: The line for people that goes with the package.
      type: str
      sample: "Reference: 1.1.0"
    digest:
      description: Digest of the manifest.
      type: str
      sample: sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    reference:
      description: The git reference it was built from.
      type: str
      sample: 1.1.0
    commit:
      description: Full id of the commit.
      type: str
      sample: 8f9d1c0a5b2e4d3f6a7b8c9d0e1f2a3b4c5d6e7f
    pushed_at:
      description:
        - When it was put into the store. It is the time of the commit in a registry, which does not say this, and where another
          tool did that.
      type: str
      sample: "2026-11-21T10:58:03Z"
    size:
      description: Size of the layers in bytes.
      type: int
      sample: 1482334
package:
  description: The single package; the keys of RV(packages) and those below.
  returned: when O(name) names a single package
  type: dict
  contains:
    <<: *listed
    application:
      description: Name of the application.
      type: str
      sample: shop
    profile:
      description: Profile of the application.
      type: str
      sample: django
    assets:
      description: Whether it was built with the asset commands.
      type: bool
      sample: true
    layers:
      description: Dicts of name, digest, size, unpacked_size (bytes of all files) and files (how many entries).
      type: list
      elements: dict
      sample:
        - name: source
          digest: sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9
          size: 1482334
          unpacked_size: 5120332
          files: 412
    config:
      description: The configuration effective in O(environment), with every key of C(slipway.yml) present.
      type: dict
      sample:
        application: shop
        profile: django
        shared: [media]
    verified:
      description: Whether every blob was read and verified.
      type: bool
      sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective
from ansible_collections.slipway.app.plugins.module_utils._config.schema import ENVIRONMENTS
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._package.arguments import STORE_ARGUMENTS
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store


def inspect(store, listed, environment, verify):
    """What is in the package beyond what the list says."""
    config = store.config(listed["digest"])
    if verify:
        store.verify(listed["digest"])
    return dict(listed, config=effective(config["documents"], environment), verified=verify,
                **{key: config[key] for key in ("application", "profile", "assets", "layers")})


def run(module):
    store = open_store(module.params["store"], module.params["store_auth"])
    name = parse(module.params["name"]) if module.params["name"] else None
    if name is None or not (name.tag or name.digest):
        return {"changed": False, "packages": store.list(name.repository if name else None)}
    store = store.of(name)
    digest = store.resolve(name)
    listed = store.listed(name, digest)
    package = inspect(store, listed, module.params["environment"], module.params["verify"])
    return {"changed": False, "packages": [listed], "package": package}


def main():
    module = AnsibleModule(
        argument_spec=dict(STORE_ARGUMENTS, store={"type": "str", "required": True}, **{
            "environment": {"type": "str", "choices": list(ENVIRONMENTS)},
            "name": {"type": "str"},
            "verify": {"type": "bool", "default": False},
        }),
        supports_check_mode=True,
    )
    finish(module, run, "The package store cannot be read")


if __name__ == "__main__":
    main()
