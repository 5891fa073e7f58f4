#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_info
short_description: Show the pending migrations of a release, and which upgrade modes they allow
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Returns the migrations that a release has and its database lacks, as SQL, and says which statements are not safe while
    another release goes on serving, why, and what is safe instead.
  - The release says in C(slipway.yml) under C(migrations) how they are read; for the profile C(django) its profile does.
  - Nothing is changed. The release's commands read in sessions that cannot write, by C(default_transaction_read_only) in C(PGOPTIONS), which
    clients on libpq read (psycopg, C(psql), PHP's pdo_pgsql) unless their connection has C(options) of its own.
    A PgBouncer refuses it, or with C(ignore_startup_parameters = options) lets it pass without effect. Where the session can write, code inside of
    Django's C(SeparateDatabaseAndState) is run when it is read.
  - A statement that cannot be judged counts as unsafe.
  - The database tells how big the tables are that the migrations speak of; without O(database) every table counts as big.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
  - slipway.app._service.runtime
  - slipway.app._postgres.database
requirements:
  - The Python package C(pglast) on the controller, which has PostgreSQL's own parser in it.
  - The PostgreSQL client C(psql) on the host the module runs on, with O(database).
options:
  release:
    description: Id of the release whose migrations are meant. Without it, the live one.
    type: str
  big_table:
    description: From how many bytes on, with its indexes, a table is too big to be locked while it is worked on.
    type: int
    default: 33554432
seealso:
  - module: slipway.app.release_info
  - module: slipway.app.console
"""

EXAMPLES = r"""
---
- name: Look at what a release that was unpacked would migrate
  slipway.app.migration_info:
    root: /srv/shop
    release: 1.1.0-3f2a9c0d1e4b
    environment: prod
    database:
      login_host: db1
      login_user: shop
      login_password: "{{ vault_shop_password }}"
      login_db: shop
  register: migrations

- name: Say what speaks against a rolling upgrade
  ansible.builtin.debug:
    msg: "{{ item.migration }}: {{ item.why }}. Safe instead: {{ item.instead }}"
  loop: "{{ migrations.advice.rolling }}"
"""

RETURN = r"""
release:
  description: Id of the release.
  returned: success
  type: str
  sample: 1.1.0-3f2a9c0d1e4b
migrations:
  description: The migrations that the database lacks, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: shop.0002_number_and_total
    sql:
      description: What it would run.
      type: str
    code:
      description: What of it is code and cannot be written as SQL.
      type: list
      elements: str
    problem:
      description: Why its SQL is not known, or null.
      type: str
    compatible:
      description: Whether C(slipway.yml) names it under C(migrations.compatible).
      type: bool
problem:
  description: Why it is not known which migrations are pending, or null.
  returned: success
  type: str
tables:
  description: The tables that the SQL speaks of and that are there. Null without O(database).
  returned: success
  type: list
  elements: dict
  contains:
    schema:
      description: Its schema.
      type: str
    name:
      description: Its name.
      type: str
    bytes:
      description: Its size, with indexes and partitions.
      type: int
    partitioned:
      description: Whether it has partitions.
      type: bool
    default_bytes:
      description: The size of its default partition, which a new partition has read. Null where it has none.
      type: int
    columns:
      description: Types of those of its columns whose type may be widened without harm.
      type: dict
server_version:
  description: The version of the server, as C(server_version_num). Null without O(database).
  returned: success
  type: int
  sample: 150004
safe_modes:
  description: The upgrade modes nothing speaks against.
  returned: success
  type: list
  elements: str
  sample: [maintenance, rolling]
advice:
  description: What speaks against each mode, a list for each of V(maintenance), V(rolling) and V(source).
  returned: success
  type: dict
  contains:
    maintenance:
      description: Always empty.
      type: list
      elements: dict
    rolling:
      description: What is not safe while the old release serves.
      type: list
      elements: dict
      contains: &reason
        rule:
          description: A word for what is wrong.
          type: str
          sample: not-null
        migration:
          description: The name of the migration.
          type: str
        statement:
          description: The statement, shortened. Empty where it is about all of the migration.
          type: str
          sample: ALTER TABLE "shop_order" ADD COLUMN "number" text NOT NULL
        why:
          description: What it would do.
          type: str
          sample: the old release may leave out shop_order.number, and then its writes are refused
        instead:
          description: What is safe instead.
          type: str
    source:
      description: Every pending migration.
      type: list
      elements: dict
      contains: *reason
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._operation.pending import pending
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.tables import BIG_TABLE
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import RUNTIME_ARGUMENTS, open_runtime


def run(module):
    """The facts; the action plugin of this name adds the advice on the controller, where the parser is."""
    options = module.params
    runtime = open_runtime(options, options["release"])
    database = options["database"]
    if database:
        found = pending(runtime, connection_from(database), database["login_db"])
    else:
        found = pending(runtime)
    return dict(found, release=runtime.release.id, changed=False)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            release=dict(type="str"),
            database=dict(type="dict", options=POSTGRES_ARGUMENTS),
            big_table=dict(type="int", default=BIG_TABLE),
            **RUNTIME_ARGUMENTS,
        ),
        supports_check_mode=True,
    )
    finish(module, run, "The migrations cannot be read")


if __name__ == "__main__":
    main()
