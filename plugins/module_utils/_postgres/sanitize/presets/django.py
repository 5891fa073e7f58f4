# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The tables of Django itself, of its contrib applications, and of the tokens of Django REST framework.

A project with users of its own (AUTH_USER_MODEL) has them in a table that only its own rules can name.
"""

from __future__ import annotations


def _kept(*names):
    return {"columns": dict.fromkeys(names, "keep")}


DJANGO = {"tables": {
    "auth_user": {"columns": {
        "id": "keep", "username": "hash", "first_name": "first_name", "last_name": "last_name", "email": "email",
        "password": {"rule": "fixed", "value": "!"},  # what Django writes for a user who cannot log in with one
        "is_superuser": "keep", "is_staff": "keep", "is_active": "keep",
        # By one offset for both, so that nobody was here before they joined.
        "last_login": {"rule": "date", "entity": "id", "domain": "auth_user"},
        "date_joined": {"rule": "date", "entity": "id", "domain": "auth_user"}}},
    "auth_user_groups": _kept("id", "user_id", "group_id"),
    "auth_user_user_permissions": _kept("id", "user_id", "permission_id"),
    "auth_group": _kept("id", "name"),
    "auth_group_permissions": _kept("id", "group_id", "permission_id"),
    "auth_permission": _kept("id", "name", "content_type_id", "codename"),
    "authtoken_token": "truncate",
    "django_admin_log": "truncate",  # what it changed stands in it in words
    "django_content_type": _kept("id", "app_label", "model", "name"),
    "django_flatpage": _kept("id", "url", "title", "content", "enable_comments", "template_name", "registration_required"),
    "django_flatpage_sites": _kept("id", "flatpage_id", "site_id"),
    "django_migrations": _kept("id", "app", "name", "applied"),
    "django_redirect": _kept("id", "site_id", "old_path", "new_path"),
    "django_session": "truncate",
    "django_site": _kept("id", "domain", "name"),
}}
