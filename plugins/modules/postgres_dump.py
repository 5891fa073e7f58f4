#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_dump
short_description: Dump a PostgreSQL database into a store, and remove dumps
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Dumps a database with C(pg_dump) in the directory format, by several jobs at a time, and puts a manifest beside the archive that
    says where it came from, how many rows each table has, and the SHA-256 of every file.
  - The rows are counted on the very snapshot the dump is made of.
  - A dump gets its name, its key C(<instance>/<database>/<config>/<timestamp>), when all of it is on the disk. What a killed dump
    leaves behind is no dump to anybody; the next one names it and removes it.
  - With O(sanitize), O(sanitize_file) or O(sanitize_root) the rows leave the server already masked, so that no raw value is ever on a
    disk of this host. The archive is one of C(pg_dump) all the same. A sample of raw values is looked for in it before it is taken for
    whole; one that is found fails the dump.
  - With O(state=absent) it removes dumps. Of what a removal leaves that was killed, nothing is a dump to anybody; the next run removes the rest.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_postgres
  - slipway.app._postgres
  - slipway.app._postgres.target
  - slipway.app._dump
  - slipway.app._dump.s3
  - slipway.app._sanitize
attributes:
  check_mode:
    support: full
    details:
      - Says what would be dumped how, or removed. RV(key), RV(folder), RV(rows) and RV(archive_size) are null, since nobody can know them.
  diff_mode:
    support: none
    details:
      - A dump is a new folder beside those that there are. RV(key) names it, and RV(removed) what was removed.
  idempotent:
    support: partial
    details:
      - Every run with O(state=present) makes a dump. With O(state=absent) nothing changes when there is none.
