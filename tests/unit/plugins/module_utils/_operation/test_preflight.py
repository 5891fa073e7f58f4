# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that lack a value are found before anything changes, on the hosts that would run them."""

from __future__ import annotations

import contextlib
import os
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import debugging, engine, forward
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.preflight import _commands, check
from ansible_collections.slipway.app.plugins.module_utils._operation.site import Site
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import open_runtime
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import entry, put_package

COMMANDS = {name: ["run {%s}" % name] for name in ("install", "migrate", "check", "check_upgrade", "warm")}


@pytest.fixture
def lacking(application):
    """lacking(kind, serves) -> the placeholders, named like their commands, that are missed one after the other."""
    application.release({}, commands=COMMANDS)

    def run(kind, serves=True):
        variables, missed = {}, []
        while True:
            runtime = open_runtime({"root": application.root, "environment": None, "variables": variables, "python": None})
            try:
                _commands(SimpleNamespace(serves=serves, runtime=lambda release: runtime), None, kind)
                return sorted(missed)
            except SlipwayError as error:
                missed.append(next(name for name in COMMANDS if "unknown placeholder {%s}" % name in str(error)))
                variables[missed[-1]] = "given"

    return run


@pytest.mark.parametrize("kind, names", [
    ("deploy", ["check", "install", "warm"]), ("upgrade", ["check", "check_upgrade", "migrate", "warm"])])
def test_commands_of_the_operation_are_looked_at(lacking, kind, names):
    assert lacking(kind) == names


@pytest.fixture
def site(tmp_path):
    """A host on which nothing is yet, with a package store."""
    (tmp_path / "root").mkdir()
    return Site({"root": str(tmp_path / "root"), "host": "app1", "roles": ["app"], "environment": "stag", "application": "shop",
                 "variables": {}, "python": None, "driver": "supervisor", "supervisor_socket": str(tmp_path / "none"),
                 "supervisor_conf_dir": "", "environment_variables": {}, "database": {}, "store": str(tmp_path / "store"),
                 "store_auth": None, "relayed": None, "keep_releases": 3})


def test_a_package_with_a_setting_of_its_own_for_a_unit_is_found_before_anything_changes(site, tmp_path):
    put_package(tmp_path / "store", "shop:1.0.0", {"source": [entry("app.py", b"")]}, base={"services": {
        "web": {"kind": "web", "command": "serve", "stop_signal": "TERM\nUser=root\nExecStartPre=/bin/id"}}})
    findings = check(site, "upgrade", "shop:1.0.0")["findings"]
    assert [one for one in findings if "slipway.yml: services.web.stop_signal must be one of TERM" in one]
    assert list((tmp_path / "root").iterdir()) == []


def test_a_host_without_its_folder_is_told_what_to_make_as_any_host_is_told(site, tmp_path):
    """The first mistake of a new host: what it says travels with all that the board of the controller reads of others."""
    asked = {"plan": {"kind": "deploy", "package": "shop:1.0.0", "digest": None, "mode": "maintenance", "balancer": {"status": []}}}
    put_package(tmp_path / "store", "shop:1.0.0", {"source": [entry("app.py", b"")]})
    there = engine.run_step(site, "preflight", asked, {})
    os.rmdir(site.root)
    missing = engine.run_step(site, "preflight", asked, {})
    assert missing["findings"] == ["There is no folder %s: make it, owned by the user that runs the application." % site.root]
    assert missing["warnings"] == []
    of_a_package = {"reference", "commit", "label"}
    assert set(missing["found"]) == set(there["found"]) - of_a_package and not os.path.exists(site.root)


def test_it_tells_which_folder_this_is_by_whatever_path(site, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "link").symlink_to(site.root)
    folders = [check(Site(dict(site.params, root=str(root))), "upgrade", "")["folder"] for root in (site.root, tmp_path / "link", other)]
    assert folders[0] == folders[1] != folders[2] and None not in folders


@pytest.mark.parametrize("roles, known", [(["app"], False), (["app", "leader"], True)])
def test_who_leads_tells_whom_the_last_operation_that_ended_well_had(site, roles, known):
    """Restores tell of no hosts, what was undone has changed none, and a damaged journal of what is over is no reason not to begin."""
    done = {"hosts": {"app1": ["app", "leader"], "app2": ["app"]}}
    for name, plan, outcome in (("20260101T000000Z-upgrade-1", done, "done"), ("20260102T000000Z-upgrade-2", {"hosts": {"app1": []}}, "undone"),
                                ("20260103T000000Z-restore-3", {"kind": "restore"}, "done")):
        journal = Journal(site.root, name)
        journal.append("operation", "begin", data=plan)
        journal.append("operation", "done", data={"outcome": outcome})
    site.roles = roles
    site.connection = site.driver = lambda: SimpleNamespace(status=dict, query=lambda *words: [])
    told = {"operation": "20260101T000000Z-upgrade-1", "hosts": done["hosts"]}
    assert check(site, "upgrade", "")["last"] == (told if known else None)
    with open(journal.path, "r+b") as stream:
        stream.write(b"x")
    assert check(site, "upgrade", "")["last"] is None


