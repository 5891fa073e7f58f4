# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The databases of a server that one of them can be restored from, without any store."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place

# A size that this role may not see is null.
DATABASES = """
SELECT d.datname AS database, pg_get_userbyid(d.datdba) AS owner,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_database_size(d.oid) END AS size,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid) AS sessions
FROM pg_database d WHERE NOT d.datistemplate AND d.datname <> current_database() ORDER BY d.datname"""


def local_copies(connection):
    """What the connection's login_db can be restored from on its server: [{source, database, owner, size, sessions}].

    source is what a restore is asked for; size is bytes, sessions how many are connected, who would stand in the way. What is
    kept of restores comes first. What a restore that did not end has left is none, nor are some tables that wait for their place.
    """
    place = Place(connection.login_db)
    with connection.session(connection.maintenance_db) as session:
        rows = session.query(DATABASES)
        found = place.found(session)
    # What has the name of one that is kept, and was not closed by a restore, is somebody's own.
    special = {name: source for source, name in dict(place.kept, **{":ready": place.ready}).items() if found.get(name) is False}
    copies = [dict(row, source=special.get(row["database"], ":" + row["database"])) for row in rows
              if row["database"] in special or row["database"] not in (connection.login_db, *place.passing)]
    return sorted(copies, key=lambda row: row["database"] not in special)
