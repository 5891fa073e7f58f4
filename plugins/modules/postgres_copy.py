#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_copy
short_description: Copy a PostgreSQL database into the place of another one, on one server or from server to server
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Copies O(source) to a fresh database beside O(login_db), proves it, and puts it in the place of O(login_db) by renaming, in one
    transaction, as M(slipway.app.postgres_restore) does it. Where there is no O(login_db) yet, there is one afterwards.
  - Within one server the server itself can copy from a template, within seconds. Nobody may be in the source for that, and who wants to get
    in waits until the copy is done.
  - Otherwise pg_dump writes into pg_restore, with no file between, while the source is used. Such a stream is read once and in its order, so
    one table comes after the other, over one connection at each end. Where that takes too long, M(slipway.app.postgres_dump) and
    M(slipway.app.postgres_restore) work on several tables at the same time.
  - What a stream brought is compared with the source, by the number of rows of each table in the snapshot that was copied. When either end
    dies, the whole fails, the fresh database is dropped, and the live one was not touched.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_postgres
  - slipway.app._postgres
  - slipway.app._postgres.operation
  - slipway.app._postgres.source_server
attributes:
  check_mode:
    support: full
    details:
      - Looks at everything that a copy looks at before it begins, and says how would be copied. RV(ignored), RV(dropped) and RV(checked)
        are null, since nobody can know them.
  diff_mode:
    support: full
  idempotent:
    support: none
    details:
      - A copy is made every time, since the source may have changed.
options:
  source:
    description:
      - Name of the database to copy.
    type: str
    required: true
  source_environment:
    description:
      - The environment that O(source) belongs to. One that is not named counts as V(prod).
    type: str
    choices: [dev, stag, uat, prod]
  way:
    description:
      - V(template) lets the server copy, and is refused where that cannot be.
      - V(stream) lets pg_dump write into pg_restore.
      - V(auto) takes V(template) where O(source) is on the same server, may be blocked, and nobody is in it, and where a copy can be what
        O(properties) asks for; otherwise V(stream). RV(because) says why.
      - With O(properties=target), a copy from a template can not be what a live database is where O(source) has another owner, encoding,
        locale or tablespace.
      - What is in a copy from a template belongs to whom it belongs to in O(source), and has the privileges it has there, and those that
        the live database has on it beside them. In a stream all belongs to the owner, with the privileges of the live database alone.
      - A stream reads all that is in O(source), so the connecting role must be allowed to.
      - V(auto) where neither call nor config says it.
    type: str
    choices: [auto, template, stream]
  allow_block:
    description:
      - Whether O(source) may be blocked while the server copies it. When nothing is said, it may, except in V(prod).
    type: bool
  bin_dir:
    description:
      - Folder of the client programs pg_dump and pg_restore. Without it, those of the folders of Debian's and Red Hat's packages
        and of C(PATH) are looked at, and the oldest version is taken that suits the servers.
    type: path
  config:
    description:
      - Name of a set of options in O(configs); V(none) is the name of no set.
    type: str
    default: none
  configs:
    description:
      - Sets of options by their names, each a dict of the options O(way), O(reversible), O(properties), O(pre_swap_sql) and O(pre_swap_hooks),
        and of those that the other modules take from there. What a restore is to be made from is no O(source) of a copy.
      - What is said with the call comes first, then what the config says, then the default.
    type: dict
    default: {}
  swap:
    description:
      - Whether to put the copy in its place. Otherwise it stays beside the live database, closed to everybody, and a call of
        M(slipway.app.postgres_restore) with its source V(:ready) puts it in place within milliseconds.
    type: bool
    default: true
  reversible:
    description:
      - Whether to keep what is live now, closed to everybody, to go back to with M(slipway.app.postgres_restore) and its source V(:pre).
      - V(false) where neither call nor config says it.
    type: bool
  properties:
    description:
      - Whose owner, privileges, encoding and locale the copy has.
      - V(target) means those of the database that is replaced. All objects belong to its owner, and those that were in it already have the
        privileges they had. Where there is no database yet, the connecting role owns it; encoding, locale, settings and comment are those
        of the source.
      - V(dump) means those of the source. Its roles must be there, and the connecting role must be allowed to give them what is theirs.
      - A copy from a template has the privileges of O(source) on what is in it, and gets those of the live database beside them. A role that
        has privileges in both can do afterwards what it can do in either.
      - V(target) where neither call nor config says it.
    type: str
    choices: [target, dump]
  pre_swap_sql:
    description:
      - Texts of SQL that are run on the copy before it is live, one after the other in one session, as its owner. Each may have several
        statements and is a transaction of its own. The first error ends the copy.
    type: list
    elements: str
  pre_swap_hooks:
    description:
      - Commands that are run on the host before the copy is live, as M(slipway.app.postgres_restore) runs them. One that fails ends the copy.
      - Where neither call nor config says any, the live release of O(application) migrates the copy. With an empty list nobody does.
    type: list
    elements: raw
  application:
    description:
      - The application of O(login_db), if it is deployed on the host. Its live release migrates the copy before it is live, as
        M(slipway.app.postgres_restore) says of its option of this name.
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
  remove_leftovers:
    description:
      - Whether to drop what copies and restores that did not end have left. Otherwise it is named, and nothing is copied.
    type: bool
    default: false
  keep_failed:
    description:
      - Whether to keep a database that could not be filled, for you to look into.
    type: bool
    default: false
  environment:
    description:
      - The environment that O(login_db) belongs to. One that is not named counts as V(prod).
    type: str
    choices: [dev, stag, uat, prod]
  allow_copy:
    description:
      - Whether O(source) may be copied, and into O(login_db). When nothing is said, it may unless O(source_environment) is V(prod), since a
        copy of it holds the data of real people.
      - When V(true), V(prod) as O(environment) still needs O(confirm).
    type: bool
  confirm:
    description:
      - The name of O(login_db). Nothing is copied into V(prod) unless it is said once more here.
    type: str
    default: ''
  progress:
    description:
      - A file to write the progress to, about every second and each time as a whole. It is removed in the end.
      - Without it, the playbook shows a line every few seconds all the same.
    type: path
