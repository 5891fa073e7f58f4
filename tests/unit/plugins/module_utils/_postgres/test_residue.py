# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof finds all that a slow and plain search finds, whatever values there are and however rows are written."""

from __future__ import annotations

import json
import re
import select
import unicodedata
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import residue
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import Column
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import parse
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.words import LOREM, MAILBOXES, WORDS

LISTED = [word for locale in WORDS.values() for kind in locale.values() for word in kind]
HARMLESS = {form for word in re.findall(r"[\w@.+-]+", " ".join([LOREM, *MAILBOXES, *LISTED]).lower()) for form in (word, word.strip("._-+"))}
PIECES = ["Rawson", "raw-12345", "raw1234567", "Ann.Rawwoman@mail.example", "4711", "12345678", "Adams", LOREM, LOREM[:57], LOREM[:30], "é", "x", "N",
          " ", "\\", "\n", "\t", "\v", ".", ". ", ", ", "@", "-", "_", '"', '": "', '{"']
NUMBERS = ["12345678", "-12345678", "1.5e+300", "NaN", "-3.25000001", "Infinity", None]
MOMENTS = ["2020-01-01", "2020-01-01 10:20:30.123456+00", "2020-01-01 10:20:30+05:30", "0044-03-15 BC", "infinity", None]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
KNOWN = st.tuples(TEXTS.map(lambda text: text[:residue.LONGEST]) | st.sampled_from([value for value in NUMBERS + MOMENTS if value]), st.booleans())
ROW = st.tuples(TEXTS | st.none(), st.sampled_from(NUMBERS), st.sampled_from(["raw-12345", "ab", "", None]), st.sampled_from(MOMENTS), TEXTS | st.none())
COLUMNS = [["text", None], ["number", "float"], ["word", None], ["moment", "moment"], ["last", None]]


def lower(text):
    return re.sub("[A-Z]", lambda letter: letter.group().lower(), text)


def parts(text):
    return re.findall(r"[0-9a-z@._+\-\u0080-\U0010ffff]+", lower(text))


def spaced(text):
    return re.sub(r"[^0-9a-z@._+\-\u0080-\U0010ffff]", " ", lower(text)).strip(" ").rstrip(" .")


