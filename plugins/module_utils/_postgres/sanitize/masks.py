# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The rules that a column can have, and the SQL that each of them comes to.

A mask is an expression over one row, which the server works out: no raw value leaves it. What looks random is drawn from
the value by a keyed hash, so that the same value gives the same pseudonym in every table and every dump made with that key, and
tells nothing without it. The rule hash, which can show all of it, has HMAC-SHA256(key, SHA-256(domain) + value). To hash is
what masks cost, so the others have one SHA-256 in the place of two: SHA-256(secret + value), where the secret is
HMAC-SHA256(key, SHA-256(zero byte + domain)), cut to DRAWN bytes. What is cut off is what such a hash needs to be as good (a chopped
Merkle-Damgard hash is one that behaves as a random function does). Words of a list are drawn without one, by byte(). The key is in no SQL: it
comes as a setting with the start of a connection, which no server logs, and expressions name that setting.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re

from ansible_collections.slipway.app.plugins.module_utils._config.fields import nearest
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import (
    ADDRESSES, INTEGERS, JSONS, MOMENTS, NUMBERS, TEXTS)
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.passwords import HASHERS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.placeholders import FORMS, KINDS, written
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.words import LOREM, WORDS

SHORTEST_KEY = 16  # characters; what is shorter can be guessed
UNUSABLE = "!*"  # what passwords begin with that are none, of accounts that nobody logs in with
SETTING = "slipway.sanitize_key"
LABEL = b"slipway sanitize 2"  # another one would be another set of pseudonyms
DISTINCT = 20  # hexadecimal digits that keep n values apart but for a chance of n * n / 2 ** 81
DIGEST = 32  # hexadecimal digits of a hash, where the column has room
PLACES = 2 ** 12  # where texts fall, for each of which one of a few words is to be drawn
DRAWN = 20  # of the 32 bytes that other pseudonyms are made of
FEWEST = 8  # of them that make a mask at all
KNOWN_PASSWORD = "slipway"  # that of everybody, where the rule says no other
NOT_APART = "cannot keep the values apart that an index says are unique"
DOMAIN = "example.invalid"  # mail to it can never be delivered (RFC 2606)


class Key:
    """What the setting of a connection says, and an id that tells two keys apart and nothing of either."""

    def __init__(self, secret):
        if len(secret) < SHORTEST_KEY:
            raise SlipwayError("The key of sanitized dumps has to have at least %d characters." % SHORTEST_KEY, untouched="Nothing was changed.",
                               hint="Make one with: openssl rand -hex 32. Who has it can tell whose pseudonym is whose: keep it as a password.")
        # Slow by design: the id stands in each manifest, and whoever reads one could try weak secrets on it.
        derived = hashlib.scrypt(secret.encode("utf-8"), salt=LABEL, n=2 ** 15, r=8, p=1, maxmem=2 ** 26, dklen=32).ljust(64, b"\0")
        # The two pads of HMAC: SQL has no exclusive or for bytes.
        self.setting = bytes(byte ^ 0x36 for byte in derived).hex() + bytes(byte ^ 0x5c for byte in derived).hex()
        self.id = hmac.new(derived, b"id", hashlib.sha256).hexdigest()[:16]
        # Of known passwords: the same in each dump with this key; out of the password itself it would say of it what a hash is to hide.
        self.salt = hmac.new(derived, b"salt", hashlib.sha256).digest()[:16]


class Row:
    """The SQL of one table's row: masks ask it for what they need more than once, which is then worked out once for each row."""

    def __init__(self):
        self.shared = []  # [{SQL: the name it has, quoted}]: each may name what stands in those before

    def once(self, sql):
        named = next((level[sql] for level in self.shared if sql in level), None)
        if named is None:
            above = 1 + max((number for number, level in enumerate(self.shared) if any(name in sql for name in level.values())), default=-1)
            if above == len(self.shared):
                self.shared.append({})
            named = self.shared[above][sql] = quote_ident("slipway %d" % sum(map(len, self.shared)))
        return named

    def select(self, masks, table, name, where=None, joins=""):
        """A query for masks, [(SQL, name)], of a table, which they may call by a name, as SQL for both has it."""
        source = "ONLY %s%s" % (table, joins) + (" WHERE %s" % where if where else "")
        for level in self.shared:  # OFFSET 0 keeps the planner from putting the expressions back to each place they are named
            source = "(SELECT *, %s FROM %s OFFSET 0) %s" % (", ".join("%s AS %s" % shared for shared in level.items()), source, name)
        return "SELECT %s FROM %s" % (", ".join("%s AS %s" % (sql, quote_ident(name)) for sql, name in masks), source)


