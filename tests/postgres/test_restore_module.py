# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.slipway.app.tests.postgres.dumps import dumped

CONFIGS = {"safe": {"reversible": True, "pre_swap_hooks": ["psql -Xqc 'DELETE FROM public.orders WHERE id > 500'"], "exclude_tables": ["x"]}}


@pytest.fixture
def restored(postgres, tmp_path, run_module):
    """restored(check=False, **options) -> the result of the module, with the newest of two dumps unless asked otherwise."""
    for _number in range(2):
        dump = dumped(postgres, tmp_path)
    postgres.connection().execute("DELETE FROM public.orders")

    def run(check=False, **options):
        params = dict({"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret",
                       "login_db": "shop", "store": str(tmp_path), "source": "here/shop", "environment": "stag"}, **options)
        result = run_module("postgres_restore", {name: value for name, value in params.items() if value is not None}, check=check)
        assert "no secret" not in json.dumps(result)
        return result

    run.newest = str(dump.key)
    return run


def test_a_config_says_what_the_call_does_not(postgres, restored):
    told, done = (restored(check, config="safe", configs=CONFIGS) for check in (True, False))
    assert told["restored"] == done["restored"] == restored.newest
    assert told["kept"] == done["kept"] == "shop__pre"
    assert postgres.connection().query("SELECT count(*) AS n FROM public.orders") == [{"n": 500}]
    assert restored(config="safe", configs=CONFIGS, reversible=False, pre_swap_hooks=[])["kept"] is None
    assert postgres.databases() == {"shop"}


REFUSED = [
    ({"environment": "prod"}, "confirm=shop says it"),
    ({"environment": None}, "counts as prod"),
    ({"source": "there"}, "There is no dump below there"),
    ({"source": "../../etc"}, "no dump below"),
    ({"source": "here/shop/none/20260101T000000.000000Z"}, "There is no dump here/shop/none/20260101T000000.000000Z"),
    ({"store": None}, "no store to look for the dump"),
    ({"config": "sfe", "configs": CONFIGS}, "safe"),
    ({"config": "safe", "configs": {"safe": {"reversibel": True}}}, "reversible"),
]


def test_what_is_refused_changes_nothing(postgres, restored):
    for options, message in REFUSED:
        for check in (True, False):
            result = restored(check, **options)
            assert result["failed"] and message in result["msg"], options
    assert postgres.databases() == {"shop"}