def copied(value):
    """A value as COPY writes it."""
    if value is None:
        return "\\N"
    return "".join({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\v": "\\v"}.get(character, character) for character in value)


def learn(looked_for, value, name):
    """Let it learn a value of a source whose rule is that of last names, or another."""
    looked_for.sources = [{"name": "source", "rule": "last_name" if name else "hash", "query": None}]
    looked_for.learn(SimpleNamespace(query_rows=lambda query, what: [{"v": value}]))


def slow(known, rows, alike):
    """The names of the columns that have something in them that is known, by a search without any cunning; values, and what stands between their
    quotes, are alike by what alike(value) is."""
    wholes, words = set(), set()
    for value, name in known:
        if residue._CHANCE.fullmatch(spaced(value).encode()):
            continue
        if len(spaced(value)) >= 8 and any(
                part and part not in HARMLESS and not part.isdigit() for part in (part.rstrip(".") for part in parts(value))):
            wholes.add(alike(value))
        for part in parts(value):
            part = part.strip("._-+")
            local, at, _domain = part.partition("@")
            if at:
                words |= {part} if len(part) >= 6 else set()
                part = local
            coded = re.search("[0-9]", part) and re.search(r"[^0-9._+-]", part)
            shortest = 8 if coded and not at else 6
            if (at or name or coded) and part not in HARMLESS and len(part) >= shortest and not part.isdigit():
                words.add(part)
    one_word = {whole for whole in wholes if parts(whole) == [whole]}
    return {name for row in rows for (name, _form), value in zip(COLUMNS, row) if value is not None and (
        wholes.intersection(map(alike, [value, *value.split('"')])) or (words | one_word).intersection(
            word for part in parts(value) for word in (part, part.rstrip("."))))}


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@example([("raw\\N", False), ("Rawson", True)], [("\\Rawson", None, None, None, "\\\n\\Rawson\\")])
@example([("a\nraw-12345", False)], [(LOREM[:57] + "Rawson", "NaN", "ab", None, "a raw-12345")])
@example([("raw-12345", False)], [("He has raw-12345.", None, "raw-12345.", None, "(raw-12345.), or")])
@example([("raw-12345", False)], [(LOREM.rstrip() + "raw-12345", None, None, None, None)])
@example([("Rawson 4711", False)], [('{"x": "Rawson 4711."}', None, "ab", None, 'Rawson "4711"'), ("Rawson", None, None, None, '"Ann" Rawson 4711')])
@example([("4711 Rawson.", False)], [("4711 Rawson", "1", "ab", None, "x")])
@example([("4711 Rawson", False)], [("4711 Rawson...", "1", "ab", None, "x")])
@example([("Rawstrasse.", False)], [("Rawstrasse", "1", "ab", None, "x"), ("4711 Rawstrasse..", None, None, None, None)])
@given(st.lists(KNOWN, min_size=1, max_size=4), st.lists(ROW, min_size=1, max_size=4))
def test_it_finds_what_a_slow_search_finds(known, rows):
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    for value, name in known:
        learn(looked_for, value, name)
    data = "".join("\t".join(map(copied, row)) + "\n" for row in rows).encode()
    looked_for.look(data, COLUMNS)
    found = {where for _source, where in looked_for.found}
    assert slow(known, rows, lower) <= found <= slow(known, rows, spaced)
    # A backslash before the end of a line may as well be JSON's, and the letter that COPY writes for that end a word.
    if not any(re.search(r"\\[\n\t]", text or "") for text in [value for value, _name in known] + [text for row in rows for text in row]):
        assert found == slow(known, rows, spaced)
    looked_for.forget()
    looked_for.look(data[:-1], [["whole", None]])  # however it is cut, nothing is passed over
    looked_for.look(data, COLUMNS[:3])
    assert bool(looked_for.found) >= bool({"text", "word", "last"} & found)


@pytest.mark.parametrize("text", [
    '{"street": "Rawstreet 4711"}', '{"zip":"1","street":"Rawstreet 4711","x":[1]}', '{"Rawstreet 4711",b}', '(1,"Rawstreet 4711")', "(Rawstreet 4711)",
    '["a b", "Rawstreet 4711"]', "Rawstreet 4711.", " Rawstreet 4711 ", '{"x": "{\\"street\\": \\"Rawstreet 4711\\"}"}', 'she said "Rawstreet 4711," and left',
    '"Rawstreet 4711"', "rawstreet  4711"])
def test_a_value_of_several_words_is_found_between_quotes_brackets_and_blanks(text):
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    for value in ("Rawstreet 4711", 'Dr. "Ann" Rawson', "Ann van Raw"):
        learn(looked_for, value, False)
    columns = [["a", None], ["b", None], ["c", None]]
    looked_for.look(("7\t%s\tx\n" % copied(text)).encode(), columns)
    assert looked_for.found == ({("source", "b")} if "  " not in text else set())
    looked_for.forget()
    looked_for.look('7\tDr. "Ann" Rawson\tx\n8\ty\t"Ann van Raw" y\n'.encode(), columns)
    assert looked_for.found == {("source", "b"), ("source", "c")}
    looked_for.forget()
    looked_for.look('7\tRawstreet, 4711 or "Rawstreet" 4711\tlives in Rawstreet 4711 now\n'.encode(), columns)
    assert looked_for.found == set()  # as the guide says


def test_of_a_long_value_its_beginning_is_looked_for_in_words():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, ("Rawson " * 50 + "raw-12345")[:residue.LONGEST - 7] + " raw-67890-23456789"[:8], False)
    assert looked_for.values == 0  # what is cut is no word, and no whole that a field could be
    learn(looked_for, "raw-12345 " + "Rawson " * 50, False)
    assert looked_for.values == 1


def test_what_a_rule_drops_of_JSON_is_looked_for_and_what_gives_no_value_is_told():
    column, relation = Column("data", "jsonb", "jsonb"), {"schema": "app", "name": "customer", "estimate": 1}

    def looked_for(said):
        table = SimpleNamespace(relation=relation, masked=lambda: [column], part=None, estimate=1, sql="app.customer",
                                decisions={"data": SimpleNamespace(rule=parse(said, ""))})

        def keys(sql, _what):
            assert sql.index("hashtext(") < sql.index("DISTINCT") < sql.index("OFFSET 0") < sql.index("~")  # looked at is each key once
            return [{"key": key, "keyed": number} for number, key in enumerate(["note", "deliveryStreet", "title", "city"])]

        session = SimpleNamespace(query_rows=keys)
        found, left_out, _constants = residue.sources(session, [table])
        return [source["query"] for source in found], left_out

    for paths in ({"plan": "keep"}, {"tel": "phone"}):
        queries, left_out = looked_for({"rule": "json", "paths": paths})
        assert left_out == [] and "ARRAY[1]::int[]" in queries[0] and "deliveryStreet" not in queries[0]
        assert looked_for({"rule": "json", "paths": paths, "rest": "keep"}) == ([], ["app.customer.data"])


def test_a_word_is_found_wherever_its_block_begins_and_ends():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, "raw-12345", False)
    for data in (b"raw-12345\n", b"RAW-12345\tx\n", b"x\traw-12345\n", b"\\N\t\\N\nraw-12345\tb c\n", b"a b\traw-12345\n", b"x\\nraw-12345\\n\tx\n"):
        looked_for.forget()
        looked_for.look(data, [["a", None], ["b", None]][:1 + (b"\t" in data)])
        assert len(looked_for.found) == 1, data