class Within:
    """Inside of a sub-query for the elements of an array nothing can be worked out once for the row."""

    @staticmethod
    def once(sql):
        return sql


def _pads(domain):
    """SQL for the inner pad with the domain, and for the outer one; each is worked out once in a query."""
    key = "decode(current_setting('%s'), 'hex')" % SETTING
    return ("(SELECT substr(%s, 1, 64) || decode('%s', 'hex'))" % (key, hashlib.sha256(domain.encode("utf-8")).hexdigest()),
            "(SELECT substr(%s, 65))" % key)


def _bytes(column, text):
    """SQL for a text as bytes of UTF-8, in which our sessions talk; in a database without an encoding texts are bytes."""
    # textsend() looks no encoding up by its name, as convert_to() does for each row.
    return "convert_to(%s, 'SQL_ASCII')" % text if column.encoding == "SQL_ASCII" else "textsend(%s)" % text


def digest(domain, column, text):
    """SQL for the HMAC of a text, 32 bytes."""
    inner, outer = _pads(domain)
    return "sha256(%s || sha256(%s || %s))" % (outer, inner, _bytes(column, text))


def _secret_of(domain):
    """SQL for the secret of a domain, 32 bytes, which is worked out once in a query."""
    inner, outer = _pads("\0" + domain)  # no domain of a rule begins so: the secret is nothing that digest() could come to, of whatever text
    return "(SELECT sha256(%s || sha256(%s)))" % (outer, inner)


def drawn(domain, column, text):
    """SQL for a keyed hash of a text, 32 bytes, of which no more than DRAWN are to be seen."""
    return "sha256(%s || %s)" % (_secret_of(domain), _bytes(column, text))


def byte(domain, text, number=0):
    """SQL for a byte drawn from a text, the first or another one: what stands in a secret table, of SHA-512(secret + place), where the text falls.

    It takes a tenth of the time of a hash, as the table is made once in a query. Where a text falls is a secret, too, by a seed, though by a hash
    that nobody has made for secrets: who found the seed out, by many rows of their own, would know of texts that fall where those do.
    """
    secret = _secret_of(domain)
    table = "(SELECT string_agg(sha512(%s || int4send(place)), ''::bytea ORDER BY place) FROM generate_series(0, %d) place)" % (secret, PLACES // 64 - 1)
    seed = "(SELECT hashtextextended(encode(%s, 'hex'), 0))" % secret
    return "get_byte(%s, (hashtextextended(%s COLLATE \"C\", %s) >> %d & %d)::int)" % (
        table, text, seed, number * (PLACES.bit_length() - 1), PLACES - 1)


def digits(hashed, count):
    """SQL for the first hexadecimal digits of bytes."""
    sql = "encode(substr(%s, 1, %d), 'hex')" % (hashed, (count + 1) // 2)
    return "left(%s, %d)" % (sql, count) if count % 2 else sql


def number(domain, column, text):
    """SQL for a whole number from 0 to 2 ** 63 - 1 that is drawn from a text."""
    return "(hashtextextended(%s, 0) & 9223372036854775807)" % digits(drawn(domain, column, text), 2 * DRAWN)


# Options of rules: each check returns the value, or raises ValueError with words for what it has to be.

def _text(value):
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a text")
    return value


def _scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)) or "\0" in str(value):
        raise ValueError("a text or a number")
    return str(value)


def _flag(value):
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _from(least, most):
    def check(value):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError("a whole number from %d to %d" % (least, most))
        return value
    return check


def _one_of(*choices):
    def check(value):
        if value not in choices:
            raise ValueError("one of %s" % ", ".join(choices))
        return value
    return check


def _template(value):
    if not isinstance(value, str) or not 1 <= value.count("X") <= 18 or re.search(r'["\\\0]', value):
        raise ValueError("a text with 1 to 18 X for digits, and without quotes and backslashes")
    return value


def _secret(value):
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("a text that is not empty")
    return value


