# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where rules of sanitized dumps come from, in which order they are read, what presets and proposals are made of."""

from __future__ import annotations

import os
import random
import re
import string
import types

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import sources
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import Column
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import parse
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.presets import PRESETS
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import Rules
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.suspicion import FORMS, SURE, by_name_and_type, fitting
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.plugins.modules import package_build, postgres_dump
from ansible_collections.slipway.app.plugins.plugin_utils._here import with_rules

NOTHING = dict.fromkeys(sources.SOURCE_ARGUMENTS)


def of(table, rule="keep"):
    return {"tables": {table: {"columns": {"c": rule}}}}


def test_documents_are_read_as_one_from_presets_to_what_comes_with_the_call():
    below = [("slipway.yml", dict(of("b"), policy="scan", large_objects="drop")), ("rules.yml", dict(of("c"), policy="strict", presets=["django"]))]
    rules = Rules(dict(of("d"), presets=["oro", "django"], residue={"accept": ["a.b.c"]}), below)
    told = [entry.told for entry in rules.entries]
    assert told[-3:] == ["slipway.yml, b", "rules.yml, c", "sanitize, d"]
    assert told[:-3] == ["preset %s, %s" % (name, table) for name in ("django", "oro") for table in PRESETS[name]["tables"]]
    assert [entry.preset for entry in rules.entries] == [True] * len(told[:-3]) + [False] * 3
    assert (rules.policy, rules.large_objects, rules.accepted) == ("strict", "drop", ["a.b.c"])
    assert len({Rules(document, lower).digest for document, lower in ((of("d"), below), (of("d"), below[:1]), (of("d"), []), ({}, below))}) == 4


@pytest.mark.parametrize("document, words", [
    ([], "rules.yml: sanitize has to be a mapping"), (of("t", "e-mail"), "rules.yml: sanitize.tables.t.c: e-mail is no rule. Did you mean email?"),
    ({"policy": "lax"}, "rules.yml: sanitize.policy has to be"), ({"tables": {"t": "drop"}}, "rules.yml: sanitize.tables.t has to be"),
    ({"residue": {"acept": []}}, "rules.yml: sanitize.residue has to be"), ({"presets": "django"}, "presets has to be a list of names"),
    ({"presets": ["djang"]}, "rules.yml: sanitize: there is no preset djang. Did you mean django?")])
def test_what_is_wrong_is_said_with_its_document(document, words):
    with pytest.raises(SlipwayError) as error:
        Rules({}, [("rules.yml", document)])
    assert words in str(error.value)


def test_presets_keep_nothing_by_a_pattern():
    for name, preset in PRESETS.items():
        entries = Rules({"presets": [name]}).entries
        assert len(entries) == len(preset["tables"]) and not any(entry.kept_whole for entry in entries)
        assert [matcher.text for entry in entries for matcher, _rule in entry.columns if not matcher.exact] == []
        assert [entry.told for entry in entries if not entry.matcher.exact and any(rule.name == "keep" for _matcher, rule in entry.columns)] == []


@pytest.fixture
def live(monkeypatch):
    """live(rules, overlay) makes a live release with these under sanitize in slipway.yml and in that of prod."""
    def make(rules, overlay):
        documents = {"base": {"application": "shop", "profile": "generic", "sanitize": rules}, "overlays": {"prod": {"sanitize": overlay}}}
        monkeypatch.setattr(ReleaseStore, "current", lambda _store: types.SimpleNamespace(documents=documents))
    return make


def test_no_word_of_rules_makes_no_sanitized_dump_and_any_word_does(live):
    assert sources.rules_from(dict(NOTHING, environment="prod"), None) is None
    assert sources.rules_from(dict(NOTHING, environment="prod"), {}) == ({}, [])
    assert sources.rules_from(dict(NOTHING, sanitize_content={}, environment="prod"), None) == ({}, [("sanitize_content", {}, False)])
    with pytest.raises(SlipwayError, match="rules.yml was not read"):
        sources.rules_from(dict(NOTHING, sanitize_file="a/rules.yml", environment="prod"), {})
    live(of("a"), {"tables": {"b": "truncate"}})
    params = dict(NOTHING, sanitize_root="/srv/shop", environment="prod")
    both = {"tables": {"a": {"columns": {"c": "keep"}}, "b": "truncate"}}
    assert sources.rules_from(params, None) == ({}, [("slipway.yml", both, True)])
    assert sources.rules_from(dict(params, environment=None), None) == ({}, [("slipway.yml", of("a"), True)])
    params.update(sanitize_file="a/rules.yml", sanitize_content=of("f"))
    assert sources.rules_from(params, of("i")) == (of("i"), [("slipway.yml", both, True), ("rules.yml", of("f"), False)])