def test_columns_that_cannot_hold_it_are_passed_over():
    assert [residue.form(Column("c", "x", base, array=array)) for base, array in (
        ("int4", False), ("float8", False), ("timestamptz", False), ("bool", False), ("text", False), ("int4", True), ("inet", False), ("uuid", False),
        ("jsonb", False))] == ["number", "float", "moment", "truth", None, None, "address", "uuid", None]
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, "raw-12345", False)
    looked_for.look(b"raw-12345\n", [["c", "number"]])
    assert looked_for.found == set() and looked_for.bytes == 10
    learn(looked_for, "030-1234567", False)  # as the end of a moment is written
    looked_for.look(b"030-1234567\n", [["c", "number"]])
    assert looked_for.found == set()
    looked_for.look(b"030-1234567\n", [["c", "moment"]])
    assert looked_for.found == {("source", "c")}
    looked_for.forget()
    learn(looked_for, "12345e678", False)  # a code that only numbers with an exponent look like
    for form, found in (("number", set()), ("float", {("source", "c")})):
        looked_for.look(b"12345e678\n", [["c", form]])
        assert looked_for.found == found


def test_addresses_and_uuids_are_looked_at_only_where_one_is_looked_for():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    rows = "10.20.30.40\tde305d54-75b4-431b-adb2-eb6b9e546014\n10.20.30.40/24\t\\N\n2001:db8::ff00:42/64\t\\N\n::ffff:10.2.3.4\t\\N\n".encode()
    columns = [["ip", "address"], ["id", "uuid"]]
    for value in ("raw-12345", "d0a1b2c3d4e5f60718293a4b5c6d7e8f", "de305d54-75b4"):  # which none of them can be
        learn(looked_for, value, False)
        looked_for.look(rows, columns)
        assert {"address", "uuid"} <= looked_for._impossible, value
    for value, where in (("de305d54-75b4-431b-adb2-eb6b9e546014", "id"), ("2001:db8::ff00:42/64", "ip"), ("10.20.30.40/24", "ip"), ("::ffff:10.2.3.4", "ip")):
        looked_for = residue.Residue([{"name": "source"}], "utf-8")
        learn(looked_for, value, False)
        looked_for.look(rows, columns)
        assert looked_for.found == {("source", where)}, value


def test_values_that_come_again_are_looked_at_once_and_new_ones_always():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, "raw-12345", False)
    columns = [["again", None], ["new", None]]
    for number in range(30):
        rows = ["some words\tthese are %d, %d\n" % (number, row) for row in range(2000)]
        looked_for.look("".join(rows).encode(), columns)
    assert looked_for.found == set()
    again, new = (looked_for._seen[place]._values for place in (0, 1))
    assert again == {b"some words"} and new is None  # where all are new, nothing is kept
    for row, where in ((b"it is raw-12345\tx\n", "again"), (b"some words\tit is raw-12345\n", "new")):
        looked_for.forget()
        looked_for.look(b"some words\tx\n" * 9 + row, columns)
        assert looked_for.found == {("source", where)}
    looked_for.found = set()
    looked_for.look(b"x\tit is raw-12345\n", [["other", None], ["table", None]])
    assert looked_for.found == {("source", "table")}
    learn(looked_for, "raw-67890", False)
    looked_for.look(b"x\tsome raw-67890\n", columns)
    assert looked_for.found == {("source", "table"), ("source", "new")}


