# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules of ours out of those of Oro: the SQL that oro:sanitize:dump-sql prints (6.0 and later), or deployment.sanitize of orocloud.yaml (before).

Oro's are statements that change a copy of the database. What a statement does to a column is told by its form and made a rule; ours
mask as much or more, and the same for all rows. What has no such form is told with the reason, and makes no rule: it would not be run on a sanitized
dump, and its column waits for somebody to decide.
"""

from __future__ import annotations

import base64
import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import statements
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import suspicion
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import Column
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import DIGEST, FEWEST, parse, require_expression
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.subset import Condition

SHOWN = 300  # characters of a statement
ZIP = 5  # characters that Oro's rule postal_code leaves of an MD5
PNG = base64.b64encode(b"\x89PNG\r\n")[:8].decode("ascii")  # what a picture of Oro's rule attachment begins with
METHODS = ("md5", "email", "date", "attachment")  # of deployment.sanitize
OF_METHODS = {"md5": "hash", "date": "date", "attachment": "attachment"}


class _NotUnderstood(Exception):
    """Why a statement makes no rule, as the end of a sentence."""


class _Table:
    """What is known of a table: whether it is emptied, rules of columns, values of columns under conditions [(condition, value)], and which rows stay.

    A column that has both has fields that all rows lose, and more that only some do: no rule of ours says that, so nothing of it is left.
    """

    def __init__(self):
        self.emptied = False
        self.columns = {}
        self.sometimes = {}
        self.stays = []

    def told(self, keep_rest):
        """As people write it under tables; with keep_rest what the rules leave of a column stays as it is."""
        if self.emptied:
            return "truncate"
        columns = {name: dict(rule, rest="keep") if keep_rest and _is_object(rule) and name not in self.sometimes else rule
                   for name, rule in self.columns.items()}
        for column, cases in self.sometimes.items() if keep_rest else ():  # what comes later is what stays
            columns.setdefault(column, {"rule": "sql", "expression": "CASE %s ELSE %s END" % (
                " ".join("WHEN %s THEN %s" % case for case in reversed(cases)), column)})
        said = {"columns": columns} if columns else {}
        return dict(said, where=" AND ".join(self.stays)) if self.stays else said

    def left(self):
        """[(name of a column, what of it the rules leave)]."""
        found = [(name, "fields that no rule names") for name, rule in self.columns.items() if _is_object(rule) and name not in self.sometimes]
        return [] if self.emptied else found + [(name, "values of other rows") for name in self.sometimes if name not in self.columns]


class Reader:
    """Reads rules of Oro one after the other; not_understood is [{"statement", "why"}]."""

    def __init__(self):
        self.not_understood = []
        self._tables = {}
        self._domain = None  # of e-mail addresses, as custom_email_domain has it
        self._pglast = statements.parser("read SQL of Oro", "this host")

    def rules(self, keep_rest=False):
        """A document of rules for the option sanitize; with keep_rest what is not mentioned and does not look like personal data stays as it is."""
        tables = {"*": "keep"} if keep_rest else {}
        tables.update((name, table.told(keep_rest)) for name, table in self._tables.items() if table.told(keep_rest))
        return {"tables": tables}

    def left(self):
        """[{"column", "what"}] of what stays as it is in columns that have a rule, or with keep_rest have one: somebody has to look at it."""
        return [{"column": "%s.%s" % (name, column), "what": what} for name, table in self._tables.items() for column, what in table.left()]

    def sql(self, text):
        """Read a text of statements."""
        for statement, tree, error in statements.parsed(self._pglast, text):
            if error:
                self._refuse(statement, "PostgreSQL's parser does not understand it (%s)" % error)
                continue
            try:
                read = getattr(self, "_" + type(tree).__name__, None)
                if read is None:
                    raise _NotUnderstood("it is no UPDATE, DELETE or TRUNCATE")
                read(tree)
            except _NotUnderstood as why:
                self._refuse(statement, str(why))

    def deployment(self, document):
        """Read what stands under deployment.sanitize."""
        known = ["%s_%s_rules" % (what, how) for what in ("rawsql", "update") for how in ("add", "delete", "override")]
        for name in document:
            if name not in known + ["custom_email_domain"]:
                self._refuse("%s: %s" % (name, document[name]), "it is none of %s" % ", ".join(known))
        domain = document.get("custom_email_domain") or self._domain
        if domain is None or isinstance(domain, str):
            self._domain = domain
        else:
            self._refuse("custom_email_domain: %s" % domain, "it is no text")
        for what, read in (("rawsql", self.sql), ("update", self._update)):
            replaced = document.get("%s_override_rules" % what)
            for item in (document.get("%s_add_rules" % what) if replaced is None else replaced) or ():
                if isinstance(item, str) or what == "update":
                    read(item)
                else:
                    self._refuse(str(item), "it is no text of SQL")
            for item in () if replaced is not None else document.get("%s_delete_rules" % what) or ():
                self._refuse(str(item), "it takes away a rule of OroCloud's own, which are not among these")

    def _refuse(self, statement, why):
        statement = " ".join(statement.split())
        self.not_understood.append({"statement": statement if len(statement) <= SHOWN else statement[:SHOWN - 3] + "...", "why": why})

    # deployment.sanitize

    def _update(self, item):
        told = str(item)
        item = _from_yaml(item) if isinstance(item, str) else item
        columns = item.get("columns") if isinstance(item, dict) else None
        if not isinstance(columns, list) or not isinstance(item.get("table"), str) or not all(isinstance(column, dict) for column in columns):
            self._refuse(told, "it is no table with columns that have a name and a method")
            return
        for column in columns:
            name, method = column.get("name"), column.get("method")
            if not isinstance(name, str) or method not in METHODS:
                self._refuse("%s of %s" % (column, item["table"]), "its method is none of %s" % ", ".join(METHODS))
                continue
            try:
                self._mask(".".join(map(_name, item["table"].split("."))), name, self._email() if method == "email" else OF_METHODS[method])
            except _NotUnderstood as why:
                self._refuse("%s of %s" % (column, item["table"]), str(why))

    # Statements

    def _UpdateStmt(self, tree):
        if tree.fromClause or tree.withClause:
            raise _NotUnderstood("it looks at other tables")
        table, where = _table(tree.relation), self._text(tree.whereClause) if tree.whereClause else None
        whys = []
        for target in tree.targetList:
            try:
                if where is None or not self._is_value(target.val):
                    # Of some rows or of all: to mask the others, too, tells nobody anything.
                    self._mask(table, target.name, self._rule(target.val, _Place(target.name)))
                else:
                    self._sometimes(table, target.name, where, target.val)
            except _NotUnderstood as why:
                whys.append("%s: %s" % (target.name, why))
        if whys:
            raise _NotUnderstood("; ".join(whys))

    def _DeleteStmt(self, tree):
        if tree.usingClause or tree.withClause:
            raise _NotUnderstood("it looks at other tables")
        table = _table(tree.relation)
        if not tree.whereClause:
            self._of(table).emptied = True
            return
        condition = "(%s) IS NOT TRUE" % self._text(tree.whereClause)
        try:
            Condition(condition, "the condition")
        except SlipwayError as error:
            raise _NotUnderstood(error.message) from None
        self._of(table).stays.append(condition)

    def _TruncateStmt(self, tree):
        for relation in tree.relations:
            self._of(_table(relation)).emptied = True
        if tree.behavior.name == "DROP_CASCADE":
            raise _NotUnderstood("CASCADE empties the tables that refer to it, too, which it does not name: give them truncate, or orphans")

    def _of(self, table):
        return self._tables.setdefault(table, _Table())

    def _mask(self, table, column, rule):
        if _name(column) != column and isinstance(rule, dict) and rule["rule"] == "sql":
            raise _NotUnderstood("a name in quotes")
        try:
            parse(rule, "")
        except SlipwayError as error:
            raise _NotUnderstood(error.message) from None
        known, name = self._of(table), _name(column)
        known.columns[name] = _added(known.columns.get(name), rule) if _is_object(rule) else rule
        if not _is_object(rule):
            known.sometimes.pop(name, None)
        elif name in known.sometimes:
            raise _NotUnderstood("fields of a column that has a value for some rows; of all rows what is not among the fields is dropped")

    def _sometimes(self, table, column, where, value):
        """A value for some rows, the others stay as they are: not where they may be somebody's."""
        if suspicion.by_name_and_type(Column(column, "text", "text")):
            raise _NotUnderstood("a value for some rows, and by its name the others may hold personal data")
        known, name = self._of(table), _name(column)
        rule = known.columns.get(name)
        if rule and not _is_object(rule):
            raise _NotUnderstood("a value for some rows of a column with another rule")
        case = (where, self._text(value))
        try:
            require_expression("CASE WHEN %s THEN %s END" % case, "it")
        except SlipwayError as error:
            raise _NotUnderstood(error.message) from None
        known.sometimes.setdefault(name, []).append(case)
        if rule:
            raise _NotUnderstood("a value for some rows of a column with rules for its fields; of all rows what is not among the fields is dropped")

    def _text(self, tree):
        from pglast.stream import RawStream

        return RawStream()(tree)

    # Values: each form that a rule of Oro has

    def _is_value(self, tree):
        return _constant(tree) is not None or _is_null(tree)

    def _rule(self, tree, place):
        """The rule for what a tree makes of the value in a place."""
        form, (function, arguments) = type(tree).__name__, _call(tree)
        if _is_null(tree):
            return "null"
        if _constant(tree) is not None:
            text = _constant(tree)
            return "attachment" if text.startswith(PNG) else {"rule": "fixed", "value": text}
        if form == "SQLValueFunction" and "CURRENT" in tree.op.name or function == "now":
            return "null" if place.key else "date"
        if function == "md5":
            return "hash"
        if function == "substring" and _call(arguments[0])[0] == "md5" and len(arguments) == 3 and _constant(arguments[1]) == "1":
            return _cut_hash(int(_constant(arguments[2]) or DIGEST))
        if function == "encode" and len(arguments) == 2 and _constant(arguments[1]) == "base64" and _constant(arguments[0]) is not None:
            return {"rule": "fixed", "value": base64.b64encode(_constant(arguments[0]).encode("utf-8")).decode("ascii")}
        if function in ("jsonb_build_array", "jsonb_build_object") and not arguments:
            return {"rule": "fixed", "value": "[]" if function.endswith("array") else "{}"}
        if form == "CaseExpr" and len(tree.args) == 1:
            return self._of_case(tree, place)
        if form == "A_Expr" and _operator(tree) == "||" and place.same(tree.lexpr) and not place.key:
            return self._of_object(tree.rexpr, place)
        raise _NotUnderstood("it has none of the forms that Oro's rules have")

    def _of_case(self, tree, place):
        """What is something else where there is a value, or where that is an e-mail address."""
        when = tree.args[0]
        test, made = when.expr, _call(when.result)
        if type(test).__name__ == "NullTest" and test.nulltesttype.name == "IS_NOT_NULL" and place.same(test.arg) and not tree.defresult:
            if made[0] == "to_char" and len(made[1]) == 2 and _constant(made[1][1]):
                return {"rule": "digits_mask", "mask": _template(_constant(made[1][1]))}
            return self._rule(when.result, place)
        if type(test).__name__ == "A_Expr" and _operator(test) == ">" and _constant(test.rexpr) == "0" and place.same(tree.defresult):
            function, arguments = _call(test.lexpr)
            if function == "position" and place.same(arguments[0]) and _constant(arguments[1]) == "@" and made[0] == "concat":
                last = _constant(made[1][-1])
                return self._email(last if last and not last.startswith(".") else None)
        raise _NotUnderstood("it has none of the forms that Oro's rules have")

    def _email(self, domain=None):
        domain = (domain or self._domain or "").lower()
        return {"rule": "email", "at": domain} if domain else "email"

    def _of_object(self, tree, place):
        """Fields that a serialized one gets, each by a rule; the rest stays."""
        function, arguments = _call(tree)
        if function != "jsonb_build_object":
            raise _NotUnderstood("it adds what is no object")
        paths = {}
        for key, value in zip(arguments[::2], arguments[1::2]):
            name = _constant(key)
            if not name or "." in name:
                raise _NotUnderstood("a field whose name is no path")
            paths[name] = self._rule(value, _Place(place.column, name))
        return {"rule": "json", "paths": paths}


