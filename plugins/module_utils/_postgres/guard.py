# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What may be done with the database of an environment. One that is not named counts as prod."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident

# Where a database may be dumped, replaced, copied or blocked for a copy without a word of the operator. A dump of prod
# holds the data of real people, and travels.
SAFE = ("dev", "stag", "uat")
ENVIRONMENTS = SAFE + ("prod",)


NAMED = "environment (slipway_environment in an inventory)"


def require_allowed(action, environment, said, option, named=NAMED):
    """Refuse an action (in a word) in an environment (None: not named) unless it is allowed there.

    said is what the operator says of it, True or False, or None; option is the name it is said by, and named what names the environment.
    """
    allowed = environment in SAFE if said is None else said
    option = _spoken(option)
    if not allowed:
        raise SlipwayError("A %s of a database of %s is not allowed." % (
            action, "environment %s" % environment if environment else "an environment that is not named, which counts as prod,"),
            untouched="Nothing was changed.", hint="%s forbids it." % option if said is not None else (
                "%s allows it." % option if environment else "%s says which it is; %s allows it in prod." % (named, option)))


def require_confirmed(environment, allowed, confirm, database, done="restored", named=NAMED):
    """Refuse a restore (or what else is done) that is not allowed, or into prod without its database's own name.

    An environment of no known name is prod; named is what names it.
    """
    if not allowed:
        raise SlipwayError("Database %s may not be restored: %s forbids it." % (quote_ident(database), _spoken("allow_restore")),
                           untouched="Nothing was changed.")
    if environment not in SAFE and confirm != database:
        raise SlipwayError(
            "Database %s belongs to %s, and nothing is %s there without its name said once more%s." % (
                quote_ident(database), "prod" if environment == "prod" else "no environment that is named, which counts as prod", done,
                "; %r is not its name" % confirm if confirm else ""), untouched="Nothing was changed.",
            hint="confirm=%s says it%s." % (database, "" if environment else "; %s says which it is" % named))


def _spoken(option):
    """An option of a module, and what says it to playbooks."""
    return "%s (slipway_%s in an inventory)" % (option, option)
