# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leader dies on the way back, and the way back is gone again from its beginning."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation import back
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import RestorePoint

ID = "20261125T230000Z-upgrade-1"
DECISION = {"direction": "back", "restore": True, "reason": ""}


@pytest.fixture
def operation(postgres, tmp_path):
    """An open operation on the leader, with the restore point it has taken."""
    site = SimpleNamespace(root=str(tmp_path), host="app1", leads=True, lock=Lock(str(tmp_path)), secrets=list,
                           restore_point=lambda name: RestorePoint(postgres.connection(), "shop", name))
    fence = site.lock.acquire(ID, {"user": "somebody"})
    operation = Operation(site, ID, fence, {"kind": "upgrade"})
    operation.begin()
    site.restore_point(operation.restore_point).present()
    return operation


def orders(postgres):
    return postgres.connection().query("SELECT count(*) AS found FROM public.orders")[0]["found"]


def test_a_restore_is_not_asked_for_again_when_its_restore_point_has_been_dropped(postgres, operation):
    before = orders(postgres)
    postgres.connection().execute("INSERT INTO public.orders (note) VALUES ('of the migration')")
    back.restore(operation.site, operation, DECISION)
    assert orders(postgres) == before
    postgres.connection().execute("INSERT INTO public.orders (note) VALUES ('of a user who is in again')")
    point = operation.site.restore_point(operation.restore_point)
    point.absent()  # as undo does, just before the leader dies
    back.restore(operation.site, operation, DECISION)
    assert point.status()["state"] == "absent"
    assert orders(postgres) == before + 1


def test_a_restore_that_was_not_written_down_is_done_once(postgres, operation):
    before = orders(postgres)
    operation.site.restore_point(operation.restore_point).restored()  # and then the leader died
    back.restore(operation.site, operation, DECISION)
    assert orders(postgres) == before
    assert operation.outcome_of("restore")["restored"]["changed"] is False
