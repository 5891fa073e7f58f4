#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_restore
short_description: Restore a PostgreSQL database from a dump or a local copy, and go back to what was live before
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Fills a fresh database beside the live one, proves it, and puts it in the place of the live one by renaming, in one transaction.
    Until then nobody notices; what fails until then leaves the live database alone.
  - Before anything begins, the archive is compared with its manifest, and versions, roles, extensions, encoding and rights are looked
    at. All that is in the way is said at once.
  - For the moment of the swap the database is closed and sessions in it are ended, so that clients which come back at once do not get
    in between. There is one whole database under O(login_db) at every moment.
  - What pg_restore says is judged. Errors that are known to be harmless are returned as RV(ignored), each with the reason. The first
    other one ends the restore.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_postgres
  - slipway.app._postgres
  - slipway.app._postgres.operation
  - slipway.app._dump
  - slipway.app._dump.s3
attributes:
  check_mode:
    support: full
    details:
      - Looks at everything that a restore looks at before it begins, and says what would be restored. RV(ignored), RV(dropped) and
        RV(checked) are null, since nobody can know them.
      - Of a dump in S3 the sizes of all files are compared with the manifest, and only the table of contents is fetched and read. Damage to
        rows that leaves the sizes as they are is found by the restore alone.
  diff_mode:
    support: none
    details:
      - The content of a database is no text to compare. RV(restored), RV(replaced), RV(kept) and RV(dropped) tell which took whose place.
  idempotent:
    support: partial
    details:
      - With O(source=:pre) and O(source=:post) nothing changes when that is what is live. Everything else is restored every time.
