# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a patch: tried, applied everywhere or nowhere, named by an upgrade, kept by it, reverted.

This comes after the files that look at what the shop's deploy has left, and leaves it with 1.0.1. That nothing of a patch comes
along where a package does not contain it is seen after the next upgrade, in test_upgrade_under_load.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock, owner
from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.integration.aftermath import told, where
from ansible_collections.slipway.app.tests.integration.crashes import kill_tree
from ansible_collections.slipway.app.tests.integration.packages import derive
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application
from ansible_collections.slipway.app.tests.waiting import until

pytestmark = pytest.mark.timeout(900)

# A connection that is lost when the host has the patch and its answer is on the way: for good, or once; or the module
# crashes then, of which Ansible says so in JSON from 2.19 on, and before in what it takes out of no JSON.
LOSES = '''
import os
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """name: losing
short_description: as local
description: [local]
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(Local):
    transport = "losing"

    def exec_command(self, *arguments, **options):
        if os.path.exists("lost"):
            raise AnsibleConnectionFailure("it is lost")
        done = super().exec_command(*arguments, **options)
        if os.path.exists("crash") and os.path.exists("consumer1/current/news.txt"):
            os.unlink("crash")
            return 1, b'{"failed": true, "msg": "Out of memory", "exception": "Traceback"}', b""
        for name, then in (("once", "found"), ("for good", "lost")):
            if os.path.exists(name) and os.path.exists("consumer1/current/news.txt"):
                os.rename(name, then)
                raise AnsibleConnectionFailure("it was lost")
        return done
'''
ADDED = "--- /dev/null\n+++ b/%s.txt\n@@ -0,0 +1 @@\n+open on Sunday\n"


@pytest.fixture
def patches(shop, run, tmp_path):
    """patches(playbook, name, **variables) -> its Result; the patch of a name adds a file of that name."""

    def runner(playbook, name=None, **variables):
        if name:
            (tmp_path / name).write_text(ADDED % name.partition(".")[0], encoding="utf-8")
            variables["patch"] = name if playbook == "patch_revert" else str(tmp_path / name)
        return run(shop, playbook, **variables)

    return runner


@pytest.fixture
def next_package(shop):
    """1.0.1: it has news.txt, and no migration; 1.1.0 has not."""
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=Shop developer", "-c", "user.email=developer@shop.example", *arguments],
                       cwd=shop.repository, check=True)

    git("checkout", "--quiet", "--detach", "1.0.0")
    (shop.repository / "news.txt").write_text("open on Sunday\n", encoding="utf-8")
    git("add", "news.txt")
    git("commit", "--quiet", "--message", "1.0.1")
    git("tag", "1.0.1")
    (package,) = derive(shop, "shop:1.0.0", "1.0.1")
    return package


def live(lab):
    return {os.readlink(lab.root(host) / "current").partition("-")[0] for host in lab.hosts}


def killed_before_consumer1(lab, name, folder):
    """Kill patch_apply when only consumer1 has still to do it."""
    (folder / name).write_text(ADDED % name.partition(".")[0], encoding="utf-8")
    with exclusive(lab.root("consumer1") / "state" / "release.lock"):
        started = lab.start_playbook("patch_apply", patch=str(folder / name), force=True)
        until(lambda: len(where(lab, name.replace("patch", "txt"))) == 2 or started.poll() is not None)
        kill_tree(started)


@pytest.mark.long
def test_a_patch_from_trial_to_upgrade_and_reverted(shop, run, state, next_package, patches, tmp_path):
    tried = patches("patch_apply", "news.patch")
    assert tried.rc == 0 and "would be applied" in tried.output and "force=true" in tried.output
    assert where(shop, "news.txt") == []

    # One host on which it does not fit, and it is applied on none.
    odd = shop.root("consumer1") / "current" / "news.txt"
    odd.write_text("closed\n", encoding="utf-8")
    refused = patches("patch_apply", "news.patch", force=True)
    assert refused.rc != 0 and "consumer1: The patch does not fit" in refused.output
    assert where(shop, "news.txt") == ["consumer1"]
    odd.unlink()

    for name in ("news.patch", "note.patch"):
        applied = patches("patch_apply", name, force=True, keep=True)
        assert applied.rc == 0, applied.output

    # The controller dies when all hosts but one are patched: whoever looks, recovers or upgrades is told so.
    killed_before_consumer1(shop, "late.patch", tmp_path)
    assert where(shop, "late.txt") == ["app1", "app2"]
    differ = "consumer1: The patch late.patch"
    seen = run(shop, "status")
    assert seen.rc == 0 and "patches      news.patch, note.patch, late.patch" in seen.output and differ in seen.output
    recovered = run(shop, "recover", takeover=True)
    assert recovered.rc != 0 and "the lock is free again" in told(recovered.output) and differ in told(recovered.output)
    refused = run(shop, "upgrade", package=next_package)
    assert refused.rc != 0 and differ in told(refused.output) and "applied on app1, app2 and not here" in told(refused.output)
    assert "late.patch (applied by" in told(refused.output) and "skip_check_patches=true" in told(refused.output)
    assert "note.patch (applied by" not in told(refused.output) and live(shop) == {"releases/1.0.0"}

    # Once more, and where it was there already services are restarted as well: they are older than it.
    before = state(shop)["pids"]
    applied = patches("patch_apply", "late.patch", force=True, restart=True)
    assert applied.rc == 0, applied.output
    after = state(shop)["pids"]
    assert [host for host in before if set(before[host].values()) & set(after[host].values())] == []
    assert where(shop, "news.txt") == where(shop, "note.txt") == where(shop, "late.txt") == shop.hosts

    upgraded = run(shop, "upgrade", package=next_package, skip_check_patches=True)
    assert upgraded.rc == 0, upgraded.output
    assert "patched again by note.patch; contains news.patch; DROPPED late.patch" in upgraded.output
    assert live(shop) == {"releases/1.0.1"}
    assert where(shop, "news.txt") == where(shop, "note.txt") == shop.hosts and where(shop, "late.txt") == []
    listed = patches("patch_list").output
    assert "note.patch (kept)" in listed and "news.patch" not in listed and "late.patch" not in listed

    reverted = patches("patch_revert", "note.patch", force=True)
    assert reverted.rc == 0 and where(shop, "note.txt") == []


