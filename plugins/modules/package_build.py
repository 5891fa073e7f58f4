#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_build
short_description: Build a package from a git reference
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Checks out exactly one commit with its submodules, runs the build commands of its C(slipway.yml), and stores the
    result as an OCI artifact. The working folder is removed, whatever happens.
  - One commit gives one digest, wherever and whenever it is built, as long as its build commands make the same files.
  - Version control, caches of common tools, the paths in C(shared) and the patterns in C(build.exclude) are left out.
    Symbolic links that leave the package are refused.
  - Files that Git LFS keeps come with the checkout where git-lfs is installed for the user that builds (C(git lfs install)).
    A package with pointers in their place is refused.
  - A package that is there already is not built again. A tag that another commit has is left alone
    unless O(force=true).
requirements:
  - git
  - PyYAML
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._package
attributes:
  check_mode:
    details:
      - The commit is looked up and compared with the package of the tag. Nothing is built, so that an error inside the
        commit (in C(slipway.yml) or a build command) is not found, and what only a build can tell is returned as null.
  idempotent:
    details:
      - With O(force=true) the package is built every time; it is reported as changed only when its digest is another.
options:
  build_environment_variables:
    description:
      - Environment variables for the build commands, on top of those of the module.
      - Their values are hidden in all output.
    type: dict
    default: {}
  force:
    description:
      - Build also where the tag is taken, and let the tag point to the new package. The package the tag had before
        stays in the store, under its digest.
    type: bool
    default: false
  label:
    description:
      - A line for people that goes with the package. When not set it is C(Reference:) and O(reference).
    type: str
  name:
    description:
      - Name of the package in the store, with a tag (V(shop:1.1.0)) or without (V(shop)).
    type: str
    required: true
  reference:
    description:
      - What to build, a tag, a branch or a commit id. Where a tag and a branch have the same name, the tag is taken.
    type: str
    required: true
  repository:
    description:
      - Address of the git repository, a URL or a path.
      - A password in a URL of HTTP or HTTPS reaches git through its environment. It is in no command line and no file, and neither it
        nor the user name is ever shown. Submodules on the same server are fetched with it, too.
    type: str
    required: true
  skip_assets_build:
    description:
      - Leave out the commands in C(build.assets).
    type: bool
    default: false
  tag:
    description:
      - Tag of the package, when O(name) has none. When not set either, it is made from O(reference).
    type: str
notes:
  - In a registry, a tag is set when everything else of the package is there; nobody sees half of one. Registries cannot compare and
    set a tag in one step. When two builds push one tag, the second is refused, except in the moment between its last look and its
    push.
  - For a registry, what is at work is kept in C($XDG_CACHE_HOME/slipway/builds) of the user that builds (C(~/.cache) when not set).
  - Python 3.8, and a Python whose zlib is zlib-ng, pack the same files into other bytes, so that the digest is
    another one. Let hosts that build the same packages have the same kind of Python.
seealso:
  - module: slipway.app.package_info
"""

EXAMPLES = r"""
---
- name: Build version 1.1.0
  slipway.app.package_build:
    name: shop
    store: /srv/packages
    repository: https://git.example.com/shop.git
    reference: 1.1.0

- name: Build it and push it to a registry
  slipway.app.package_build:
    name: shop
    store: https://registry.example.com:5000/team
    store_auth:
      username: builder
      password: "{{ vault_registry_password }}"
      ca_path: /etc/ssl/certs/example.pem
    repository: https://git.example.com/shop.git
    reference: 1.1.0

- name: Build the tip of a branch, and let the tag "next" follow it
  slipway.app.package_build:
    name: shop:next
    store: /srv/packages
    repository: https://git.example.com/shop.git
    reference: feature/new-cart
    label: New cart, for the tests of today
    force: true
    build_environment_variables:
      PIP_INDEX_URL: "https://{{ index_user }}:{{ index_password }}@packages.example.com/simple"