def _domain_name(value):
    if not isinstance(value, str) or not re.match(r"[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?\Z", value):
        raise ValueError("a domain in lower case")
    return value


class Rule:
    """A rule with its options. name, fits (bases of types; empty: all), options {name: (default, check)}, one doing() for all."""

    name = ""
    fits = TEXTS
    arrays = False  # whether it takes an array as a whole
    shows = False  # whether it may give out what is in the column
    keeps = False  # whether it gives out what is in the column and is named nowhere: not as a path, nor in SQL
    options = {}
    unsaid = ()  # names of options whose values are in no message and no result

    def __init__(self, said, where):
        self.where = where
        self.said = {}
        for option in said:
            if option not in self.options:
                raise SlipwayError("%s: the rule %s has no option %s. %s" % (
                    where, self.name, option, nearest(option, self.options) if self.options else "It has none."))
        for option, (default, check) in self.options.items():
            try:
                self.said[option] = check(said[option]) if option in said else default
            except ValueError as error:
                raise SlipwayError("%s: %s of the rule %s has to be %s%s." % (
                    where, option, self.name, error, "" if option in self.unsaid else ", and is %r" % (said[option],))) from None

    def __getitem__(self, option):
        return self.said[option]

    def same_as(self, other):
        """Whether both give the same for the same value."""
        return self.name == other.name and self.said == other.said

    def told(self):
        """The rule as people write it, less what is not to be told."""
        options = {option: value for option, value in self.said.items() if value != self.options[option][0] and option not in self.unsaid}
        return dict(options, rule=self.name) if options else self.name

    def problem(self, column):
        """What keeps the rule from being one for a column whose rows nobody looks at, as the end of a sentence, or None."""
        return self.misfit(column) or (NOT_APART if column.unique and not self.distinct(column) else None)

    def misfit(self, column):
        """What keeps the rule from being one for a column, whatever rows there are, as the end of a sentence, or None."""
        if column.array and not self.arrays:
            return "is not for arrays; array is"
        if self.fits and column.base not in self.fits:
            return "is not for columns of type %s" % column.type
        return self.unfit(column)

    def unfit(self, _column):
        return None

    def distinct(self, _column):
        """Whether different values stay different."""
        return False

    def sql(self, column, row):
        """The expression, of the type of the column."""
        mask = self.mask(column, row)
        if column.is_text and self.by_value:
            mask = "CASE WHEN %s = '' THEN '' ELSE %s END" % (column.text(), mask)
        return "(%s)::%s" % (mask, column.type)

    def copied(self, column, row):
        """The expression for COPY, which writes text: of the type of the column, or the text of one."""
        return self.sql(column, row)

    by_value = True  # an empty text stays one, and NULL stays NULL by itself

    def written(self, column, source):
        """[(Sql, what stands behind FROM)] of all that somebody wrote as SQL in it, over rows of a source."""
        return []

    def salted(self, salt):
        """Take what is worked out on our side by the key, before the SQL is asked for."""

    def always(self, _column):
        """The text that every value becomes, where there is one that is no value of anybody."""
        return None

    def constants(self):
        """The texts that it puts into rows, whoever they are of."""
        return []

    def mask(self, column, row):
        raise NotImplementedError

    def folds(self, column):
        """Whether upper and lower case are the same person, though to the column they are not."""
        return bool(self.said.get("fold")) and column.base != "citext"

    def drawn(self, column):
        return drawn(self["domain"] or self.name, column, column.text(self.folds(column)))

    def number(self, column):
        return number(self["domain"] or self.name, column, column.text())


def _keyed(**more):
    return dict({"domain": (None, _text)}, **more)


LOCALE = ("en", _one_of(*sorted(WORDS)))


def _cut(column, sql):
    return "left(%s, %d)" % (sql, column.length) if column.length else sql


class Keep(Rule):
    """The value as it is."""

    name, fits, arrays, shows, keeps, by_value = "keep", (), True, True, True, False

    def distinct(self, _column):
        return True

    def sql(self, column, _row):
        return column.value


class Null(Rule):
    """Nothing."""

    name, fits, arrays, by_value = "null", (), True, False

    def unfit(self, column):
        return "cannot be in a column that is NOT NULL" if column.not_null else None

    def distinct(self, column):
        return not column.not_null and not column.nulls_meet

    def mask(self, _column, _row):
        return "NULL"