class ThreeHosts:
    """An application without services on three hosts that are folders; what its patch playbooks make of a patch that adds news.txt.

    The connection to the last one can be lost; what makes patching fail there at the last moment is a folder in the place of a lock:
    trying needs no lock, doing it does.
    """

    def __init__(self, folder, environment):
        hosts = {}
        for name in ("app1", "app2", "consumer1"):
            application = Application(folder / name)
            application.release({})
            (folder / name / "state").mkdir()
            hosts[name] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "slipway_root": application.root}
        hosts["consumer1"]["ansible_connection"] = "losing"
        (folder / "connections").mkdir()
        (folder / "connections" / "losing.py").write_text(LOSES, encoding="utf-8")
        groups = {"app": {"hosts": {name: hosts[name] for name in ("app1", "app2")}}, "consumer": {"hosts": {"consumer1": hosts["consumer1"]}}}
        (folder / "hosts.json").write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")
        (folder / "news.patch").write_text(ADDED % "news", encoding="utf-8")
        self.folder, self.names, self.lock = folder, list(hosts), Lock(hosts["app1"]["slipway_root"])
        self.environment = dict(environment, ANSIBLE_CONNECTION_PLUGINS=str(folder / "connections"))
        self.obstacle = folder / "consumer1" / "state" / "release.lock"

    def play(self, playbook, forced=True):
        """(exit status, what was printed)"""
        force = ["-e", "force=true"] if forced else []
        done = playbook_process.run(["-i", "hosts.json", "slipway.app." + playbook, "-e", "patch=news.patch", *force],
                                    self.folder, self.environment)
        return done.returncode, told(done.stdout)

    def there(self):
        return [name for name in self.names if (self.folder / name / "current" / "news.txt").exists()]

    def fail_and_take_back(self, playbook, word):
        """Do it, which fails on one host; what was printed."""
        before = self.there()
        status, output = self.play(playbook)
        assert status != 0 and "was taken back where it had been " + word in output
        assert self.there() == before and self.lock.holder() is None
        return output


@pytest.fixture
def three(shop, tmp_path):
    return ThreeHosts(tmp_path, shop.ansible_environment())


def test_a_host_on_which_it_fails_at_the_last_moment_and_it_is_done_nowhere(three):
    assert three.play("patch_apply", forced=False)[0] == 0 and three.there() == [], "it is only tried"
    three.obstacle.mkdir()
    three.fail_and_take_back("patch_apply", "applied")
    assert three.there() == []
    three.obstacle.rmdir()
    assert three.play("patch_apply")[0] == 0 and three.there() == three.names
    three.obstacle.unlink()
    three.obstacle.mkdir()
    three.fail_and_take_back("patch_revert", "reverted")


@pytest.mark.long
def test_a_host_that_is_lost_at_the_last_moment_and_it_is_applied_nowhere(three, tmp_path):
    three.lock.acquire("upgrade-1", owner("bob", "another.example", 1))
    status, output = three.play("patch_apply")
    assert status != 0 and "app1: Operation upgrade-1 holds the lock" in output
    three.lock.release("upgrade-1")
    (tmp_path / "once").touch()
    assert "it was lost" in three.fail_and_take_back("patch_apply", "applied") and three.lock.fence() == 2
    (tmp_path / "crash").touch()
    assert "Out of memory" in three.fail_and_take_back("patch_apply", "applied") and three.there() == []
    (tmp_path / "for good").touch()
    status, output = three.play("patch_apply")
    assert status != 0 and "Whether it is on consumer1 is not known" in output
    assert three.there() == ["consumer1"] and three.lock.holder() is None
    (tmp_path / "lost").unlink()
    assert three.play("patch_apply")[0] == 0 and three.there() == three.names