def test_a_package_makes_no_check_of_those_who_dump_weaker():
    lax = dict(of("t"), policy="scan", residue={"accept": ["a.b.c", "the schema"]})
    rules = Rules({}, [("slipway.yml", lax, True)])
    assert (rules.policy, rules.accepted) == (None, [])
    assert rules.warnings == ["policy: scan and residue: accept (a.b.c, the schema) of slipway.yml do not count: only whoever makes the dump can say so,"
                              " with the call, in its config, or in a file of rules."]
    for document, below in ((lax, []), ({}, [("slipway.yml", lax)])):
        rules = Rules(document, below)
        assert (rules.policy, rules.accepted, rules.warnings) == ("scan", ["a.b.c", "the schema"], [])
    rules = Rules({"policy": "scan"}, [("slipway.yml", dict(of("t"), policy="strict"), True)])  # what makes it stronger counts, unless somebody says else
    assert (rules.policy, rules.warnings) == ("scan", [])
    assert Rules({}, [("slipway.yml", dict(of("t"), policy="strict"), True)]).policy == "strict"


def test_what_comes_later_goes_before_and_so_the_order_is_in_the_digest():
    tables = {"a": {"columns": {"x*": "hash", "*y": "text"}}, "b": "keep"}
    turned = [{"tables": dict(reversed(tables.items()))}, {"tables": dict(tables, a={"columns": {"*y": "text", "x*": "hash"}})}]
    said = {"policy": "strict", "tables": tables}
    assert len({Rules(document).digest for document in [{"tables": tables}, *turned]}) == 3
    assert Rules(said).digest == Rules(dict(reversed(said.items()))).digest  # that of options says nothing


def test_rules_are_no_reason_without_a_release(tmp_path):
    params = dict(NOTHING, sanitize_root=str(tmp_path), environment="prod")
    assert sources.rules_from(params, None) == ({}, [])
    (tmp_path / "releases").mkdir()
    (tmp_path / "other").mkdir()
    assert sources.rules_from(params, None) == ({}, [])


@pytest.mark.parametrize("typed, words", [("srv/shpo", "srv/shpo, whose live release has rules .* cannot be read: No such file"),
                                          ("", "No release is live in /"), ("srv/shop/current", "No release is live in /.*/srv/shop/current")])
def test_a_slip_of_the_pen_does_not_lose_the_rules_of_a_release(tmp_path, typed, words):
    (tmp_path / "srv" / "shop" / "releases" / "1").mkdir(parents=True)
    (tmp_path / "srv" / "shop" / "releases" / "1" / "code").touch()
    (tmp_path / "srv" / "shop" / "current").symlink_to("releases/1")
    with pytest.raises(SlipwayError, match=words):
        sources.rules_from(dict(NOTHING, sanitize_root=str(tmp_path / typed), environment="dev"), {})


@pytest.mark.parametrize("configs, config, said, part", [
    ({}, "none", {}, "sanitized"), ({"p": {"sanitize": {}}}, "p", None, "p"), ({"p": {"sanitize": {}}}, "p", {}, "sanitized"),
    ({"small": {"jobs": 1}}, "small", None, "sanitized")])
def test_the_key_of_a_sanitized_dump_has_no_config_that_says_nothing_of_rules(configs, config, said, part):
    params = {"config": config, "configs": configs, "sanitize": said, "sanitize_content": {}}
    assert postgres_dump.config_part(params, object()) == part


@pytest.mark.parametrize("text, words", [
    (None, "cannot be read"), ("tables: [", "is not valid YAML"), ("tables:\n  a: keep\n  a: truncate", "the key a comes twice"), ("- a", "is no mapping")])