class Empty(Rule):
    """An empty text, array, object or string of bytes; NULL stays."""

    name, fits, arrays, by_value = "empty", (), True, False

    def unfit(self, column):
        known = column.array or column.base in TEXTS + JSONS + ("bytea", "hstore")
        return None if known else "is not for columns of type %s" % column.type

    def mask(self, column, _row):
        return "CASE WHEN %s IS NOT NULL THEN %s END" % (column.value, "'{}'" if column.array or column.base in JSONS else "''")


class Fixed(Rule):
    """The same value everywhere; NULL stays."""

    name, fits, arrays, by_value = "fixed", (), True, False
    options = {"value": (None, _scalar)}

    def unfit(self, column):
        if self["value"] is None:
            return "needs a value"
        if column.length and len(self["value"]) > column.length:
            return "has a value of %d characters, and there is room for %d" % (len(self["value"]), column.length)
        return None

    def constants(self):
        return [self["value"]]

    def mask(self, column, _row):
        return "CASE WHEN %s IS NOT NULL THEN %s END" % (column.value, quote_literal(self["value"]))


class Attachment(Rule):
    """A file of a kind that says nothing, in the place of the content; in a text it is written in base64, or as an address."""

    name, fits = "attachment", ("bytea",) + TEXTS
    options = {"kind": ("png", _one_of(*KINDS)), "form": (FORMS[0], _one_of(*FORMS))}

    def unfit(self, column):
        room = len(self.always(column) or "")
        return "needs room for %d characters" % room if column.length and column.length < room else None

    def always(self, column):
        return written(self["kind"], self["form"]) if column.is_text else None

    def mask(self, column, _row):
        content = quote_literal(self.always(column)) if column.is_text else "decode('%s', 'hex')" % KINDS[self["kind"]][1].hex()
        return "CASE WHEN %s IS NOT NULL THEN %s END" % (column.value, content)


class Password(Rule):
    """The hash of a password that everybody may know, as the hasher of the application makes it; the same for all, made once.

    With what says that nobody can be logged in as by a password, it stays so: only its first character, as what is behind is drawn.
    """

    name = "password"
    unsaid = ("password",)
    options = {"hasher": (None, _one_of(*HASHERS)), "password": (KNOWN_PASSWORD, _secret)}

    def __init__(self, said, where):
        super().__init__(said, where)
        if not self["hasher"]:
            raise SlipwayError("%s: the rule password needs the hasher of the application, one of %s." % (where, ", ".join(HASHERS)))
        self._salt, self._hash = bytes(16), None

    def salted(self, salt):
        self._salt, self._hash = salt, None

    def unfit(self, column):
        room = len(self.always(column))
        return "needs room for %d characters" % room if column.length and column.length < room else None

    def always(self, _column):
        if self._hash is None:
            self._hash = HASHERS[self["hasher"]](self["password"], self._salt)
        return self._hash

    def mask(self, column, _row):
        first = "left(%s, 1)" % column.text()
        return "CASE WHEN %s IN (%s) THEN %s WHEN %s IS NOT NULL THEN %s END" % (
            first, ", ".join(map(quote_literal, UNUSABLE)), first, column.value, quote_literal(self.always(column)))


class Hash(Rule):
    """Hexadecimal digits of the HMAC."""

    name = "hash"
    options = _keyed(length=(DIGEST, _from(FEWEST, 64)))

    def unfit(self, column):
        return "needs room for %d characters" % FEWEST if column.length and column.length < FEWEST else None

    def _length(self, column):
        return min(self["length"], column.length or self["length"])

    def distinct(self, column):
        return self._length(column) >= DISTINCT

    def mask(self, column, _row):
        return digits(digest(self["domain"] or self.name, column, column.text()), self._length(column))


class Email(Rule):
    """An address that is nobody's, and that no mail can be delivered to."""

    name = "email"
    options = _keyed(at=(DOMAIN, _domain_name), fold=(True, _flag))

    def _digits(self, column):
        return min(DISTINCT, (column.length or 1000) - len(self["at"]) - 2)

    def unfit(self, column):
        return "needs room for %d characters" % (FEWEST + 2 + len(self["at"])) if self._digits(column) < FEWEST else None

    def distinct(self, column):
        return self._digits(column) >= DISTINCT

    def mask(self, column, _row):
        return "'u' || %s || '@%s'" % (digits(self.drawn(column), self._digits(column)), self["at"])


