# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of Oro, in each form that they have, and what they become."""

from __future__ import annotations

import builtins
import re

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.oro_sql import Reader
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import Rules

EMAIL = """CASE WHEN POSITION('@' IN %(c)s)>0 THEN CONCAT(SUBSTRING(%(c)s, 1, POSITION('@' IN %(c)s)-1), '_', %(id)s, '@', %(domain)s) ELSE %(c)s END"""
HIDDEN = {"id": "id", "domain": "MD5(SUBSTRING(%s, POSITION('@' IN %s)+1)), '.test'"}


def email(column, **more):
    return EMAIL % dict(HIDDEN, domain=HIDDEN["domain"] % (column, column), c=column, **{}) if not more else EMAIL % dict(HIDDEN, c=column, **more)


# (what an UPDATE sets the column c to, the rule)
FORMS = [
    ('MD5("c" || RANDOM()::TEXT)', "hash"),
    ('SUBSTRING(MD5("c" || RANDOM()::TEXT) FROM 1 FOR 255)', "hash"),
    ('SUBSTRING(MD5("c" || RANDOM()::TEXT) FROM 1 FOR 10)', {"rule": "hash", "length": 10}),
    ('SUBSTRING(MD5("c" || RANDOM()::TEXT) FROM 1 FOR 5)', "postal_code"),
    ('SUBSTRING(MD5("c" || RANDOM()::TEXT) FROM 1 FOR 3)', {"rule": "digits_mask", "mask": "XXX"}),
    (email('"c"'), "email"), (email('"c"', id="SUBSTRING(MD5(\"c\"), 1, 8)", domain="'Shop.Test'"), {"rule": "email", "at": "shop.test"}),
    ("CASE WHEN \"c\" IS NOT NULL THEN to_char(random() * 10000000000, 'FM\"(\"000\") \"000\"-\"0000') END",
     {"rule": "digits_mask", "mask": "(XXX) XXX-XXXX"}),
    ("CURRENT_TIMESTAMP", "date"), ("now()", "date"), ("NULL", "null"),
    ("encode('a:0:{}'::bytea, 'base64')", {"rule": "fixed", "value": "YTowOnt9"}), ("jsonb_build_array()", {"rule": "fixed", "value": "[]"}),
    ("'x''y'", {"rule": "fixed", "value": "x'y"}), ("-3", {"rule": "fixed", "value": "-3"}), ("1.5::numeric", {"rule": "fixed", "value": "1.5"}),
    ("false", {"rule": "fixed", "value": "false"}), ("'iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB'", "attachment"),
]


def read(text, **more):
    reader = Reader()
    reader.sql(text)
    rules = reader.rules(**more)
    Rules(rules)  # they are rules
    return rules["tables"], reader.not_understood


@pytest.mark.parametrize("value, rule", FORMS)
def test_each_form_of_a_value_is_a_rule(value, rule):
    assert read('UPDATE "oro_user" SET "c"=%s;' % value) == ({"oro_user": {"columns": {"c": rule}}}, [])
    # A condition does not make a mask less of one.
    if rule == "hash" or value.startswith("CASE"):
        assert read('UPDATE "oro_user" SET "c"=%s WHERE id > 3' % value) == ({"oro_user": {"columns": {"c": rule}}}, [])


def test_fields_of_a_serialized_one():
    field = "serialized_data->>'mail'"
    statement = """-- a comment
        UPDATE "t" SET serialized_data = serialized_data || jsonb_build_object('born', CURRENT_TIMESTAMP(0), 'mail', %s, 'phone', CASE WHEN
        serialized_data->>'phone' IS NOT NULL THEN to_char(random() * 100, 'FM"0"00') END, 'photo', 'iVBORw0KGgoAAAANSUhEUg')""" % email(field)
    rule = {"rule": "json", "paths": {"born": "null", "mail": "email", "phone": {"rule": "digits_mask", "mask": "0XX"}, "photo": "attachment"}}
    # Nobody has decided on the other fields, unless he says that the rest stays; and then he is told of which.
    assert read(statement) == ({"t": {"columns": {"serialized_data": rule}}}, [])
    assert read(statement, keep_rest=True) == ({"*": "keep", "t": {"columns": {"serialized_data": dict(rule, rest="keep")}}}, [])
    reader = Reader()
    reader.sql(statement + "; UPDATE config SET value = 'a' WHERE key = 'x'; UPDATE oro_user SET salt = NULL")
    assert reader.left() == [{"column": "t.serialized_data", "what": "fields that no rule names"}, {"column": "config.value", "what": "values of other rows"}]
    tables, left = read("UPDATE t SET d = d || jsonb_build_object('a', NULL, 'b', d->>'c')")
    assert tables == {} and "none of the forms" in left[0]["why"]


