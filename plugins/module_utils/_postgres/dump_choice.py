# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which dump somebody means who names a key, or the beginning of one: the wrong one would replace what is live."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import system_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import SAFE
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG, PARTS, Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.manifest import environment_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import listed, needed


def choose(store, wanted, database, config=NO_CONFIG, whole=True, environment=None):
    """The Dump of a key, or the newest below the beginning of one, to restore a database (or with whole=False some tables of it) from.

    A beginning has to leave no doubt: which database, and, where something was left out of the dump or masked in it, by which
    config. Into an environment with real data (prod, or one that is not named) a sanitized dump comes by its whole key only.
    """
    named = wanted.strip("/").split("/")
    if not any(named):
        raise SlipwayError("The source is empty, and every dump there is begins with that.", untouched="Nothing was changed.",
                           hint="Say the key of a dump, or its beginning: <instance>/<database>.")
    if len(named) == len(PARTS) and wanted.endswith("Z"):
        return store.open(Key.parse(wanted))
    dump = store.open(store.newest(wanted))
    key = dump.key
    if len(named) < 2 and key.database != database:
        raise SlipwayError("The newest dump below %s is of database %s, not of %s." % (wanted, quote_ident(key.database), quote_ident(database)),
                           untouched="Nothing was changed.", hint="%s says that it is meant." % "/".join(key.parts[:2]))
    lacking = dump.manifest["excluded"] + dump.manifest["excluded_data"]
    options = dump.manifest.get("options")
    if options and not (options["exclude_tables"] or options["exclude_table_data"]):
        lacking = []  # nobody has left out anything: a standby has no rows of unlogged tables
    meant = key.config != NO_CONFIG and (len(named) > 2 or config == key.config)
    if whole and lacking and not meant:
        raise SlipwayError("The newest dump below %s is %s, from which tables or their rows were left out: %s." % (wanted, key, listed(lacking)),
                           untouched="Nothing was changed.",
                           hint="Its whole key says that it is meant%s." % ("" if key.config == NO_CONFIG else ", and so does the name of its config"))
    if dump.manifest.get("sanitized"):
        _require_masked_meant(wanted, key, meant, environment)
    return dump


def require_restorable(dump):
    """Refuse a dump that no whole database can be made of, since foreign keys in it need what was left out."""
    found = needed(dump.manifest.get("needed", []))
    if found:
        raise SlipwayError("The whole database cannot be restored from %s: %s" % (dump.key, " ".join(found)), untouched="Nothing was changed.",
                           hint="Some of its tables can (tables, schemas), and with keep_failed=true its rows are left in a database of their own"
                                " when it fails at the first of these keys. Another dump leaves out the rows of all tables that refer, too, or none of these.",
                           findings=found)


def _require_masked_meant(wanted, key, meant, environment):
    """Masked rows in the place of real ones are a loss, whether of the whole database or of some tables."""
    real = environment not in SAFE
    if real or not meant:
        raise SlipwayError("The newest dump below %s is %s, which is sanitized: its rows are masked%s." % (
            wanted, key, ", and %s has real ones" % (environment or "an environment that is not named, which counts as prod,") if real else ""),
            untouched="Nothing was changed.", hint="Its whole key says that it is meant%s." % ("" if real else ", and so does the name of its config"))


def require_sanitized(dump):
    """Refuse a dump that is not sanitized."""
    if not dump.manifest.get("sanitized"):
        raise SlipwayError("The dump %s is not sanitized, and no other one is wanted." % dump.key, untouched="Nothing was changed.",
                           hint="Say the key of a sanitized one, or its beginning with the config: <instance>/<database>/<config that said the rules>,"
                                " or <instance>/<database>/sanitized where none did.")


def require_no_real_target(dump, target, confirm):
    """Refuse a sanitized dump of real rows in the place of the very database (of a Connection) that it was made of."""
    manifest = dump.manifest
    if manifest.get("sanitized") and environment_of(manifest, dump.key) not in SAFE:
        require_elsewhere(manifest.get("system"), manifest["database"], target, confirm)


def require_elsewhere(system, database, target, confirm):
    """Refuse a target (a Connection) that is the very database, of the server with an identifier (None: not known), that masked rows are of.

    Whatever an inventory calls it, and however it says where it is. A copy of all of a server has its identifier too, so the name of the database
    as confirm lets it pass, also where nobody can tell.
    """
    if database != target.login_db or confirm == database:
        return
    here = system_of(target, target.maintenance_db)
    if system and here and system != here:
        return
    raise SlipwayError("%s: masked rows would take the place of the real ones." % (
        "Database %s of this very server is what the rows are of" % quote_ident(database) if system and here else
        "Nobody can tell whether the rows are those of this very database %s (pg_control_system() of both servers would)" % quote_ident(database)),
        untouched="Nothing was changed.", hint="Does the inventory lead to the right database? confirm=%s says that it does." % database)


def require_no_real_rows(environment):
    """Refuse an environment (None: not named) whose rows are real: masked ones in their place would be a loss."""
    if environment not in SAFE:
        raise SlipwayError("%s has real rows, and masked ones in their place would be a loss." % (
            environment or "An environment that is not named, which counts as prod,"), untouched="Nothing was changed.")


def warnings(dump, database):
    """In sentences, what somebody may not expect of a database that was restored from this dump."""
    manifest, found = dump.manifest, []
    if dump.key.database != database:
        found.append("The dump is of database %s, not of %s." % (quote_ident(dump.key.database), quote_ident(database)))
    for what, tables in (("Tables that were left out of the dump are not in the restored database", manifest["excluded"]),
                         ("Tables whose rows were left out of the dump are empty", manifest["excluded_data"])):
        if tables:
            found.append("%s: %s." % (what, listed(tables)))
    return found + masked(manifest)


def masked(manifest):
    """In sentences, what somebody may not expect of rows that come from a dump, because it is sanitized."""
    sanitized = manifest.get("sanitized")
    if not sanitized:
        return []
    told = ["%d columns are masked" % len(sanitized["masked"])] + ["%s: %s" % (what, listed(sanitized[name])) for name, what in (
        ("emptied", "these tables are empty"), ("subset", "of these there are some rows only")) if sanitized.get(name)]
    return ["The dump is sanitized: %s." % ", and ".join(told)]


def after_restore(dump, wanted, whole=True):
    """The texts of SQL that are to be run on what is restored of a dump, and warnings: those that its rules ask for, if that is wanted (None: nobody has
    said).

    They come out of the store. Whoever can write there can make a dump whose functions do the same; yet what is run has to be seen, and wanted.
    """
    texts = (dump.manifest.get("sanitized") or {}).get("after_restore", [])
    if texts and whole and wanted is None:
        raise SlipwayError("The rules of the dump %s ask for SQL to be run on what is restored: %s." % (dump.key, "; ".join(texts)),
                           untouched="Nothing was changed.", hint="after_restore=true runs it, before the database is live, and false does not.")
    if texts and not (wanted and whole):
        return [], ["The SQL that the rules of the dump ask for is not run: %s." % "; ".join(texts)]
    return texts, []