@pytest.mark.parametrize("codec", ["utf-8", "latin-1"])
@pytest.mark.parametrize("written, known", [
    ("Herr Gr\u00fcneberger kam", "Gr\u00fcneberger"), ("an\nraw-12345", "raw-12345"), ("an\r\nraw@mail.example", "raw@mail.example"),
    ("<raw-12345>", "raw-12345"), ("\U0001f600raw-12345", "\U0001f600raw-12345"), ("\ud83d raw-12345", "raw-12345"),
    ("\u00e9\u00e8\u00ea-12345", "\u00e9\u00e8\u00ea-12345"), ("\tx\\raw-12345", "raw-12345")])
def test_what_JSON_writes_otherwise_is_read_too(written, known, codec):
    looked_for = residue.Residue([{"name": "source"}], codec)
    learn(looked_for, known, known.startswith("Gr"))
    once = json.dumps({"x": written}).replace("<", "\\u003C").replace(">", "\\u003e")  # as some do
    for text in (once, json.dumps([once])):  # JSON in a text of JSON, too
        looked_for.forget()
        looked_for.look(("7\t%s\tx\n" % copied(text)).encode(codec), [["a", None], ["b", None], ["c", None]])
        assert looked_for.found == {("source", "b")}, text
    looked_for.forget()
    looked_for.look_at_schema(("COMMENT '%s'" % once).encode(codec))
    assert bool(looked_for.found) is not known.startswith("Gr")  # a word of plain letters is no reason to refuse a definition
    # What is masked may be such JSON itself; and what only looks like it is read as it stands, too.
    looked_for = residue.Residue([{"name": "source"}], codec)
    learn(looked_for, json.dumps({"x": "\nraw-67890", "y": "is\\next-12345"}), False)
    for text in ("raw-67890", "next-12345"):
        looked_for.forget()
        looked_for.look(text.encode(codec) + b"\n", [["a", None]])
        assert looked_for.found == {("source", "a")}, text


LATIN = ("utf-8", "latin-1")


@pytest.mark.parametrize("known, written, codecs", [
    ("M\u00fcller-\u00d6zdemir", "Frau M\u00dcLLER-\u00d6ZDEMIR kam", LATIN), ("M\u00dcLLER-\u00d6ZDEMIR", "Frau M\u00fcller-\u00d6zdemir kam", LATIN),
    ("\u0418\u0432\u0430\u043d\u043e\u0432", "\u0433. \u0418\u0412\u0410\u041d\u041e\u0412", ("utf-8", "cp1251")),
    ("Mu\u0308ller-Schmidt", "an M\u00fcller-Schmidt", ("utf-8",)), ("M\u00fcller-Schmidt", "an Mu\u0308ller-Schmidt", ("utf-8",)),
    ("H\u00f6lzlestra\u00dfe 7", '{"an": "H\u00d6LZLESTRASSE 7"}', LATIN),
    ("ren\u00e9e.raw@web.example", "von REN\u00c9E.RAW@WEB.EXAMPLE.", LATIN)])
def test_upper_and_lower_case_of_letters_beyond_ASCII_make_no_difference_either(known, written, codecs):
    for codec in codecs:
        looked_for = residue.Residue([{"name": "source"}], codec)
        learn(looked_for, known, "7" not in known)
        looked_for.look(("%s\n" % copied(written)).encode(codec), [["c", None]])
        assert looked_for.found == {("source", "c")}, codec
    looked_for = residue.Residue([{"name": "source"}], "utf-8", (), [known])
    learn(looked_for, known, "7" not in known)
    assert looked_for.values == 0  # nor do they for what rules put into rows