def test_a_tag_that_was_moved_since_it_was_built_is_found(site, tmp_path):
    built, other = (put_package(tmp_path / "store", "shop:main", {"source": [entry("app.py", b"%d" % number)]}) for number in range(2))

    def moved(package, digest):
        found = check(site, "upgrade", package, digest=digest)
        return found["digest"], [one for one in found["findings"] if "moved the tag" in one]

    assert moved("shop:main", other) == moved("shop:main", "") == (other, [])
    digest, (finding,) = moved("shop:main", built)
    assert digest == other and other in finding and finding.endswith("say -e package=shop@%s." % built)
    assert moved("shop@" + built, built) == (built, [])


def test_a_host_without_web_warms_its_caches_only(lacking):
    assert lacking("upgrade", serves=False) == ["warm"]


@pytest.fixture
def debugging_in(application):
    """debugging_in(environment, profile, of slipway.yml, of the inventory) looks whether users would see the application's inside."""

    def look(environment, profile, ours, inventory):
        application.release({}, profile=profile, environment=ours, **({"profile_version": "6.0"} if profile == "oro" else {}))
        options = {"root": application.root, "environment": environment, "variables": {"websocket_port": "1"}, "python": None}
        runtime = open_runtime(options)
        debugging.refuse(SimpleNamespace(environment=environment, runtime=lambda candidate: runtime,
                                         params={"environment_variables": inventory}), None)

    return look


@pytest.mark.parametrize("profile, ours, inventory", [
    ("generic", {"DEBUG": "1"}, {}),
    ("generic", {"DEBUG": "0"}, {"DEBUG": "yes"}),
    ("django", {}, {"DEBUG": True}),
    ("django", {"DJANGO_DEBUG": "on"}, {}),
    ("oro", {}, {"APP_DEBUG": 1}),
])
def test_debugging_is_refused_wherever_it_is_turned_on(debugging_in, profile, ours, inventory):
    with pytest.raises(SlipwayError, match="DEBUG turns debugging on.* this one is prod.* slipway_environment_variables"):
        debugging_in("prod", profile, ours, inventory)


@pytest.mark.parametrize("environment, profile, ours, inventory", [
    ("dev", "django", {"DEBUG": "1"}, {}),
    ("prod", "django", {"DEBUG": "1"}, {"DEBUG": "False"}),
    ("prod", "oro", {"DEBUG": "1"}, {"APP_DEBUG": 0}),
    ("stag", "generic", {}, {}),
])
def test_debugging_that_is_off_or_for_developers(debugging_in, environment, profile, ours, inventory):
    debugging_in(environment, profile, ours, inventory)


@pytest.mark.parametrize("environment, profile, name, refused", [
    ("prod", "oro", "index_dev.php", True), ("stag", "oro", "app_dev.php", True), ("prod", "oro", "index.php", False),
    ("dev", "oro", "index_dev.php", False), ("prod", "generic", "index_dev.php", False)])
def test_a_program_for_developers_is_refused_where_users_are(tmp_path, environment, profile, name, refused):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / name).symlink_to("nowhere")
    release = SimpleNamespace(id="2", path=str(tmp_path), documents=None)

    def look(current, previous):
        releases = SimpleNamespace(current=lambda: current, previous=lambda: previous)
        debugging.refuse_files(SimpleNamespace(environment=environment, releases=releases,
                                               config=lambda documents: {"profile": profile}), release)

    other = SimpleNamespace(id="1")
    for lived in ((None, None), (other, None), (other, other)):
        with pytest.raises(SlipwayError, match="The package has public/%s" % name) if refused else contextlib.nullcontext():
            look(*lived)
    for lived in ((release, other), (other, release)):
        look(*lived)


def test_a_package_that_was_refused_is_refused_when_it_is_tried_again(site, tmp_path):
    digest = put_package(tmp_path / "store", "shop:1.0.0", {"source": [entry("public/index_dev.php", b"")]},
                         base={"profile": "oro", "profile_version": "6.0"})
    for number in (1, 2):
        operation = Operation(site, "20261126T10000%dZ-upgrade-%d" % (number, number), number, {
            "kind": "upgrade", "mode": "maintenance", "package": "shop:1.0.0", "digest": digest, "previous": {}})
        with pytest.raises(SlipwayError, match="The package has public/index_dev.php"):
            forward.stage(site, operation)
        operation.close("undone", "It was undone.")
        assert site.releases.find(digest), "it is there, but was never live"