requirements:
  - pg_dump and pg_restore on the host the module runs on, of the major version of the source's server or a later one. Only a copy from a
    template that replaces nothing, or with O(properties=dump), does without.
notes:
  - The role needs C(CREATEDB), and must own O(login_db) or be a member of the role that does. To copy from a template it must own O(source),
    too.
  - A database is not copied into a server of an older major version than its own.
  - What is in a database is run by the server that it is copied to, as what is in a dump. See M(slipway.app.postgres_restore), also for
    what is never copied by a stream, such as subscriptions; RV(left_out) has what was left out.
  - Databases named as O(login_db) with C(__new), C(__ready), C(__copy), C(__old), C(__pre) or C(__post) behind it are those of this module and of
    M(slipway.app.postgres_restore). One of the two is at work on a database at the same time.
  - A run that was killed leaves the live database whole and under its name. What else it leaves is named by the next run.
seealso:
  - module: slipway.app.postgres_restore
  - module: slipway.app.postgres_dump
"""

EXAMPLES = r"""
---
- name: Copy the database to another one of the same server
  slipway.app.postgres_copy:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop_test
    source: shop
    source_environment: uat
    environment: uat

- name: Put what is on the server of uat in the place of the database of stag, and keep what is there
  slipway.app.postgres_copy:
    login_host: db.stag.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop
    environment: stag
    source: shop
    source_environment: uat
    source_server:
      login_host: db.uat.example.com
      login_user: reader
      login_password: "{{ uat_reader_password }}"
    reversible: true
    application:
      root: /srv/shop

- name: Copy a database of prod beside itself, while it is used
  slipway.app.postgres_copy:
    login_host: db.example.com
    login_user: shop
    login_password: "{{ shop_database_password }}"
    login_db: shop_before
    confirm: shop_before
    environment: prod
    source: shop
    source_environment: prod
    allow_copy: true
"""

RETURN = r"""
database:
  description: The database it is about, O(login_db).
  type: str
  returned: success
  sample: shop
restored:
  description: The database that was copied, with a colon before its name when it is one of the same server.
  type: str
  returned: success
  sample: ":shop"
way:
  description: How it was copied, V(template) or V(stream).
  type: str
  returned: success
  sample: stream
because:
  description: Why it was copied in this way.
  type: str
  returned: success
  sample: 3 sessions are in the source