def test_a_file_of_rules_is_read_here_and_nothing_in_it_is_overlooked(tmp_path, text, words):
    path = tmp_path / "rules.yml"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    def find(folder, name):
        raise AnsibleError("%s is not in %s" % (name, folder))

    action = types.SimpleNamespace(_find_needle=find)
    with pytest.raises(AnsibleActionFail, match=words):
        with_rules(action, {"sanitize_file": str(path)})
    with pytest.raises(AnsibleActionFail, match=re.escape("There is no file %s, " % os.path.abspath("elsewhere.yml"))):
        with_rules(action, {"sanitize_file": "elsewhere.yml"})
    path.write_text("tables: {a: {columns: {no: keep, x: null, y: yes}}}", encoding="utf-8")
    given = with_rules(action, {"sanitize_file": str(path)})
    assert given["sanitize_content"] == {"tables": {"a": {"columns": {"no": "keep", "x": None, "y": "yes"}}}}
    assert with_rules(action, {"store": "x"}) == {"store": "x"}


def test_a_package_has_no_rules_that_are_none():
    package_build.check_rules({"sanitize": of("t")})
    with pytest.raises(SlipwayError, match="slipway.yml: sanitize.tables.t.c: e-mail is no rule"):
        package_build.check_rules({"sanitize": of("t", "e-mail")})


@pytest.mark.parametrize("column, rule, fits", [
    (Column("email", "text", "text"), "email", "email"), (Column("email", "varchar(9)", "varchar", length=9), "email", "hash"),
    (Column("email", "varchar(4)", "varchar", length=4), "email", "text"), (Column("email", "varchar(4)", "varchar", length=4, unique=True), "email", "null"),
    (Column("mails", "text[]", "text", array=True, element_type="text"), "email", {"rule": "array", "of": "email"}),
    (Column("phone", "text", "text", unique=True), "phone", "hash"), (Column("token", "uuid", "uuid", unique=True, not_null=True), "hash", "uuid"),
    (Column("data", "jsonb", "jsonb"), "json", "null"), (Column("data", "jsonb", "jsonb", not_null=True), "json", "empty"),
    (Column("phones", "int8[]", "int8", array=True, element_type="int8"), "null", "null"),
    (Column("ssn", "int4", "int4", not_null=True), "hash", {"rule": "fixed", "value": 0}), (Column("ssn", "int4", "int4"), "hash", "null"),
    (Column("raw", "bytea", "bytea", unique=True, not_null=True), "empty", None)])
def test_what_is_proposed_fits(column, rule, fits):
    said = fitting(column, rule)
    assert said == fits
    assert said is None or parse(said, "").problem(column) is None