class _Pick(Rule):
    """One of the words of a list, which one byte says: no list is longer."""

    options = _keyed(locale=LOCALE)

    def byte(self, column, number=0):
        return byte(self["domain"] or self.name, column.text(), number)

    def pick(self, kind, column, number=0):
        words = WORDS[self["locale"]][kind]
        # Names are all of one size, so that the server need not go through the words before.
        return "(ARRAY[%s]::name[])[1 + %s %% %d]::text" % (", ".join(map(quote_literal, words)), self.byte(column, number), len(words))

    def mask(self, column, _row):
        return _cut(column, self.words(column))

    def words(self, column):
        return self.pick(self.name, column)


class FirstName(_Pick):
    name = "first_name"


class LastName(_Pick):
    name = "last_name"


class City(_Pick):
    name = "city"


class Name(_Pick):
    """First and last name."""

    name = "name"

    def words(self, column):
        return "%s || ' ' || %s" % (self.pick("first_name", column), self.pick("last_name", column, 1))


class Street(_Pick):
    """A street with a number."""

    name = "street"

    def words(self, column):
        return "%s || ' ' || (1 + %s %% 180)" % (self.pick("street", column), self.byte(column, 1))


class Company(_Pick):
    name = "company"

    def words(self, column):
        return "%s || ' ' || %s" % (self.pick("last_name", column), self.pick("company", column, 1))


class DigitsMask(Rule):
    """Digits in the places that a mask has an X at."""

    name = "digits_mask"
    options = _keyed(mask=("(XXX) XXX-XXXX", _template))

    def template(self):
        return self["mask"]

    def mask(self, column, _row):
        template = self.template()
        parts = "".join("0" * len(part) if part[0] == "X" else '"%s"' % part for part in re.findall("X+|[^X]+", template))
        return _cut(column, "to_char(%s %% %d, %s)" % (self.number(column), 10 ** template.count("X"), quote_literal("FM" + parts)))


class _Number(DigitsMask):
    """A number as it is written in a country."""

    options = _keyed(mask=(None, _template), locale=LOCALE)

    def template(self):
        return self["mask"] or WORDS[self["locale"]][self.name][0]


class Phone(_Number):
    name = "phone"


class PostalCode(_Number):
    name = "postal_code"


class Iban(Rule):
    """An account number whose check digits are right, of a German form."""

    name = "iban"
    options = _keyed()

    def unfit(self, column):
        return "needs room for 22 characters" if column.length and column.length < 22 else None

    def mask(self, column, row):
        account = row.once("lpad((%s %% 1000000000000000000)::text, 18, '0')" % self.number(column))
        return "'DE' || lpad((98 - mod((%s || '131400')::numeric, 97))::text, 2, '0') || %s" % (account, account)


class Date(Rule):
    """A moment one or more days before or after, by a keyed offset of an entity (a column of the row; else of the value); or its year's first."""

    name, fits, by_value = "date", MOMENTS, False
    options = _keyed(days=(180, _from(1, 36500)), entity=(None, _text), to=("day", _one_of("day", "year")))

    def __init__(self, said, where):
        super().__init__(said, where)
        if self["entity"] and not self["domain"]:
            raise SlipwayError("%s: the rule date has an entity and needs a domain, such as person: the same entity has the same offset wherever "
                               "the domain is the same, and customer 7 is not order 7." % where)

    def mask(self, column, _row):
        if self["to"] == "year":
            return "date_trunc('year', %s)" % column.value
        # Of a row without an entity the value itself is one: the offset of nothing would be NULL, and the date lost.
        of = "coalesce((%s)::text, %s)" % (quote_ident(self["entity"]), column.text()) if self["entity"] else column.text()
        drawn = number(self["domain"] or self.name, column, of)
        most = self["days"]
        # From 1 to most, and from -most to -1: no date stays where it is.
        days = "((%s %% %d + %d) %% %d - %d)::int" % (drawn, 2 * most, most + 1, 2 * most + 1, most)
        # 9999-12-31 and 0001-01-01 stand for no end: many a program reads no day beyond, and would fail at each such row. The most days are a century.
        days = "CASE WHEN %s > '9900-01-01' THEN -abs(%s) WHEN %s < '0101-01-01' THEN abs(%s) ELSE %s END" % (
            column.value, days, column.value, days, days)
        return "%s + %s" % (column.value, days if column.base == "date" else "(%s) * interval '1 day'" % days)