options:
  state:
    description:
      - V(present) makes a dump, V(absent) removes those that O(key) or O(prefix) names.
    type: str
    choices: [present, absent]
    default: present
  key:
    description:
      - The whole key of the dump to remove. The database is asked nothing.
      - In a bucket that keeps versions of what is deleted, its lifecycle rules have to remove these.
    type: str
  prefix:
    description:
      - Remove all dumps whose keys begin with this, C(<instance>/<database>) or C(<instance>/<database>/<config>), but for the newest O(keep)
        of each config.
    type: str
  keep:
    description:
      - How many dumps of each config below O(prefix), the newest ones, are not removed. V(0) removes all of them. Needed with O(prefix).
      - Sanitized dumps and others are counted apart. A dump whose manifest cannot be used is not counted, and not removed either; a warning
        names it, and O(key) removes it.
    type: int
  only_sanitized:
    description:
      - Whether sanitized dumps alone are meant. With O(state=present) nothing is dumped unless there are rules, wherever they come from; with
        O(key) another dump is refused, and with O(prefix) it is passed over.
    type: bool
    default: false
  confirm:
    description:
      - The name of the database. Without it nothing is removed in V(prod), nor where O(environment) does not say which it is, and elsewhere
        only sanitized dumps and those of O(environment), as their manifests say; of a dump of before, the first part of its key does. One whose
        key begins with C(prod) is of V(prod).
      - With O(target) it lets a database pass that is the one to dump, or cannot be told from it.
    type: str
    default: ''
  login_db:
    description:
      - The application's database. Needed with O(state=present).
    type: str
    required: false
  instance:
    description:
      - First part of the key. Where neither call nor config says it, it is O(environment), or the name of the host when that is not set.
    type: str
  config:
    description:
      - Name of a set of options in O(configs); V(none) is the name of no set. It is the third part of the key, unless what is in
        the dump was said with the call (O(exclude_tables), O(exclude_table_data), O(pre_dump_hooks), O(sanitize)), then that is V(none).
      - That of a sanitized dump is V(sanitized) in place of V(none), and no other dump has it.
    type: str
    default: none
  configs:
    description:
      - Sets of options by their names, each a dict of the options O(store), O(instance), O(jobs), O(compression), O(exclude_tables),
        O(exclude_table_data), O(pre_dump_hooks) and O(sanitize), and of those that the other modules take from there.
      - What is said with the call comes first, then what the config says, then the default.
    type: dict
    default: {}
  jobs:
    description:
      - How many tables are dumped at the same time, each over a connection of its own. Three further connections are used beside them.
      - As many as the host has cores, at most 8, where neither call nor config says it.
    type: int
  compression:
    description:
      - V(auto) takes C(zstd:3) where pg_dump knows it (from 16 on), else C(gzip:6).
      - V(none), or one of C(zstd), C(lz4) and C(gzip) with or without a level, such as V(gzip:1).
      - V(auto) where neither call nor config says it.
    type: str
  exclude_tables:
    description:
      - Patterns of tables that are left out as a whole.
      - A pattern is V([schema.]name) with V(*) for any characters and V(?) for any one. Upper case means lower case as in SQL, but for
        what stands in double quotes, which is meant to the letter. Without a schema it means all schemas.
      - The partitions of a table that is left out are left out with it.
      - What refers to such a table, be it a foreign key or a view, cannot be made without it, so the whole database cannot be restored. Of foreign
        keys a warning says so, and M(slipway.app.postgres_restore) refuses such a dump; some of its tables can be restored. Leave out what
        refers to it as well.
    type: list
    elements: str
  exclude_table_data:
    description:
      - Patterns of tables that are dumped without their rows. Where rows of a table that is dumped with its rows refer to one by a foreign key,
        the whole database cannot be restored, as with O(exclude_tables).
      - With O(sanitize) a foreign key to one keeps the dump from being made, unless C(orphans) of the
        table that refers says what becomes of its rows.
    type: list
    elements: str
  pre_dump_hooks:
    description:
      - Commands that are run on the host, one after the other, before the dump. Each is a text that is split into words as a shell does
        it, or a list of words; there is no shell. One that fails keeps the dump from being made.
      - They find the database in the environment variables of libpq (C(PGHOST), C(PGDATABASE), C(PGPASSWORD) and so on).
    type: list
    elements: raw
  sanitize:
    description:
      - Rules that say what becomes of each column, as the guide on sanitized dumps describes them. V({}) masks nothing and, with the policy
        V(strict), names all columns that want a rule.
      - C(tables) has for patterns of tables, as in O(exclude_tables), V(keep), V(truncate) (no rows), or a dict with C(columns), rules for
        names or patterns of columns. A column that is named takes precedence over one that a pattern means, of these a mask over V(keep), then a
        table that is named over a pattern of tables, then what is said later over what is said earlier. No pattern keeps a column that looks like personal
        data.
      - C(policy) is V(strict), where a column without a rule keeps the dump from being made, or V(scan), where it does when its name, its type
        or its values look like personal data. Where it is not said, it is V(scan) in V(dev), V(stag) and V(uat) and else V(strict).
      - C(presets) is a list of V(django) and V(oro), rules for the tables of these that go after all others.
      - C(large_objects) is V(refuse) (default), or V(drop), which leaves them out.
      - A table may have C(where), a condition, and C(sample), a number of rows or a share of them as V(5%), beside C(columns), and then
        some of its rows are dumped, and of other tables none that refers to a row that is not. With C(orphans) of the table that refers as V(null)
        the row stays and its reference becomes NULL. Where several patterns mean a table, each C(where) holds.
      - It may also have C(rows) as V(all), with which a table that a preset empties has its rows, or as V(none), which is V(truncate).
      - C(after_restore) is a list of texts of SQL, which O(slipway.app.postgres_restore#module:after_restore) runs on what is restored.
      - C(residue) is a dict with C(accept), a list of columns C(schema.table.column) in which raw values of other columns may stand;
        V(the schema) means definitions, as defaults and comments.
      - A rule is a name, or a dict with the name as C(rule) and options. It is one of
        V(keep), V(null), V(empty), V(fixed) (C(value)), V(hash) (C(length)), V(email) (C(at), C(fold)), V(name), V(first_name), V(last_name),
        V(company), V(street), V(city), V(phone) and V(postal_code) (C(mask)), V(iban), V(digits_mask) (C(mask)), V(date) (C(days), C(entity),
        C(to)), V(number) (C(percent), C(bucket)), V(text), V(uuid), V(inet), V(json) (C(paths), C(rest)), V(array) (C(of)),
        V(attachment) (C(kind), C(form)), V(password) (C(hasher), C(password)) and V(sql) (C(expression)).
    type: dict
  sanitize_key:
    description:
      - A secret of at least 16 characters, which pseudonyms are made with. The same value has the same pseudonym in every table and every dump
        that is made with the same key; nobody without it can tell whose it is. Needed with O(sanitize), O(sanitize_file) or O(sanitize_root).
      - It is in no SQL. What is derived of it comes to the server as a setting with the start of a connection, which stands in no log, no
        list of statements and no list of processes. So a server on another machine has to be reached encrypted (O(ssl_mode)), and through no pooler.
    type: str
  environment:
    description:
      - The environment the database belongs to. One that is not named counts as V(prod).
    type: str
    choices: [dev, stag, uat, prod]
  allow_dump:
    description:
      - Whether the database may be dumped. When not set it may, except in V(prod).
    type: bool
  application:
    description:
      - With O(target), the application whose live release will migrate the restored database and make it its environment's, as C(migrate)
        and C(adopt) of its C(slipway.yml) say (O(slipway.app.postgres_restore#module:application)). Nothing is dumped where that would be refused.
    type: dict
    suboptions:
      root:
        description: Folder of the application.
        type: path
        required: true
      variables:
        description: Values for the placeholders of C(slipway.yml).
        type: dict
        default: {}
      python:
        description: Python interpreter of the application; without it, the one that runs this module.
        type: path
      environment:
        description: Its environment. When not set it counts as V(prod).
        type: str
        choices: [dev, stag, uat, prod]
      migrate:
        description: Whether it will migrate the restored database.
        type: bool
        default: false
      adopt:
        description: Whether it will make the restored database its environment's. When not set it will not.
        type: bool
  only_look:
    description:
      - Only finds out whether a dump could be restored to O(target), which it needs, and what that would replace, and makes none. A dump may take
        hours; it looks again.
      - A warning says so where rows of another environment would be restored and nothing makes them those of O(application.environment), unless
        O(application.adopt=false).
    type: bool
    default: false
  remove_leftovers:
    description:
      - Whether to remove from a bucket what dumps, or removals, that did not end have left there, which is named in any case. Whoever writes a dump
        there says so every minute; what was not finished and has had no such sign for ten minutes is taken for a leftover.
      - What is left in a folder is removed in any case, since nobody can be writing it any more.
      - With O(target), whether what a restore has left there is to be removed, too; the restore itself removes it.
    type: bool
    default: false
  progress:
    description:
      - A file to write the progress to, about every second and each time as a whole. It is removed in the end.
    type: path
  by:
    description:
      - Who makes the dump, for its manifest; the user who logged in on the host, and the host, when not set.
    type: str
notes:
  - The role must be able to read every table that is dumped; row security that would hide rows from it is an error.
  - In a bucket, a dump can be seen as soon as its manifest is there, which comes last. It is given no rights of its own, so it is as
    private as the bucket. Let the bucket's lifecycle rules remove uploads that were not completed after some days, too.
  - The dump has the encoding of the database. Without O(sanitize) it holds all rows as they are, and the passwords in subscriptions and
    user mappings where the role may read them.
  - A sanitized dump takes a role that may only read, and a standby. Large objects, statistics, subscriptions, user mappings and the rows
    of extensions' own tables (unless a rule names them) are not in it. Comments, defaults and the bodies of views and functions are.
    This is new, so look at a dump before it leaves your hands.
seealso:
  - module: slipway.app.postgres_dump_info
"""

EXAMPLES = r"""
---
- name: Dump the shop's database
  slipway.app.postgres_dump:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    store: /srv/dumps
    instance: uat
    environment: uat

- name: Dump it into a bucket
  slipway.app.postgres_dump:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    store: s3://shop-dumps/nightly
    endpoint_url: https://minio.example.com:9000
    access_key: dumps
    secret_key: "{{ vault_dumps_secret_key }}"
    environment: uat

- name: Dump it small, as the config says, without sessions and the rows of all logs
  slipway.app.postgres_dump:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    store: /srv/dumps
    instance: prod
    environment: prod
    allow_dump: true
    config: small
    configs:
      small:
        exclude_tables: [public.django_session]
        exclude_table_data: ['log_*', 'audit."Trail"']
        pre_dump_hooks:
          - [psql, -c, REFRESH MATERIALIZED VIEW public.top_ten]

- name: Dump it without its people
  slipway.app.postgres_dump:
    login_host: replica.example.com
    login_user: reader
    login_password: "{{ reader_database_password }}"
    login_db: shop
    store: /srv/dumps
    instance: prod
    environment: prod
    allow_dump: true
    sanitize_key: "{{ vault_sanitize_key }}"
    sanitize:
      tables:
        public.customer:
          columns:
            email: email
            first_name: first_name
            last_name: {rule: last_name, locale: de}
            birth: {rule: date, entity: id, domain: customer}
            notes: text
            data: {rule: json, paths: {address.street: street, plan: keep}}
            "*": keep
        public.session: truncate
        public.product*: keep

- name: Dump it by the rules in slipway.yml of the live release, those in a file beside the inventory, and one more
  slipway.app.postgres_dump:
    login_host: replica.example.com
    login_user: reader
    login_password: "{{ reader_database_password }}"
    login_db: shop
    store: /srv/dumps
    environment: uat
    sanitize_key: "{{ vault_sanitize_key }}"
    sanitize_root: /srv/shop
    sanitize_file: "{{ inventory_dir }}/sanitize.yml"
    sanitize:
      presets: [django]
      tables:
        public.newsletter: truncate

- name: Remove a dump
  slipway.app.postgres_dump:
    state: absent
    store: /srv/dumps
    key: uat/shop/none/20261126T031500.123456Z
    environment: uat

- name: Keep the newest three sanitized dumps of prod
  slipway.app.postgres_dump:
    state: absent
    store: /srv/dumps
    prefix: prod/shop
    keep: 3
    only_sanitized: true
    environment: uat
"""

RETURN = r"""
key:
  description: The key of the dump; null in check mode.
  type: str
  returned: when O(state=present) and O(only_look=false)
  sample: uat/shop/none/20261126T031500.123456Z
folder:
  description: The folder of the dump, or its place in S3; null in check mode.
  type: str
  returned: when O(state=present) and O(only_look=false)
  sample: /srv/dumps/uat/shop/none/20261126T031500.123456Z
database:
  description: The database.
  type: str
  returned: when O(state=present) and O(only_look=false)
  sample: shop
server_version:
  description: Version of the server, as its setting C(server_version_num).
  type: int
  returned: when O(state=present) and O(only_look=false)
  sample: 170011
client_version:
  description: Version of pg_dump, in the same form.
  type: int
  returned: when O(state=present) and O(only_look=false)
  sample: 170011
size:
  description: Size of the database in bytes.
  type: int
  returned: when O(state=present) and O(only_look=false)
  sample: 1508900000
archive_size:
  description: Size of the archive in bytes; null in check mode.
  type: int
  returned: when O(state=present) and O(only_look=false)
  sample: 184500000
tables:
  description: How many tables are in the dump, those of extensions not counted.
  type: int
  returned: when O(state=present) and O(only_look=false)
  sample: 42
rows:
  description: How many rows they have; null in check mode.
  type: int
  returned: when O(state=present) and O(only_look=false)
  sample: 7600000
jobs:
  description: How many tables were dumped at a time.
  type: int
  returned: when O(state=present) and O(only_look=false)
  sample: 2
compression:
  description: How the archive is compressed.
  type: str
  returned: when O(state=present) and O(only_look=false)
  sample: zstd:3
excluded:
  description: The tables, views and so on that were left out.
  type: list
  elements: dict
  returned: when O(state=present) and O(only_look=false)
  contains: &table
    schema:
      description: Schema of the table.
      type: str
      sample: public
    name:
      description: Name of the table.
      type: str
      sample: django_session
excluded_data:
  description: The tables whose rows were left out.
  type: list
  elements: dict
  returned: when O(state=present) and O(only_look=false)
  contains: *table
sanitized:
  description: What was masked; null without O(sanitize).
  type: dict
  returned: when O(state=present) and O(only_look=false)
  contains:
    policy:
      description: What becomes of columns without a rule, V(strict) or V(scan).
      type: str
      sample: strict
    rules:
      description: SHA-256 of the rules.
      type: str
      sample: 4d5b0c1c2f1e4c7c8a1c9f1b4a3f8e5d6c7b8a9f0e1d2c3b4a5968778695a4b3
    key:
      description: An id of the key, which tells nothing of it. Dumps with the same one have the same pseudonyms.
      type: str
      sample: 0f1e2d3c4b5a6978
    emptied:
      description: The tables that have no rows in it by a rule.
      type: list
      elements: dict
      contains: *table
    subset:
      description: The tables that have some of their rows in it only, or some without what they refer to.
      type: list
      elements: dict
      contains: *table
    after_restore:
      description: SQL that the rules ask to be run on what is restored of it.
      type: list
      elements: str
      sample: []
    residue:
      description: What was looked for in the dump before it was taken for whole; null in check mode.
      type: dict
      contains:
        columns:
          description: How many masked columns raw values were sampled of.
          type: int
          sample: 14
        values:
          description: How many values and words of them were looked for. None was found, or there would be no dump.
          type: int
          sample: 18211
        bytes:
          description: How many bytes of rows and definitions were looked at.
          type: int
          sample: 837000000
        left_out:
          description:
            - Masked columns whose values are not, or not all, looked for, since they meet by chance, since they have none under C(fixed) that says
              anybody, or, which a warning tells, since there are too many in all.
          type: list
          elements: str
          sample: [public.customer.birthday]
        accepted:
          description: Columns in which nothing was looked for, since the rules say that raw values may stand there.
          type: list
          elements: str
          sample: []
    masked:
      description: The columns whose values are masked, and the rules they are masked by.
      type: list
      elements: dict
      contains:
        schema:
          description: Schema of the table.
          type: str
          sample: public
        name:
          description: Name of the table.
          type: str
          sample: customer
        column:
          description: Name of the column.
          type: str
          sample: email
        rule:
          description: Name of the rule.
          type: str
          sample: email
target:
  description: What a restore to O(target) would find there.
  type: dict
  returned: when O(only_look=true)
  contains:
    live:
      description: Whether there is a database, which would be replaced.
      type: bool
      sample: true
    beside:
      description: The databases beside it that earlier restores have kept or left, which would be dropped.
      type: list
      elements: str
      sample: [shop__pre]
    adopt:
      description: How many texts of SQL (C(sql)) and commands (C(commands)) of C(adopt) would be run; null without O(application.adopt=true).
      type: dict
      sample: {sql: 2, commands: 1}
leftovers:
  description:
    - What killed dumps had left in the store, as paths in it; folders of O(spool_dir) are named, too. It was removed, as far as the
      user may, from a bucket only with O(remove_leftovers=true).
  type: list
  elements: str
  returned: success
  sample: []
seconds:
  description: How long it took.
  type: float
  returned: when O(state=present) and O(only_look=false)
  sample: 21.4
removed:
  description: The keys of the dumps that were removed, newest first; when a removal fails, those that went before it.
  type: list
  elements: str
  returned: when O(state=absent)
  sample: [uat/shop/none/20261126T031500.123456Z]
"""

import socket

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish, warn
from ansible_collections.slipway.app.plugins.module_utils._core.progress import Progress
from ansible_collections.slipway.app.plugins.module_utils._operation.adoption import adoption_by, unadopted
from ansible_collections.slipway.app.plugins.module_utils._operation.premigration import APPLICATION, migration_by
from ansible_collections.slipway.app.plugins.module_utils._postgres import configs, dump_choice
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import system_of, version_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_removal import Removal
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import ENVIRONMENTS, require_allowed
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG
from ansible_collections.slipway.app.plugins.module_utils._postgres.manifest import REAL
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import CONFIG, Sanitizing
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.sources import SOURCE_ARGUMENTS, rules_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.store_arguments import STORE_ARGUMENTS, store_from, tidied


def wish_from(params, chosen):
    """What the parameters and their config ask for."""
    sanitizing = sanitizing_from(params, rules_from(params, chosen["sanitize"]))
    return Wish(instance=chosen["instance"] or params["environment"] or socket.gethostname(),
                config=config_part(params, sanitizing), jobs=chosen["jobs"], compression=chosen["compression"] or "auto",
                exclude_tables=chosen["exclude_tables"] or [], exclude_table_data=chosen["exclude_table_data"] or [],
                hooks=chosen["pre_dump_hooks"] or [], bin_dir=params["bin_dir"], who=params["by"],
                remove_leftovers=params["remove_leftovers"], sanitizing=sanitizing, environment=params["environment"])


def sanitizing_from(params, rules):
    """How the dump is sanitized by rules, as rules_from has them, or None."""
    if params["only_sanitized"] and not any(rules or ()):
        raise SlipwayError("No rules say how the dump is sanitized, and no other one is wanted.", untouched="Nothing was dumped.",
                           hint="Say them with the call, in its config, in a file (slipway_sanitize_file), or in slipway.yml.")
    if rules is None:
        return None
    if not params["sanitize_key"]:
        raise SlipwayError("A sanitized dump needs a key: sanitize_key (slipway_sanitize_key) is not set.", untouched="Nothing was changed.",
                           hint="Make one with: openssl rand -hex 32. Keep it as you keep passwords.")
    document, below = rules
    return Sanitizing(document, params["sanitize_key"], params["environment"], below)


def config_part(params, sanitizing):
    """The config in the key. Who looks for sanitized dumps is not to find another one under their name, nor one of them under another."""
    part = configs.key_part(params, params["config"])
    if sanitizing:
        return part if "sanitize" in params["configs"].get(part, {}) else CONFIG
    if part == CONFIG:
        raise SlipwayError("The config %s says no rules (sanitize), and its name is that of sanitized dumps." % CONFIG, untouched="Nothing was changed.")
    return part


def require_target(params, source):
    """A target has to be one that a dump can be restored to, migrated and adopted in, before there is one, and another database than the source.

    Returns its Adoption, or None, and the databases that are there.
    """
    application, adoption, found = params["application"], None, {}
    if application and application["adopt"]:
        adoption = adoption_by(application, application["environment"])
    if application and application["migrate"] and params["target"]:
        migration_by(application, application["environment"], params["target"]["login_db"], check=True)
    if params["target"]:
        target = connection_from(params["target"])
        found = Restore(target, Wishes(remove_leftovers=params["remove_leftovers"])).require_possible(version_of(source), params["bin_dir"])
        dump_choice.require_elsewhere(system_of(source), source.login_db, target, params["confirm"])
    return adoption, found


def told_of_target(params, wish, adoption, found):
    """What a restore of the dump would find at the target, and do with it; the result."""
    application, live = params["application"], params["target"]["login_db"]
    config = params["configs"].get(params["config"], {})
    makes_own = wish.sanitizing and wish.sanitizing.rules.after_restore or config.get("pre_swap_sql") or config.get("pre_swap_hooks")
    return {"changed": False, "leftovers": [],
            "target": {"live": live in found, "beside": sorted(set(found) - {live}), "adopt": adoption and adoption.told()},
            "warnings": unadopted(application["adopt"], adoption, params["environment"] or REAL, application["environment"])
            if application and not makes_own else []}


def removed(params, check):
    """Remove the dumps that the parameters name; the result."""
    store = store_from(params, configs.effective(params, params["configs"], params["config"], configs.LIST, configs.ALL)["store"])
    removal = Removal(params["key"], params["prefix"], params["keep"], params["only_sanitized"], params["environment"], params["confirm"])
    keys = removal.run(store, check)
    leftovers = store.leftovers() if check else removal.leftovers(store, keys, params["remove_leftovers"])
    return {"changed": bool(keys), "removed": keys, "leftovers": leftovers, "warnings": [*removal.warnings, *store.warnings]}


def run(module):
    params = module.params
    if params["state"] == "present":
        require_allowed("dump", params["environment"], params["allow_dump"], "allow_dump")
    elif params["only_look"]:
        raise SlipwayError("only_look is for a dump that is to be made, and has no meaning with state=absent.", untouched="Nothing was removed.")
    warn(module, tidied(params, module.check_mode or params["only_look"]))
    if params["state"] == "absent":
        return removed(params, module.check_mode)
    chosen = configs.effective(params, params["configs"], params["config"], configs.DUMP, configs.ALL)
    connection = connection_from(params)
    adoption, found = require_target(params, connection)
    wish = wish_from(params, chosen)
    if params["only_look"]:
        return told_of_target(params, wish, adoption, found)
    with Progress(params["progress"]) as progress:
        return dump(connection, store_from(params, chosen["store"]), wish, check=module.check_mode, report=progress if params["progress"] else None)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            POSTGRES_ARGUMENTS,
            **STORE_ARGUMENTS,
            **SOURCE_ARGUMENTS,
            login_db={"type": "str"},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            key={"type": "str", "no_log": False},
            prefix={"type": "str"},
            keep={"type": "int"},
            only_sanitized={"type": "bool", "default": False},
            confirm={"type": "str", "default": ""},
            target={"type": "dict", "options": POSTGRES_ARGUMENTS},
            application={"type": "dict", "options": dict(
                APPLICATION, environment={"type": "str", "choices": list(ENVIRONMENTS)}, migrate={"type": "bool", "default": False},
                adopt={"type": "bool"})},
            only_look={"type": "bool", "default": False},
            bin_dir={"type": "path"},
            instance={"type": "str"},
            config={"type": "str", "default": NO_CONFIG},
            configs={"type": "dict", "default": {}},
            jobs={"type": "int"},
            compression={"type": "str"},
            exclude_tables={"type": "list", "elements": "str"},
            exclude_table_data={"type": "list", "elements": "str"},
            pre_dump_hooks={"type": "list", "elements": "raw"},
            sanitize_key={"type": "str", "no_log": True},
            environment={"type": "str", "choices": list(ENVIRONMENTS)},
            allow_dump={"type": "bool"},
            remove_leftovers={"type": "bool", "default": False},
            progress={"type": "path"},
            by={"type": "str"},
        ),
        required_if=[("state", "present", ["login_db"]), ("only_look", True, ["target"]), ("state", "absent", ["key", "prefix"], True)],
        required_by={"prefix": "keep"},
        mutually_exclusive=[("key", "prefix")],
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