ADDS = "UPDATE t SET d = d || jsonb_build_object(%s)"


@pytest.mark.parametrize("statements, rule", [
    # Each adds to what is there.
    ([ADDS % "'ssn', MD5(d->>'ssn')", ADDS % "'hobby', NULL"], {"rule": "json", "paths": {"ssn": "hash", "hobby": "null"}, "rest": "keep"}),
    ([ADDS % "'a', MD5(d->>'a')", ADDS % "'a', NULL"], {"rule": "json", "paths": {"a": "null"}, "rest": "keep"}),
    # What is gone as a whole has no fields of its own any more.
    (["UPDATE t SET d = NULL", ADDS % "'x', NULL"], "null"), (["UPDATE t SET d = '{}'", ADDS % "'x', NULL"], {"rule": "fixed", "value": "{}"}),
    ([ADDS % "'x', NULL", "UPDATE t SET d = NULL"], "null"),
])
def test_what_is_said_of_an_object_is_an_addition(statements, rule):
    assert read("; ".join(statements), keep_rest=True) == ({"*": "keep", "t": {"columns": {"d": rule}}}, [])


def test_tables_and_rows():
    tables, left = read("""TRUNCATE "oro_session", audit.log; TRUNCATE queue CASCADE; DELETE FROM "Cart"; DELETE FROM lead WHERE status = 'lost';
        DELETE FROM lead WHERE created < now() - interval '1 year'; UPDATE public.lead SET note = NULL; UPDATE queue SET body = NULL""")
    assert tables == {"oro_session": "truncate", "audit.log": "truncate", "queue": "truncate", '"Cart"': "truncate",
                      "public.lead": {"columns": {"note": "null"}},
                      "lead": {"where": "(status = 'lost') IS NOT TRUE AND (created < now() - CAST('1 year' AS interval)) IS NOT TRUE"}}
    assert [item["statement"] for item in left] == ["TRUNCATE queue CASCADE"] and "orphans" in left[0]["why"]
    assert next(iter(read("TRUNCATE t", keep_rest=True)[0].items())) == ("*", "keep")


def test_values_for_some_rows():
    tables, left = read("""UPDATE config SET value = 'a' WHERE key = 'x'; UPDATE config SET value = NULL WHERE key IN ('y', 'z');
        UPDATE config SET "Text" = 'b', kind = 1 WHERE key = 'x'""", keep_rest=True)
    assert left == [] and tables == {"*": "keep", "config": {"columns": {
        "value": {"rule": "sql", "expression": "CASE WHEN key IN ('y', 'z') THEN NULL WHEN key = 'x' THEN 'a' ELSE value END"},
        '"Text"': {"rule": "sql", "expression": "CASE WHEN key = 'x' THEN 'b' ELSE \"Text\" END"},
        "kind": {"rule": "sql", "expression": "CASE WHEN key = 'x' THEN 1 ELSE kind END"}}}}
    # Else the values of the others wait for somebody to decide.
    assert read("UPDATE config SET value = 'a' WHERE key = 'x'") == ({}, [])
    # What is for all rows comes to the others, too.
    assert read("UPDATE c SET v = 'a' WHERE k = 1; UPDATE c SET v = NULL")[0] == {"c": {"columns": {"v": "null"}}}