class _Place:
    """A column, or a field of the object in it."""

    def __init__(self, column, key=None):
        self.column = column
        self.key = key

    def same(self, tree):
        """Whether a tree is the value in this place."""
        if self.key and type(tree).__name__ == "A_Expr" and _operator(tree) == "->>" and _constant(tree.rexpr) == self.key:
            return _Place(self.column).same(tree.lexpr)
        return not self.key and type(tree).__name__ == "ColumnRef" and getattr(tree.fields[-1], "sval", None) == self.column


def _is_object(rule):
    return isinstance(rule, dict) and rule["rule"] == "json"


def _added(before, rule):
    """The rule for a column whose object gets fields, after another statement has masked some, or all of it."""
    return dict(rule, paths=dict(before["paths"], **rule["paths"])) if _is_object(before) else before or rule


def _table(relation):
    return ".".join(_name(part) for part in (relation.schemaname, relation.relname) if part)


def _name(text):
    """A name as rules have it: in quotes where it means something else without."""
    return text if re.match(r"[a-z_][a-z0-9_$]*\Z", text) else quote_ident(text)


def _call(tree):
    """(name of the function less its schema, arguments), or (None, ())."""
    if type(tree).__name__ != "FuncCall":
        return None, ()
    return tree.funcname[-1].sval, tree.args or ()


