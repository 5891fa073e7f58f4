#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_restore_point
short_description: Copy a PostgreSQL database on its server, and go back to the copy within a second
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Makes a restore point of the application's database, a copy on the same server by C(CREATE DATABASE ... TEMPLATE),
    puts it in the place of the database by renaming, and removes it.
  - For the time of the copy or the swap the database is closed and sessions in it are ended, so that no writer gets in
    between. Use it while the application is in maintenance.
  - The swap is one transaction. There is one whole database under O(login_db) at every moment, and what was live before
    is kept, closed, until the restore point is removed.
  - A run that was killed leaves a state that the next run recognises and finishes, whatever O(state) it asks for.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_postgres
  - slipway.app._postgres
options:
  name:
    description:
      - Name of the restore point, such as the id of an operation.
      - Letters, digits, dots, dashes and underscores; it may not begin with C(part_) or C(failed_).
    type: str
    required: true
  state:
    description:
      - V(present) makes the restore point unless there is one of this name. One that was restored already is an error.
      - V(restored) puts it in the place of the database.
      - V(absent) drops it, and what V(restored) kept.
      - Each of them lets connections in again if a killed run left the database closed.
    type: str
    choices: [present, restored, absent]
    default: present
notes:
  - The role needs C(CREATEDB), must own the database or be a member of the role that does, and must be able to end the
    sessions of other roles in it (C(pg_signal_backend)).
  - Owner, privileges, comment, connection limit, tablespace, locale and settings (C(ALTER DATABASE ... SET)) of the
    database are carried over. What the role may not carry over is reported as a warning.
  - The copy needs as much room on the server as the database.
"""

EXAMPLES = r"""
---
- name: Copy the database while nobody writes to it
  slipway.app.postgres_restore_point:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    name: upgrade-20261121

- name: Go back to it
  slipway.app.postgres_restore_point:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    name: upgrade-20261121
    state: restored
"""

RETURN = r"""
database:
  description: The database it is about.
  type: str
  returned: success
  sample: shop
before:
  description: What there was of the restore point; V(partial) is a copy that was never finished.
  type: str
  returned: success
  sample: absent
after:
  description: What there is of it now.
  type: str
  returned: success
  sample: present
copy:
  description: Name of the restore point's database, as long as it has not been restored.
  type: str
  returned: success
  sample: shop__slipway_upgrade-20261121
kept:
  description: Name of the database that was live before the restore; none unless RV(after=restored).
  type: str
  returned: success
  sample: shop__slipway_failed_upgrade-20261121
size:
  description: Size of the live database before the change, in bytes.
  type: int
  returned: success
  sample: 9074355
seconds:
  description: How long copying, swapping or dropping took; 0 in check mode.
  type: float
  returned: success
  sample: 0.096
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import RestorePoint


def run(module):
    params = module.params
    point = RestorePoint(connection_from(params), params["login_db"], params["name"])
    ensure = {"present": point.present, "restored": point.restored, "absent": point.absent}[params["state"]]
    result = ensure(check=module.check_mode)
    after = result["after"]
    return dict(result, database=point.database, copy=point.copy if after == "present" else None,
                kept=point.failed if after == "restored" else None,
                diff={"before": {"restore_point": result["before"]}, "after": {"restore_point": after}})


def main():
    module = AnsibleModule(
        argument_spec=dict(
            POSTGRES_ARGUMENTS,
            name={"type": "str", "required": True},
            state={"type": "str", "choices": ["present", "restored", "absent"], "default": "present"},
        ),
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
