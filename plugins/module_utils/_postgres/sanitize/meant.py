# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which rules mean which tables of a database, and of which tables they have rows dumped: no row is read for it."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import catalog
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import ALL, NONE


class Meant:
    """What Rules mean in a database that a session is in: a rule for a table is one for its partitions and children."""

    def __init__(self, session, rules, selection):
        self._rules = rules
        self._selection = selection
        self.relations = {relation["oid"]: relation for relation in selection.relations}
        self._parents = {}
        for row in session.query(catalog.PARENTS):
            self._parents.setdefault(row["oid"], []).append(row["parent"])

    def lineage(self, relation):
        """A relation, and what it is a partition or a child of."""
        found, ahead = [], [relation["oid"]]
        while ahead:
            oid = ahead.pop(0)
            if oid in self.relations and oid not in found:
                found.append(oid)
            ahead += self._parents.get(oid, [])
        return [self.relations[oid] for oid in found]

    def entries(self, lineage):
        """[(exact, order, Entry)] of all that mean a table of this lineage."""
        return [(entry.matcher.exact, order, entry) for order, entry in enumerate(self._rules.entries)
                if any(entry.matcher.matches(relation["schema"], relation["name"]) for relation in lineage)]

    def dumped(self):
        """The tables of a Selection whose rows are dumped, all or some of them."""
        return [table for table in self._selection.with_rows if said_of_rows(self.entries(self.lineage(table)))[0] != NONE]


def said_of_rows(entries):
    """What entries, [(exact, order, Entry)], say of rows, and where it comes from, or None: rows that a document leaves out no earlier one has."""
    emptied_by = max((entry.level for _exact, _order, entry in entries if entry.rows == NONE), default=0)
    said = [one for one in entries if one[2].rows == NONE or one[2].rows and one[2].level >= emptied_by]
    return (max(said)[2].rows, max(said)[2].told) if said else (ALL, None)