@pytest.mark.parametrize("statements", [["UPDATE t SET d = '{}' WHERE id = 1", ADDS % "'a', NULL"], [ADDS % "'a', NULL", "UPDATE t SET d = '{}' WHERE id = 1"]])
def test_of_a_value_for_some_rows_and_fields_for_all_nothing_is_left(statements):
    for keep_rest in (True, False):
        tables, left = read("; ".join(statements), keep_rest=keep_rest)
        assert tables["t"] == {"columns": {"d": {"rule": "json", "paths": {"a": "null"}}}} and len(left) == 1
        assert "for some rows" in left[0]["why"]
    # What is gone as a whole has neither.
    assert read("; ".join([*statements, "UPDATE t SET d = NULL"]))[0] == {"t": {"columns": {"d": "null"}}}


NOT_UNDERSTOOD = [
    ("UPDATE t SET c = u.c FROM u", "other tables"), ("DELETE FROM t USING u WHERE t.id = u.id", "other tables"),
    ("UPDATE t SET c = (SELECT 1)", "none of the forms"), ("UPDATE t SET c = concat(first_name, id)", "none of the forms"),
    ("UPDATE t SET c = CASE WHEN a THEN 'b' ELSE c END", "none of the forms"), ("UPDATE t SET (a, b) = (SELECT 1, 2)", "none of the forms"),
    ("UPDATE t SET email = 'a@b.c' WHERE id = 1", "the others may hold personal data"),
    ("UPDATE t SET c = 'a' WHERE id IN (SELECT id FROM u)", "may not name SELECT"), ("DELETE FROM t WHERE id IN (SELECT id FROM u)", "may not name SELECT"),
    ("INSERT INTO t VALUES (1)", "no UPDATE, DELETE or TRUNCATE"), ("DO 'x'", "no UPDATE"), ("UPDATE t SET d = d || 'x'", "adds what is no object"),
    ("UPDATE t SET c = to_char(1, 'x')", "none of the forms"), ("UPDATE t SET c = CASE WHEN c IS NOT NULL THEN to_char(random(), 'FM999') END", "another form"),
    ("UPDATE t SET d = d || jsonb_build_object('a.b', NULL)", "no path"),
    ("UPDATE t SET c = ''name''", "parser does not understand"),
]


@pytest.mark.parametrize("statement, why", NOT_UNDERSTOOD)
def test_what_has_no_form_makes_no_rule_and_is_told(statement, why):
    tables, left = read("UPDATE first SET c = NULL; %s; UPDATE last SET c = NULL" % statement)
    assert set(tables) == {"first", "last"}
    assert why in " ".join(item["why"] for item in left) and len(left) == 1


def test_of_one_statement_what_is_understood_counts():
    tables, left = read("UPDATE t SET a = NULL, b = other(b)")
    assert tables == {"t": {"columns": {"a": "null"}}} and left[0]["why"].startswith("b: ")


def test_rules_of_before():
    reader = Reader()
    reader.deployment({
        "rawsql_add_rules": ["TRUNCATE oro_session", 7], "rawsql_delete_rules": ["DELETE FROM x"], "custom_email_domain": "shop.test",
        "update_add_rules": ["{ table: oro_user, columns: [{name: mail, method: email}, {name: salt, method: md5}, {name: born, method: date}] }",
                             {"table": "oro_file", "columns": [{"name": "content", "method": "attachment"}, {"name": "x", "method": "rot13"}]},
                             "{ nothing", "- 1"],
        "update_rules": []})
    assert reader.rules()["tables"] == {
        "oro_session": "truncate", "oro_file": {"columns": {"content": "attachment"}},
        "oro_user": {"columns": {"mail": {"rule": "email", "at": "shop.test"}, "salt": "hash", "born": "date"}}}
    assert sorted(item["statement"] for item in reader.not_understood) == [
        "- 1", "7", "DELETE FROM x", "update_rules: []", "{ nothing", "{'name': 'x', 'method': 'rot13'} of oro_file"]
    for domain, why in (("@example.com", "has to be a domain in lower case"), (5, "it is no text")):
        reader = Reader()
        reader.deployment({"custom_email_domain": domain, "update_add_rules": [{"table": "t", "columns": [{"name": "mail", "method": "email"}]}]})
        assert len(reader.not_understood) == 1 and why in reader.not_understood[0]["why"]
    reader = Reader()
    reader.deployment({"rawsql_add_rules": ["TRUNCATE a"], "rawsql_override_rules": ["TRUNCATE b"], "rawsql_delete_rules": ["TRUNCATE c"]})
    assert reader.rules() == {"tables": {"b": "truncate"}} and reader.not_understood == []