@pytest.mark.parametrize("name, base, rule", [
    ("E-Mail", "citext", "email"), ("emailed", "bool", None), ("home", "record", "null"), ("words", "tsvector", "null"), ("colour", "text", None),
    ("address", "text", "street"), ("billing_address2", "varchar", "street"), ("ip_address", "text", "inet"), ("email_address", "text", "email"),
    ("address_id", "int4", None), ("addressed", "text", None), ("tel", "text", "phone"), ("hotel", "text", None), ("excel", "text", None),
    ("gender", "varchar", "null"), ("salary", "numeric", "null"), ("login", "name", "hash"),
    *[(name, base, "null") for name, base in (
        ("phone", "int8"), ("mobile_number", "numeric"), ("phone2", "int8"), ("customerPhone", "int4"), ("tel_no", "int8"), ("account_number", "int8"),
        ("accountNo", "int4"), ("birthday", "int4"), ("birth_year", "int2"), ("zip", "int4"), ("plz", "int4"), ("billing_postal_code", "int4"),
        ("mobile", "int8"), ("customerMobile", "int8"), ("work_fax", "int8"), ("telefax", "int8"), ("guest_of_honour_mobile_no", "int8"), ("fax2", "int8"),
        ("primary_mobile", "int8"), ("recipient_mobile", "numeric"), ("order_mobile", "int8"), ("primaryMobile", "int8"), ("main_fax", "int4"),
        ("phone_2", "int8"), ("mobile_2", "int8"), ("phone_number_2", "int8"), ("phone_2_number", "int8"), ("phone2No", "int8"), ("fax_2", "int8"),
        ("account_number_2", "int8"), ("zip_2", "int8"), ("plz_2_old", "int4"), ("phone_de", "int8"), ("phoneWork2", "int8"), ("phones", "int8"),
        ("notify_phone", "int8"), ("visit_phone", "int8"), ("sms_notify_mobile", "numeric"), ("show_phone_2", "int8"), ("max_mobile", "int8"),
        ("whatsapp", "int8"), ("contact_no", "int8"), ("lat_2", "numeric"), ("customer_gender", "int4"), ("billing_house_no", "text"))],
    *[(name, "text", "street") for name in ("address_1", "address_2", "billing_address_1", "addr_2", "address_old", "address_2_new", "homeAddress2",
                                            "contact_address_complete", "addresses")],
    *[(name, "text", "city") for name in ("billing_city", "shipping_city", "home_city", "city_2", "cityName", "wohnort")],
    *[(name, "text", "hash") for name in ("tax_number_2", "tax_number_eu", "tax_number_de", "taxnumber_old", "taxNumberDE", "tax_number_foreign", "taxvat",
                                          "vat", "pass_word", "user_pass", "cc_number_enc", "cc_last_4", "card_holder", "bic_2")],
    *[(name, "text", "phone") for name in ("tel_2", "cell_2", "tel_a")],
    # Capitals before a small word, and within one.
    *[(name, "text", rule) for rule, names in (
        ("email", "EMAILadresse EMAILaddress eMAIL"), ("inet", "IPaddress IPaddr IPv6 clientIPv4"), ("phone", "PHONEnumber FAXnr FAXnummer teleFon"),
        ("iban", "IBANno IBANnummer iBAN"), ("hash", "TOKENvalue APIkey USERname VATid VATnr TAXid TAXno TAXnumber logIn LogIn userLogIn PassWord"),
        ("first_name", "FIRSTname"), ("last_name", "LASTname"), ("postal_code", "PLZort"), ("street", "USAddress")) for name in names.split()],
    *[(name, "int8", "null") for name in ("TELnr", "PHONEnumber", "FAXnummer", "IBANno", "workTELNo", "num_phone")], ("num_phone", "int4", "null"),
    ("mail_2", "text", "email"), ("lname_2", "text", "last_name"), ("lName", "text", "last_name"), ("post_code", "text", "postal_code"),
    ("organization", "text", "company"), ("acc_number", "text", "iban"), ("ipv6", "text", "inet"), ("x_forwarded_for", "text", "inet"),
    ("dob_old", "date", "date"), ("cvv_2", "int2", "hash"), ("tax_no_2", "int8", "hash"),
    *[(name, base, None) for name, base in (
        ("phone_id", "int4"), ("account", "int4"), ("phone_count", "int4"), ("phone_verified", "int2"), ("mobile_width", "int4"), ("is_mobile", "int2"),
        ("gzip", "int4"), ("zip_size", "int8"), ("account_notional", "numeric"), ("hotel", "int4"), ("birthplace_id", "int4"), ("tax_notional", "numeric"),
        ("offname", "text"), ("reborn", "text"), ("unborn_at", "date"), ("show_on_mobile", "int2"), ("enable_mobile", "int4"), ("sort_order_mobile", "int4"),
        ("items_per_page_mobile", "int8"), ("clicks_mobile", "int8"), ("price_mobile", "numeric"), ("columns_fax", "int4"),
        ("automobile", "int8"), ("opt_in_phone", "int4"),
        ("notify_by_phone", "int2"), ("tax_number_id", "int8"), ("is_tax_number", "int2"), ("has_tax_no", "int2"), ("tax_number_valid", "int2"),
        ("tax_numbers_count", "int4"), ("tax_numbering", "text"),
        ("phone_id_2", "int4"), ("phone_2_count", "int4"), ("zip_size_2", "int8"), ("clicks_mobile_2", "int8"), ("notify_phone", "int4"), ("phones", "int4"),
        ("number_of_phones", "int8"), ("isMobile", "int4"), ("is_phone_verified", "int4"), ("isPhoneVerified", "int4"),
        ("mobile_os", "int4"), ("mobile_width_2", "int4"),
        ("place_holder", "text"), ("placeHolder", "text"), ("min_salary", "int4"), ("max_salary", "numeric"), ("tel_cc", "text"), ("tel_cc", "int4"),
        ("mobile_lg", "int4"), ("phone_nb", "int4"), ("fax_ct", "int4"), ("mobile_md", "int8"), ("first_pass", "text"), ("secondPass", "text"),
        ("hasFAX", "int8"), ("DNSPort", "text"), ("addressNo", "int4"),
        ("tax_number_2_id", "int8"), ("taxNumberVerified", "text"), ("email_count", "int4"), ("address_id_2", "int4"), ("address_type", "text"),
        ("billing_country", "text"), ("city_id", "int4"), ("capacity_2", "text"), ("velocity", "text"), ("transport_de", "text"), ("hotel_2", "text"),
        ("cells", "text"), ("line_2", "text"), ("name_old", "text"), ("home", "text"), ("2", "text"), ("arabic", "text"), ("cubic_2", "text"),
        ("vat", "numeric"), ("total_income", "numeric"), ("flavor_name", "text"), ("km_home_work", "int4"), ("cc_notify", "int4"))],
    ("postcode", "text", "postal_code"), ("fname", "text", "first_name"), ("billing_lname", "text", "last_name"), ("tax_number", "text", "hash"),
    ("this_tax_number", "text", "hash"), ("taxNumber2", "text", "hash"), ("tax_id_number", "text", "hash"),
    ("tax_no", "int4", "hash"), ("cvv", "int2", "hash"), ("card_cvc2", "text", "hash"), ("born_on", "date", "date"), ("born", "timestamp", "date"),
    ("customer_name", "text", "hash"), ("house_number", "int4", "null"), ("house_no", "text", "null"), ("words", "tsquery", "null")])
