# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Columns that look as if they held personal data, by their names, their types and what is in them.

What is in them is looked at by the server: it tells how many values have a form, and none of them.
"""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import JSONS, MOMENTS, NUMBERS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import TEXTS as MASKED_TEXTS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import parse

TEXTS = MASKED_TEXTS + ("name",)  # no mask is for the server's type of names, but it holds some all the same
SAMPLE = 1000  # rows of a table
ENTRIES = 1600  # counts of one query; PostgreSQL takes 1664
SHARE = 0.2  # of its values that are not empty, from which on a column is taken to hold what has their form; of a sure form one value is enough
# Where a name has words by its capitals: IPAddress is ip_address, but IPaddress is ipaddress, and logIn is login. Each way of reading it counts.
SPLITS = (r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", r"(?<=[a-z])(?=[A-Z])", r"(?!)")
# The last words of a name that say which of several it is and not what it is, as in address_2_old, phone_work and tax_number_de. So do one or two
# letters, but for those of keys, sizes, counts, codes of countries and programs.
WHICH = (r"(old|new|alt|raw|full|complete|text|main|primary|secondary|other|home|work|office|private|business|personal|billing|shipping|delivery|invoice"
         r"|(?!id|pk|fk|nb|ct|cc|os|ui|ok|kb|mb|ms|px|sm|md|lg|xl|[hwxy]$)[a-z]{1,2})")
# What a number of a phone or fax is called: by its last word, as what counts phones, or says of which kind they are, is of nobody.
NUMBERED = r"(_?(no|nr|num|number|nummer))?"
DIALLED = r"(.*(phone|telefon|(?<!auto)mobile?|fax|whats_?app|contact(?=_?n(o|r|um)))|(.*_)?tel)s?%ss?$" % NUMBERED
# Words with which it is none, but counts something for those who come by one; and those with which one of four bytes sets or counts something,
# but a longer one may be whom to notify.
COUNTED = (r"is_|has_|opt_in_|(.*_)?(clicks|visits|views|hits|counts?|sum|total|prices?|costs?|width|height|size|columns?|rows?|items|sort|position|avg"
           r"|rate|number_of)_")
SETTING = r".*s$|(.*_)?(click|visit|view|per|limit|max|min|show|hide|enabled?|disabled?|allow|use|notify)_"
BORN = r"birth|dob$|geburt|(^|_)born(_?(on|at|date))?$"

# (what a name has in it, as _names() has it; the bases it is looked at with (empty: all); the rule that is proposed)
NAMES = (
    (r"e_?mail|(^|_)mails?(_?addr(ess)?)?$", TEXTS, "email"),
    (r"first_?name|given_?name|vorname|(^|_)vor_name|(^|_)f_?name$", TEXTS, "first_name"),
    (r"last_?name|sur_?name|family_?name|middle_?name|nach_?name|(^|_)l_?name$", TEXTS, "last_name"),
    (r"full_?name|display_?name|user_?name|user_?nice|login|(contact|customer)_?name|recipient|nick"
     r"|(^|_)((card|(?<!place_))holder|(card|cc)_owner)(_?name)?$", TEXTS, "hash"),
    (r"phone|mobile|mobil_?n|fax|telefon|whats_?app|contact_?(no|nr|num|number)$", TEXTS, "phone"),
    (r"street|address_?line|stra(ss|ß)e", TEXTS, "street"),
    (r"(^|_)(city|(home)?town|(wohn)?ort)(_?name)?$", TEXTS, "city"),
    (r"postal|post_?code|zip|plz", TEXTS, "postal_code"),
    (r"company|organi[sz]ation_?name|(^|_)organi[sz]ation$|firma", TEXTS, "company"),
    (r"iban|account_?n|(^|_)acc_?n(o|r|um(ber)?)$", TEXTS, "iban"),
    (r"passw|pass_wor[dt]|secret|token|(api|activation)_?key|salt|credential|hash$", (), "hash"),
    (r"sess(ion)?_?(id|key|data)", TEXTS + ("uuid", "bytea"), "hash"),  # a number is one that rows are told apart by
    (BORN, MOMENTS + TEXTS, "date"),
    (BORN, ("time", "timetz", "interval", "range", "multirange"), "null"),
    # Two bytes are too few for one of a phone.
    (r"^(?!%s)%s" % (COUNTED, DIALLED), tuple(base for base in NUMBERS if base not in ("int2", "int4")), "null"),
    (r"^(?!%s|%s)%s" % (COUNTED, SETTING, DIALLED), ("int4",), "null"),
    (r"^(?!is_|has_)(.*account_?(?=n(o|r|um))|(.*_)?(iban|birth(_?(day|date|month|year))?|dob|(post(al)?|zip)_?code|zip|plz))%s$" % NUMBERED, NUMBERS, "null"),
    (r"ssn|tax_?id|vat_?(id|n)|pass_?port|national_?id|card_?n|(^|_)cc_?n(o|r|um(ber)?)(_|$)|(card|cc)_last$|(^|_)cv[cv]$"
     r"|(?<!ara)(?<!cu)bic$|swift", (), "hash"),
    (r"(?<!\bis_)(?<!\bhas_)tax_?(no|nr|numbers?)(?!.*_(id|valid|verified|checked|count|required|type|status)(_|$))(_|$)", (), "hash"),
    (r"(^|_)(tax_?)?vat$|(^|_)(?<!first_)(?<!second_)pass$", TEXTS, "hash"),  # a number is an amount, or how many have passed
    (r"(^|_)ipv?($|_)|ip_?addr|remote_?addr|forwarded_?for|user_?agent", (), "inet"),
    # A word for itself, or the last of several: more would mean anything.
    (r"(^|_)(address(es)?|addr|anschrift|adresse)$", TEXTS, "street"),
    (r"(^|_)(tel|cell|handy)%s$" % NUMBERED, TEXTS, "phone"),
    (r"(^|_)(gender|sex|nationality|religion|marital(_?status)?|(?<!min_)(?<!max_)salary|maiden_?name|geschlecht|gehalt|house_?n(o|r|umber)|haus_?nummer)$"
     r"|(^|(monthly|yearly|annual|household|family)_)income$", (), "null"),
    (r"note|comment|message|body|remark|description_of|biograph|signature", TEXTS, "text"),
    (r"latitude|longitude|(^|_)(lat|lon|lng)$", (), "null"),
)
TYPES = {"inet": "inet", "cidr": "inet", "macaddr": "null", "macaddr8": "null", "bytea": "empty", "xml": "null", "hstore": "empty",
         "record": "null", "tsvector": "null", "tsquery": "null", "geometry": "null", "geography": "null"}
TYPES.update({name: "json" for name in JSONS})
TYPES.update(dict.fromkeys(("point", "path", "lseg", "box", "polygon", "circle", "cube"), "null"))  # places, as on maps; of earthdistance cubes
# Types that are known to hold no text: those of the server, and those of extensions whose numbers or words would be taken for those of people. Of
# any other, as emailaddr, nobody knows, and so it is looked at as a text.
NO_TEXTS = frozenset((*NUMBERS, *MOMENTS, *TYPES, *"""
    bool bit varbit char uuid enum range multirange money time timetz interval line aclitem jsonpath refcursor
    oid xid xid8 cid tid pg_lsn pg_snapshot txid_snapshot regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc
    regprocedure regrole regtype
    ltree lquery ltxtquery seg query_int ean13 isbn isbn13 ismn ismn13 issn issn13 upc box2d box3d raster spheroid vector halfvec sparsevec hll tdigest
    roaringbitmap roaringbitmap64 int1 int16 uint1 uint2 uint4 uint8 uint16 semver debversion ulid""".split()))
# Neither a picture for fine screens, as logo@2x.png, nor an address of the web with somebody's @name in it.
_MAIL = r"[^@\s]+@(?![0-9]x\.(png|jpe?g|gif|webp))[^@\s/]+\.[a-zA-Z]{2,}"
# Account numbers of countries where they are so full of digits that no code in capitals looks like one by chance.
_IBAN = "^(%s)$" % "|".join((
    r"NO\d{13}|BE\d{14}|(DK|FI|FO|GL)\d{16}|SI\d{17}|(AT|BA|EE|LT|LU|XK)\d{18}|HR\d{19}|(CR|DE|ME|RS|VA)\d{20}|(AE|IL|TL)\d{21}",
    r"(CZ|ES|SA|SE|SK|TN)\d{22}|(LY|PT|ST)\d{23}|(IS|TR)\d{24}|MR\d{25}|(HU|PL)\d{26}|EG\d{27}",
    r"(CH|LI)\d{7}[A-Z0-9]{12}|(FR|MC)\d{12}[A-Z0-9]{11}\d\d|(IT|SM)\d\d[A-Z]\d{10}[A-Z0-9]{12}|GR\d{9}[A-Z0-9]{16}|(AL|CY)\d{10}[A-Z0-9]{16}",
    r"NL\d\d[A-Z]{4}\d{10}|BG\d\d[A-Z]{4}\d{6}[A-Z0-9]{8}|LV\d\d[A-Z]{4}\d{13}|(GB|IE)\d\d[A-Z]{4}\d{14}|GI\d\d[A-Z]{4}\d{15}"))
_ANY_IBAN = r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"
# (form of a value, what it is, the rule that is proposed)
FORMS = (
    ("^%s$" % _MAIL, "e-mail addresses", "email"),
    (_IBAN, "account numbers (IBAN)", "iban"),
    (_ANY_IBAN, "account numbers (IBAN)", "iban"),
    (r"^(\d{1,3}\.){3}\d{1,3}$", "IP addresses", "inet"),
    (r"^\+?[\d][\d ()/.-]{7,18}\d$", "phone numbers", "phone"),
    (r"^\d{3}-\d{2}-\d{4}$", "social security numbers", "hash"),
    (r"^\d(?:[ -]?\d){12,18}$", "card numbers", "hash"),
    (r"^[$][0-9A-Za-z-]+[$]\S{8}|^(pbkdf2|argon2|bcrypt)\w*[$:]", "hashes of passwords", "hash"),
    (_MAIL, "texts with e-mail addresses", "text"),
)
# Of whole numbers nearly all: of what is counted or drawn, a quarter looks like a card.
NUMBER_FORMS = ((r"^(4\d{15}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(011|5\d\d)\d{12})$", "card numbers", "null"),)
NUMBER_SHARE = 0.8
# Those that no column of anything else is full of, as one of numbers of goods is of what looks like phone numbers.
TELLING = tuple(form for form in FORMS if form[2] in ("email", "iban") or "e-mail" in form[1] or "passwords" in form[1])
# Those that nothing else has: of a hundred codes in capitals some look like an account number of anywhere.
SURE = tuple(form for form in TELLING if form[0] != _ANY_IBAN)
# What is proposed where the rule that comes to mind does not fit a column, the first that does.
INSTEAD = ("hash", "text", "uuid", "date", "inet", "null", "empty", {"rule": "array", "of": "hash"}, {"rule": "fixed", "value": 0})


def by_name_and_type(column):
    """(why a column is suspicious, the rule that is proposed), or None."""
    if column.base in ("bool",):
        return None
    base = _taken_for(column)
    # Of a number the first word is to be told: isMobile is a flag.
    names = list(_names(column.name, SPLITS[:-1] if column.base in NUMBERS else SPLITS))
    for words, bases, rule in NAMES:
        if (not bases or base in bases) and any(re.search(words, name) for name in names):
            return "its name", rule
    return ("its type %s" % column.type, TYPES[column.base]) if column.base in TYPES else None


def _taken_for(column):
    """The base that a column is looked at by."""
    return column.base if column.base in NO_TEXTS else "text"


def _names(name, splits):
    """A name in words of small letters with _ between them, without numbers; and without each of the last ones that only say which of several it is."""
    for split in splits:
        words = re.findall(r"[^\W\d_]+", re.sub(split, "_", name).lower())
        yield "_".join(words)
        while len(words) > 1 and re.fullmatch(WHICH, words[-1]):
            del words[-1]
            yield "_".join(words)


def by_content(session, table, columns, estimate, forms=FORMS):
    """{name of a column: (why, rule)} of those columns of a table (as SQL names it) whose values have one of forms; estimate is how many rows it has.

    The first rows are often the oldest, of when nobody had come yet: others of anywhere are looked at, too. What has a sure form in a few values
    only is as a rule text that people write, unless its name says more.
    """
    many, few = {}, {}
    for some, forms, share in _alike(columns, forms):
        for sample in _samples(estimate):
            for column, values, found in _counted(session, table, some, forms, sample):
                for form, hits in zip(forms, found):
                    if hits and hits >= share * values:
                        many.setdefault(column.name, ("%s in it" % form[1], form[2]))
                    elif hits and form in SURE and not by_name_and_type(column):
                        few.setdefault(column.name, ("%s among its values" % form[1], "text"))
    return dict(few, **many)


def _alike(columns, forms):
    """(columns that one query can look at, the forms that they are looked at for, the share of values that tells)."""
    # To make a text of any other type may run a function that its owner wrote as its cast.
    texts = [column for column in columns if column.base in TEXTS or _taken_for(column) in TEXTS and not column.others]
    numbers = [column for column in columns if column.base in ("int8", "numeric")] if forms is FORMS else []
    for some, forms, share in ((texts, forms, SHARE), (numbers, NUMBER_FORMS, NUMBER_SHARE)):
        wide = ENTRIES // (len(forms) + 1)
        for number in range(0, len(some), wide):
            yield some[number:number + wide], forms, share


def _samples(estimate):
    """SQL for which rows of a table are looked at."""
    yield " LIMIT %d" % SAMPLE
    if estimate > SAMPLE:  # drawn are pages, in their order: a lower limit would leave out those at the end
        # The same ones each time: whether there is a dump comes of the data, and who looks after it finds what kept it from being made.
        yield " TABLESAMPLE SYSTEM (%f) REPEATABLE (0) LIMIT %d" % (100.0 * SAMPLE / estimate, 2 * SAMPLE)


def _counted(session, table, columns, forms, sample):
    """(column, how many values of it there are, how many of them have each form) for each of the columns."""
    patterns = [".", *(form for form, _what, _rule in forms)]  # first any letter: what is empty is no value
    counts = ["count(*) FILTER (WHERE %s) AS n%d_%d" % (_has(column, pattern), number, place)
              for number, column in enumerate(columns) for place, pattern in enumerate(patterns)]
    names = ", ".join(quote_ident(column.name) for column in columns)
    row = session.query_rows("SELECT %s FROM (SELECT %s FROM ONLY %s%s) sample" % (", ".join(counts), names, table, sample), table)[0]
    for number, column in enumerate(columns):
        values, *found = (row["n%d_%d" % (number, place)] for place in range(len(patterns)))
        yield column, values, found


def _has(column, form):
    """SQL for whether a value has a form; of an array, one of its elements."""
    name, form = quote_ident(column.name), quote_literal(form)
    if column.array:
        return "EXISTS (SELECT FROM unnest(%s) e (v) WHERE %s ~ %s)" % (name, as_it_stands("e.v"), form)
    return "%s ~ %s" % (as_it_stands(name), form)


def as_it_stands(value):
    """SQL for a value as a text that is what it is letter by letter: patterns are for no text to which upper and lower case are the same."""
    return '((%s)::text COLLATE pg_catalog."C")' % value


def fitting(column, rule):
    """A rule for a column as people write it: this one, or each element by it, or another one that fits; None where none does."""
    for said in (rule, {"rule": "array", "of": rule}) + INSTEAD:
        try:
            if not parse(said, column.name).problem(column):
                return said
        except SlipwayError:  # it needs options that only a person knows
            continue
    return None