class Number(Rule):
    """Some per cent more or less, or the beginning of the bucket that it is in."""

    name, fits, by_value = "number", NUMBERS, False
    options = _keyed(percent=(10, _from(1, 100)), bucket=(None, _from(2, 10 ** 12)))  # a bucket of 1 is the number itself

    def mask(self, column, _row):
        if self["bucket"]:
            mask = "floor((%s)::numeric / %d) * %d" % (column.value, self["bucket"], self["bucket"])
        else:
            drawn = "(%s %% 2000001 - 1000000)" % self.number(column)
            mask = "(%s)::numeric * (1 + %s * %d / 100000000.0)" % (column.value, drawn, self["percent"])
        if column.base in ("float4", "float8"):  # which have values that a numeric of theirs would not bring back
            return mask
        largest = INTEGERS.get(column.base)
        scale = 0 if largest else column.scale
        if column.precision:
            largest = "9" * (column.precision - scale) + ("." + "9" * scale if scale else "") or "0"
        mask = "round(%s, %s)" % (mask, scale if scale is not None else "coalesce(scale((%s)::numeric), 0)" % column.value)  # NaN has none
        if largest:  # NULL is neither the greatest nor the least
            mask = "CASE WHEN (%s)::numeric = 'NaN' THEN 'NaN' WHEN %s IS NOT NULL THEN greatest(least(%s, %s), -%s) END" % (
                column.value, column.value, mask, largest, largest)
        return mask


class Text(Rule):
    """As many characters of a text that says nothing."""

    name, by_value = "text", False

    def mask(self, column, _row):
        length = "length(%s)" % column.text()
        # To cut bytes costs the server next to nothing; to cut texts it counts all their letters. A text has no more letters than bytes.
        return "CASE WHEN octet_length(%s) <= %d THEN convert_from(substr('%s'::bytea, 1, %s), 'UTF8') ELSE left(repeat(%s, 1 + %s / %d), %s) END" % (
            column.text(), len(LOREM), LOREM, length, quote_literal(LOREM), length, len(LOREM), length)


class Uuid(Rule):
    """Another UUID, of version 4 by its look."""

    name, fits = "uuid", ("uuid",) + TEXTS
    options = _keyed()

    def unfit(self, column):
        return "needs room for 36 characters" if column.length and column.length < 36 else None

    def distinct(self, _column):
        return True

    def mask(self, column, _row):
        mask = "overlay(overlay(%s placing '4' from 13) placing 'a' from 17)::uuid" % digits(self.drawn(column), 32)
        return mask + "::text" if column.is_text else mask


class Inet(Rule):
    """An address of a private network: 10.0.0.0/8, or fd00::/8 for version 6; its length of the network stays."""

    name, fits = "inet", ADDRESSES + TEXTS
    options = _keyed()

    def mask(self, column, _row):
        drawn = self.number(column)
        if column.is_text:
            return _cut(column, "host(inet '10.0.0.0' + (%s & 16777215))" % drawn)
        value = "(%s)::inet" % column.value
        mask = ("set_masklen(CASE family(%s) WHEN 4 THEN inet '10.0.0.0' + (%s & 16777215) ELSE inet 'fd00::' + %s END, masklen(%s))"
                % (value, drawn, drawn, value))
        return "network(%s)" % mask if column.base == "cidr" else mask


