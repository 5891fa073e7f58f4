# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What an expression that a person wrote calls, as the server understands it: by name, by an operator, by a cast, in the checks of a domain.

The server parses it as a statement that is never run, and says the tree that comes of it (debug_print_parse) to whoever listens: any role may have
that, on a standby, too. The names in the tree are oids, so no text that looks like one is taken for one.
"""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.catalog import listed

LISTEN = ("SAVEPOINT listening", "SET LOCAL client_min_messages = log", "SET LOCAL debug_pretty_print = off", "SET LOCAL debug_print_parse = on")
DEAF = ("ROLLBACK TO SAVEPOINT listening", "RELEASE SAVEPOINT listening")
SEVERAL = re.compile(":(?:hasAggs|hasWindowFuncs|hasTargetSRFs|hasSubLinks) true")
FUNCTION = re.compile(r"\{FUNCEXPR :funcid (\d+) .*?:funcformat (\d)")
OPERATOR = re.compile(r":opno (\d+)|:opnos \(o((?: \d+)+)\)")
TYPE = re.compile(r":(?:resulttype|consttype|funcresulttype|typid|array_typeid|row_typeid) (\d+)")
BRACE = re.compile(r"\\.|[{}]")  # one of a name has a backslash before it
CASTS = ("1", "2")  # funcformats: explicit and implicit

# Functions behind operators that somebody has added; those of the server itself do nothing but work a value out.
FUNCTIONS = """
WITH called (oid, named) AS (
    SELECT oid, oid IN (%s) FROM pg_proc WHERE oid IN (%s)
    UNION SELECT oprcode::oid, false FROM pg_operator WHERE oid IN (%s) AND oid >= 16384)
SELECT p.proname AS name, p.provolatile AS volatility, p.oid >= 16384 AS added, c.named,
       EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e') AS of_extension
FROM called c JOIN pg_proc p USING (oid) ORDER BY 1"""

# Trees of the checks of domains, and of those that are in them: what they are over, elements of arrays and ranges, fields.
CHECKS = """
WITH RECURSIVE used (oid) AS (
    SELECT oid FROM pg_type WHERE oid IN (%s)
    UNION SELECT part.oid FROM used JOIN pg_type t USING (oid), LATERAL (
        SELECT t.typbasetype UNION ALL SELECT t.typelem UNION ALL SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid
        UNION ALL SELECT atttypid FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) part (oid) WHERE part.oid <> 0)
SELECT DISTINCT c.conbin::text AS tree FROM used JOIN pg_constraint c ON c.contypid = used.oid WHERE c.contype = 'c'"""

# Trees of what functions are given where a call leaves it out; those of the server do nothing by it.
DEFAULTS = "SELECT proargdefaults::text AS tree FROM pg_proc WHERE pronargdefaults > 0 AND oid >= 16384 AND oid IN (%s)"


class Calls:
    """What SQL for some values over a source, which is what stands behind FROM, calls, and what that calls.

    functions is a list of {name, volatility, added (not the server's own), named (called by its name), of_extension}; several says that it is none over
    one row, as an aggregate or what gives several rows. An error of the server, as that it does not understand it, is passed on.
    """

    def __init__(self, session, sql, source):
        tree = _tree(session, "SELECT %s FROM %s" % (sql, source))
        self.several = bool(SEVERAL.search(tree))
        trees, ahead = [], [tree]
        while ahead:
            tree = ahead.pop()
            trees.append(tree)
            more = session.query(CHECKS % listed(TYPE.findall(tree)))
            more += session.query(DEFAULTS % listed(oid for oid, _how in FUNCTION.findall(tree)))
            for one in more:
                if one["tree"] not in trees + ahead:
                    ahead.append(one["tree"])
        called = [found for tree in trees for found in FUNCTION.findall(tree)]
        operators = {oid for tree in trees for one, more in OPERATOR.findall(tree) for oid in [one] * bool(one) + more.split()}
        named = {oid for oid, how in called if how not in CASTS}
        self.functions = session.query(FUNCTIONS % (listed(named), listed({oid for oid, _how in called}), listed(operators)))

    @property
    def drawing(self):
        """Whether it may come to something else each time."""
        return any(one["volatility"] == "v" for one in self.functions)


def _tree(session, query):
    session.execute(*LISTEN)
    try:
        said = " ".join(session.parsed(query).split())  # it comes in lines
    finally:
        session.execute(*DEAF)
    # Behind it there is the one of psql's own question for the names of the types.
    _before, _begin, tree = said.partition("{QUERY :commandType 1 ")
    depth = 1
    for found in BRACE.finditer(tree):
        depth += {"{": 1, "}": -1}.get(found.group(), 0)
        if depth == 0:
            return tree[:found.start()]
    raise SlipwayError("The server does not say what an expression of the rules calls.", untouched="Nothing was dumped.")