strategy:
  description:
    - How the server copied the template, V(WAL_LOG) or V(FILE_COPY). By files from 64 MB on, before PostgreSQL 15, and where the server
      clones files; null for a stream.
  type: str
  returned: success
  sample: FILE_COPY
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
  description: What copies and restores that did not end had left. It was dropped with O(remove_leftovers=true).
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
left_out:
  description: What a stream does not bring; nothing is left out by a copy from a template.
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
checked:
  description: Number of tables whose rows were counted at both ends; 0 for a copy from a template, null in check mode.
  type: int
  returned: success
  sample: 42
seconds:
  description: How long each part took; C(analyze) beside C(check) where no hooks are run. Clients of O(login_db) were refused in C(swap) only.
  type: dict
  returned: success
  sample: {restore: 17.25, check: 0.61, hooks: 0.0, analyze: 1.3, swap: 0.04}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._core.progress import Progress
from ansible_collections.slipway.app.plugins.module_utils._operation.guard import PART_OF, part_of
from ansible_collections.slipway.app.plugins.module_utils._operation.premigration import APPLICATION, migration_by
from ansible_collections.slipway.app.plugins.module_utils._postgres import configs
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, TIMEOUTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.copy import Origin, copy
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import ENVIRONMENTS, require_allowed, require_confirmed
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes

# Where the source is, as the target is said to be, but for what only a target needs.
SERVER = {name: option for name, option in POSTGRES_ARGUMENTS.items() if name not in ("login_db", "maintenance_db", *TIMEOUTS)}


def wishes_from(params, chosen, check):
    """How the parameters, and what a config says, ask to fill the copy and put it in its place."""
    migrate = None
    if params["application"] and chosen["pre_swap_hooks"] is None:
        migrate = migration_by(params["application"], params["environment"], params["login_db"], check)
    return Wishes(reversible=chosen["reversible"], properties=chosen["properties"] or "target", sql=chosen["pre_swap_sql"] or [],
                  commands=configs.split(chosen["pre_swap_hooks"] or [], "pre_swap_hooks"), swap=params["swap"], migrate=migrate,
                  remove_leftovers=params["remove_leftovers"], keep_failed=params["keep_failed"])


def origin_from(params):
    """The database to copy."""
    server = params["source_server"]
    connection = connection_from(dict(params, **dict(server or {}, login_db=params["source"])))
    return Origin(connection, server is None, params["source_environment"], params["allow_block"])


def run(module):
    params = module.params
    require_allowed("copy", params["source_environment"], params["allow_copy"], "allow_copy",
                    "source_environment%s" % (" (environment in slipway_copy_servers)" if params["source_server"] else ""))
    require_confirmed(params["environment"], True, params["confirm"], params["login_db"], "copied",
                      "environment (target_environment of database_copy)")
    chosen = configs.effective(params, params["configs"], params["config"], configs.COPY, configs.ALL)
    with part_of(None if module.check_mode else params["operation"]) as objections, Progress(params["progress"]) as progress:
        restore = Restore(connection_from(params), wishes_from(params, chosen, module.check_mode), progress, objections)
        result = copy(restore, origin_from(params), chosen["way"] or "auto", params["bin_dir"], module.check_mode)
    result["database"] = params["login_db"]
    return result


def main():
    module = AnsibleModule(
        argument_spec=dict(
            POSTGRES_ARGUMENTS,
            source={"type": "str", "required": True},
            source_server={"type": "dict", "options": SERVER},
            source_environment={"type": "str", "choices": list(ENVIRONMENTS)},
            way={"type": "str", "choices": list(configs.WAYS)},
            allow_block={"type": "bool"},
            bin_dir={"type": "path"},
            config={"type": "str", "default": NO_CONFIG},
            configs={"type": "dict", "default": {}},
            swap={"type": "bool", "default": True},
            reversible={"type": "bool"},
            properties={"type": "str", "choices": list(configs.PROPERTIES)},
            pre_swap_sql={"type": "list", "elements": "str"},
            pre_swap_hooks={"type": "list", "elements": "raw"},
            application={"type": "dict", "options": APPLICATION},
            operation=PART_OF,
            remove_leftovers={"type": "bool", "default": False},
            keep_failed={"type": "bool", "default": False},
            environment={"type": "str", "choices": list(ENVIRONMENTS)},
            allow_copy={"type": "bool"},
            confirm={"type": "str", "default": ""},
            progress={"type": "path"},
        ),
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
