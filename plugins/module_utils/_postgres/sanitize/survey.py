# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What rules come to in a database, for people to look at before any dump: decisions, queries, what is suspicious, what is open.

Nothing of it has a value of a row in it, nor the key: masks are tried out by a key that is drawn for this alone.
"""

from __future__ import annotations

import copy
import re
import secrets

from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import suspicion, writer
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import SETTING
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.plan import ASSUMED, Plan
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import NONE, Rules
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Selection, spoken

RULES, QUERIES, SCAN, COVERAGE = "rules", "queries", "scan", "coverage"
GATHERED = (RULES, QUERIES, SCAN, COVERAGE)
KEEP = "keep"
SOME = "some"  # of its rows a table has, beside all and none


def survey(connection, document, below, environment, gather, exclude_tables=(), exclude_table_data=(), written=None):
    """What is asked for of the rules (as Rules takes them) in a database: {policy, problems, and of GATHERED what is in gather}.

    With SCAN there is a proposal, too, a document of rules for all columns that have none, added to the document written, and what speaks
    against that one.
    """
    sanitizing = Sanitizing(document, secrets.token_hex(32), environment, below)
    with connection.session(dies_with_us=True) as session:
        session.query("SELECT set_config('%s', %s, false)" % (SETTING, quote_literal(sanitizing.key.setting)))
        session.execute(*writer.SETTINGS, dumps.BEGIN)
        facts = session.query(dumps.LOOK)[0]
        selection = Selection(session, exclude_tables, exclude_table_data, by_rules=True)
        lacking = sanitizing.lacking(session, selection)
        if lacking and lacking.of_rows:
            raise lacking.error("Nothing was changed.")
        plan = Plan(session, sanitizing.rules, sanitizing.policy, selection, facts)
        result = {"policy": sanitizing.policy, "problems": _problems(plan) + (["%s %s" % (lacking.sentence, lacking.hint)] if lacking else [])}
        if RULES in gather:
            result[RULES] = [_decided(table) for table in plan.tables]
        if QUERIES in gather:
            result[QUERIES] = [dict(_name(table.relation), query=table.copied()) for table in plan.tables if plan.followed and _whole(table)]
        if COVERAGE in gather:
            result[COVERAGE] = _coverage(plan)
        if SCAN in gather:
            suspects = {table: _suspects(session, table) for table in _dumped(plan)}
            result[SCAN] = [line for table, found in suspects.items() for line in _scanned(table, found)]
            result["proposal"] = _Proposal(plan, suspects).document(written or {})
            proposed = Rules(document, [*below, ("proposal", result["proposal"])])
            result["proposal_problems"] = _problems(Plan(session, proposed, sanitizing.policy, selection, facts))
    return result, selection.warnings + sanitizing.rules.warnings


def _problems(plan):
    """All that speaks against a dump by a Plan, as the dump itself would find it."""
    if not plan.problems:
        plan.try_all()
    return plan.told()


def _dumped(plan):
    return [table for table in plan.tables if table.rows != NONE]


def _suspects(session, table):
    """{name of a column: (why, rule)} of all columns of a table that are suspicious: what is in them goes before their name."""
    looks = {column.name: table.suspicious(column) for column in table.columns}
    content = suspicion.by_content(session, table.sql, table.columns, table.estimate)
    return dict({name: found for name, found in looks.items() if found}, **content)


def _name(relation):
    return {"schema": relation["schema"], "name": relation["name"]}


def _decided(table):
    """A table with the decision of each of its columns; of one without rows there is none to be made."""
    columns = [_decision(table, column) for column in table.columns] if table.rows != NONE else []
    # Also where problems of others kept it from being worked out which.
    some = table.part or not table.emptied and (table.where or table.sample)
    return dict(_name(table.relation), rows=SOME if some else table.rows, source=table.rows_source, columns=columns)


def _decision(table, column):
    decision = table.decisions.get(column.name)
    told = decision.rule.told() if decision else None
    options = {option: value for option, value in told.items() if option != "rule"} if isinstance(told, dict) else {}
    return {"column": column.name, "type": column.type, "rule": decision.rule.name if decision else None, "options": options,
            "source": decision.source if decision else None}


def _whole(table):
    """Whether there is a query for a table: each of its columns has a rule, and one that fits."""
    return table.rows != NONE and all(
        column.name in table.decisions and not table.decisions[column.name].rule.misfit(column) for column in table.columns)


def _coverage(plan):
    """How many columns have which decision, and those that have none, or none that anybody made."""
    tables = _dumped(plan)
    sources = [(table, column, table.decisions.get(column.name)) for table in tables for column in table.columns]
    made = [decision.rule.name for _table, _column, decision in sources if decision and decision.source != ASSUMED]
    return {
        "tables": len(tables), "emptied": [_name(table.relation) for table in plan.tables if table.rows == NONE],
        "columns": len(sources), "masked": len([rule for rule in made if rule != KEEP]), "kept": made.count(KEEP),
        "assumed": [_column(table, column) for table, column, decision in sources if decision and decision.source == ASSUMED],
        "undecided": [dict(_column(table, column), why=why) for table, column, why, _rule in plan.undecided]}


def _column(table, column):
    return dict(_name(table.relation), column=column.name, type=column.type)


def _scanned(table, found):
    for column in table.columns:
        if column.name in found:
            why, rule = found[column.name]
            decision = table.decisions.get(column.name)
            yield dict(_column(table, column), why=why, proposal=suspicion.fitting(column, rule), rule=decision.rule.name if decision else None,
                       source=decision.source if decision else None)


class _Proposal:
    """Rules for the columns that nobody has decided on: a mask for what is suspicious, keep for the rest.

    wishes has {(Table, name of a column): a rule as people write it; None: no rule fits, a person has to decide}.
    """

    def __init__(self, plan, suspects):
        self._plan = plan
        self.wishes = {}
        for table, found in suspects.items():
            for column in table.columns:
                decision = table.decisions.get(column.name)
                if decision is None or decision.source == ASSUMED:
                    self.wishes[table, column.name] = suspicion.fitting(column, found[column.name][1]) if column.name in found else KEEP
        self._follow(plan.references())

    def _follow(self, references):
        """Let what refers to a column have the rule of that one: its values stand there as well."""
        changed = True
        while changed:
            changed = False
            for source, name, target, key in references:
                column, wish = source.column(name), self.wishes.get((source, name), KEEP)
                if not column or wish == KEEP or self.wishes.get((target, key)) != KEEP:
                    continue
                # Numbers that rows are told apart by say nothing; of another one, as that of a card, a person has to decide.
                if wish if column.is_text else not re.search(r"(^|_)id$", key):
                    self.wishes[target, key] = suspicion.fitting(target.column(key), wish) if column.is_text else None
                    changed = True
        for source, name, target, key in references:
            if (source, name) in self.wishes and source.column(name) and target.column(key):
                if self.wishes.get((target, key), KEEP) == KEEP:
                    self.wishes[source, name] = KEEP
                else:
                    del self.wishes[source, name]  # a dump gives it the same rule by itself

    def document(self, written):
        """The document written with these rules added: partitions by the table that they are of."""
        document = copy.deepcopy(written)
        tables = document["tables"] = document.get("tables") or {}
        for relation, columns in self._by_table():
            entry = tables.setdefault("%s.%s" % (_pattern(relation["schema"]), _pattern(relation["name"])), {"columns": {}})
            if isinstance(entry, dict):
                entry["columns"] = dict({_pattern(name): said for name, said in columns.items()}, **(entry.get("columns") or {}))
        return document

    def _by_table(self):
        found = {}
        for (table, name), said in self.wishes.items():
            relation = self._plan.root(table)
            columns = found.setdefault(relation["oid"], (relation, {}))[1]
            if name not in columns or columns[name] == KEEP or said is None:  # what is suspicious in one partition is in all
                columns[name] = said
        kept = ((relation, {name: said for name, said in columns.items() if said is not None}) for relation, columns in found.values())
        return sorted(((relation, columns) for relation, columns in kept if columns), key=lambda pair: spoken(pair[0]))


def _pattern(name):
    """A name as a pattern that means it and no other."""
    return name if re.match(r"[a-z_][a-z0-9_]*\Z", name) else '"%s"' % name.replace('"', '""')