def test_other_ways_to_write_what_comes_first_leave_no_value_out(monkeypatch):
    names = ["\u0418\u0432\u0430\u043d\u043e\u0432" + letter for letter in "\u0430\u0431\u0432\u0433\u0434"]
    values = {"names": names, "mail": ["ann.raw@mail.example"], "more": ["raw-12345"]}

    def learned(most):
        monkeypatch.setattr(residue, "MOST", most)
        looked_for = residue.Residue([{"name": name, "rule": "last_name", "query": name} for name in values], "utf-8")
        looked_for.learn(SimpleNamespace(query_rows=lambda query, what: [{"v": value} for value in values[query]]))
        looked_for.look("\t".join([*names, names[-1].upper(), "ann.raw@mail.example"]).encode() + b"\n", [[str(number), None] for number in range(7)])
        return {where for _source, where in looked_for.found}, looked_for.told()

    found, told = learned(3 * len(names))  # each name, as it stands and, for as long as there is room, otherwise
    assert found == {"0", "1", "2", "3", "4", "6"} and told["left_out"] == ["names"] and told["values"] <= 3 * len(names) + 2
    (warning,) = told["warnings"]
    assert "names" in warning and "mail" not in warning
    found, told = learned(1000)
    assert found == {"0", "1", "2", "3", "4", "5", "6"} and told["left_out"] == [] == told["warnings"]
    found, told = learned(6)
    assert found == {"0", "1", "2", "3", "4", "6"} and told["left_out"] == ["more", "names"] and told["columns"] == 1


@pytest.mark.parametrize("known, name", [
    ("\u041a\u0438\u043c", True), ("\u738b\u660e", True), ("\u0410\u043d\u043d\u0430", False), ("Mu\u0308ll", True), ("\u041a\u0438\u0435\u0432 7", False)])
def test_what_is_too_short_is_so_in_every_language(known, name):
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, known, name)
    assert looked_for.values == 0


@pytest.mark.parametrize("name", ["\u5c71\u7530\u592a\u90ce", "\u738b\u5c0f\u660e", "\uae40\ucca0\uc218",
                                  unicodedata.normalize("NFD", "\uae40\ucca0\uc218")])
def test_a_letter_that_says_as_much_as_two_is_two_characters(name):
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, name, True)
    looked_for.look(("%s\n" % name).encode(), [["c", None]])
    assert looked_for.found == {("source", "c")}


@pytest.mark.parametrize("value", ["1980-01-02", "1980-01-02 10:20", "2026-01-15T10:59:01.5Z", "2026-01-15T10:59:01+01:00", "2026-01-15 10:59:01+01",
                                   "2026-01-15 10:59:01.123456 +0530", "1876-12-31 10:59:01+00:53:28",
                                   "02.01.1980", "2.1.1980", "0044-03-15 BC", "1234567.50", "-1234567"])
def test_a_text_that_is_a_moment_or_a_number_is_as_one_in_a_column_of_them(value):
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, value, False)
    assert looked_for.values == 0
    for telling in ("born " + value, "030-1234567", "+4917112345678", "0171.12345678", "123-45-6789",
                    # A place, telephones, and numbers of persons and customers; and a moment with a telephone behind it.
                    "52.5200066", "49.1711234567", "756.1234567897", "850101.1234", "-12345678", "4510-12-34", "123456-12-34", "45.12.1980",
                    "2026-01-15 10:59 +49 171 1234567", "2026-01-15 10:59 +4917112345678"):
        before = looked_for.values
        learn(looked_for, telling, False)
        assert looked_for.values > before, telling


def test_columns_of_values_that_many_have_are_left_out():
    def left_out(type, base):
        column, relation = Column("span", type, base), {"schema": "app", "name": "pay", "estimate": 1}
        table = SimpleNamespace(relation=relation, masked=lambda: [column], part=None, estimate=1, sql="app.pay",
                                decisions={"span": SimpleNamespace(rule=parse("null", ""))})
        return residue.sources(None, [table])[1] == ["app.pay.span"]

    assert all(left_out(*types) for types in (("money", "money"), ("interval", "interval"), ("timetz", "timetz"), ("app.mood", "enum"),
                                              ("tstzrange", "range"), ("nummultirange", "multirange")))
    assert not any(left_out(*types) for types in (("app.textrange", "range"), ("text", "text")))