def test_what_looks_like_data_of_persons(name, base, rule):
    assert (by_name_and_type(Column(name, base, base)) or (None, None))[1] == rule


@pytest.mark.parametrize("name, base, rule", [
    ("email", "emailaddr", "email"), ("phone", "phone_number", "phone"), ("iban", "iban", "iban"), ("last_name", "any_other", "last_name"),
    ("birthday", "range", "null"), ("born", "interval", "null"), ("birth_time", "timetz", "null"), ("track", "path", "null"), ("home", "circle", "null"),
    ("zone", "polygon", "null"), ("way", "lseg", "null"), ("here", "box", "null"), ("at", "cube", "null")])
def test_a_type_that_nobody_knows_is_taken_for_a_text(name, base, rule):
    assert (by_name_and_type(Column(name, base, base)) or (None, None))[1] == rule


@pytest.mark.parametrize("name", ["email_state", "note_kind", "phone_type", "company", "comment_path", "message", "street"])
@pytest.mark.parametrize("base", ["enum", "range", "interval", "oid", "regclass", "money", "bit", "time", "line", "aclitem", "ltree", "vector", "hll", "ean13"])
def test_what_is_known_to_be_no_text_is_not_taken_for_one(name, base):
    assert by_name_and_type(Column(name, base, base)) is None


@pytest.mark.parametrize("account", ["DE89370400440532013000", "AT611904300234573201", "CH9300762011623852957", "GB29NWBK60161331926819", "NL91ABNA0417164300",
                                     "FR1420041010050500013M02606", "IT60X0542811101000000123456", "BE68539007547034", "NO9386011117947"])
def test_an_account_number_is_surely_one_where_its_country_has_such(account):
    assert [rule for form, _what, rule in SURE if re.search(form, account)] == ["iban"]


@pytest.mark.parametrize("letters", ["0123456789ABCDEF", string.ascii_uppercase + string.digits, string.ascii_uppercase + "234567"])
def test_a_code_in_capitals_is_surely_nothing(letters):
    draw = random.Random(20)
    codes = ("".join(draw.choices(letters, k=size)) for size in range(15, 33) for _number in range(2000))
    assert [code for code in codes if any(re.search(form, code) for form, _what, _rule in SURE)] == []


@pytest.mark.parametrize("value", [
    "$P$B12345678901234567890", "$S$DQ12345678901234567890", "$2y$10$abcdefghijklm", "$argon2id$v=19$m=1", "pbkdf2_sha256$600000$x"])
def test_hashes_of_passwords_have_a_form(value):
    assert [why for form, why, unused in FORMS if re.search(form, value)] == ["hashes of passwords"]
