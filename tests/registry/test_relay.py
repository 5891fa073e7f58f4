# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that cannot reach the store: the controller brings them what they lack, and nothing else, over Ansible's connection."""

from __future__ import annotations

import json
import os
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.contract.conftest import World
from ansible_collections.slipway.app.tests.registry.conftest import PASSWORD


@pytest.fixture
def play(tmp_path):
    """play(tasks, variables...) -> what Ansible said, and the values of these variables after the tasks.

    The registry answers nobody without a password, and with relay the modules on the host get none.
    """

    def run(tasks, *registered, interpreter=sys.executable):
        (tmp_path / "hosts").write_text("[app]\nhost ansible_connection=local\n", encoding="utf-8")
        values = "{{ [%s] | to_json }}" % ", ".join(registered)
        keep = {"ansible.builtin.copy": {"dest": str(tmp_path / "values"), "content": values, "mode": "0600"}}
        whole = [{"hosts": "app", "gather_facts": False, "tasks": [*tasks, keep],
                  "vars": {"ansible_python_interpreter": interpreter}}]
        (tmp_path / "play.json").write_text(json.dumps(whole), encoding="utf-8")
        done = playbook_process.run(["-vvv", "-i", "hosts", "play.json"], tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout, json.loads((tmp_path / "values").read_text(encoding="utf-8"))

    return run


@pytest.fixture
def cut_off(registry, tmp_path):
    """The Python of a host that has no way to the registry; its controller, on the same machine, has."""
    wall = "import sys\n\ndef look(event, arguments):\n    if event == 'socket.connect' and arguments[1][1:] == (%d,):\n" \
           "        raise ConnectionRefusedError(111, 'Connection refused')\n\nsys.addaudithook(look)\n" % registry.port
    (tmp_path / "wall").mkdir()
    (tmp_path / "wall" / "sitecustomize.py").write_text(wall, encoding="utf-8")
    python = tmp_path / "wall" / "python"
    python.write_text("#!/bin/sh\nPYTHONPATH='%s' exec '%s' \"$@\"\n" % (tmp_path / "wall", sys.executable), encoding="utf-8")
    python.chmod(0o755)
    return str(python)


def blobs(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.long
def test_a_release_is_unpacked_on_a_host_without_a_way_to_the_registry(build, play, options, tmp_path, cache, fetched):
    layers = [{layer["name"]: layer["digest"][7:] for layer in build(reference)["layers"]} for reference in ("1.0.0", "1.1.0")]
    root = tmp_path / "root"
    root.mkdir()
    task = dict(options, root=str(root), relay=True)
    fetched()
    output, (first, again, second) = play([
        {"slipway.app.release": dict(task, package="shop:1.0.0"), "register": "first"},
        {"slipway.app.release": dict(task, package="shop:1.0.0"), "register": "again"},
        {"slipway.app.release": dict(task, package="shop:1.1.0"), "register": "second"}], "first", "again", "second")
    assert output.count('"store_auth": null') == 3  # what the modules were given
    assert [first["changed"], again["changed"], second["changed"]] == [True, False, True]
    assert (root / "releases" / second["release"]["id"] / "app.txt").read_text() == "two\n"
    assert blobs(root / "state" / "blobs") >= {*layers[0].values(), *layers[1].values()}
    # What both have was read once, and crossed the connection once.
    assert sum(digest == "sha256:" + layers[0]["dependencies"] for digest in fetched()) == 1
    put = [line for line in output.splitlines() if " TO " in line and "PUT" in line and line.rpartition("/")[2][:64] in
           {*layers[0].values(), *layers[1].values()}]
    assert len(put) == 3, put
    assert blobs(cache / "blobs") >= blobs(root / "state" / "blobs")


def test_what_was_damaged_on_the_way_is_not_taken(build, run_module, registry, options, store, tmp_path):
    digest = build()["digest"]
    seen = store.of(parse("shop"))
    manifest = seen.manifest(digest)
    documents = {digest: seen.read_manifest(digest).decode(), manifest["config"]["digest"]: seen.read_document(
        manifest["config"]["digest"], manifest["config"]["size"]).decode()}
    folder = tmp_path / "sent"
    folder.mkdir()
    for layer in manifest["layers"]:
        (folder / layer["digest"][7:]).write_bytes(os.urandom(layer["size"]))
    root = tmp_path / "root"
    root.mkdir()
    params = {"root": str(root), "store": options["store"], "package": "shop:1.0.0",
              "relayed": {"digest": digest, "documents": documents, "folder": str(folder)}}
    result = run_module("release", params)
    assert result["failed"] and "is damaged" in result["msg"]
    assert not any((root / "state" / "blobs" / layer["digest"][7:]).exists() for layer in manifest["layers"])
    assert list((root / "releases").iterdir()) == []


def test_an_operation_is_relayed_where_the_host_finds_no_way_to_the_registry(
        build, play, cut_off, options, tmp_path, run_module, server):
    layers = build()["layers"]
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world", run_module, server)
    try:
        step = dict(options, kind="deploy", package="shop:1.0.0", application="shop", environment="prod", root=world.root,
                    database=world.postgres(), driver="supervisor", supervisor_socket=world.supervisor.socket,
                    supervisor_conf_dir=world.supervisor.conf_dir)
        dummy, (found, staged) = play(
            [{"slipway.app.operation_step": dict(step, step="preflight"), "register": "operation_step_result"},
             {"ansible.builtin.set_fact": {"preflight": "{{ operation_step_result }}"}}] +
            [{"slipway.app.operation_step": dict(step, step=name), "register": "operation_step_result"} for name in ("start", "stage")],
            "preflight", "operation_step_result", interpreter=cut_off)
    finally:
        world.close()
    assert found["findings"] == [] and {one["digest"] for one in found["found"]["missing"]} == {one["digest"] for one in layers}
    assert staged["outcome"] == "ok" and staged["outcomes"]["stage"]["unpacked"] is True
    release = os.path.join(world.root, "releases", staged["outcomes"]["stage"]["release"])
    assert os.path.getsize(os.path.join(release, "vendor", "library")) > 0


@pytest.mark.long
def test_only_a_way_that_is_missing_is_a_reason_to_relay(build, play, cut_off, options, tmp_path):
    build()
    (tmp_path / "root").mkdir()
    task = dict(options, root=str(tmp_path / "root"), package="shop:1.0.0")
    wrong = dict(options["store_auth"], password="wrong")
    tasks = [{"slipway.app.release": dict(task, store_auth=wrong), "register": "refused", "ignore_errors": True},
             {"slipway.app.release": dict(task, package="shop:0.9.0"), "register": "absent", "ignore_errors": True}]
    output, (refused, absent) = play(tasks, "refused", "absent")
    assert "refuses the user name or the password" in refused["msg"] and "0.9.0" in absent["msg"]
    assert "relays the package" not in output and list((tmp_path / "root").iterdir()) == []
    tasks = [{"slipway.app.release": dict(task, relay=False), "register": "alone", "ignore_errors": True},
             {"slipway.app.release": task, "register": "helped"}]
    dummy, (alone, helped) = play(tasks, "alone", "helped", interpreter=cut_off)
    assert alone["failed"] and "cannot be reached: Connection refused" in alone["msg"]
    assert helped["changed"] and (tmp_path / "root" / "releases" / helped["release"]["id"] / "app.txt").read_text() == "one\n"


def test_a_folder_on_the_controller_is_a_store_for_hosts_that_do_not_see_it(run_module, repository, play, tmp_path):
    folder = str(tmp_path / "folder")
    run_module("package_build", {"store": folder, "name": "shop", "repository": repository.path, "reference": "1.0.0"})
    (tmp_path / "root").mkdir()
    dummy, (done,) = play([{"slipway.app.release": {
        "root": str(tmp_path / "root"), "store": folder, "package": "shop:1.0.0", "relay": True}, "register": "done"}], "done")
    assert done["changed"] and (tmp_path / "root" / "state" / "blobs").is_dir()