class Json(Rule):
    """What stands at paths of an object by a rule each; the rest is dropped, or kept when told."""

    name, fits, by_value = "json", JSONS, False
    options = {"paths": ({}, None), "rest": ("drop", _one_of("keep", "drop"))}

    def __init__(self, said, where):
        said = dict(said)
        paths = said.pop("paths", {})
        if not isinstance(paths, dict) or not paths or not all(isinstance(path, str) and all(path.split(".")) for path in paths):
            raise SlipwayError("%s: paths of the rule json has to be a mapping of paths, such as address.street, to rules." % where)
        super().__init__(said, where)
        self.paths = {tuple(path.split(".")): parse(rule, "%s.%s" % (where, path)) for path, rule in sorted(paths.items())}
        for path in self.paths:
            if any(other != path and other[:len(path)] == path for other in self.paths):
                raise SlipwayError("%s: the path %s is a part of another one." % (where, ".".join(path)))
        self.said["paths"] = {".".join(path): rule.told() for path, rule in self.paths.items()}
        self.keeps = self["rest"] == "keep"
        self.shows = self.keeps or any(rule.shows for rule in self.paths.values())

    def written(self, column, source):
        return [found for rule in self.paths.values() for found in rule.written(column, source)]

    def constants(self):
        return [found for rule in self.paths.values() for found in rule.constants()]

    def salted(self, salt):
        for rule in self.paths.values():
            rule.salted(salt)

    def unfit(self, column):
        for path, rule in self.paths.items():
            problem = rule.problem(column.part(column.value))
            if problem:
                return "has for %s the rule %s, which %s" % (".".join(path), rule.name, problem)
        return None

    def mask(self, column, row):
        value = "(%s)::jsonb" % column.value
        return "CASE WHEN %s IS NOT NULL THEN %s END" % (
            column.value, self._object(row.once(value) if column.base == "json" else value, self.paths, column, row))

    def copied(self, column, row):
        return self.mask(column, row) if column.type in JSONS else self.sql(column, row)  # a domain may have something against it

    def _object(self, value, rules, column, row):
        """SQL for what becomes of an object, {path in it: Rule}, as text: what is not there is not made, and what is no object is null.

        No path leads into that: it may be all that a path is to mask, as a list. Text is put together in half of the time of objects.
        """
        below = {}
        for path, rule in rules.items():
            below.setdefault(path[0], {})[path[1:]] = rule
        members = "'{' || array_to_string(ARRAY[%s], ', ') || '}'" % ", ".join(
            self._member(value, key, inner, column, row) for key, inner in below.items())
        if self["rest"] == "keep":
            members = "(%s || (%s)::jsonb)::text" % (value, members)
        return "CASE WHEN jsonb_typeof(%s) = 'object' THEN %s ELSE 'null' END" % (value, members)

    def _member(self, value, key, rules, column, row):
        """SQL for what becomes of an object's member, {path in it: Rule}, as text; NULL where there is none."""
        at = row.once("(%s -> %s)" % (value, quote_literal(key)))
        rule = rules.get(())  # None: its paths lead on
        if rule is None:
            text = self._object(at, rules, column, row)
        elif rule.name == "keep":
            text = "%s::text" % at
        else:
            text = "coalesce(to_json(%s)::text, 'null')" % rule.sql(column.part("(%s #>> '{}')" % at), row)
        return "CASE WHEN %s IS NOT NULL THEN %s || %s END" % (at, quote_literal(json.dumps(key, ensure_ascii=False) + ": "), text)


class Array(Rule):
    """Each element by a rule."""

    name, fits, arrays, by_value = "array", (), True, False
    options = {"of": (None, None)}

    def __init__(self, said, where):
        said = dict(said)
        self.of = parse(said.pop("of", "none"), "%s.of" % where)
        super().__init__(said, where)
        self.said["of"] = self.of.told()
        self.shows, self.keeps = self.of.shows, self.of.keeps

    def written(self, column, source):
        return self.of.written(column, "%s, unnest(%s) WITH ORDINALITY e (v, n)" % (source, column.value))

    def constants(self):
        return self.of.constants()

    def salted(self, salt):
        self.of.salted(salt)

    def unfit(self, column):
        if not column.array:
            return "is for arrays only"
        problem = self.of.problem(column.element("e"))
        return "has for its elements the rule %s, which %s" % (self.of.name, problem) if problem else None

    def mask(self, column, _row):
        element = self.of.sql(column.element("e.v"), Within)
        return ("CASE WHEN %s IS NOT NULL THEN coalesce((SELECT array_agg(%s ORDER BY e.n) FROM unnest(%s) WITH ORDINALITY e (v, n)), '{}') END"
                % (column.value, element, column.value))


FORBIDDEN = re.compile(r"""(?ix) \b(current_setting|set_config|slipway\w*  # the key is a setting
    # Files, settings, sessions, locks, replication: a rule can come with a package, and the role that dumps may do all of it.
    |pg_(?!(?:catalog|typeof|column_size|size_pretty|size_bytes|input_is_valid|lsn|c_utf8|unicode_fast)\b)\w*
    |lo_\w+|loread|lowrite|dblink\w*|http_\w+|\w+_to_xml\w*|nextval|setval|copy|into
    |select|table|ts_stat|ts_rewrite|crosstab\w*|connectby|xpath_table  # rows of others, also by a query in a text
    |u(?=&))\b""")  # names and texts that are written as something else
