# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leader dies on the way back, and the way back is gone again from its beginning; restore points do not outlive their use."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import back, forward
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import RestorePoint
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Daemon

ID = "20261125T230000Z-upgrade-1"
DECISION = {"direction": "back", "restore": True, "reason": ""}


@pytest.fixture
def operation(postgres, tmp_path):
    """An open operation on the leader, with the restore point it has taken."""
    site = SimpleNamespace(root=str(tmp_path), host="app1", leads=True, lock=Lock(str(tmp_path)), secrets=list,
                           connection=postgres.connection, params={"database": {"login_db": "shop"}},
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


def recovered(operation, check=False):
    """What recover says on a host whose last operation this is."""
    return back.assess(operation.site, {
        "surveys": {"app1": {"operation": operation.summary(), "ended": {}, "holder": None, "fence": 1, "at_work": False}},
        "owner": {"user": "ann"}, "takeover": True, "gone": {}}, check)


def test_a_restore_point_that_could_not_be_dropped_at_the_end_is_dropped_by_recover(postgres, operation):
    operation.close("done", "It is live.")
    names = postgres.databases()
    for check, there in ((True, names), (False, {"shop"})):
        told = recovered(operation, check)
        assert told["changed"] and "still had the restore point of %s" % ID in told["decision"]["reason"]
        assert postgres.databases() == there
    assert recovered(operation) == {"decision": {"direction": "none", "restore": False, "reason": "Operation %s had ended (done); nothing was left over." % ID}}


def test_the_next_operation_drops_it_too_but_not_that_of_an_open_one_or_of_a_stranger(postgres, operation):
    postgres.sql("CREATE DATABASE shop__slipway_theirs")
    before = postgres.databases()
    assert not forward.drop_restore_points(operation.site)
    assert postgres.databases() == before
    operation.close("done", "It is live.")
    operation.site.lock.release(ID)
    name = ID.replace("-1", "-2")
    later = Operation(operation.site, name, operation.site.lock.acquire(name, {"user": "somebody"}), {"kind": "upgrade"})
    later.begin()
    later.site.restore_point(later.restore_point).present()
    assert sorted(forward.drop_restore_points(operation.site, later.id)) == [ID, later.id]
    assert postgres.databases() == {"shop", "shop__slipway_theirs"}


def test_a_subscription_that_keeps_what_failed_from_being_dropped_keeps_no_operation_open(postgres, operation):
    """It is of a database, not of a name, so it stays with what is set aside; only in there can it be dropped."""
    part = operation.site.restore_point(operation.restore_point).part
    postgres.sql("CREATE SUBSCRIPTION s CONNECTION 'port=1' PUBLICATION p WITH (connect = false)", "shop")
    back.restore(operation.site, operation, DECISION)
    (warned,) = back.undo(operation.site, operation, DECISION)["warnings"]
    (opening, dropping) = re.search("(ALTER DATABASE .* true), and then.*: (ALTER .*;) It is a database beside the live one, in nobody's way", warned).groups()
    assert operation.summary()["outcome"] == "undone" and not operation.site.lock.holder()
    name = ID.replace("-1", "-0")
    ended = Operation(operation.site, name, operation.site.lock.acquire(name, {"user": "somebody"}), {"kind": "upgrade"})
    ended.begin()
    ended.site.restore_point(ended.restore_point).present()
    ended.close("done", "It is live.")
    ended.site.lock.release(name)
    told = recovered(operation)
    assert told["changed"] and "restore point of %s, which is dropped; what may be left" % name in told["decision"]["reason"]
    assert "subscription" in told["decision"]["reason"] and "changed" not in recovered(operation)
    assert postgres.databases() == {"shop", part}  # it is not in the way of others
    postgres.sql(opening)
    postgres.sql(dropping, part)  # asks no publisher, whose slot stays
    assert forward.drop_restore_points(operation.site) == [ID]
    assert postgres.databases() == {"shop"}


@pytest.fixture
def supervisor():
    daemon = Daemon()
    daemon.start()
    yield {"driver": "supervisor", "supervisor_socket": daemon.socket, "supervisor_conf_dir": daemon.conf_dir}
    daemon.end()
    shutil.rmtree(daemon.folder)


def test_the_preflight_warns_of_a_subscription_before_users_are_kept_out(postgres, supervisor, run_module, tmp_path):
    postgres.start_over()
    postgres.sql("CREATE SUBSCRIPTION s CONNECTION 'port=1' PUBLICATION p WITH (connect = false, slot_name = NONE)", "shop")
    login = {key: value for key, value in vars(postgres.connection()).items() if key.startswith("login_")}
    said = run_module("operation_step", dict(
        supervisor, steps=["preflight"], host="app1", roles=["app", "leader"], application="shop", environment="prod", root=str(tmp_path),
        store=str(tmp_path), database=login, plan={"kind": "deploy", "package": "", "digest": "", "mode": "maintenance", "balancer": {"status": []}}))
    postgres.sql("DROP SUBSCRIPTION s", "shop")  # nobody could drop the database
    assert said["findings"] == [] and "deprecations" not in said
    assert "has 1 subscriptions, which a copy cannot have. Where the upgrade has to go back, " in json.dumps(said["warnings"])


def test_a_server_out_of_reach_does_not_keep_recover_from_its_word(operation):
    operation.close("done", "It is live.")
    operation.site.connection = lambda: Connection(login_host="127.0.0.1", login_port=1)
    told = recovered(operation)
    assert "could not be dropped: Cannot reach" in told["decision"]["reason"] and "changed" not in told


def test_who_stands_in_for_a_lost_leader_goes_by_the_restore_point(postgres, operation, tmp_path):
    """app2 has the journal of a follower, in which no migration ever began; the restore point tells that one did."""
    operation.site.root = str(tmp_path / "app2")
    operation.site.lock = Lock(operation.site.root)
    follower = Operation(operation.site, ID, operation.site.lock.acquire(ID, {"user": "somebody"}), {
        "kind": "upgrade", "digest": "sha256:0", "hosts": {"app1": ["app", "leader"], "app2": ["app"]}})
    operation.site.host = "app2"
    follower.begin()
    follower.site.maintenance = SimpleNamespace(status=lambda: {"on": True, "since": "9:00"})
    follower.site.releases = SimpleNamespace(current=lambda: None, list=list)
    follower.site.drain = SimpleNamespace(status=lambda: {"on": False})
    with follower.step("close") as outcome:
        outcome["since"] = "9:00"

    def recovered(**wish):
        return back.assess(follower.site, dict({"owner": {"user": "ann"}, "failed": [], "crashed": True, "takeover": True, "gone": {}, "wish": "auto",
                                                "accept_loss": False, "leader_lost": True, "surveys": {"app2": back.survey(follower.site)}}, **wish))

    with pytest.raises(SlipwayError, match="app1 cannot be asked whether it has accepted writes.*accept_loss=true"):
        recovered()
    told = recovered(accept_loss=True)
    assert told["decision"]["direction"] == "back" and told["decision"]["restore"] and "app1, which ran the migration, is lost" in told["decision"]["reason"]
    follower.site.restore_point(follower.restore_point).absent()
    told = recovered()
    assert told["decision"]["direction"] == "back" and not told["decision"]["restore"]