options:
  source:
    description:
      - The key of a dump, C(<instance>/<database>/<config>/<timestamp>), or the beginning of keys; of those below it the newest is taken.
      - A beginning with dumps of several databases below it is refused, and so is one without the name of a database, where the dump is not
        of O(login_db). A dump from which tables or rows were left out (RV(excluded), RV(excluded_data)) is only taken for the whole
        database when its config is named, here or as O(config), or its whole key. Where a foreign key in it needs what was left out, it is
        not taken for the whole database at all.
      - A sanitized dump is only taken, for the whole database or for some tables, when its config is named or its whole key, and in V(prod), or
        where O(environment) does not say which it is, only when its whole key is.
      - V(:pre) is what was live before the last restore with O(reversible=true), and V(:post) what was live before going back to it.
        They are put in place by renaming, within milliseconds, each with all that was written to it since.
      - V(:ready) is what a restore with O(swap=false) has left, or one whose swap failed; where that was of O(tables) or O(schemas), say these again.
        It has to be the same role that logs in.
      - A colon and the name of another database of the server restores a copy of that database, made as M(slipway.app.postgres_copy) makes
        it. O(source_environment), O(allow_copy) and O(allow_block) are for such a source only.
      - Needed unless the config says it.
    type: str
  store:
    description:
      - Folder of dumps on the host, or C(s3://bucket/prefix). Needed unless O(source) begins with a colon, or the config says it.
    type: path
  jobs:
    description:
      - How many tables are restored at the same time, each over a connection of its own. As many as the host has cores, at most 8, where
        neither call nor config says it.
    type: int
  config:
    description:
      - Name of a set of options in O(configs); V(none) is the name of no set.
    type: str
    default: none
  configs:
    description:
      - Sets of options by their names, each a dict of the options O(source), O(store), O(jobs), O(reversible), O(properties), O(pre_swap_sql)
        and O(pre_swap_hooks), and of those that the other modules take from there.
      - What is said with the call comes first, then what the config says, then the default.
    type: dict
    default: {}
  only_sanitized:
    description:
      - Whether nothing but a sanitized dump may be restored, and nothing into V(prod) or where O(environment) does not say which it is.
    type: bool
    default: false
  tables:
    description:
      - Restores only the rows of these tables, patterns as O(slipway.app.postgres_dump#module:exclude_tables) has them. One that is not in
        the dump is refused. A partitioned table stands for its partitions.
      - A table that the live database has no more is made again where its own name is given, without V(*) and V(?); with its indexes,
        constraints, foreign keys, triggers, policies and sequences, as the dump has them. It comes in the same transaction as its rows, so
        nobody ever finds it empty. Foreign keys of other tables to it, views of it and privileges on it are not made again.
      - Their definitions and everything else of the live database stay as they are, with what others write to it meanwhile. The rows are
        restored into a database beside the live one and counted there. Then they replace those of the live tables in one transaction, in
        which nobody can use these tables. Whatever fails or is killed leaves every row as it was.
      - Columns must be the same as in the dump; more are allowed where they can be without a value. Every foreign key of the tables, and of
        others to them, is made again and so checked in the transaction. Triggers do not fire.
      - Sequences go forward to where the dump had them, never back. They are those that belong to a column of the tables, or of what these are
        partitions of, and those that its default calls by C(nextval), as PostgreSQL knows of them. One that only a function or the application
        knows stays where it is.
      - Large objects are not rows and do not come back. A table that may name some of the dump's is told as a warning.
      - They go forward one after the other, before the tables are locked, and stay there when the restore fails, which leaves a gap in
        the numbers. Each that is behind, or that gives its sessions several numbers in advance (C(CACHE)), waits at most 30 seconds for
        transactions that have taken a number of it; who wants one of it waits so long, too. Sequences that are not behind are not locked.
      - A sequence that the role does not own it has to be allowed to read and to set. It waits for nobody then; but numbers that a session
        has in advance remain to it, and one that is taken in that very moment may come twice.
      - With O(reversible=true) the whole live database is copied before, closed for as long as that takes, and kept as V(:pre).
      - With O(swap=false) they are made ready only, and a call with O(source=:ready) replaces the rows.
      - O(properties) is not regarded. O(pre_swap_sql) and O(pre_swap_hooks) are refused, those of a config as well.
    type: list
    elements: str
    default: []
  schemas:
    description:
      - Restores only the rows of all tables that the dump has in these schemas, as O(tables) does. Names are patterns as well.
    type: list
    elements: str
    default: []
  swap:
    description:
      - Whether to put the restored database in its place. Otherwise it stays beside the live one, closed to everybody, and a call with
        O(source=:ready) puts it in place within milliseconds, so that the application has to be stopped for no longer than that.
      - V(false) is refused with V(:ready), V(:pre) and V(:post) as O(source).
    type: bool
    default: true
  reversible:
    description:
      - Whether to keep what is live now, closed to everybody, as V(:pre). It needs the room of a second database.
      - Otherwise it is dropped after the swap, and so are V(:pre) and V(:post) of an earlier restore.
      - Where neither call nor config says it, what is V(:ready) does as it was said for the restore that has left it; otherwise V(false).
    type: bool
  properties:
    description:
      - Whose owner, privileges, encoding and locale the restored database has.
      - V(target) means those of the database that is replaced. All objects belong to its owner, and those that were in it already have the
        privileges they had; roles that only the dump knows are not needed. Where there is no database yet, the connecting role owns it
        and encoding and locale are those of the dump.
      - V(dump) means those of the dump. Its roles must be there, and the connecting role must be allowed to give them what is theirs.
      - So it is with settings (C(ALTER DATABASE ... SET)), comment, connection limit and the privileges on the database itself, which the
        manifest of a dump has. Older dumps do not have them, and those of the database that is replaced are taken. What cannot be given, such
        as a privilege of a role that is not there, is a warning.
      - Tablespaces inside the database are those of the dump. With V(target), where the server lacks one of them or the owner may not use it, all of
        the dump comes into the tablespace of the database itself, which RV(left_out) tells. With V(dump) that is refused before anything is done.
      - V(target) where neither call nor config says it.
    type: str
    choices: [target, dump]
  pre_swap_sql:
    description:
      - Texts of SQL that are run on the restored database before it is live, one after the other in one session, as its owner. Each may have several
        statements and is a transaction of its own. The first error ends the restore.
    type: list
    elements: str
  pre_swap_hooks:
    description:
      - Commands that are run on the host before the restored database is live, such as the application's migrations. Each is a text that
        is split into words as a shell does it, or a list of words; there is no shell. One that fails ends the restore.
      - They find the restored database in the environment variables of libpq (C(PGHOST), C(PGDATABASE), C(PGPASSWORD) and so on), and nowhere
        else. An application that is told its database in another way, such as C(DATABASE_URL) or a file, would change the live one; let
        O(application) migrate instead.
      - Where neither call nor config says any, the live release of O(application) migrates the database. With an empty list nobody does.
    type: list
    elements: raw
  after_restore:
    description:
      - Whether the SQL is run that the rules of a sanitized dump ask for (C(after_restore) of O(slipway.app.postgres_dump#module:sanitize)). It is in the
        manifest of the dump. With such a dump it has to be said, and the error that asks for it tells the SQL.
      - It is run on the restored database before it is live, as its owner, as O(pre_swap_sql) is, and before all else. An error ends the
        restore, and what is live stays. That is so for mistakes, and not for SQL that means harm, as C(RESET ROLE) in it makes it that of
        the login role, which may change what is live, or the server, as far as its rights go. It is not run with O(tables) and O(schemas),
        which bring rows into a database that is in use.
      - Whoever can write to the store can change it, as he can make a dump with functions that do the same. Look at what it is, in check mode, and
        restore as a role that may do nothing but what the database needs.
    type: bool
  application:
    description:
      - The application of the database, if it is deployed on the host. The commands that its C(slipway.yml) or profile has as
        C(commands.migrate) are run before the restored database is live, in the live release and with its environment.
      - An application that has folders of its release to write to (C(writable), as the profile C(oro) has) is not migrated where users are
        served from, but in a copy of the release, C(releases/.apart), with a C({namespace}) of its own. These folders have no files there, but
        the folders and the links to paths of C(shared) that are in them. The copy is removed in the end, and takes the room of one more
        release meanwhile.
      - In the variables of this environment that name O(login_db), alone or in an address such as C(DATABASE_URL), the restored database
        takes its place. The application itself has to say that it is in there (C(database.current) of C(slipway.yml), which the profiles
        C(django) and C(oro) have) before the migration is run. Where it does not say so the restore ends; where it could not be asked, or no variable
        names the database, nothing is begun.
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
      migrate:
        description: Whether it migrates the restored database.
        type: bool
        default: true
      adopt:
        description:
          - Whether the restored database comes from another environment and is made this one's, as C(adopt) of its C(slipway.yml) or profile says.
            C(adopt.sql) is run before the database is live, after the migration and before O(pre_swap_sql); C(adopt.commands) when it is live.
          - A placeholder of C(adopt.sql) whose value C(slipway.yml) alone says, for all environments, is refused, except in V(prod).
          - Not with O(tables) and O(schemas). With O(source=:ready) only C(adopt.commands) are left to run.
          - Where nothing makes rows of another environment this one's, a warning says so; not where V(false) was said.
        type: bool
  remove_leftovers:
    description:
      - Whether to drop what restores that did not end have left. Otherwise it is named, and nothing is restored.
    type: bool
    default: false
  keep_failed:
    description:
      - Whether to keep a database that could not be restored, for you to look into.
      - With it a dump is restored as well whose foreign keys need what was left out of it. It fails at the
        first of these keys, when all rows of tables are there. What comes behind it is not - other foreign keys, policies of row security, rows of
        materialized views, privileges - so look into that database, and do not work with it.
    type: bool
    default: false
  environment:
    description:
      - The environment the database belongs to. One that is not named counts as V(prod).
    type: str
    choices: [dev, stag, uat, prod]
  allow_restore:
    description:
      - Whether the database may be restored at all. When V(true), V(prod) still needs O(confirm).
    type: bool
    default: true
  source_environment:
    description:
      - The environment that another database of the server belongs to, where O(source) is one. One that is not named counts as V(prod).
    type: str
    choices: [dev, stag, uat, prod]
  allow_copy:
    description:
      - Whether that database may be copied. When nothing is said, it may unless O(source_environment) is V(prod).
    type: bool
  allow_block:
    description:
      - Whether that database may be blocked while the server copies it. When nothing is said, it may, except in V(prod).
    type: bool
  confirm:
    description:
      - The name of the database. Nothing is restored into V(prod) unless it is said once more here.
      - A sanitized dump is not put in the place of the very database that it was made of, whatever O(environment) says, unless it was made in
        V(dev), V(stag) or V(uat), as its manifest says. Databases are known by the identifier of their server and their name. Where nobody can
        tell, and for a copy of all of a server, this lets it pass.
    type: str
    default: ''
  progress:
    description:
      - A file to write the progress to, about every second and each time as a whole. It is removed in the end.
      - While rows come, they are told in bytes. Indexes, keys and materialized views, which are made after them and can take as long, are a
        phase of its own without any, C(indexes and keys), in which they are counted.
      - Without it, the playbook shows a line every few seconds all the same.
    type: path
notes:
  - The role needs C(CREATEDB), must own the database or be a member of the role that does, and must be able to end the sessions of other
    roles in it (C(pg_signal_backend)). It should not be a superuser. A superuser restores as the owner of the database (C(SET ROLE)), but
    code in a dump can take that back. When tables are restored, what the live database has on them is run with the rights of the role that
    logs in. These are checks, defaults and expressions of indexes of its owner.
  - Of a database that a restore has closed, be it V(:pre) or the live one for a moment, the comment ends with C([closed by Slipway]). A live one that
    a killed run has left closed is opened by the next run. One that is closed without these words was closed by somebody else, and nothing is
    put in its place.
  - What waits as V(:ready) is known by a setting that the role that logs in has made for itself in it (C(application_name), which is what it was
    when the database is live). V(:pre) and V(:post) are known by their names, being closed, and these words, which any role with C(CREATEDB) can
    give a database of its own where there is none of that name. Let no role have that which you do not trust with what is live.
  - A dump is a program. Functions, triggers, defaults and indexes in it are run by the server, while it is restored and later, with the rights
    of the role that restores it and of those who use it. A role that is no superuser confines it to what this role may do, in this and in
    other databases. Restore dumps of hostile hands as a role that may do nothing else, on a server that has nothing else.
  - Archives are read by pg_restore only; psql, whose commands in a dump could run programs, never sees them. Every file is compared with the
    manifest, which shows damage. It is no signature, so whoever can write to the store can make a dump of his own. An archive that names
    files other than its own is refused, since pg_restore would load files of the host.
  - The PostgreSQL client on the host must not be older than the server, nor than the pg_dump that wrote the archive.
  - Subscriptions are never restored, and publications and event triggers only by a superuser. What was left out is returned as RV(left_out).
  - Databases named as O(login_db) with C(__new), C(__ready), C(__part), C(__copy), C(__old), C(__pre) or C(__post) behind it are those of this module.
    C(__pre) and C(__post) are always closed; one that lets connections in is somebody else's, and nothing is restored beside it.
  - A run that was killed may leave the live database closed for the moment of the swap; the next run lets connections in again. What else it
    leaves, it leaves under other names.
  - The archive of a dump in S3 is fetched to O(spool_dir) first, by several connections, and compared with its manifest on the way;
    it is removed in the end, and where a disk is full. Where the restore fails otherwise, it stays for the next try, and the error says where.
  - While it is restored, the database takes its room on the server twice, and three times where V(:pre) is kept from an earlier restore.
  - Errors can only be judged when the server says them in English (C(lc_messages)). In another language all of them end the restore.
seealso:
  - module: slipway.app.postgres_restore_point
"""

EXAMPLES = r"""
---
- name: Restore the newest dump of prod into uat, and keep what is there
  slipway.app.postgres_restore:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    store: /srv/dumps
    source: prod/shop
    environment: uat
    reversible: true
    application:
      root: /srv/shop

- name: Restore the rows of two tables, and of all in a schema
  slipway.app.postgres_restore:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    store: /srv/dumps
    source: uat/shop
    environment: uat
    tables: [customers, public.addresses]
    schemas: [catalog]

- name: Go back
  slipway.app.postgres_restore:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    source: ":pre"
    environment: uat

- name: Restore one dump into prod
  slipway.app.postgres_restore:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    store: /srv/dumps
    source: prod/shop/none/20261126T031500.123456Z
    environment: prod
    confirm: shop
"""

RETURN = r"""
database:
  description: The database it is about.
  type: str
  returned: success
  sample: shop
restored:
  description: The key of the dump, or the local source.
  type: str
  returned: success
  sample: prod/shop/none/20261126T031500.123456Z
kept:
  description: Name of the database that was live before and was kept.
  type: str
  returned: success
  sample: shop__pre
dropped:
  description: Names of the databases that were dropped after the swap; null in check mode.
  type: list
  elements: str
  returned: success
  sample: [shop__old]
leftovers:
  description: What restores that did not end had left. It was dropped with O(remove_leftovers=true).
  type: list
  elements: dict
  returned: success
  contains:
    database:
      description: Name of the database.
      type: str
      sample: shop__new
    what:
      description: What it is, in words.
      type: str
      sample: half restored, worth nothing
excluded:
  description: Tables that were left out of the dump, so that the restored database lacks them.
  type: list
  elements: dict
  returned: success
  contains:
    schema:
      description: Schema of the table.
      type: str
      sample: public
    name:
      description: Name of the table.
      type: str
      sample: sessions
excluded_data:
  description: Tables whose rows were left out of the dump.
  type: list
  elements: dict
  returned: success
  contains:
    schema:
      description: Schema of the table.
      type: str
      sample: public
    name:
      description: Name of the table.
      type: str
      sample: sessions
left_out:
  description: Entries of the archive that were not restored.
  type: list
  elements: dict
  returned: success
  contains:
    entry:
      description: The entry, as C(pg_restore --list) names it.
      type: str
      sample: SUBSCRIPTION - feed shop
    reason:
      description: Why it was left out.
      type: str
      sample: a restored copy must not take changes from the publisher of the original
ignored:
  description: Errors of pg_restore that are known to be harmless; null in check mode.
  type: list
  elements: dict
  returned: success
  contains:
    error:
      description: What pg_restore said.
      type: str
      sample: 'SCHEMA public postgres: schema "public" already exists'
    reason:
      description: Why it does not matter.
      type: str
      sample: an archive of pg_dump before 15 can ask for the schema that every database has from the beginning
after_restore:
  description: The texts of SQL out of a sanitized dump that were run, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: ["UPDATE public.oro_config_value SET text_value = 'test' WHERE name = 'mode'"]
adopted:
  description: How much of C(adopt) was run, or would be in check mode, by this call; null without O(application.adopt=true).
  type: dict
  returned: success
  contains:
    sql:
      description: How many texts of SQL; they are run before the database is V(:ready).
      type: int
      sample: 2
    commands:
      description: How many commands; they are run when the database is live.
      type: int
      sample: 1
checked:
  description: Number of tables whose rows were counted and were as many as the manifest says; null in check mode.
  type: int
  returned: success
  sample: 42
made:
  description: The tables that the live database had no more, and that were made again.
  type: list
  elements: dict
  returned: success
  contains:
    schema:
      description: Its schema.
      type: str
      sample: public
    name:
      description: Its name.
      type: str
      sample: customers
replaced:
  description: The tables whose rows were replaced, where not the whole database was restored.
  type: list
  elements: dict
  returned: success
  contains:
    schema:
      description: Schema of the table.
      type: str
      sample: public
    name:
      description: Name of the table.
      type: str
      sample: customers
seconds:
  description: How long each part took; C(analyze) beside C(check) where no hooks are run. Clients were refused in C(swap) and C(copy) only.
  type: dict
  returned: success
  sample: {restore: 17.25, check: 0.61, hooks: 0.0, analyze: 1.3, swap: 0.04}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish, warn
from ansible_collections.slipway.app.plugins.module_utils._core.progress import Progress
from ansible_collections.slipway.app.plugins.module_utils._operation.adoption import adoption_by, unadopted
from ansible_collections.slipway.app.plugins.module_utils._operation.guard import PART_OF, part_of
from ansible_collections.slipway.app.plugins.module_utils._operation.premigration import APPLICATION, migration_by
from ansible_collections.slipway.app.plugins.module_utils._postgres import configs, dump_choice
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.clients import usual_jobs
from ansible_collections.slipway.app.plugins.module_utils._postgres.copy import Origin, copy
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import ENVIRONMENTS, require_allowed, require_confirmed
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG
from ansible_collections.slipway.app.plugins.module_utils._postgres.manifest import environment_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore, TablesSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.store_arguments import REMOVED, STORE_ARGUMENTS, store_from, tidied
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import WAY

UNCHANGED = (":ready", *WAY)  # what is put in its place as it is


def migration_from(params, hooks, check):
    """What migrates the restored database: the live release, where nobody has said what else is to be done with it."""
    application = params["application"]
    if application is None or not application["migrate"] or hooks is not None or only_tables(params) or params["source"] in UNCHANGED:
        return None
    return migration_by(application, params["environment"], params["login_db"], check)


def adoption_from(params):
    """What makes the restored database this environment's, or None."""
    application = params["application"]
    return adoption_by(application, params["environment"]) if application and application["adopt"] else None


def wishes_from(params, chosen, adoption, check):
    """How the parameters, and what a config says, ask to restore."""
    whose = "target" if only_tables(params) else chosen["properties"] or "target"
    return Wishes(reversible=chosen["reversible"], properties=whose, sql=chosen["pre_swap_sql"] or [], adoption=adoption,
                  commands=configs.split(chosen["pre_swap_hooks"] or [], "pre_swap_hooks"), jobs=chosen["jobs"] or usual_jobs(), swap=params["swap"],
                  migrate=migration_from(params, chosen["pre_swap_hooks"], check), remove_leftovers=params["remove_leftovers"],
                  keep_failed=params["keep_failed"])


def only_tables(params):
    """Whether only some of the database is to be restored."""
    return bool(params["tables"] or params["schemas"])


def dump_from(params):
    """The dump that the parameters name."""
    wanted = params["source"]
    dump = dump_choice.choose(store_from(params, params["store"]), wanted, params["login_db"], params["config"], not only_tables(params),
                              params["environment"])
    if params["only_sanitized"]:
        dump_choice.require_sanitized(dump)
    dump_choice.require_no_real_target(dump, connection_from(params), params["confirm"])
    return dump


def from_dump(params, restore, check):
    """Restore the dump, or some of it, that the parameters name; the result."""
    dump = dump_from(params)
    some = only_tables(params)
    if not some and not restore.wishes.keep_failed:
        dump_choice.require_restorable(dump)
    restore.wishes.after_restore, warnings = dump_choice.after_restore(dump, params["after_restore"], not some)
    if some:
        source = TablesSource(dump, params["bin_dir"], params["tables"], params["schemas"], check)
    else:
        source = DumpSource(dump, params["bin_dir"], check)
    with source.brought():
        result = restore.run(source, check)
    result["warnings"] += warnings + [REMOVED % folder for folder in source.removed]
    result["after_restore"] = restore.wishes.after_restore
    if some:
        return dict(result, warnings=dump_choice.masked(dump.manifest) + result["warnings"])
    result["warnings"] = dump_choice.warnings(dump, params["login_db"]) + not_made_own(
        params, environment_of(dump.manifest, dump.key), restore.wishes) + result["warnings"]
    return dict(result, excluded=dump.manifest["excluded"], excluded_data=dump.manifest["excluded_data"])


def not_made_own(params, origin, wishes):
    """A sentence in a list where rows of another environment, origin, come with nothing that makes them this one's."""
    if params["application"] is None or wishes.makes_own:
        return []
    return unadopted(params["application"]["adopt"], wishes.adoption, origin, params["environment"])


def adopted(params, adoption, check):
    """How much of adopt is run by this call: SQL on what is filled, commands on what is live; with check, when that is live which it would fill."""
    if adoption is None:
        return None
    told = adoption.told()
    return {"sql": 0 if params["source"] in UNCHANGED else told["sql"], "commands": told["commands"] if params["swap"] or check else 0}


def from_database(params, restore, check):
    """Copy the database of the server that the parameters name, as postgres_copy does; the result."""
    database = params["source"][1:]
    if not database:
        raise SlipwayError("The source has no name behind its colon.", untouched="Nothing was changed.")
    require_allowed("copy", params["source_environment"], params["allow_copy"], "allow_copy", "source_environment")
    origin = Origin(connection_from(dict(params, login_db=database)), True, params["source_environment"], params["allow_block"])
    result = copy(restore, origin, "auto", params["bin_dir"], check)
    told = {name: value for name, value in result.items() if name not in ("way", "because", "strategy", "diff")}
    return dict(told, warnings=not_made_own(params, params["source_environment"], restore.wishes) + told.get("warnings", []))


def refuse_contradictions(params):
    """What is asked for has to go together."""
    source = params["source"]
    if only_tables(params) and source.startswith(":") and source != ":ready":
        raise SlipwayError("Tables and schemas are restored from a dump, and %s is none." % source, untouched="Nothing was changed.")
    if params["only_sanitized"]:
        dump_choice.require_no_real_rows(params["environment"])
    if params["only_sanitized"] and source.startswith(":"):
        raise SlipwayError("%s is no sanitized dump, and nothing else is wanted (only_sanitized)." % source, untouched="Nothing was changed.")
    if params["application"] and params["application"]["adopt"] and (only_tables(params) or source in WAY):
        raise SlipwayError("Only a whole database that is restored is made this environment's (adopt).", untouched="Nothing was changed.")
    if source in WAY and (params["pre_swap_sql"] or params["pre_swap_hooks"]):
        raise SlipwayError("%s is put in its place as it is, so nothing can be run on it before (pre_swap_sql, pre_swap_hooks)." % source,
                           untouched="Nothing was changed.")
    if source in UNCHANGED and not params["swap"]:
        raise SlipwayError("%s is put in its place and nothing else, so swap=false has no meaning with it." % source, untouched="Nothing was changed.")


def run(module):
    params = module.params
    chosen = configs.effective(params, params["configs"], params["config"], configs.RESTORE, configs.ALL)
    params = dict(params, source=chosen["source"] or "", store=chosen["store"])
    refuse_contradictions(params)
    require_confirmed(params["environment"], params["allow_restore"], params["confirm"], params["login_db"])
    adoption = adoption_from(params)
    with part_of(None if module.check_mode else params["operation"]) as objections, Progress(params["progress"]) as progress:
        wishes = wishes_from(params, chosen, adoption, module.check_mode)
        restore = (TablesRestore if only_tables(params) else Restore)(connection_from(params), wishes, progress, objections)
        if params["source"] in WAY:
            result = restore.go(params["source"], module.check_mode)
        elif params["source"] == ":ready":
            result = restore.put_in_place(module.check_mode, **({"tables": params["tables"], "schemas": params["schemas"]} if only_tables(params) else {}))
        elif params["source"].startswith(":"):
            result = from_database(params, restore, module.check_mode)
        else:
            warn(module, tidied(params, module.check_mode))
            result = from_dump(params, restore, module.check_mode)
        if adoption and params["swap"] and not module.check_mode:
            adoption.finish()
    # Nothing was left out, and the whole database was restored, unless it is said.
    return dict({"replaced": [], "made": [], "excluded": [], "excluded_data": [], "after_restore": []}, database=params["login_db"],
                adopted=adopted(params, adoption, module.check_mode), **result)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            dict(POSTGRES_ARGUMENTS, **STORE_ARGUMENTS),
            source={"type": "str"},
            bin_dir={"type": "path"},
            jobs={"type": "int"},
            only_sanitized={"type": "bool", "default": False},
            tables={"type": "list", "elements": "str", "default": []},
            schemas={"type": "list", "elements": "str", "default": []},
            swap={"type": "bool", "default": True},
            config={"type": "str", "default": NO_CONFIG},
            configs={"type": "dict", "default": {}},
            reversible={"type": "bool"},
            properties={"type": "str", "choices": list(configs.PROPERTIES)},
            pre_swap_sql={"type": "list", "elements": "str"},
            pre_swap_hooks={"type": "list", "elements": "raw"},
            after_restore={"type": "bool"},
            application={"type": "dict", "options": dict(
                APPLICATION, migrate={"type": "bool", "default": True}, adopt={"type": "bool"})},
            operation=PART_OF,
            remove_leftovers={"type": "bool", "default": False},
            keep_failed={"type": "bool", "default": False},
            environment={"type": "str", "choices": list(ENVIRONMENTS)},
            allow_restore={"type": "bool", "default": True},
            source_environment={"type": "str", "choices": list(ENVIRONMENTS)},
            allow_copy={"type": "bool"},
            allow_block={"type": "bool"},
            confirm={"type": "str", "default": ""},
            progress={"type": "path"},
        ),
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
