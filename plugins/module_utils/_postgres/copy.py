# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Copy a database into the place of another one, or to where there was none.

Within one server by CREATE DATABASE ... TEMPLATE, for which nobody may be in the source, and nobody gets into it meanwhile;
or as a stream from pg_dump to pg_restore, which leaves the source alone and is the only way to another server. All else
is as in a restore: beside the live database, proved, and put in its place by one short transaction.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import strategy
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import SAFE
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import look, problems
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import CopySource
from ansible_collections.slipway.app.plugins.module_utils._postgres.stream import StreamSource

SESSIONS = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = %s AND usesysid IS NOT NULL"
# A standby has the number of its primary.
DENIED = "42501"  # SQLSTATE insufficient_privilege: by default everybody may ask, but a hoster can change that
SERVER = "SELECT system_identifier::text AS number FROM pg_control_system()"
# What everybody may ask; a database of another server would have to have the same oid and that server to have begun at the same microsecond.
ALIKE = "SELECT oid::bigint, pg_postmaster_start_time()::text AS begun FROM pg_database WHERE datname = %s"

# What a copy from a template has from its source, by what it is called.
PROPERTIES = """
SELECT pg_get_userbyid(d.datdba) AS owner, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation, d.datctype AS "character type",
       CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END AS "locale provider",
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale, to_jsonb(d) ->> 'daticurules' AS "ICU rules",
       t.spcname AS tablespace
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = %s"""


class Origin:
    """The database that is to be copied.

    connection has it as its login_db; local says that its server is that of the target. environment is the one it belongs
    to (None: not named, which counts as prod), allow_block whether it may be blocked (None: as its environment says).
    """

    def __init__(self, connection, local, environment=None, allow_block=None):
        self.connection = connection
        self.database = connection.login_db
        self.local = local
        self.environment = environment
        self.blockable = environment in SAFE if allow_block is None else allow_block


def copy(restore, origin, way="auto", bin_dir=None, check=False):
    """Copy an Origin as a Restore says, and return its result with way, because, strategy and diff in it.

    way is template, stream, or auto for the first of them that does; because says why it was taken; strategy is how the server
    copied the template.
    """
    with restore.connection.session(restore.connection.maintenance_db) as session:
        _require_another(restore, origin, session)
        chosen = _choose(restore, origin, way, session)
        before = restore.place.found(session)
    by_template = chosen["way"] == "template"
    source = CopySource(origin.database, bin_dir) if by_template else StreamSource(origin.connection, origin.local, bin_dir)
    return dict(restore.run(source, check), diff=_diff(restore, before, source.name), **chosen)


def _require_another(restore, origin, session):
    """Refuse to copy a database over itself, whatever its server is called."""
    if origin.local or origin.database != restore.database:
        return
    try:
        same = session.query(SERVER) == origin.connection.query(SERVER)
    except PostgresError as error:
        if error.sqlstate != DENIED:
            raise
        alike = ALIKE % quote_literal(restore.database)
        same = session.query(alike) == origin.connection.query(alike) != []
    if same:
        raise SlipwayError("The source is database %s itself, reached in another way." % quote_ident(restore.database),
                           untouched="Nothing was changed.")


def _choose(restore, origin, way, session):
    """{way, because, strategy}, or an error where what was asked for cannot be."""
    if not origin.local:
        if way == "template":
            raise SlipwayError("A server can only copy databases of its own from a template.", untouched="Nothing was changed.",
                               hint="Take way=stream or auto.")
        return _chosen("stream", "the source is on another server")
    facts = look(session, origin.database)
    if facts["oid"] is None:
        raise SlipwayError("There is no database %s on this server." % quote_ident(origin.database), untouched="Nothing was changed.")
    if way == "stream":
        return _chosen("stream", "it was asked for")
    against = _against(origin, facts, session) + _unlike(restore, origin, session)
    if way == "template":
        if against:
            raise SlipwayError("Database %s cannot be copied from a template: %s." % (quote_ident(origin.database), "; ".join(against)),
                               untouched="Nothing was changed.", hint="way=stream copies it as it is used.", findings=against)
        return _chosen("template", "it was asked for", facts)
    return _chosen("stream", against[0]) if against else _chosen("template", "nobody is in the source, which may be blocked", facts)


def _against(origin, facts, session):
    """What keeps the server from copying the database by itself, as parts of a sentence."""
    against = [] if origin.blockable else [
        "the source may not be blocked in %s" % (origin.environment or "an environment that is not named, which counts as prod")]
    sessions = session.query(SESSIONS % quote_literal(origin.database))[0]["n"]
    if sessions:
        against.append("%d %s in the source" % (sessions, "session is" if sessions == 1 else "sessions are"))
    return against + [problem.rstrip(".") for problem in problems(session, origin.database, facts)]


def _unlike(restore, origin, session):
    """What a copy from a template would have otherwise than the live database whose it is to be, as parts of a sentence."""
    source, target = ((session.query(PROPERTIES % quote_literal(database)) or [None])[0] for database in (origin.database, restore.database))
    if restore.wishes.properties != "target" or target is None:
        return []
    if source["owner"] != target["owner"]:
        return ["the source belongs to role %(owner)s and the target to role " % source + target["owner"]]
    return ["the source has the %s %s and the target %s" % (what, source[what] or "none", target[what] or "none")
            for what in source if source[what] != target[what]]


def _chosen(way, because, facts=None):
    how = None
    if facts:
        how = strategy(facts["size"], facts["file_copy_method"]) if facts["major"] >= 15 else "FILE_COPY"
    return {"way": way, "because": because, "strategy": how}


def _diff(restore, before, name):
    """What there is at the place of the live database, before and after."""
    place, wishes = restore.place, restore.wishes
    known = {place.database: "what was live", place.pre: "what was live before", place.post: "what was live before going back"}
    known.update((left["database"], left["what"]) for left in place.leftovers(before))
    there = {database: known[database] for database in before}
    after = {database: what for database, what in there.items() if database not in place.passing}
    if wishes.swap:
        kept = after.get(place.database) or after.get(place.pre)
        after = {place.database: "copy of " + name}
        if wishes.reversible and kept:
            after[place.pre] = kept
    else:
        after[place.ready] = "copy of " + name
    return {"before": there, "after": after}