def test_a_host_without_the_parser_is_told_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name == "pglast":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SlipwayError, match="this host needs the package pglast"):
        Reader()


# What the rules mask and empty that the platform, CRM, Commerce and the customer portal ship: tables, each with its columns.
ADDRESS = "street street2 city postal_code label organization last_name"
SHIPPED_MASKS = """
    oro_activity_list: description
    oro_address: %(address)s
    oro_business_unit: email name phone
    oro_comment: message
    oro_customer: name
    oro_customer_address: %(address)s phone
    oro_customer_user: username email email_lowercase last_name password
    oro_customer_user_address: %(address)s phone
    oro_email: subject from_name
    oro_email_address: email
    oro_email_attachment: file_name
    oro_email_attachment_content: content
    oro_email_body: body text_body
    oro_email_origin: imap_host imap_user
    oro_email_recipient: name
    oro_integration_transport: fedex_client_id fedex_client_secret fedex_account_number fedex_access_token ups_api_user ups_api_password ups_api_key
        ups_client_id ups_client_secret ups_shipping_account_number ups_shipping_account_name
    oro_note: message
    oro_notification_mass_notif: email sender
    oro_notification_recip_list: email entity_emails
    oro_order_address: %(address)s phone
    oro_payment_method_config: options
    oro_quote_address: %(address)s phone
    oro_rfp_request: last_name email phone
    oro_tax_value: address
    oro_user: username username_lowercase last_name email email_lowercase phone birthday salt password
    oro_user_email: email
    oro_user_impersonation: token ip_address
    orocrm_account: name
    orocrm_contact: email last_name birthday fax skype twitter facebook linkedin
    orocrm_contact_address: %(address)s
    orocrm_contact_email: email
    orocrm_contact_phone: phone
    orocrm_contactus_request: email_address last_name phone
    orocrm_sales_b2bcustomer_email: email
    orocrm_sales_b2bcustomer_phone: phone
    orocrm_sales_lead: name last_name twitter linkedin
    orocrm_sales_lead_address: %(address)s
    orocrm_sales_lead_email: email
    orocrm_sales_lead_phone: phone
    orocrm_sales_opportunity: budget_amount_value close_revenue_value""" % {"address": ADDRESS}
SHIPPED_EMPTY = """akeneo_batch_job_execution akeneo_batch_job_instance akeneo_batch_step_execution akeneo_batch_warning oro_audit oro_cus_navigation_history
    oro_cus_pagestate oro_integration_channel_status oro_integration_fields_changes oro_logger_log_entry oro_message_queue oro_message_queue_job
    oro_message_queue_job_unique oro_navigation_history oro_navigation_pagestate oro_search_index_decimal oro_search_index_integer oro_search_index_text
    oro_search_item oro_session rememberme_token"""


def test_the_preset_covers_what_the_shipped_rules_do():
    entries = Rules({"presets": ["oro"]}).entries

    def missing(table, columns=()):
        """What of a table is neither emptied nor, if it is a column, masked."""
        meant = [entry for entry in entries if entry.matcher.matches("public", table)]
        rules = [(matcher, rule) for entry in meant for matcher, rule in entry.columns if rule.name != "keep"]
        return [] if any(entry.rows == "none" for entry in meant) else [
            (table, column) for column in columns or [None] if not any(matcher.matches("", column or "") for matcher, _rule in rules)]

    masks = [(table, columns.split()) for table, columns in re.findall(r"(\w+): ([^:]*)(?= \w+:|$)", " ".join(SHIPPED_MASKS.split()))]
    assert len(masks) == 40
    assert [one for table, columns in masks + [(table, ()) for table in SHIPPED_EMPTY.split()] for one in missing(table, columns)] == []
