#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: oro_sanitize_info
short_description: Make rules for sanitized dumps out of those of an Oro application
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Reads the SQL that C(bin/console oro:sanitize:dump-sql) of an Oro application prints (6.0 and later), or what its C(orocloud.yaml) has under
    C(deployment.sanitize) (before), and returns rules for O(slipway.app.postgres_dump#module:sanitize).
  - A statement is told by its form. A rule masks as much as the statement, or more; where that keeps the part of an e-mail address before its C(@), the rule
    C(email) does not, and where it sets a moment to the present one, the rule C(date) shifts it.
  - C(DELETE) with a condition becomes C(where), so that rows which refer to those rows are not dumped either. A constant for some rows becomes an
    expression that keeps the others, with O(keep_rest=true) and unless the name of the column looks like personal data.
  - Of an object of which the statement changes some fields the others are dropped, or stay with O(keep_rest=true). RV(left) names the columns in question.
    Where the object as a whole has a constant for some rows as well, the others are dropped in any case.
  - What makes no rule is returned as RV(not_understood). It is never run, and the columns that it speaks of want a rule of yours.
  - No database is asked anything, and nothing is run. Whether the rules fit the database, the dump says in check mode.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
requirements:
  - The Python package C(pglast), PostgreSQL's own parser, on the host the module runs on, which may be the controller (C(delegate_to=localhost)).
options:
  sql:
    description: The SQL. One of this, O(path) and O(deployment) is needed.
    type: str
  path:
    description: A file on the host with the SQL.
    type: path
  deployment:
    description:
      - What C(orocloud.yaml) has under C(deployment.sanitize), with C(rawsql_add_rules), C(rawsql_override_rules), C(update_add_rules),
        C(update_override_rules) and C(custom_email_domain). The default rules that OroCloud adds to them are not among these.
    type: dict
  keep_rest:
    description:
      - Whether the rules keep all columns and tables that Oro's do not mention, as Oro does. Columns that look like personal data, such as first names, which
        Oro's rules have nothing for, keep the dump from being made all the same, until you say what becomes of them.
    type: bool
    default: false
seealso:
  - module: slipway.app.postgres_dump
  - module: slipway.app.console
"""

EXAMPLES = r"""
---
- name: Let the application say its rules
  slipway.app.console:
    root: /srv/shop
    command: [oro:sanitize:dump-sql]
    environment: prod
  register: printed

- name: Make rules of them
  slipway.app.oro_sanitize_info:
    sql: "{{ printed.stdout }}"
    keep_rest: true
  register: oro
  delegate_to: localhost

- name: Dump by them; what nobody has decided on is named, and keeps the dump from being made
  slipway.app.postgres_dump:
    login_user: shop
    login_db: shop
    store: /srv/dumps
    environment: prod
    allow_dump: true
    sanitize_key: "{{ vault_sanitize_key }}"
    sanitize: "{{ oro.sanitize | combine({'tables': {'oro_user': {'columns': {'first_name': 'first_name'}}}}, recursive=true) }}"
"""

RETURN = r"""
sanitize:
  description: The rules, as O(slipway.app.postgres_dump#module:sanitize) takes them.
  type: dict
  returned: success
  contains:
    tables:
      description: What becomes of the rows and columns of tables, by the names that Oro's rules have for them.
      type: dict
  sample: {tables: {oro_user: {columns: {email: email, last_name: hash}}, oro_session: truncate}}
left:
  description:
    - Columns of which the rules of Oro leave something raw, such as the fields of C(serialized_data) that they do not name. With
      O(keep_rest=true) it stays in the rules returned, for somebody to look at; without it is dropped, or the column has no rule.
  type: list
  elements: dict
  returned: success
  contains:
    column:
      description: The table and the column.
      type: str
      sample: oro_customer_user.serialized_data
    what:
      description: What of it.
      type: str
      sample: fields that no rule names
not_understood:
  description: What makes no rule.
  type: list
  elements: dict
  returned: success
  contains:
    statement:
      description: The statement, or what else it was; a long one is cut.
      type: str
      sample: UPDATE oro_user SET email = u.email FROM users u
    why:
      description: Why.
      type: str
      sample: it looks at other tables
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.oro_sql import Reader

LARGEST = 64 * 1024 * 1024  # bytes of SQL that are read


def text_of(path):
    """What is in a file."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read(LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise SlipwayError("Cannot read %s: %s." % (path, getattr(error, "strerror", None) or "it is no text"), untouched="Nothing was changed.") from error
    if len(text) > LARGEST:
        raise SlipwayError("%s is larger than rules can be." % path, untouched="Nothing was changed.")
    return text


def run(module):
    params, reader = module.params, Reader()
    if params["deployment"] is not None:
        reader.deployment(params["deployment"])
    else:
        reader.sql(params["sql"] if params["sql"] is not None else text_of(params["path"]))
    return {"changed": False, "sanitize": reader.rules(params["keep_rest"]), "left": reader.left(), "not_understood": reader.not_understood}


def main():
    module = AnsibleModule(
        argument_spec={
            "sql": {"type": "str"},
            "path": {"type": "path"},
            "deployment": {"type": "dict"},
            "keep_rest": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("sql", "path", "deployment")],
        required_one_of=[("sql", "path", "deployment")],
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
