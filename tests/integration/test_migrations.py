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
        {"slipway.app.migration_info": {
            "release": "{{ unpacked.release.id }}", "environment": "prod", "variables": "{{ slipway_variables }}",
            "python": "{{ slipway_python }}", "database": "{{ slipway_database }}"}, "register": "found"},
        {"slipway.app.release": {"state": "absent", "id": "{{ unpacked.release.id }}"}},
        {"ansible.builtin.copy": {"dest": "{{ out }}", "content": "{{ found | to_json }}", "mode": "0600"}},
    ],
}]
# 0002 adds columns that may be empty, 0003 fills them in a small table, 0004 lets them no longer be empty.
EXPECTED = [("shop.0004_require_number_and_total", "not-null")] * 2


@pytest.mark.long
@pytest.mark.usefixtures("package")
def test_a_django_project_that_a_rolling_upgrade_would_break(shop, tmp_path, state, changes):
    (tmp_path / "play.yml").write_text(json.dumps(PLAY), encoding="utf-8")
    before = state(shop)
    given = [str(tmp_path / "play.yml"), "-e", "out=%s" % (tmp_path / "found.json")]
    done = playbook_process.run(given, shop.directory, shop.ansible_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))

    assert changes(before, state(shop)) == {}
    assert [one["name"] for one in found["migrations"]] == [
        "shop.0002_number_and_total", "shop.0003_fill_number_and_total", "shop.0004_require_number_and_total"]
    assert "shop_order" in [table["name"] for table in found["tables"]]
    assert found["safe_modes"] == ["maintenance"]
    assert [(reason["migration"], reason["rule"]) for reason in found["advice"]["rolling"]] == EXPECTED
    assert [reason["migration"] for reason in found["advice"]["source"]] == [one["name"] for one in found["migrations"]]
