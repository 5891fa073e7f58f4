# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that has a maintenance lock of its own is locked and unlocked at the right moments, by the right release."""

from __future__ import annotations

import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._operation import back, forward
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.site import Site
from ansible_collections.slipway.app.plugins.plugin_utils._words import remarks
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import entry, put_package
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import script
from ansible_collections.slipway.app.tests.waiting import until

# What each program has to say, and whether users were kept out and the application was locked when it said so.
SAY = 'say() { echo "$1 $(cat VERSION) $(test -e ../../maintenance/on && echo kept-out) $(cat lock 2>/dev/null)" >> ../../said; }; '


@pytest.fixture
def site(supervisord, tmp_path):
    root = tmp_path / "root"
    base = {
        "services": {
            name: {"kind": name, "on": "app", "stop_timeout": 10, "command": script(
                SAY + 'trap "say %s-ends; exit 0" TERM; say %s-begins; while :; do sleep 0.05; done' % (name, name))}
            for name in ("web", "websocket", "consumer")},
        "maintenance": {
            "announce": [script(SAY + "say announced; test ! -e ../../silent")],
            "on": [script(SAY + "echo locked > lock; say on")], "off": [script(SAY + "rm -f lock; say off")]},
        "hooks": {"before_maintenance": [script(SAY + "say soon")]},
    }
    for tag in ("1.0.0", "1.1.0"):
        put_package(tmp_path / "packages", "shop:" + tag, {"source": [entry("VERSION", tag.encode())]}, ["lock"], base)
    root.mkdir()
    (root / "shared").mkdir()
    (root / "shared" / "lock").symlink_to(root / "the-lock")  # it is there or not, as the application has it
    return Site({
        "root": str(root), "store": str(tmp_path / "packages"), "store_auth": {}, "host": "app1", "roles": ["app", "leader"], "environment": "prod",
        "variables": {}, "environment_variables": {}, "python": None, "database": {}, "keep_releases": 3, "mode": "maintenance",
        "driver": "supervisor", "supervisor_socket": supervisord.socket, "supervisor_conf_dir": supervisord.conf_dir})


def said(site):
    with open(os.path.join(site.root, "said"), encoding="utf-8") as stream:
        return [" ".join(line.split()) for line in stream]


@pytest.fixture
def operation(site):
    """An upgrade from 1.0.0, which is live and runs, to 1.1.0 has begun."""
    store = site.store("shop:1.0.0")
    old, new = (site.releases.present(store, store.resolve("shop:" + tag), "shop:" + tag)[0] for tag in ("1.0.0", "1.1.0"))
    site.releases.activate(old.id)
    site.driver().start(site.definitions(old), 20)
    begun = forward.start(site, {
        "kind": "upgrade", "mode": "maintenance", "package": new.package, "digest": new.digest, "reference": "1.1.0",
        "hosts": {"app1": ["app", "leader"]}, "previous": {"app1": old.id},
        "owner": {"user": "ann", "controller": "desk", "pid": os.getpid()}})
    until(lambda: len(said(site)) == 3)
    assert set(said(site)) == {"web-begins 1.0.0", "websocket-begins 1.0.0", "consumer-begins 1.0.0"}
    yield Operation(site, begun["id"], begun["fence"], begun["plan"])
    site.driver().remove(list(site.driver().status()))


def test_the_old_release_announces_and_locks_behind_the_page_and_the_new_one_unlocks_before_web(site, operation):
    staged = forward.stage(site, operation)  # which all hosts have ended before one of them stops anything
    assert len(staged["announced"]) == 1 and not staged["warnings"]
    forward.drain(site, operation)
    forward.close(site, operation)
    assert said(site)[3:5] == ["announced 1.0.0", "soon 1.1.0"]
    assert said(site)[5:] == ["consumer-ends 1.0.0", "on 1.0.0 kept-out locked", "websocket-ends 1.0.0 kept-out locked",
                              "web-ends 1.0.0 kept-out locked"]
    forward.activate(site, operation)
    until(lambda: len(said(site)) == 11)
    assert said(site)[9:] == ["off 1.1.0 kept-out", "web-begins 1.1.0 kept-out"]
    back.quiesce(site, operation)
    back.reinstate(site, operation)
    until(lambda: len(said(site)) == 14)
    assert said(site)[11:] == ["web-ends 1.1.0 kept-out", "off 1.0.0 kept-out", "web-begins 1.0.0 kept-out"]


def test_an_upgrade_goes_on_where_users_could_not_be_told_and_says_so(site, operation):
    with open(os.path.join(site.root, "silent"), "w", encoding="utf-8"):
        staged = forward.stage(site, operation)
    assert [warning.split(":")[0] for warning in remarks({"stage": staged})] == ["Users were not told that maintenance begins"]
    assert said(site)[3:] == ["announced 1.0.0", "soon 1.1.0"] and staged["announced"] == []


@pytest.mark.parametrize("what", ["is on already", "does not come"])
def test_nobody_is_told_of_maintenance_that(site, operation, what):
    if what == "is on already":
        site.maintenance.hold("ann", "Away", 60, "ann", None)
    staged = forward.stage(site, operation, follows=what == "does not come")
    assert "announced" not in staged and "announced 1.0.0" not in said(site)