def test_what_rules_put_into_rows_is_no_raw_value():
    form, fixed = "$newhash2$v=19$m=65536,t=4,p=1$%s$%s", "Shop.Team@mail.example"
    known, raw = form % ("a25vd24x", "a25vd25oYXNoMQ"), form % ("cmF3c2FsdDE", "cmF3aGFzaDE")
    looked_for = residue.Residue([{"name": "source"}], "utf-8", (), [known, fixed, "one\ntwo-34567", "Shop\u00a0Known4711"])
    for value in (raw, fixed, "two-34567", "Shop\u00a0Known4711"):  # addresses of a fixed value are those of somebody else at times
        learn(looked_for, value, False)
    looked_for.look(("%s\n%s\n%s\nShop\u00a0Known4711\n" % (known, fixed, copied("one\ntwo-34567"))).encode(), [["c", None]])
    assert looked_for.found == set()
    looked_for.look(b"it was cmF3c2FsdDE\n", [["c", None]])
    assert looked_for.found == {("source", "c")}


def test_the_names_of_hashers_are_no_raw_values():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    for hasher in ("argon2id", "argon2i", "bcrypt_sha256", "bcrypt-sha256", "pbkdf2_sha512", "pbkdf2-sha256", "pbkdf2-sha512", "sha512_crypt"):
        learn(looked_for, "$%s$rawhash-%s" % (hasher, hasher), False)
        looked_for.look(b"by %s\n" % hasher.encode(), [["c", None]])
    assert looked_for.found == set()


def test_a_plain_word_that_is_a_whole_value_may_be_called_as_a_column_is():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, "Verified", False)
    looked_for.look_at_schema(b"verified boolean, -- if verified.")
    assert looked_for.found == set()
    looked_for.look(b"verified\n", [["c", None]])
    assert looked_for.found == {("source", "c")}


def test_nothing_is_kept_of_what_is_looked_for():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, "Raw Rawson, raw-12345, raw@mail.example", True)
    assert looked_for.values == 4 and all(isinstance(kept, residue._Print) for kept in [*looked_for._words, *looked_for._wholes, *looked_for._prints])


def test_the_last_word_of_a_sentence_is_found_in_definitions_too():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    learn(looked_for, "raw@mail.example", False)
    learn(looked_for, "Rawson", True)  # a word of plain letters may be called as a table is
    for data in (b"\0COMMENT ... 'Ask raw@mail.example.';\0", b"raw@mail.example.", b"Raw@mail.example. x"):
        looked_for.forget()
        looked_for.look_at_schema(data)
        assert looked_for.found == {("source", "the schema")}, data
    looked_for.forget()
    looked_for.look_at_schema(b"What Rawson. and Rawson is.")
    assert looked_for.found == set()


def test_what_stands_before_an_at_is_no_reason_to_refuse_a_table_or_a_text_that_is_called_so():
    looked_for = residue.Residue([{"name": "source"}], "utf-8")
    for value in ("rawshop@mail.example", "orders@mail.example", "5 pieces @ 3", "raw.person@mail.example"):
        learn(looked_for, value, False)
    looked_for.look_at_schema(b"CREATE TABLE orders; OWNER rawshop @")
    looked_for.look(b"your orders, two @ four\n", [["c", None]])
    assert looked_for.found == set()
    looked_for.look(b"ask rawshop\n", [["c", None]])
    looked_for.look_at_schema(b"-- by raw.person")
    assert looked_for.found == {("source", "c"), ("source", "the schema")}


def test_what_each_process_says_does_not_grow_with_the_columns():
    """What is more than a pipe takes at once mixes with what the others say."""
    looked_for = residue.Residue([{"name": "app.customer.column_%d" % number, "rule": "hash", "query": ""} for number in range(5000)], "utf-8")
    looked_for.cut = [source["name"] for source in looked_for.sources]
    looked_for.found = {(number, "app.customer.column_%d" % number) for number in range(5000)}
    assert len(json.dumps(looked_for.seen())) < select.PIPE_BUF < len(json.dumps(looked_for.told()))
    assert looked_for.told() == dict(looked_for.told(), **looked_for.seen())
