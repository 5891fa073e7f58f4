# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mode advisor: which upgrade modes the pending migrations allow, and what speaks against the others.

    facts = {"migrations": [{"name": "shop.0002_x", "sql": "ALTER TABLE ...", "code": [], "problem": None, "compatible": False}],
             "problem": None,
             "tables": [{"schema": "public", "name": "shop_order", "bytes": 8192, "partitioned": False, "default_bytes": None,
                         "columns": {"id": "bigint"}}] or None,
             "server_version": 150004}
    advise(facts)["rolling"] -> [{"rule": "not-null", "migration": "shop.0002_x", "statement": "ALTER TABLE ...",
                                  "why": "the old release may leave out ...", "instead": "let it have a default ..."}]

The facts come from the host (module migration_info, step advise of an operation); SQL is parsed here, on the controller, by
PostgreSQL's own parser. What cannot be judged counts as unsafe. Maintenance mode is always allowed.
"""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import statements
from ansible_collections.slipway.app.plugins.module_utils._postgres.tables import BIG_TABLE
from ansible_collections.slipway.app.plugins.plugin_utils._advice_rules import CANNOT_JUDGE, REASONS, impatient, judge
from ansible_collections.slipway.app.plugins.plugin_utils._advice_world import World, all_of

MODES = ("maintenance", "rolling", "source")
ANY = "migrations"  # stands for the name of a migration where none is known
STATEMENTS = {"abort", "cluster", "commit", "delete", "rollback"}  # those of them that may as well be a name in a valid SELECT
SHOWN = 160  # characters of a statement
DECLARE = "read the migration; when the old release can run beside it, name it under migrations.compatible in slipway.yml"
OTHER = {
    "unparsable": "PostgreSQL's parser does not understand it (%s)",
    "unread": "its SQL could not be read: %s",
    "code": "it runs code, which cannot be judged: %s",
}


def advise(facts, big_table=BIG_TABLE):
    """{mode: list of reasons against it}; a mode with an empty list is safe. The module's docstring has the shapes.

    big_table: bytes from which on a table is big.
    """
    world = World(facts.get("tables"), facts.get("server_version") or 0, big_table)
    rolling = [reason for migration in facts["migrations"] for reason in _of_migration(migration, world)]
    unread = []
    if facts.get("problem"):
        unread = [_reason("unread", ANY, "", "it is not known which are pending: %s" % facts["problem"],
                          "let them be read, or use maintenance mode")]
    source = [_reason("pending", migration["name"], "", "the database lacks this migration, and this mode does not migrate",
                      "upgrade in another mode") for migration in facts["migrations"]]
    return {"maintenance": [], "rolling": unread + rolling, "source": unread + source}


def safe_modes(advice):
    """The modes nothing speaks against, in the order of MODES."""
    return [mode for mode in MODES if not advice[mode]]


def unaccepted(reasons, accepted):
    """The reasons that nobody has taken upon themselves: accepted names rules, migrations, or one as migration:rule."""
    accepted = set(accepted)
    return [reason for reason in reasons
            if not accepted & {reason["rule"], reason["migration"], "%(migration)s:%(rule)s" % reason}]


def sentence(reason):
    """A reason for people."""
    text = "%(migration)s: %(why)s" % reason
    if reason["statement"]:
        text += " [%(statement)s]" % reason
    return "%s. Safe instead: %s (%s)." % (text, reason["instead"], reason["rule"])


def _of_migration(migration, world):
    """What speaks against running one migration while the old release serves."""
    found = []
    name = migration["name"]
    if migration.get("problem"):
        found.append(_reason("unread", name, "", OTHER["unread"] % migration["problem"], DECLARE))
    found += [_reason("code", name, "", OTHER["code"] % words, DECLARE) for words in migration.get("code") or ()]
    for text, statement, error in statements.parsed(_parser(), migration.get("sql") or ""):
        error = error or _two_in_one(statement)
        if error:
            found.append(_reason("unparsable", name, text, OTHER["unparsable"] % error, DECLARE))
        else:
            found += [_judged(name, text, *judgement) for judgement in judge(statement, world)]
            world.end_statement()
    found += [_judged(name, "", *judgement) for judgement in impatient(world)]  # all that follows may have the same session
    world.end_session()
    if migration.get("compatible"):
        found = [reason for reason in found if reason["rule"] not in CANNOT_JUDGE]
    return found


def _two_in_one(statement):
    """Why a statement may be two that lack a semicolon, such as "SELECT 1 DELETE FROM orders", or None.

    For PostgreSQL the second one's first word is the name of a column or a table then, and all of it one harmless SELECT.
    """
    names = {target.name for query in all_of(statement, "SelectStmt") for target in query.targetList or ()}
    names.update(alias.aliasname for alias in all_of(statement, "Alias"))
    words = sorted(STATEMENTS & names)
    return "a semicolon may be missing before %s" % words[0].upper() if words else None


def _judged(migration, text, rule, what, size):
    why, instead = REASONS[rule]
    words = {"what": what, "size": size, "of_size": " (%s)" % size if size else ""}
    return _reason(rule, migration, text, why % words, instead or DECLARE)


def _reason(rule, migration, text, why, instead):
    text = " ".join(text.split())
    return {"rule": rule, "migration": migration, "statement": text if len(text) <= SHOWN else text[:SHOWN - 3] + "...",
            "why": why, "instead": instead}


def _parser():
    try:
        return statements.parser("judge migrations", "the controller")
    except SlipwayError as error:
        raise AnsibleError("%s Upgrades in maintenance mode do without it." % error) from error