# What can be passed over in an expression: texts and quoted names.
QUOTED = re.compile(r"""'[^']*(?:''[^']*)*' | "[^"]+" """, re.DOTALL | re.VERBOSE)
# Texts that are read otherwise, such as E'\'': where one ends, the server, psql and we might not agree. To both of the others what is not ASCII is a letter.
_OTHER_TEXT = re.compile(r"[\w$\x80-\U0010ffff]'")
_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")  # psql reads lines, and ends some at a carriage return


def require_expression(text, said):
    """Refuse what is not one expression over the columns of a row, in a sentence that begins with what is said."""
    bare = QUOTED.sub(" ", text)
    if _OTHER_TEXT.search(QUOTED.sub("''", text)) or _CONTROL.search(text):
        raise SlipwayError("%s, which may have no control characters, and no text with a letter before it, such as E'...'." % said)
    odd = re.search(r"""['"\\;$]|--|/\*|:(?!:)(?<!::)""", bare)
    # What runs a text as a query is known by its own name, and what comes of it by what the server says it calls.
    named = FORBIDDEN.search(QUOTED.sub(lambda found: "''" if found.group().startswith("'") else found.group(), text))
    if not text.strip() or odd or named or not _balanced(bare):
        raise SlipwayError("%s, which %s." % (
            said, "may not name %s" % named.group(1) if named else "may not have %s outside of quotes" % odd.group() if odd
            else "is no whole expression"))


def forbidden(calls):
    """What speaks against an expression by what it calls (Calls), whichever way, as the end of a sentence, or None."""
    named = next((one["name"] for one in calls.functions if FORBIDDEN.fullmatch(one["name"])), None)
    return "comes to call %s, which it may not" % named if named else "is none over one row" if calls.several else None


# Functions that draw something else each time, and do nothing else.
DRAWING = frozenset("""clock_timestamp gen_random_bytes gen_random_uuid gen_salt random random_normal timeofday uuid_generate_v1 uuid_generate_v1mc
    uuid_generate_v4 uuidv4 uuidv7""".split())


class Sql(Rule):
    """An expression of SQL over the columns of the row."""

    name, fits, arrays, shows, by_value = "sql", (), True, True, False
    options = {"expression": (None, _text)}

    def __init__(self, said, where):
        super().__init__(said, where)
        text = self["expression"] or ""
        require_expression(text, "%s: the rule sql has %r as its expression" % (where, text))

    def mask(self, _column, _row):
        return self["expression"]

    def written(self, _column, source):
        return [(self, source)]

    def refused(self, calls):
        """What speaks against it by what it calls, as the end of a sentence, or None."""
        acting = next((one["name"] for one in calls.functions if one["volatility"] == "v" and not (
            one["name"] in DRAWING and (one["of_extension"] or not one["added"]))), None)
        return forbidden(calls) or (acting and "comes to call %s, which may do more than work out a value" % acting)


def _balanced(text):
    depth = 0
    for character in re.findall(r"[()\[\]]", text):
        depth += 1 if character in "([" else -1
        if depth < 0:
            return False
    return depth == 0


RULES = {rule.name: rule for rule in (
    Keep, Null, Empty, Fixed, Hash, Email, Name, FirstName, LastName, Company, Street, City, Phone, PostalCode, Iban, Date, Number,
    DigitsMask, Text, Uuid, Inet, Json, Array, Attachment, Password, Sql)}


def parse(said, where):
    """The Rule that somebody wrote: its name, or a mapping with its name as rule and its options. An empty value of YAML is null."""
    name = said.get("rule") if isinstance(said, dict) else said
    name = "null" if name is None and not isinstance(said, dict) else name
    if not isinstance(name, str) or name not in RULES:
        raise SlipwayError("%s: %s is no rule. %s" % (where, "what is written" if not isinstance(name, str) else name,
                                                      nearest(name, RULES)))
    return RULES[name]({option: value for option, value in said.items() if option != "rule"} if isinstance(said, dict) else {}, where)
