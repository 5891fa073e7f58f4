# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The personal data of OroPlatform, OroCRM and OroCommerce.

It covers what the rules that Oro ships cover, and what they leave out: first names, what stands before the @ of an address, system
configuration, OAuth clients, payments, visits. What says nothing of people has no rule here: the application's own rules keep it.
"""

from __future__ import annotations

# Of addresses, users, contacts, leads and requests, in whichever table: an application extends them, and copies them.
_PERSON = {
    "first_name": "first_name", "middle_name": "first_name", "last_name": "last_name", "name_prefix": "null", "name_suffix": "null",
    "email": "email", "email_lowercase": "email", "email_address": "email", "customer_email": "email",
    "phone": "phone", "fax": "phone", "mobile": "phone", "birthday": {"rule": "date", "days": 1000},
    "street": "street", "street2": "null", "city": "city", "postal_code": "postal_code", "region_text": "null", "organization": "company",
    "vat_id": "null", "skype": "null", "twitter": "null", "facebook": "null", "google_plus": "null", "linkedin": "null",
    "ip_address": "inet", "user_agent": "text",
}
_ADDRESS = {"columns": {"label": "null"}}
_SUM = {"rule": "fixed", "value": "1000"}
_LOGIN = {  # nobody logs in with a hash that no hasher makes
    "username": "email", "username_lowercase": "email", "password": {"rule": "fixed", "value": "!"}, "salt": {"rule": "fixed", "value": ""},
    "confirmation_token": "null", "google_id": "null", "title": "null",
}

ORO = {"tables": {
    "oro*": {"columns": _PERSON},
    "oro_user": {"columns": _LOGIN},
    "oro_customer_user": {"columns": _LOGIN},
    "oro_user_api": "truncate",
    "oro_customer_user_api": "truncate",
    "oro_user_impersonation": "truncate",
    "oro_user_login": "truncate",
    "oro_customer_user_login_attempts": "truncate",
    "oro_user_login_attempts": "truncate",
    "oro_customer_visitor": {"columns": {"session_id": "hash"}},
    "oro_customer": {"columns": {"name": "company"}},
    "oro_address": _ADDRESS,
    "oro_customer_address": _ADDRESS,
    "oro_customer_user_address": _ADDRESS,
    "oro_order_address": _ADDRESS,
    "oro_quote_address": _ADDRESS,
    "orocrm_contact_address": _ADDRESS,
    "orocrm_sales_lead_address": _ADDRESS,
    "orocrm_account": {"columns": {"name": "company"}},
    "orocrm_contact": {"columns": {"description": "text", "job_title": "text"}},
    "orocrm_contactus_request": {"columns": {"organization_name": "company", "comment": "text", "feedback": "text"}},
    "orocrm_sales_lead": {"columns": {"name": "name", "company_name": "company", "website": "null", "notes": "text"}},
    "orocrm_sales_b2bcustomer": {"columns": {"name": "company"}},
    "orocrm_sales_opportunity": {"columns": {"name": "company", "notes": "text", "proposed_solution": "text", "customer_need": "text",
                                             "budget_amount_value": _SUM, "base_budget_amount_value": _SUM, "close_revenue_value": _SUM,
                                             "base_close_revenue_value": _SUM}},
    "oro_rfp_request": {"columns": {"company": "company", "note": "text", "role": "null"}},
    "oro_rfp_request_add_note": {"columns": {"author": "name", "text": "text"}},
    "oro_order": {"columns": {"customer_notes": "text"}},
    "oro_tax_value": {"columns": {"address": "text"}},
    "oro_business_unit": {"columns": {"name": "company"}},
    "oro_activity_list": {"columns": {"subject": "text", "description": "text"}},  # what mails, calls and notes say, once more
    "oro_note": {"columns": {"message": "text"}},
    "oro_comment": {"columns": {"message": "text"}},
    # Mail. What was attached stays as rows, for what refers to them, and is empty.
    "oro_email": {"columns": {"subject": "text", "from_name": "name", "message_id": "hash", "refs": "null", "multi_message_id": "null",
                              "x_message_id": "null", "x_thread_id": "null"}},
    "oro_email_body": {"columns": {"body": "text", "text_body": "text"}},
    "oro_email_recipient": {"columns": {"name": "name"}},
    "oro_email_attachment": {"columns": {"file_name": "text"}},
    "oro_email_attachment_content": {"columns": {"content": "empty"}},
    "oro_email_origin": {"columns": {"mailbox_name": "email", "imap_host": "null", "imap_user": "email", "imap_password": "null", "smtp_host": "null",
                                     "user": "email", "password": "null", "access_token": "null", "refresh_token": "null"}},
    "oro_email_mailbox": {"columns": {"label": "hash"}},
    "oro_notification_email_spool": "truncate",
    "oro_notification_mass_notif": "truncate",
    "oro_notification_alert": "truncate",
    "oro_notification_recip_list": {"columns": {"entity_emails": "null"}},
    # Secrets of the application, and what others let it do.
    # System configuration goes back to its defaults, which a value that is NULL would not do. But without the first of these rows Oro takes itself
    # for not installed, and the addresses have no default that would do: whoever adopts the database gives them other values.
    "oro_config_value": {
        "where": "(section, name) IN (('oro_distribution', 'is_installed'), ('oro_ui', 'application_url'), ('oro_website', 'url'),"
                 " ('oro_website', 'secure_url'))",
        "columns": dict.fromkeys(("id", "config_id", "name", "section", "text_value", "object_value", "array_value", "type", "created_at", "updated_at"),
                                 "keep")},
    "oro_integration_transport": {"columns": dict.fromkeys((
        "api_key", "api_user", "password", "client_id", "client_secret",
        "fedex_key", "fedex_password", "fedex_client_id", "fedex_client_secret", "fedex_access_token", "fedex_account_number", "fedex_account_number_rest",
        "fedex_meter_number", "ups_api_user", "ups_api_password", "ups_api_key", "ups_client_id", "ups_client_secret", "ups_access_token",
        "ups_shipping_account_number", "ups_shipping_account_name"), "null")},
    "oro_oauth2_access_token": "truncate",
    "oro_oauth2_refresh_token": "truncate",
    "oro_oauth2_auth_code": "truncate",
    "oro_oauth2_session_transfer_token": "truncate",
    "oro_oauth2_client": {"columns": {"identifier": "hash", "secret": "null", "salt": "hash", "redirect_uris": "null"}},
    "oro_payment_transaction": {"columns": {
        "access_identifier": "hash", "access_token": "hash", "reference": "null", "request": "null", "response": "null", "transaction_options": "null",
        "webhook_request_logs": "null"}},
    "oro_payment_method_config": {"columns": {"options": "null"}},
    # What is written about what was done, and what can be made anew.
    "oro_audit": "truncate",
    "oro_audit_field": "truncate",
    "oro_logger_log_entry": "truncate",
    "oro_session": "truncate",
    "rememberme_token": "truncate",
    "oro_message_queue": "truncate",
    "oro_message_queue_job": "truncate",
    "oro_message_queue_job_unique": "truncate",
    "oro_message_queue_state": "truncate",
    "akeneo_batch_job_instance": "truncate",
    "akeneo_batch_job_execution": "truncate",
    "akeneo_batch_step_execution": "truncate",
    "akeneo_batch_warning": "truncate",
    "oro_search_item": "truncate",
    "oro_search_index_text": "truncate",
    "oro_search_index_integer": "truncate",
    "oro_search_index_decimal": "truncate",
    "oro_search_index_datetime": "truncate",
    "oro_website_search_item": "truncate",
    "oro_website_search_text": "truncate",
    "oro_website_search_integer": "truncate",
    "oro_website_search_decimal": "truncate",
    "oro_website_search_datetime": "truncate",
    "oro_integration_fields_changes": "truncate",
    "oro_integration_channel_status": "truncate",
    "oro_navigation_history": "truncate",
    "oro_navigation_pagestate": "truncate",
    "oro_cus_navigation_history": "truncate",
    "oro_cus_pagestate": "truncate",
    "oro_tracking_event": "truncate",
    "oro_tracking_data": "truncate",
    "oro_tracking_visit": "truncate",
    "oro_tracking_visit_event": "truncate",
    "oro_tracking_unique_visit": "truncate",
}}
