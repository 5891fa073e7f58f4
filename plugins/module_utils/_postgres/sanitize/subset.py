# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Some of the rows of tables, with foreign keys followed, so that what is dumped can be restored.

A row is dumped when it meets what is said of its own table and every row it refers to is dumped: never one that a condition
leaves out, whoever refers to it. What is worked out is which rows are lost: those that do not meet their condition, and those that
refer to a lost one, over tables that refer to themselves or in a circle until no more are lost. All of it stands in the
query for the rows of a table: the server may be a standby, which has no temporary tables, and the role may do nothing but
read. Each query comes to the same in each session, since all see one snapshot.
"""

from __future__ import annotations

import collections
import fractions
import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import catalog
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.calls import Calls
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import QUOTED, forbidden, number, require_expression
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import spoken

DRAWN = 2 ** 63  # numbers that a row draws one of
TRIED = 1000  # rows that a condition is tried on
MOST = 5000  # foreign keys of tables, and of partitions, that rows are lost along
TABLE, ROW = '"slipway table"', '"slipway row"'  # what tells rows of several tables apart
ORPHANS_DROPPED, ORPHANS_NULL = "drop", "null"
NOT_WORKED_OUT = "%s: its where cannot be worked out (SQLSTATE %s)."

# Foreign keys, of partitioned tables once for all their partitions: [[column, key, how a comparison of key and column goes on, its end]], as the server
# itself compares them: by the operator's own types, and by the collation of the key.
REFERENCES = """
SELECT f.conname AS name, f.conrelid::bigint AS source, f.confrelid::bigint AS target, f.confmatchtype = 'f' AS full,
    coalesce(to_jsonb(f) ->> 'conperiod' = 'true', false) AS period, (
        SELECT json_agg(json_build_array(s.attname, t.attname,
            CASE WHEN t.atttypid <> o.oprleft THEN format('::%I.%I', tn.nspname, tt.typname) ELSE '' END
                || CASE WHEN c.oid IS NOT NULL THEN format(' COLLATE %I.%I', cn.nspname, c.collname) ELSE '' END
                || format(' OPERATOR(%I.%s) ', n.nspname, o.oprname),
            CASE WHEN s.atttypid <> o.oprright THEN format('::%I.%I', sn.nspname, st.typname) ELSE '' END
                || CASE WHEN c.oid IS NOT NULL THEN format(' COLLATE %I.%I', cn.nspname, c.collname) ELSE '' END) ORDER BY k.place)
        FROM unnest(f.conkey, f.confkey, f.conpfeqop) WITH ORDINALITY k (source, target, operator, place)
        JOIN pg_attribute s ON s.attrelid = f.conrelid AND s.attnum = k.source JOIN pg_attribute t ON t.attrelid = f.confrelid AND t.attnum = k.target
        JOIN pg_operator o ON o.oid = k.operator JOIN pg_namespace n ON n.oid = o.oprnamespace
        JOIN pg_type tt ON tt.oid = o.oprleft JOIN pg_namespace tn ON tn.oid = tt.typnamespace
        JOIN pg_type st ON st.oid = o.oprright JOIN pg_namespace sn ON sn.oid = st.typnamespace
        LEFT JOIN pg_collation c ON c.oid = t.attcollation AND s.attcollation <> t.attcollation
        LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace) AS pairs
