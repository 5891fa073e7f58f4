# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mode advisor on a real Django project: what 1.1.0 would do to a shop that goes on with 1.0.0."""

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.app.tests import playbook_process

PLAY = [{
    "hosts": "app1",
    "gather_facts": False,
    "module_defaults": {"group/slipway.app.app": {"root": "{{ slipway_root }}"}},
    "tasks": [
        {"slipway.app.release": {"store": "{{ slipway_store }}", "package": "shop:1.1.0",
                                 "environment_variables": "{{ slipway_environment_variables }}"}, "register": "unpacked"},
        {"ansible.builtin.copy": {"dest": "{{ unpacked.release.path }}/shop/migrations/0005_hidden.py", "content": "{{ hidden }}", "mode": "0644"}},
        {"slipway.app.migration_info": {
            "release": "{{ unpacked.release.id }}", "environment": "prod", "variables": "{{ slipway_variables }}",
            "python": "{{ slipway_python }}", "database": "{{ slipway_database }}"}, "register": "found"},
        {"slipway.app.release": {"state": "absent", "id": "{{ unpacked.release.id }}"}},
        {"ansible.builtin.copy": {"dest": "{{ out }}", "content": "{{ found | to_json }}", "mode": "0600"}},
    ],
}]
# Django runs this when it is asked for its SQL, commits what it writes, and prints that nothing would be done.
HIDDEN = """
from django.db import migrations


def order(apps, _editor):
    apps.get_model("shop", "Product").objects.create(slug="late", name="Late", tagline="Late", price=1)


class Migration(migrations.Migration):
    dependencies = [("shop", "0004_require_number_and_total")]
    operations = [migrations.SeparateDatabaseAndState([migrations.RunPython(order)])]
"""
# 0002 adds columns that may be empty, 0003 fills them in a small table, 0004 lets them no longer be empty.
EXPECTED = [("shop.0004_require_number_and_total", "not-null")] * 2 + [("shop.0005_hidden", "unread")]


@pytest.mark.long
@pytest.mark.usefixtures("package")
def test_a_django_project_that_a_rolling_upgrade_would_break(shop, tmp_path, state, changes):
    (tmp_path / "play.yml").write_text(json.dumps(PLAY), encoding="utf-8")
    before = state(shop)
    given = [str(tmp_path / "play.yml"), "-e", json.dumps({"out": str(tmp_path / "found.json"), "hidden": HIDDEN})]
    done = playbook_process.run(given, shop.directory, shop.ansible_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))

    assert changes(before, state(shop)) == {}
    assert [one["name"] for one in found["migrations"]] == [
        "shop.0002_number_and_total", "shop.0003_fill_number_and_total", "shop.0004_require_number_and_total",
        "shop.0005_hidden"]
    assert "shop_order" in [table["name"] for table in found["tables"]]
    assert found["safe_modes"] == ["maintenance"]
    assert [(reason["migration"], reason["rule"]) for reason in found["advice"]["rolling"]] == EXPECTED
    assert "read-only transaction" in found["advice"]["rolling"][-1]["why"]
    assert [reason["migration"] for reason in found["advice"]["source"]] == [one["name"] for one in found["migrations"]]
