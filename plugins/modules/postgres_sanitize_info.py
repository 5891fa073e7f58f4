#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_sanitize_info
short_description: Show what rules of sanitized dumps come to in a database, and propose some
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Shows what M(slipway.app.postgres_dump) would do by the same rules, which column has which rule and from where, the queries that
    would run, which columns look like personal data, and which have no rule.
  - No value of a row is returned. Masks are tried out on some rows of each table by a key that is drawn for it, so that none is needed.
extends_documentation_fragment:
  - slipway.app._attributes.info_module
  - slipway.app._attributes.actiongroup_postgres
  - slipway.app._postgres
  - slipway.app._sanitize
options:
  gather:
    description:
      - What to look at.
    type: list
    elements: str
    choices: [rules, queries, scan, coverage]
    default: [rules, queries, scan, coverage]
  sanitize:
    description:
      - Rules, as O(slipway.app.postgres_dump#module:sanitize) has them. There may be none, as for the first look at a database.
    type: dict
  config:
    description:
      - Name of a set of options in O(configs); V(none) is the name of no set.
    type: str
    default: none
  configs:
    description:
      - Sets of options by their names, each a dict of the options O(sanitize), O(exclude_tables) and O(exclude_table_data), and of those
        that the other modules take from there.
      - What is said with the call comes first, then what the config says, then the default.
    type: dict
    default: {}
  exclude_tables:
    description:
      - Patterns of tables that are left out as a whole, as M(slipway.app.postgres_dump) has them.
    type: list
    elements: str
  exclude_table_data:
    description:
      - Patterns of tables that are dumped without their rows.
    type: list
    elements: str
  environment:
    description:
      - The environment the database belongs to. One that is not named counts as V(prod).
    type: str
    choices: [dev, stag, uat, prod]
notes:
  - The role must be able to read every table that would be dumped. A standby will do.
seealso:
  - module: slipway.app.postgres_dump
"""

EXAMPLES = r"""
---
- name: See what is in the database, and what rules it wants
  slipway.app.postgres_sanitize_info:
    login_host: replica.example.com
    login_user: reader
    login_password: "{{ reader_database_password }}"
    login_db: shop
    gather: [scan]
    sanitize:
      presets: [django]
  register: found

- name: Write them into a first file of rules
  ansible.builtin.copy:
    dest: sanitize.yml
    content: "{{ found.proposal | to_nice_yaml(sort_keys=false) }}"
    mode: "0600"
    force: false
  delegate_to: localhost

- name: See which columns have no rule in it, and where the others have theirs from
  slipway.app.postgres_sanitize_info:
    login_host: replica.example.com
    login_user: reader
    login_password: "{{ reader_database_password }}"
    login_db: shop
    gather: [rules, coverage]
    sanitize_file: sanitize.yml
    sanitize_root: /srv/shop
    environment: prod
"""

RETURN = r"""
policy:
  description: What becomes of columns without a rule, V(strict) or V(scan).
  type: str
  returned: success
  sample: strict
problems:
  description: What keeps a dump from being made by these rules, in sentences.
  type: list
  elements: str
  returned: success
  sample: ["No rule says what is to become of public.customer.phone2 (its name says phone)."]
rules:
  description: The tables that may have rows in the dump, with the rule of each column.
  type: list
  elements: dict
  returned: when O(gather) has V(rules)
  contains:
    schema: &schema
      description: Schema of the table.
      type: str
      sample: public
    name: &name
      description: Name of the table.
      type: str
      sample: customer
    rows:
      description: Which of its rows are in the dump, V(all), V(some) or V(none).
      type: str
      sample: all
    source:
      description: Where it comes from which rows are in the dump; null where nothing says it.
      type: str
      sample: preset django, django_session
    columns:
      description: Its columns; none where no row is in the dump.
      type: list
      elements: dict
      contains:
        column: &column
          description: Name of the column.
          type: str
          sample: email
        type: &type
          description: Its type, as SQL has it.
          type: str
          sample: character varying(254)
        rule: &rule
          description: Name of its rule; null where it has none.
          type: str
          sample: email
        options:
          description: Options of the rule that are not the default.
          type: dict
          sample: {}
        source: &source
          description:
            - Where the rule comes from; a preset, C(slipway.yml), the file of rules or V(sanitize), each with the pattern of tables it has
              there; a foreign key, or V(policy scan) for what nobody has decided on.
          type: str
          sample: sanitize.yml, public.customer
queries:
  description: The query for the rows of each table all columns of which have a rule that fits.
  type: list
  elements: dict
  returned: when O(gather) has V(queries)
  contains:
    schema: *schema
    name: *name
    query:
      description: The query. The key is a setting that it names.
      type: str
      sample: SELECT "id" AS "id", ('Ruth')::text AS "name" FROM ONLY "public"."customer"
scan:
  description: The columns that look like personal data, whether they have a rule or not.
  type: list
  elements: dict
  returned: when O(gather) has V(scan)
  contains:
    schema: *schema
    name: *name
    column: *column
    type: *type
    why:
      description: Why it is suspicious.
      type: str
      sample: e-mail addresses in it
    proposal:
      description: A rule that fits it, as one would write it; null where a person has to find one.
      type: raw
      sample: email
    rule: *rule
    source: *source
proposal:
  description:
    - Rules for all columns that have none, added to those of O(sanitize_file). Each column is named. What is suspicious is masked, a column that
      refers to another one gets the rule of that, the rest is kept. Where no rule fits what is suspicious, there is none, and
      a dump will name it.
  type: dict
  returned: when O(gather) has V(scan)
  sample: {"tables": {"public.customer": {"columns": {"id": "keep", "email": "email"}}}}
proposal_problems:
  description: What keeps a dump from being made by the proposal, in sentences, such as a check that a mask would not pass.
  type: list
  elements: str
  returned: when O(gather) has V(scan)
  sample: []
coverage:
  description: Which columns have rules.
  type: dict
  returned: when O(gather) has V(coverage)
  contains:
    tables:
      description: How many tables have rows in the dump.
      type: int
      sample: 42
    emptied:
      description: Tables that have none by a rule.
      type: list
      elements: dict
      contains:
        schema: *schema
        name: *name
    columns:
      description: How many columns the tables with rows have.
      type: int
      sample: 410
    masked:
      description: How many of them are masked.
      type: int
      sample: 61
    kept:
      description: How many are kept by a rule.
      type: int
      sample: 347
    assumed:
      description: Columns that are kept since nothing about them is suspicious (O(sanitize) has the policy V(scan)).
      type: list
      elements: dict
      contains:
        schema: *schema
        name: *name
        column: *column
        type: *type
    undecided:
      description: Columns without a rule, which keep a dump from being made.
      type: list
      elements: dict
      contains:
        schema: *schema
        name: *name
        column: *column
        type: *type
        why:
          description: Why it is suspicious; null where it is not.
          type: str
          sample: its name
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._postgres import configs
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import ENVIRONMENTS
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.sources import SOURCE_ARGUMENTS, rules_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.survey import GATHERED, survey

OPTIONS = {option: configs.DUMP[option] for option in ("sanitize", "exclude_tables", "exclude_table_data")}


def run(module):
    params = module.params
    chosen = configs.effective(params, params["configs"], params["config"], OPTIONS, configs.ALL)
    document, below = rules_from(params, chosen["sanitize"]) or ({}, [])
    result, warnings = survey(connection_from(params), document, below, params["environment"], params["gather"],
                              chosen["exclude_tables"] or [], chosen["exclude_table_data"] or [], params["sanitize_content"])
    return dict(result, changed=False, warnings=warnings)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            POSTGRES_ARGUMENTS,
            **SOURCE_ARGUMENTS,
            gather={"type": "list", "elements": "str", "choices": list(GATHERED), "default": list(GATHERED)},
            config={"type": "str", "default": NO_CONFIG},
            configs={"type": "dict", "default": {}},
            exclude_tables={"type": "list", "elements": "str"},
            exclude_table_data={"type": "list", "elements": "str"},
            environment={"type": "str", "choices": list(ENVIRONMENTS)},
        ),
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
