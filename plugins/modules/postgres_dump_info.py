#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_dump_info
short_description: List the dumps in a store
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Lists the dumps of M(slipway.app.postgres_dump) in a store, newest first.
  - Lists what a database can be restored from on its own server, too, if asked. Otherwise no database server is asked anything, and
    the options to reach one are of no use.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_postgres
  - slipway.app._postgres
  - slipway.app._dump.s3
options:
  store:
    description:
      - Folder of dumps on the host, or C(s3://bucket/prefix). A folder that does not exist has no dumps.
      - Needed unless O(local=true), or the config says it.
    type: path
  config:
    description:
      - Name of a set of options in O(configs); V(none) is the name of no set. It does not choose dumps by itself.
    type: str
    default: none
  configs:
    description:
      - Sets of options by their names, each a dict of the options O(store) and O(prefix), and of those that the other modules take from there.
      - What is said with the call comes first, then what the config says, then the default.
    type: dict
    default: {}
  local:
    description:
      - Whether to list the databases of the server that O(login_db) can be restored from.
    type: bool
    default: false
  login_db:
    description:
      - The application's database. Needed with O(local=true).
    type: str
    required: false
  prefix:
    description:
      - Which dumps, by the beginning of their keys; C(<instance>), C(<instance>/<database>), C(<instance>/<database>/<config>), or
        that with a timestamp or the beginning of one.
      - All are listed where neither call nor config says it, or it is empty.
    type: str
  only_sanitized:
    description:
      - Whether to list sanitized dumps only.
    type: bool
    default: false
  validate_keys:
    description:
      - Whether what stands in the place of a dump without being one is passed over. With V(false) it is told in RV(others).
    type: bool
    default: true
  verify:
    description:
      - Read all files of the dumps that are listed, and compare them with their digests. An error names all dumps that are damaged. So it does
        those whose manifest cannot be used, unless O(only_sanitized=true), which tells of them in a warning.
    type: bool
    default: false
seealso:
  - module: slipway.app.postgres_dump
  - module: slipway.app.postgres_restore
"""

EXAMPLES = r"""
---
- name: List the dumps of the shop in uat
  slipway.app.postgres_dump_info:
    store: /srv/dumps
    prefix: uat/shop
  register: found

- name: List what the database can be restored from without any dump
  slipway.app.postgres_dump_info:
    local: true
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop

- name: Show the newest
  ansible.builtin.debug:
    var: found.newest
"""

RETURN = r"""
dumps:
  description: The dumps, newest first.
  type: list
  elements: dict
  returned: success
  contains:
    key:
      description: Its key.
      type: str
      sample: uat/shop/none/20261126T031500.123456Z
    instance:
      description: First part of the key, as people write it.
      type: str
      sample: uat
    database:
      description: The database.
      type: str
      sample: shop
    config:
      description: The config it was made by, or V(none).
      type: str
      sample: none
    folder:
      description: Its folder, or its place in S3.
      type: str
      sample: /srv/dumps/uat/shop/none/20261126T031500.123456Z
    started:
      description: When it was begun, in UTC.
      type: str
      sample: "2026-11-26T03:15:00Z"
    age:
      description: Seconds since then.
      type: int
      sample: 86400
    who:
      description: Who made it.
      type: str
      sample: ann@control
    server_version:
      description: Version of the server, as its setting C(server_version_num).
      type: int
      sample: 170011
    client_version:
      description: Version of pg_dump, in the same form.
      type: int
      sample: 170011
    size:
      description: Size of the database in bytes.
      type: int
      sample: 1508900000
    archive_size:
      description: Size of the archive in bytes.
      type: int
      sample: 184500000
    tables:
      description: How many tables are in it, those of extensions not counted.
      type: int
      sample: 42
    rows:
      description: How many rows they have.
      type: int
      sample: 7600000
    compression:
      description: How the archive is compressed.
      type: str
      sample: zstd:3
    excluded:
      description: The tables, views and so on that were left out, each as a dict of schema and name.
      type: list
      elements: dict
      sample: []
    excluded_data:
      description: The tables whose rows were left out, likewise.
      type: list
      elements: dict
      sample: []
    sanitized:
      description: How it is sanitized; null when it is not.
      type: dict
      contains:
        columns:
          description: How many columns are masked.
          type: int
          sample: 14
        emptied:
          description: The tables that have no rows in it by a rule, each as a dict of schema and name.
          type: list
          elements: dict
          sample: []
        subset:
          description: The tables that have some of their rows in it only, likewise.
          type: list
          elements: dict
          sample: []
        after_restore:
          description: How many texts of SQL its rules ask to be run on what is restored of it.
          type: int
          sample: 0
        policy:
          description: What becomes of columns without a rule, V(strict) or V(scan).
          type: str
          sample: strict
        rules:
          description: SHA-256 of the rules.
          type: str
          sample: 4d5b0c1c2f1e4c7c8a1c9f1b4a3f8e5d6c7b8a9f0e1d2c3b4a5968778695a4b3
        key:
          description: An id of the key that pseudonyms are made with, which tells nothing of it.
          type: str
          sample: 0f1e2d3c4b5a6978
newest:
  description: Key of the newest of them, or null when there is none.
  type: str
  returned: success
  sample: uat/shop/none/20261126T031500.123456Z
instances:
  description: The instances they are of.
  type: list
  elements: str
  returned: success
  sample: [uat]
databases:
  description: The databases they are of.
  type: list
  elements: str
  returned: success
  sample: [shop]
configs:
  description: The configs they were made by.
  type: list
  elements: str
  returned: success
  sample: [none]
local:
  description: The databases that O(login_db) can be restored from on its server, those that restores have kept first.
  type: list
  elements: dict
  returned: when O(local=true)
  contains:
    source:
      description: What M(slipway.app.postgres_restore) is asked for, V(:pre), V(:post), V(:ready) or a colon and the name of a database.
      type: str
      sample: ":pre"
    database:
      description: Name of the database.
      type: str
      sample: shop__pre
    owner:
      description: Role that owns it.
      type: str
      sample: shop
    size:
      description: Size of the database in bytes; null where the role may not see it.
      type: int
      sample: 1508900000
    sessions:
      description: How many sessions are in it. As long as there are any, a restore from it is a stream, and the server does not copy it by itself.
      type: int
      sample: 0
others:
  description: What stands in the place of a dump without being one.
  type: list
  elements: dict
  returned: when O(validate_keys=false)
  contains:
    path:
      description: Where it is in the store.
      type: str
      sample: uat/Shop/none/yesterday
    problem:
      description: What is wrong with it.
      type: str
      sample: Its name is no key of a dump.
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish, warn
from ansible_collections.slipway.app.plugins.module_utils._postgres import configs
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_list import dumps, require_whole
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG
from ansible_collections.slipway.app.plugins.module_utils._postgres.local_copies import local_copies
from ansible_collections.slipway.app.plugins.module_utils._postgres.store_arguments import STORE_ARGUMENTS, store_from, tidied


NOTHING = {"dumps": [], "newest": None, "instances": [], "databases": [], "configs": []}


def stored(params, location, prefix):
    """What there is in the store, and sentences about what is left out."""
    store = store_from(params, location)
    found, broken = dumps(store, prefix, params["only_sanitized"])
    if params["verify"]:  # nobody knows whether what cannot be used was to be a sanitized one
        require_whole(store, [dump["key"] for dump in found], () if params["only_sanitized"] else broken)
    result = {"dumps": found, "newest": found[0]["key"] if found else None}
    for part in ("instance", "database", "config"):
        result[part + "s"] = sorted({dump[part] for dump in found})
    if not params["validate_keys"]:
        return dict(result, others=[{"path": path, "problem": problem} for path, problem in store.strangers()]), []
    return result, broken


def run(module):
    params = module.params
    chosen = configs.effective(params, params["configs"], params["config"], configs.LIST, configs.ALL)
    result, warnings = NOTHING, []
    if chosen["store"] or not params["local"]:
        warn(module, tidied(params, only_look=True))
        result, warnings = stored(params, chosen["store"], chosen["prefix"] or "")
    if params["local"]:
        result = dict(result, local=local_copies(connection_from(params)))
    return dict(result, changed=False, warnings=warnings)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            dict(POSTGRES_ARGUMENTS, **STORE_ARGUMENTS),
            login_db={"type": "str"},
            config={"type": "str", "default": NO_CONFIG},
            configs={"type": "dict", "default": {}},
            local={"type": "bool", "default": False},
            prefix={"type": "str"},
            only_sanitized={"type": "bool", "default": False},
            validate_keys={"type": "bool", "default": True, "no_log": False},
            verify={"type": "bool", "default": False},
        ),
        required_if=[("local", True, ["login_db"])],
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
