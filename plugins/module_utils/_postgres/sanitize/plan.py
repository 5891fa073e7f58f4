# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a set of rules comes to in a database: a decision for each column, what speaks against them, and the queries that run.

A column whose decision nobody made keeps the dump from being made (policy strict), or does when it looks as if it held
personal data (policy scan).
"""

from __future__ import annotations

import copy

from ansible_collections.slipway.app.plugins.module_utils._config.fields import nearest
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import catalog, suspicion
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.calls import Calls
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import NOT_APART, RULES, Row, Within
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.meant import Meant, said_of_rows
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import DROP, NONE, STRICT
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.subset import Subset, cleared
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.trial import FEW, NOT_WORKED_OUT, Trial
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import spoken

BYTES = 100  # that a row has about
MOST_TOLD = 20  # columns that a message names
KEEP = RULES["keep"]({}, "")
# Why a column that looks like personal data is not kept, though something keeps it.
PATTERN = "What looks like personal data is kept by its own name, and by no pattern."
OF_CHILD = "%s keeps no columns that a child of its table has beside those of the table."
CALLED_ALIKE = "%s is what several tables are called (%s): keep for one of them needs its schema."
ASSUMED = "policy scan"  # the source of a decision that nobody made


class Decision:
    """A rule, and where it comes from in words; unseen says why whoever wrote it may never have seen the column, as a sentence, or is None."""

    def __init__(self, rule, source, unseen=None):
        self.rule = rule
        self.source = source
        self.unseen = unseen


class Table:
    """A table with rows: relation, columns, generated (names), decisions {name: Decision}, rows (all or none).

    Of which rows: where (Conditions that all hold), sample (of those of sampled_with, the oid of a table that it is a part of) and orphans as an
    Entry has them, and part, the Part that it comes to, or None where all are dumped.
    """

    def __init__(self, relation, columns):
        self.relation = relation
        self.rows_source = None  # where it comes from what is in rows, in words; None where nobody said it
        self.columns = [column for column, generated in columns if not generated]
        self.generated = {column.name for column, generated in columns if generated}
        self.decisions = {}
        self.contents = {}  # name of a column: (why, rule), by what is in it
        self.unseen = {}  # name of a column that was not kept: why whoever kept it may never have seen it, as a sentence
        self.passed_over = {}  # name of a column: (Entry, Rule) of presets that mean it, by rules that do not fit
        self.withheld = set()  # names of columns that a preset keeps of the rows that it says itself, where others are dumped
        self.rows = None
        self.where = []
        self.sample = self.sampled_with = self.orphans = self.part = None

    @property
    def emptied(self):
        return self.rows == NONE

    @property
    def sql(self):
        return "%s.%s" % (quote_ident(self.relation["schema"]), quote_ident(self.relation["name"]))

    @property
    def estimate(self):
        """About how many rows it has; one that the server has never counted those of by its size."""
        return self.relation["estimate"] or self.relation["bytes"] // BYTES

    def column(self, name):
        return next((column for column in self.columns if column.name == name), None)

    def suspicious(self, column):
        """(why a column looks like personal data, the rule that is proposed), or None. What a preset would mask does, though its rule does not fit."""
        passed_over = [(entry.told, rule.told()) for entry, rule in self.passed_over.get(column.name, ())]
        withheld = ("a preset keeps it of its own rows only", "null") if column.name in self.withheld else None
        return suspicion.by_name_and_type(column) or next(iter(passed_over), None) or withheld or self.contents.get(column.name)

    def masked(self):
        decided = ((column, self.decisions.get(column.name)) for column in self.columns)
        return [column for column, decision in decided if decision and decision.rule.name != "keep"]

    def copied(self):
        """SQL for its rows as the dump has them, to be copied."""
        return self.query(typed=False)

    def query(self, names=None, typed=True):
        """SQL for its rows as the dump has them, with all columns or those of some names; with typed each of the type of its column."""
        return self._select(self.part, self.part.where, self.part.with_, names, typed) if self.part else self._select(names=names, typed=typed)

    def trial(self):
        """SQL for some rows to try masks on: those that the table itself wants, unless what they refer to changes them."""
        query = self.query() if self.part and self.part.lost else self._select(self.part, self.part and self.part.own)
        return query + FEW

    def alone(self, column):
        """SQL for one column of all of its rows."""
        return self._select(names={column.name})

    def _select(self, part=None, where=None, first="", names=None, typed=True):
        row = Row()
        rules = [(self.decisions[column.name].rule, column) for column in self.columns if names is None or column.name in names]
        masks = [((rule.sql if typed else rule.copied)(column, row), column) for rule, column in rules]
        return first + row.select([(part.mask(column, mask) if part else mask, column.name) for mask, column in masks], self.sql,
                                  quote_ident(self.relation["name"]), where, part.joins if first else "")


class Plan:
    """The rules in a database that a session is in, for the tables with rows of a Selection.

    After it was made, problems has sentences, and tables are to be dumped only when there is none.
    """

    def __init__(self, session, rules, policy, selection, facts):
        self.rules = rules
        self.policy = policy
        self.problems = []
        self.undecided = []  # (Table, Column, why or None, the rule that is proposed)
        self._session = session
        self._trial = Trial(session, self._distinct, self.problems, rules.warnings)
        self._meant = Meant(session, rules, selection)
        self._relations = self._meant.relations
        self._handed_down = {row["oid"]: row["columns"] for row in session.query(catalog.HANDED_DOWN)}
        relations = selection.with_rows
        found = catalog.columns(session, [table["oid"] for table in relations], facts["encoding"])
        self.tables = [Table(table, found[table["oid"]]) for table in relations]
        # What rows may refer to all the same, though nobody masks anything there.
        self._without = [Table(relation, []) for relation in selection.excluded_data if relation["kind"] == "r" and not relation["of_extension"]]
        for table in self._without:
            table.rows = NONE
        self._left_out = {relation["oid"]: relation for relation in selection.excluded}
        self._leaves_of = {}
        self._case = {}  # {(Table, Column): whether any of its values differ in upper and lower case only}
        self._require_known()
        self._unknown = {entry: self._unknown_to(entry) for entry in self.rules.entries if entry.kept_whole and not entry.matcher.whole}
        for table in self.tables:
            self._decide(table)
            if table.rows != NONE:
                self._look_into(table)
        self._follow_references()
        self._settle_undecided()
        self._look_at_partitions()
        self._look_at_columns()
        self._look_at_expressions()
        self._look_at_large_objects()
        subset = Subset(session, self.tables + self._without, self._leaves)
        self.followed = not subset.problems  # else no table has its part, and no query is that of the dump
        self.problems += subset.problems
        if not self.problems:
            self._trial.try_some(self.tables)

    def require(self):
        """An error with all that speaks against it."""
        if self.problems:
            raise SlipwayError("The rules of the sanitized dump do not hold: " + " ".join(self.told()), untouched="Nothing was dumped.",
                               hint=" ".join(self.rules.warnings) or None)
        if self._trial.uncounted:
            sentence, hint = self._trial.uncounted
            raise SlipwayError(sentence, untouched="Nothing was dumped.", hint=hint)

    def told(self):
        """All that speaks against it as it is said to people: names of columns, indexes and checks are in problems as the database has them."""
        uncounted = ["%s Nothing more was tried out. %s" % self._trial.uncounted] if self._trial.uncounted else []
        return [one_line(problem) for problem in self.problems] + uncounted

    # Decisions

    def _require_known(self):
        """Each entry has to be for a table, and each of its columns for one of them."""
        names = [spoken(relation) for relation in self._relations.values()]
        for entry in self.rules.entries:
            if entry.preset:
                continue
            oids = {oid for oid, relation in self._relations.items() if entry.matcher.matches(relation["schema"], relation["name"])}
            foreign = [self._relations[oid] for oid in oids if self._relations[oid]["kind"] == "f"]
            tables = [table for table in self.tables if oids & {relation["oid"] for relation in self._meant.lineage(table.relation)}]
            if not oids:
                self.problems.append("There is no table %s. %s" % (entry.matcher.text, nearest(entry.matcher.text, names)))
            elif foreign and len(foreign) == len(oids):
                self.problems.append("%s is a table of a foreign server, whose rows are in no dump." % spoken(foreign[0]))
            columns = {column.name for table in tables for column in table.columns}
            generated = {name for table in tables for name in table.generated}
            for matcher, _rule in entry.columns if tables else ():
                if not any(matcher.matches("", name) for name in columns):
                    worked_out = any(matcher.matches("", name) for name in generated)
                    self.problems.append("%s has no column %s%s. %s" % (
                        entry.matcher.text, matcher.text, " that rows could have: it is generated" if worked_out else "",
                        nearest(matcher.text, sorted(columns))))

    def _unknown_to(self, entry):
        """Of the tables that a name without a schema means: (oids of those that its author may not have thought of, why as a sentence). Nobody names
        them with their schema, and several are called so and have rows in the dump, or they are children of one that is called so."""
        meant = {}
        for lineage in [self._meant.lineage(table.relation) for table in self.tables]:
            found = [relation for relation in lineage if entry.matcher.matches(relation["schema"], relation["name"])]
            if found and said_of_rows(self._meant.entries(lineage))[0] != NONE:
                meant.update((relation["oid"], relation) for relation in found)
        children = {oid for oid, relation in meant.items() if any(parent["oid"] in meant for parent in self._meant.lineage(relation)[1:])}
        alike = sorted(spoken(relation) for oid, relation in meant.items() if oid not in children)
        whole = [other.matcher for other in self.rules.entries if other.matcher.whole]
        unknown = {oid for oid, relation in meant.items() if (oid in children or len(alike) > 1) and not any(
            matcher.matches(relation["schema"], relation["name"]) for matcher in whole)}
        return unknown, CALLED_ALIKE % (entry.matcher.text, ", ".join(alike))

    def _unseen(self, entry, lineage, name):
        """Why whoever wrote an entry by whose pattern a column is kept may not have seen it, as a sentence; None where the entry keeps a table that has
        it itself, or hands it down to this one."""
        if not entry.kept_whole:
            return PATTERN
        named = [relation for relation in lineage if entry.matcher.matches(relation["schema"], relation["name"])]
        having = [relation for relation in named if relation is lineage[0] or name in self._handed_down.get(relation["oid"], ())]
        unknown, why = self._unknown.get(entry, ((), None))
        if any(relation["oid"] not in unknown for relation in having):
            return None
        if any(relation is not lineage[0] for relation in named) and not any(relation is not lineage[0] for relation in having):
            return OF_CHILD % entry.matcher.text
        return why

    def _decide(self, table):
        lineage = self._meant.lineage(table.relation)
        entries = self._meant.entries(lineage)
        table.rows, table.rows_source = said_of_rows(entries)
        # What a preset says of some rows, and what of those it shows, counts as long as nobody else says the rows.
        others = [entry for _exact, _order, entry in entries if entry.preset and entry.where and entry.told != table.rows_source]
        # Each condition holds: what one document leaves out no other one shows.
        table.where = [entry.where for _exact, _order, entry in entries if entry.where and entry not in others]
        table.sample, table.orphans = (_last_said(entries, option) for option in ("sample", "orphans"))
        for relation in lineage if table.sample else ():
            if any(entry.sample is table.sample and entry.matcher.matches(relation["schema"], relation["name"]) for _exact, _order, entry in entries):
                table.sampled_with = relation["oid"]
        for column in table.columns:
            # A column that is named goes before one that a pattern means, and of patterns a mask before keep: no "*": keep undoes a mask.
            said = [((matcher.exact, matcher.exact or rule.name != "keep", exact, order, number), rule, entry) for exact, order, entry in entries
                    for number, (matcher, rule) in enumerate(entry.columns) if matcher.matches("", column.name)]
            meant = [(rank, rule, entry) for rank, rule, entry in said if not (rule.shows and entry in others)]
            if len(meant) < len(said):
                table.withheld.add(column.name)
            # A preset was written for no table in particular: it is not tried where an index keeps values apart.
            table.passed_over[column.name] = [(entry, rule) for _rank, rule, entry in meant if entry.preset and (
                rule.problem(column) or _unfit(rule, table, column))]
            masked_by = max((entry.level for _rank, rule, entry in meant if not rule.shows), default=0)
            # What a document masks, by whichever pattern, an earlier one does not show.
            candidates = [(rank, rule, entry) for rank, rule, entry in meant if (entry, rule) not in table.passed_over[column.name] and not (
                rule.shows and 0 < entry.level < masked_by)]
            if not candidates:
                continue
            (rank, rule, entry) = max(candidates, key=lambda candidate: candidate[0])
            # Nobody who wrote a pattern has seen the columns of later.
            decision = Decision(rule, entry.told, None if rank[0] else self._unseen(entry, lineage, column.name))
            if rule.keeps and decision.unseen and table.suspicious(column):
                table.unseen[column.name] = decision.unseen
                continue
            table.decisions[column.name] = decision
            for other_rank, other, other_entry in candidates:
                same = other_rank[:3] == rank[:3] == (True, True, True) and other_entry.source == entry.source
                if same and other_entry is not entry and not other.same_as(rule):
                    self.problems.append("%s.%s has the rule %s by %s and %s by %s." % (
                        spoken(table.relation), column.name, rule.name, entry.matcher.text, other.name, other_entry.matcher.text))

    def _look_into(self, table):
        """What a pattern keeps is undecided where its values tell that they are personal data, whatever it is called."""
        kept = [column for column in table.columns if column.name in table.decisions and table.decisions[column.name].unseen
                and table.decisions[column.name].rule.keeps]
        table.contents = suspicion.by_content(self._session, table.sql, kept, table.estimate, suspicion.TELLING)
        for name in table.contents:
            table.unseen[name] = table.decisions.pop(name).unseen

    def _follow_references(self):
        """What refers to a masked key gets its mask, so that the two still meet; what would not meet is a problem."""
        references = self._session.query(catalog.REFERENCES)
        changed = True
        while changed:
            changed = False
            for key in references:
                for source, target in self._meeting(key):
                    decision = target.decisions.get(key["key"])
                    if decision and decision.rule.name != "keep" and key["column"] not in source.decisions:
                        source.decisions[key["column"]] = Decision(decision.rule, "foreign key %s" % key["name"])
                        changed = True
        for key in references:
            problems = (self._of_reference(key, source, target) for source, target in self._meeting(key) if source.rows != NONE)
            problem = next(filter(None, problems), None) or self._of_reference_to_none(key) or self._of_letters(key)
            if problem:
                self.problems.append(problem)

    def references(self):
        """(source, its column, target, its column) of each foreign key, of tables with rows."""
        return [(source, key["column"], target, key["key"]) for key in self._session.query(catalog.REFERENCES)
                for source, target in self._meeting(key) if source in self.tables and target in self.tables]

    def root(self, table):
        """The relation that people mean by a table: what it is a partition of, at the top, or itself."""
        relation = table.relation
        while relation["partition_of"] in self._relations:
            relation = self._relations[relation["partition_of"]]
        return relation

    def _meeting(self, key):
        """The tables with rows that a foreign key joins, in pairs: partitions, where a table has them."""
        return [(source, target) for source in self._leaves(key["source"]) for target in self._leaves(key["target"])]

    def _leaves(self, oid):
        if oid not in self._leaves_of:
            parted = oid in self._relations and self._relations[oid]["kind"] == "p"
            self._leaves_of[oid] = [table for table in self.tables + self._without if table.relation["oid"] == oid or parted and any(
                relation["oid"] == oid for relation in self._meant.lineage(table.relation))]
        return self._leaves_of[oid]

    def _of_reference(self, key, source, target):
        """What speaks against the rules of two columns of which one refers to the other, as a sentence, or None."""
        if cleared(source, key["columns"], key["full"]):
            return None
        ours, theirs = source.decisions.get(key["column"]), target.decisions.get(key["key"])
        if target.rows == NONE and target is not source and not source.orphans:
            return "%s.%s refers to %s, which is to have no rows (foreign key %s)." % (
                spoken(source.relation), key["column"], spoken(target.relation), key["name"])
        if target.rows == NONE:
            return None
        if ours and not _meet(ours.rule, source.column(key["column"]), theirs.rule if theirs else KEEP, target.column(key["key"])):
            return "%s.%s has the rule %s and refers to %s.%s with the rule %s: they would not meet (foreign key %s)." % (
                spoken(source.relation), key["column"], ours.rule.name, spoken(target.relation), key["key"],
                theirs.rule.name if theirs else "keep", key["name"])
        return None

    def _of_reference_to_none(self, key):
        """What speaks against a reference to a table that is not in the dump at all, where somebody wants references to be right; or None."""
        source = next((source for source in self._leaves(key["source"]) if source.rows != NONE and source.orphans), None)
        gone = next((relation for relation in self._left_out.values() if self._is_of(relation, key["target"])), None)
        if gone and source:
            return "%s.%s refers to %s, which is left out of the dump altogether, so that no restore can make the foreign key %s." % (
                spoken(source.relation), key["column"], spoken(gone), key["name"])
        return None

    def _of_letters(self, key):
        """What speaks against masks of two columns of which one refers to the other by letters that only their collation takes for the same; or None."""
        targets = [target for target in self._leaves(key["target"]) if target.rows != NONE]
        for source in self._leaves(key["source"]) if key["collation"] and targets else ():
            ours = source.decisions.get(key["column"])
            if source.rows == NONE or not ours or ours.rule.name == "keep" or cleared(source, key["columns"], key["full"]):
                continue
            letters = suspicion.as_it_stands(source.column(key["column"]).text())
            keys = " UNION ALL ".join("SELECT %s FROM ONLY %s" % (suspicion.as_it_stands(target.column(key["key"]).text()), target.sql) for target in targets)
            if self._session.query_rows("SELECT EXISTS (SELECT %s FROM ONLY %s WHERE num_nulls(%s) = 0 EXCEPT (%s)) AS it" % (
                    letters, source.sql, ", ".join(map(quote_ident, key["columns"])), keys), source.sql)[0]["it"]:
                return ("%s.%s refers to %s.%s in some rows by other letters, which the collation %s takes for the same and masks do not: they would not "
                        "meet (foreign key %s). Only keep, or null for %s.%s, is left." % (
                            spoken(source.relation), key["column"], spoken(targets[0].relation), key["key"], key["collation"], key["name"],
                            spoken(source.relation), key["column"]))
        return None

    def _is_of(self, relation, oid):
        """Whether a relation has this oid, or is a partition of what has it."""
        while relation and relation["oid"] != oid:
            relation = self._relations.get(relation["partition_of"]) or self._left_out.get(relation["partition_of"])
        return bool(relation)

    def _settle_undecided(self):
        for table in self.tables:
            open_columns = [column for column in table.columns if column.name not in table.decisions]
            if table.rows == NONE or not open_columns:
                continue
            content = suspicion.by_content(self._session, table.sql, open_columns, table.estimate) if self.policy != STRICT else {}
            for column in open_columns:
                why, rule = content.get(column.name) or table.suspicious(column) or (None, "keep")
                if why or self.policy == STRICT:
                    self.undecided.append((table, column, why, rule))
                else:
                    table.decisions[column.name] = Decision(KEEP, ASSUMED)
        if self.undecided:
            told = ["%s.%s (%s)" % (spoken(table.relation), column.name, "%s says %s" % (why, rule) if why else "new, or forgotten")
                    for table, column, why, rule in self.undecided]
            reasons = dict.fromkeys(filter(None, (table.unseen.get(column.name, why and PATTERN) for table, column, why, _rule in self.undecided)))
            self.problems.append("No rule says what is to become of %s%s. %sName it under columns of its table, with a mask or with keep. "
                                 "sanitized_rules -e write=<file> proposes rules." % (
                                     ", ".join(told[:MOST_TOLD]), " and %d more" % (len(told) - MOST_TOLD) if len(told) > MOST_TOLD else "",
                                     "".join(sentence + " " for sentence in reasons)))

    # What speaks against them

    def _look_at_partitions(self):
        by_enum = {row["oid"] for row in self._session.query(catalog.HASHED_BY_ENUM)}
        for table in self.tables if by_enum else ():
            parent = next((relation for relation in self._meant.lineage(table.relation) if relation["oid"] in by_enum), None)
            if parent and table.rows != NONE:
                self.problems.append("%s has the rows of a part of %s by the hash of an enum, which another database works out otherwise: "
                                     "no restore could take them." % (spoken(table.relation), spoken(parent)))

    def _look_at_columns(self):
        keys = {(row["oid"], row["name"]) for row in self._session.query(catalog.PARTITIONED_BY)}
        for table in self.tables:
            ancestors = [relation["oid"] for relation in self._meant.lineage(table.relation)]
            for column in table.columns if table.rows != NONE else ():
                decision = table.decisions.get(column.name)
                if not decision or decision.rule.name == "keep":
                    continue
                problem = _unfit(decision.rule, table, column)
                run = next((one for one in (column, *_entities(decision.rule, table)) if one.others), None)
                if not problem and run:
                    problem = "would have the type %s run a function of another role, with the rights of this one; dump by the role that owns it" % run.type
                if not problem and any((oid, column.name) in keys for oid in ancestors):
                    problem = "would move rows to other partitions"
                if not problem and column.uncounted and not self._distinct(table, column):
                    problem = "%s, and nobody can count those that would meet there" % NOT_APART
                if not problem and decision.rule.name == "array" and self._has_dimensions(table, column):
                    problem = "would make one dimension of several, which some of its values have"
                if problem:
                    self.problems.append("%s.%s: the rule %s %s." % (spoken(table.relation), column.name, decision.rule.name, problem))

    def _look_at_expressions(self):
        """What rules have as SQL is looked at by what it calls before any of it is run."""
        for table in self.tables:
            for column in table.masked() if table.rows != NONE else ():
                for rule, source in table.decisions[column.name].rule.written(column, "ONLY " + table.sql):
                    try:
                        calls = Calls(self._session, "(%s)" % rule["expression"], source)
                        problem = rule.refused(calls)
                    except PostgresError as error:
                        self.problems.append(NOT_WORKED_OUT % (spoken(table.relation), error.sqlstate, column.name))
                        continue
                    if not problem and column.unique and calls.drawing:
                        problem = "draws something else each time, and an index keeps the values apart: what was counted would not be what is dumped"
                    if problem:
                        self.problems.append("%s.%s: the rule sql %s." % (spoken(table.relation), column.name, problem))

    def _distinct(self, table, column):
        """Whether the mask of a column keeps all of its values apart."""
        rule = table.decisions[column.name].rule
        return rule.distinct(column) and not (rule.folds(column) and self._differ_in_case(table, column))

    def _differ_in_case(self, table, column):
        if (table, column) not in self._case:  # all rows are sorted for it, twice, and each index of the column asks
            self._case[table, column] = not self._trial.uncounted and self._count_case(table, column)
        return self._case[table, column]

    def _count_case(self, table, column):
        name = column.text()
        self._session.execute("SAVEPOINT folded")
        try:
            row = self._session.query_rows("SELECT count(DISTINCT %s) AS n, count(DISTINCT lower(%s)) AS folded FROM ONLY %s" % (
                name, name, table.sql), table.sql)[0]
        except PostgresError as error:
            if not self._trial.is_of_server(error, table):
                raise
            self._session.execute("ROLLBACK TO SAVEPOINT folded")
            return False  # whether they do or not: there is no dump by what was noted
        return row["n"] != row["folded"]

    def _has_dimensions(self, table, column):
        return self._session.query_rows("SELECT EXISTS (SELECT FROM ONLY %s WHERE array_ndims(%s) > 1) AS it" % (table.sql, column.value), table.sql)[0]["it"]

    def _look_at_large_objects(self):
        if self.rules.large_objects != DROP and self._session.query(catalog.LARGE_OBJECTS)[0]["n"]:
            self.problems.append("The database has large objects, which nothing can mask: large_objects: drop leaves them out.")

    def try_all(self):
        """Look at every row for what a few may break."""
        self._trial.try_all()


def _unfit(rule, table, column):
    """What keeps a rule from being one for a column of a table, as the end of a sentence, or None."""
    problem, entity = rule.misfit(column), rule.said.get("entity")
    if not problem and entity and not table.column(entity):
        problem = "has %s as its entity, which is no column. %s" % (entity, nearest(entity, [one.name for one in table.columns]))
    return problem


def _entities(rule, table):
    """The columns of a table whose values a rule reads beside its own, also for what is in an array or at a path."""
    inner = [*getattr(rule, "paths", {}).values(), *filter(None, [getattr(rule, "of", None)])]
    own = table.column(rule.said.get("entity"))
    return [*filter(None, [own]), *(column for one in inner for column in _entities(one, table))]


def _last_said(entries, option):
    """What entries, [(exact, order, Entry)], say of an option, or None: a later document goes before, then one that names the table, then what
    comes later."""
    said = [((entry.level, exact, order), getattr(entry, option)) for exact, order, entry in entries if getattr(entry, option)]
    return max(said, key=lambda one: one[0])[1] if said else None


def _meet(rule, column, other_rule, other):
    """Whether two columns have the same mask for the same value: they may have different room for it."""
    if not rule.same_as(other_rule) or column is None or other is None:
        return False
    if rule.name == "keep":
        return True
    column, other = copy.copy(column), copy.copy(other)
    column.value = other.value = "x"
    return rule.mask(column, Within) == rule.mask(other, Within)