def _operator(tree):
    return tree.name[-1].sval if tree.kind.name == "AEXPR_OP" else None


def _is_null(tree):
    return type(tree).__name__ == "A_Const" and bool(tree.isnull)


def _constant(tree):
    """The value of a constant as a text, also where it is cast to a type; or None."""
    if type(tree).__name__ == "TypeCast":
        tree = tree.arg
    if type(tree).__name__ != "A_Const" or tree.isnull:
        return None
    value = next(getattr(tree.val, name) for name in ("sval", "ival", "fval", "boolval", "bsval") if hasattr(tree.val, name))
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _cut_hash(length):
    """The rule for an MD5 that is cut to so many characters."""
    if length >= FEWEST:
        return "hash" if length >= DIGEST else {"rule": "hash", "length": length}
    return "postal_code" if length == ZIP else {"rule": "digits_mask", "mask": "X" * length}


def _template(form):
    """The mask of digits that a form of to_char() is, as FM"("000") "0000."""
    parts = re.findall(r'"([^"]*)"|(0+)|(.)', form[2:] if form.startswith("FM") else form, re.DOTALL)
    if any(other for _text, _digits, other in parts):
        raise _NotUnderstood("a number of another form than digits and texts in quotes")
    return "".join(text or "X" * len(digits) for text, digits, _other in parts)


def _from_yaml(text):
    """What a text of YAML says, or None."""
    try:
        import yaml
    except ImportError as error:
        raise SlipwayError("To read deployment.sanitize, the Python of this host needs the package PyYAML.", untouched="Nothing was changed.") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