"""

RETURN = r"""
package:
  description: Name of the package with its tag.
  returned: success
  type: str
  sample: shop:1.1.0
digest:
  description: Digest of the package's manifest. Null in check mode when the package would be built.
  returned: success
  type: str
  sample: sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
commit:
  description: Full id of the commit.
  returned: success
  type: str
  sample: 8f9d1c0a5b2e4d3f6a7b8c9d0e1f2a3b4c5d6e7f
reference:
  description: The git reference the package was built from.
  returned: success
  type: str
  sample: 1.1.0
label:
  description: The label of the package.
  returned: success
  type: str
  sample: "Reference: 1.1.0"
assets:
  description: Whether the package was built with the asset commands.
  returned: success
  type: bool
  sample: true
size:
  description: Size of the layers in bytes. Null in check mode when the package would be built.
  returned: success
  type: int
  sample: 1482334
layers:
  description: The layers of the package. Null in check mode when the package would be built.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the layer, V(source), V(dependencies) or V(assets).
      type: str
      sample: source
    digest:
      description: Digest of the layer.
      type: str
      sample: sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9
    size:
      description: Size of the layer in bytes.
      type: int
      sample: 1482334
    files:
      description: How many files, folders and links are in the layer.
      type: int
      sample: 412
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 12.3
output:
  description: What the build commands printed.
  returned: with C(-vvv), and when a build command fails
  type: str
  sample: "$ npm ci\nadded 112 packages in 3s\n"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._config.load import BASE
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._package.arguments import STORE_ARGUMENTS
from ansible_collections.slipway.app.plugins.module_utils._package.build import build
from ansible_collections.slipway.app.plugins.module_utils._package.git import public
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse, tag_of
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import Rules


def package_name(params):
    """The name with its tag: in the name, in the option tag, or made from the reference."""
    name = parse(params["name"])
    if name.digest or (name.tag and params["tag"]):
        raise SlipwayError("The name %s cannot be given to a package." % name,
                           hint="Use a name such as shop, and the tag either in it or in the option tag.")
    if name.tag:
        return name
    return parse("%s:%s" % (name.repository, params["tag"] or tag_of(params["reference"])))


def take_secrets(module):
    """The repository and the environment variables of the build, and neither of them in what the module returns.

    Ansible would hide each value of a variable wherever it occurs in the result, also in digests and names when
    the value is "1"; the library hides them in the output of the build commands, where they may occur.
    """
    repository = module.params["repository"]
    variables = {name: str(value) for name, value in module.params["build_environment_variables"].items()}
    module.params["repository"] = public(repository)
    module.params["build_environment_variables"] = {name: "********" for name in variables}
    module.no_log_values.difference_update(set(variables.values()) - {(module.params["store_auth"] or {}).get("password")})
    return repository, variables


def check_rules(configuration):
    """Refuse rules of sanitized dumps that are none before a package has them."""
    Rules({}, [(BASE, configuration["sanitize"])])


def run(module):
    params = module.params
    repository, variables = take_secrets(module)
    result = build(
        repository, params["reference"], package_name(params), open_store(params["store"], params["store_auth"]), label=params["label"],
        skip_assets_build=params["skip_assets_build"], force=params["force"], environment_variables=variables,
        check=module.check_mode, look=check_rules)
    if module._verbosity < 3:
        del result["output"]
    return result


def main():
    module = AnsibleModule(
        argument_spec=dict(STORE_ARGUMENTS, store={"type": "str", "required": True}, **{
            "build_environment_variables": {"type": "dict", "default": {}, "no_log": True},
            "force": {"type": "bool", "default": False},
            "label": {"type": "str"},
            "name": {"type": "str", "required": True},
            "reference": {"type": "str", "required": True},
            "repository": {"type": "str", "required": True},
            "skip_assets_build": {"type": "bool", "default": False},
            "tag": {"type": "str"},
        }),
        supports_check_mode=True,
    )
    finish(module, run, "The package cannot be built")


if __name__ == "__main__":
    main()