FROM pg_constraint f WHERE f.contype = 'f' AND f.conparentid = 0 ORDER BY 1, 2"""

PRIMARY_KEYS = """
SELECT i.indrelid::bigint AS oid, json_agg(a.attname ORDER BY k.place) AS columns
FROM pg_index i, LATERAL unnest(i.indkey::int[]) WITH ORDINALITY k (number, place), pg_attribute a
WHERE i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.number GROUP BY 1"""

# Functions of the server that may give something else in another session, for its settings, which all of ours have the same.
STEADY = frozenset("""
    array_to_string concat concat_ws date date_add date_part date_subtract date_trunc extract format json_build_array json_build_object
    jsonb_build_array jsonb_build_object jsonb_path_exists_tz jsonb_path_match_tz length make_timestamptz overlaps phraseto_tsquery
    plainto_tsquery row_to_json timestamp timestamptz timezone to_char to_date to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector
    websearch_to_tsquery""".split())
# The moment of a dump is one for all its sessions, which begin their transactions one after the other.
MOMENTS = {"now": "timestamptz", "current_timestamp": "timestamptz", "localtimestamp": "timestamp", "current_date": "date"}
_MOMENT = re.compile(r"(?P<quoted>%s) | \b(?P<call>now)\s*\(\s*\) | \b(?P<word>current_timestamp|localtimestamp|current_date)\b" % QUOTED.pattern,
                     re.DOTALL | re.VERBOSE | re.IGNORECASE)
_CLOCK = re.compile(r"(?i)\b(current_time|localtime)\b")
_RELATIVE = re.compile(r"(?i)\b(now|today|tomorrow|yesterday)\b")


class Condition:
    """A condition of SQL over the columns of a row, which has to come to the same wherever and whenever it is asked."""

    def __init__(self, text, where):
        if not isinstance(text, str):
            raise SlipwayError("%s has to be a condition of SQL, and is %r." % (where, text))
        require_expression(text, "%s is %r" % (where, text))
        self.text = text
        texts = [part for part in QUOTED.findall(text) if not part.startswith('"')]
        clock = _CLOCK.search(QUOTED.sub(" ", text)) or next(filter(None, map(_RELATIVE.search, texts)), None)
        if clock:
            raise SlipwayError("%s is %r, and %s is another thing from one moment to the next; now() and current_date are those of the dump." % (
                where, text, clock.group(1)))

    def sql(self, moment):
        """It, as asked at a moment (a text that is a timestamp with time zone)."""
        def fixed(found):
            word = found.group("call") or found.group("word")
            return "(timestamptz %s)::%s" % (quote_literal(moment), MOMENTS[word.lower()]) if word else found.group()

        return "(%s)" % _MOMENT.sub(fixed, self.text)


def unsteady(calls):
    """Names of functions, of Calls, that may give something else in another session, or the next time."""
    return sorted({one["name"] for one in calls.functions if one["volatility"] == "v" or one["volatility"] == "s" and (
        one["added"] or one["named"] and one["name"] not in STEADY)})


class Sample:
    """A share of the rows of a table, or so many of them: drawn by their keys, so that the same are in every dump with one key for pseudonyms."""

    def __init__(self, said, where):
        percent = re.match(r"(\d{1,2}(?:\.\d{1,6})?) ?%\Z", said) if isinstance(said, str) else None
        self.rows = said if isinstance(said, int) and not isinstance(said, bool) else None
        self.share = fractions.Fraction(percent.group(1)) / 100 if percent else None
        if not self.share and (self.rows is None or not 0 < self.rows < 2 ** 31):
            raise SlipwayError("%s has to be a number of rows, or a share of them, such as 2.5%%, and is %r." % (where, said))


def cleared(table, columns, full):
    """Whether rules of a table make a foreign key of some columns, which may be MATCH FULL, one to nothing."""
    null = [name in table.decisions and table.decisions[name].rule.name == "null" for name in columns]
    return all(null) if full else any(null)


class _Reference:
    """A foreign key of one table with rows to others, which are several where these are partitions of one: pairs [(column, key, what is between
    them where they are compared, and behind)].

    nulls says that columns of it become NULL where they are lost, and emptied names these. lossy are the targets that lose rows.
    """

    def __init__(self, key, source, targets):
        self.key = (key["source"], key["name"])
        self.name = key["name"]
        self.source = source
        self.targets = self.lossy = tuple(targets)
        self.pairs = key["pairs"]
        self.full = key["full"]
        self.period = key["period"]
        self.nulls = source.orphans == ORPHANS_NULL
        self.emptied = []

    def cleared(self):
        """Whether rules make it one to nothing."""
        return cleared(self.source, self.columns(), self.full)

    def columns(self):
        return [pair[0] for pair in self.pairs]

    def keys(self):
        return [pair[1] for pair in self.pairs]

    def met(self, key_of, row_of=""):
        """SQL for whether the key that key_of(its name) gives is that of a row."""
        return " AND ".join("%s%s%s%s%s" % (key_of(key), between, row_of, quote_ident(column), behind) for column, key, between, behind in self.pairs)


class Part:
    """What of a table's rows is dumped: with_ (queries that come first), joins and where of its query, own (what is said of it itself), and
    lost {column: names that are true where it becomes NULL}."""

    def __init__(self, own):
        self.own = own
        self.with_ = ""
        self.joins = ""
        self.where = own
        self.lost = {}

    def mask(self, column, sql):
        """The mask of a column, NULL where it refers to a row that is not dumped."""
        lost = self.lost.get(column.name)
        return "CASE WHEN %s THEN %s END" % (" AND ".join("%s IS NULL" % name for name in lost), sql) if lost else sql


class Subset:
    """Works out the Part of each table of a Plan of which not all rows are dumped; problems are sentences.

    leaves gives for the oid of a table those with its rows: partitions, where it has them.
    """

    def __init__(self, session, tables, leaves):
        self.problems = []
        self._session = session
        self._number = {table: number for number, table in enumerate(tables)}
        self._filters = self._own_filters(tables)  # {table: SQL}
        if not self._filters or self.problems:
            return
        references = [_Reference(key, source, leaves(key["target"])) for key in session.query(REFERENCES)
                      for source in leaves(key["source"]) if not source.emptied and leaves(key["target"])]
        self._references = self._of_lost([reference for reference in references if not reference.cleared()])
        self._of_source = _by(lambda reference: [reference.source], self._references)  # {table: its foreign keys}
        self._keys_of = {}  # {table: names of the columns that others refer to}
        self._together = {}  # {(tables, names of columns): the name of the query with what these lose}
        self._require_few()
        self._require_possible(session, references)
        if self.problems:
            return
        self._queries, self._needs = {}, {}  # {name: text} of queries that come first, in their order, and {name: names of others}
        self._round = {}  # {table: the name of the query with what its circle loses}
        for component in self._components():
            self._lose(component)
        for table in dict.fromkeys(self._lossy + [reference.source for reference in self._references]):
            if not table.emptied:
                table.part = self._part(table)

    # What is said of tables themselves

    def _own_filters(self, tables):
        conditions = {table: table.where for table in tables if not table.emptied and table.where}
        moment = self._session.query("SELECT now()::text AS now")[0]["now"]
        filters = {table: " AND ".join(condition.sql(moment) for condition in said) for table, said in conditions.items()}
        self._require_steady(filters)
        if not self.problems:  # what calls something else is not run, not even to try it
            self._try_out(filters)
        if not self.problems:
            self._draw([table for table in tables if not table.emptied and table.sample], filters)
        if any(table.orphans for table in tables):  # else nothing that matters refers to them
            filters.update((table, "false") for table in tables if table.emptied)
        return filters

    def _require_steady(self, filters):
        """A condition comes to the same in each session, whatever it calls; and one that the server does not understand is to be known before the dump."""
        for table, sql in filters.items():
            try:
                calls = Calls(self._session, "", "ONLY %s WHERE %s" % (table.sql, sql))
            except PostgresError as error:
                self.problems.append(NOT_WORKED_OUT % (spoken(table.relation), error.sqlstate))
                continue
            problem = forbidden(calls)
            names = unsteady(calls)
            if problem:
                self.problems.append("%s: its where %s." % (spoken(table.relation), problem))
            elif names:
                self.problems.append("%s: its where calls %s, which may give something else the next time." % (spoken(table.relation), ", ".join(names)))

    def _try_out(self, filters):
        """A condition that fails at some rows is to be known before the dump."""
        self._session.execute("SAVEPOINT condition")
        for table, sql in filters.items():
            try:
                self._session.query("SELECT count(*) FILTER (WHERE %s) AS n FROM (SELECT * FROM ONLY %s LIMIT %d) %s" % (
                    sql, table.sql, TRIED, quote_ident(table.relation["name"])))
            except PostgresError as error:  # of which the server may say a value
                self.problems.append(NOT_WORKED_OUT % (spoken(table.relation), error.sqlstate))
                self._session.execute("ROLLBACK TO SAVEPOINT condition")

    def _draw(self, tables, filters):
        """Add to filters what a row has to have drawn. Of a partitioned table the rows are drawn of all its partitions together."""
        keys = {row["oid"]: row["columns"] for row in self._session.query(PRIMARY_KEYS)} if tables else {}
        drawn, together = {}, {}
        for table in tables:
            names = keys.get(table.relation["oid"])
            if not names:
                self.problems.append("%s: rows are drawn by their primary key, and it has none; where can do without." % spoken(table.relation))
                continue
            key = table.column(names[0])
            # A row has no cast to a text that anybody could have made.
            text = "(%s)::text" % (quote_ident(names[0]) if len(names) == 1 and not (key and key.others) else "ROW(%s)" % ", ".join(map(quote_ident, names)))
            drawn[table] = number("sample", table.columns[0], text)
            together.setdefault((id(table.sample), table.sampled_with), []).append(table)
        for group in together.values():
            least = self._least(group, drawn, filters)
            for table in group if least is not None else ():
                filters[table] = "(%s AND %s < %d)" % (filters.get(table, "true"), drawn[table], least)

    def _least(self, tables, drawn, filters):
        """The number that all rows which are kept have drawn less than, or None: all are."""
        sample = tables[0].sample
        if sample.share:
            return int(DRAWN * sample.share)
        query = " UNION ALL ".join("SELECT %s AS drawn FROM ONLY %s%s" % (
            drawn[table], table.sql, " WHERE %s" % filters[table] if table in filters else "") for table in tables)
        rows = self._session.query_rows("SELECT drawn FROM (%s) q ORDER BY 1 OFFSET %d LIMIT 1" % (query, sample.rows), spoken(tables[0].relation))
        return rows[0]["drawn"] if rows else None

    # What follows of it

    def _of_lost(self, references):
        """Those of foreign keys whose rows may be lost; and note which tables lose rows."""
        lossy, of_target = dict.fromkeys(self._filters), _by(lambda reference: reference.targets, references)
        ahead = list(lossy)
        while ahead:
            for reference in of_target.get(ahead.pop(0), ()):
                if not reference.nulls and reference.source not in lossy:
                    lossy[reference.source] = None
                    ahead.append(reference.source)
        self._lossy = list(lossy)
        for reference in references:
            reference.lossy = tuple(target for target in reference.targets if target in lossy)
        return [reference for reference in references if reference.lossy]

    def _require_few(self):
        """For each partition all that it refers to is looked at, and a dump that takes days is none."""
        if len(self._references) <= MOST:
            return
        key, number = collections.Counter(reference.key for reference in self._references).most_common(1)[0]
        table = next(reference.source for reference in self._references if reference.key == key)
        self.problems.append("Rows that are not dumped are looked for along %d foreign keys of tables and partitions, and %d can be followed; %d of them are "
                             "the foreign key %s of %s and others like it." % (len(self._references), MOST, number, key[1], spoken(table.relation)))

    def _require_possible(self, session, references):
        """References are all there are, also those that lose nothing."""
        fixed = {(row["oid"], row["name"]) for row in session.query(catalog.PARTITIONED_BY)}
        parents = {row["oid"]: row["parent"] for row in session.query(catalog.PARENTS)}
        of_source, referred = _by(lambda reference: [reference.source], references), {}
        for reference in references:
            for target in reference.targets:
                referred.setdefault(target, set()).update(reference.keys())
        told = set()
        for reference in self._references:
            problem = "is one of periods, which cannot be followed" if reference.period else None
            if reference.nulls and not problem:
                above = _above(reference.source.relation["oid"], parents)
                problem = self._settle_emptied(reference, referred.get(reference.source, ()), {name for oid, name in fixed if oid in above},
                                               [other for other in of_source[reference.source] if other.key != reference.key])
            if problem and (reference.source, reference.key) not in told:
                told.add((reference.source, reference.key))
                self.problems.append("%s: some rows of %s are not dumped, and the foreign key %s %s." % (
                    spoken(reference.source.relation), spoken(reference.lossy[0].relation), reference.name, problem))

    @staticmethod
    def _settle_emptied(reference, referred, fixed, others):
        """Choose the columns of a reference that become NULL where it is lost: what speaks against it, as the end of a sentence, or None.

        referred are names of the columns of its table that other rows refer to, fixed of those that tell partitions apart, others its other references.
        """
        columns = [reference.source.column(name) for name in reference.columns()]
        if None in columns:
            return "has a generated column, which cannot become NULL by itself"
        can = [column.name for column in columns if not column.not_null]
        if not can or reference.full and len(can) < len(columns):
            return "has no column that can be NULL, as orphans: null wants it"
        problems = {column.name: _unemptied(column, referred, fixed, others) for column in columns if column.name in can}
        shared = {name for other in others for name in other.columns()}
        # One NULL is enough, but for MATCH FULL; a column of its own takes no other reference away.
        free = [name for name in can if not problems[name]]
        chosen = can if reference.full else [name for name in free if name not in shared] or free or can
        reference.emptied = chosen
        return next(filter(None, map(problems.get, chosen)), None)

    def _dropping(self, table):
        """The foreign keys by which a table loses rows."""
        return [reference for reference in self._of_source.get(table, ()) if not reference.nulls]

    def _components(self):
        """The tables that lose rows, those in a circle together."""
        after = {table: [target for reference in self._dropping(table) for target in reference.lossy] for table in self._lossy}
        reached = {table: _reached(table, after) for table in self._lossy}
        components, placed = [], set()
        for table in self._lossy:
            if table not in placed:
                circle = [other for other in self._lossy if other is table or table in reached[other] and other in reached[table]]
                placed.update(circle)
                components.append(circle)
        return components

    # The queries

    def _lose(self, component):
        """Make the queries for what the tables of a component lose."""
        inside = [reference for table in component for reference in self._dropping(table) if set(reference.lossy) & set(component)]
        if inside:
            self._lose_in_circle(component, inside)
        for table in component:
            keys = ", ".join("%s AS %s" % (quote_ident(key), self._key(table, key)) for key in self._keys(table))
            if not keys:
                continue  # nothing refers to it
            name, dropping = self._lost(table), self._dropping(table)
            if inside:
                parts = ["ctid IN (SELECT id FROM %s WHERE t = %d)" % (self._round[table], self._number[table])]
            else:
                parts = self._unmet(table) + [self._refers(reference) for reference in dropping]
            self._queries[name] = "%s AS (%s)" % (name, " UNION ALL ".join("SELECT %s FROM ONLY %s WHERE %s" % (keys, table.sql, part) for part in parts))
            self._needs[name] = [self._round[table]] if inside else [self._lost_of(reference)[0] for reference in dropping]

    def _lose_in_circle(self, component, inside):
        """Which rows are lost where tables refer to each other: from the first ones on, along the references, until there are no more."""
        begin, needs, joined = [], [], {}
        for table in component:
            conditions = self._unmet(table)
            for reference in self._dropping(table):
                outside = tuple(target for target in reference.lossy if target not in component)
                if outside:
                    conditions.append(self._refers(reference, outside))
                    needs.append(self._lost_of(reference, outside)[0])
            begin += ["SELECT %d AS t, ctid AS id FROM ONLY %s WHERE %s" % (self._number[table], table.sql, condition) for condition in conditions]
        for reference in inside:
            targets = tuple(target for target in reference.lossy if target in component)
            joined.setdefault((reference.key, targets), []).append(reference)
        edges = ["SELECT p.%s AS t, p.%s AS id, c.%s AS next_t, c.%s AS next_id FROM %s p JOIN %s c ON %s" % (
            TABLE, ROW, TABLE, ROW, self._all_of(targets, alike[0].keys()), self._all_of([reference.source for reference in alike], alike[0].columns()),
            alike[0].met(lambda key: "p." + quote_ident(key), "c.")) for (_key, targets), alike in joined.items()]
        steps, name = ['"slipway %s %d"' % (word, self._number[component[0]]) for word in ("steps", "round")]
        self._queries[steps] = "%s AS MATERIALIZED (%s)" % (steps, " UNION ALL ".join(edges))
        self._queries[name] = "%s (t, id) AS ((%s) UNION SELECT s.next_t, s.next_id FROM %s r JOIN %s s ON s.t = r.t AND s.id = r.id)" % (
            name, " UNION ALL ".join(begin), name, steps)
        self._needs[steps], self._needs[name] = [], needs + [steps]
        self._round.update(dict.fromkeys(component, name))

    def _all_of(self, tables, names):
        """SQL for the rows of tables with some columns, which all of them have, and with what tells rows apart."""
        return "(%s)" % " UNION ALL ".join("SELECT %d AS %s, ctid AS %s, %s FROM ONLY %s" % (
            self._number[table], TABLE, ROW, ", ".join(map(quote_ident, dict.fromkeys(names))), table.sql) for table in tables)

    def _part(self, table):
        part = Part(self._filters.get(table))
        needs = []
        if table in self._round:
            wheres = ["NOT EXISTS (SELECT FROM %s WHERE t = %d AND id = ctid)" % (self._round[table], self._number[table])]
            needs.append(self._round[table])
        else:
            wheres = [part.own] * bool(part.own) + ["NOT " + self._refers(reference) for reference in self._dropping(table)]
            needs += [self._lost_of(reference)[0] for reference in self._dropping(table)]
        for place, reference in enumerate(reference for reference in self._of_source.get(table, ()) if reference.nulls):
            mark = '"slipway orphan %d"' % place
            lost, keys = self._lost_of(reference)
            part.joins += " LEFT JOIN (SELECT DISTINCT true AS %s, %s FROM %s) j%d ON %s" % (
                mark, ", ".join(keys.values()), lost, place, reference.met(lambda key: "j%d.%s" % (place, keys[key])))
            needs.append(lost)
            for column in reference.emptied:
                part.lost.setdefault(column, []).append(mark)
        part.where = " AND ".join(wheres) or None
        part.with_ = self._first(needs)
        return part

    def _first(self, names):
        """The text of queries that come first, and of those that these need."""
        wanted = list(names)
        for name in wanted:  # which grows
            wanted += [other for other in self._needs[name] if other not in wanted]
        texts = [text for name, text in self._queries.items() if name in wanted]
        return "WITH RECURSIVE %s " % ", ".join(texts) if texts else ""

    def _unmet(self, table):
        """SQL for whether a row does not meet what is said of its own table, in a list; NULL does not meet it."""
        return ["%s IS NOT TRUE" % self._filters[table]] if table in self._filters else []

    def _refers(self, reference, targets=None):
        """SQL for whether a row refers to a lost one (of some targets); a reference with a NULL in it refers to none."""
        lost, keys = self._lost_of(reference, targets)
        # Names of keys are those of no column, so that a column is one of the row.
        return "EXISTS (SELECT FROM %s WHERE %s)" % (lost, reference.met(keys.get))

    def _lost_of(self, reference, targets=None):
        """The name of the query with the keys of all lost rows that a reference may be to (of some targets), and {key: its name there}."""
        targets, names = targets or reference.lossy, tuple(dict.fromkeys(reference.keys()))
        if len(targets) == 1:
            return self._lost(targets[0]), {key: self._key(targets[0], key) for key in names}
        keys = {key: '"slipway key %d"' % number for number, key in enumerate(names)}
        if (targets, names) not in self._together:
            name = self._together[targets, names] = '"slipway lost together %d"' % len(self._together)
            self._queries[name] = "%s AS (%s)" % (name, " UNION ALL ".join("SELECT %s FROM %s" % (
                ", ".join("%s AS %s" % (self._key(target, key), keys[key]) for key in names), self._lost(target)) for target in targets))
            self._needs[name] = [self._lost(target) for target in targets]
        return self._together[targets, names], keys

    def _lost(self, table):
        return '"slipway lost %d"' % self._number[table]

    def _keys(self, table):
        """Names of the columns of a table that others refer to."""
        if table not in self._keys_of:
            self._keys_of[table] = sorted({key for reference in self._references if table in reference.lossy for key in reference.keys()})
        return self._keys_of[table]

    def _key(self, table, key):
        return '"slipway key %d"' % self._keys(table).index(key)


def _by(ends, references):
    """{table: references} by some of their ends."""
    found = {}
    for reference in references:
        for table in ends(reference):
            found.setdefault(table, []).append(reference)
    return found


def _reached(table, after):
    """All tables that one leads to."""
    found, ahead = set(), list(after[table])
    while ahead:
        other = ahead.pop()
        if other not in found:
            found.add(other)
            ahead += after[other]
    return found


def _unemptied(column, referred, fixed, others):
    """What keeps a column from becoming NULL, as the end of a sentence on a foreign key, or None."""
    if column.nulls_meet:
        return "has a column of an index in which one NULL may meet another"
    if column.name in fixed:
        return "has a column that tells partitions apart, and cannot become NULL"
    if column.name in referred:
        return "has a column that other rows refer to, and cannot become NULL"
    full = next((other.name for other in others if other.full and len(other.pairs) > 1 and column.name in other.columns()), None)
    return "has a column of %s, too, which is MATCH FULL: of its columns all are NULL, or none" % full if full else None


def _above(oid, parents):
    """A table and what it is a partition of."""
    found = [oid]
    while found[-1] in parents and parents[found[-1]] not in found:
        found.append(parents[found[-1]])
    return found
