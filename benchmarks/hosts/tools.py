# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared: each deploys one version of one tree to the hosts of a Fleet, and says what that took."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import application
import capistrano
import probe
from fleet import KEEP, PERIOD, REPOSITORY, STORE
from measure import cost_of
from plays import rounds

HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")


class Upgrade:
    """slipway.app.upgrade: verifies, journals, drains, closes, takes a restore point, migrates, checks health, prunes."""

    def __init__(self, fleet):
        self.fleet, self.root = fleet, "/srv/shop"

    def deploy(self, number):
        fronts, cores = self.fleet.fronts(), Cores()
        try:
            cost, asked = self.fleet.play("upgrade", package="shop:%d" % number, operation_keep_releases=KEEP)
            time.sleep(2 * PERIOD)
        finally:
            for one in [*fronts, cores]:
                one.stop()
        begun, ended, broken = probe.window(fronts)
        return cost, dict(rounds(asked), asked=asked, window=ended - begun, cores=cores.busy(begun, ended), broken=broken)


class Release:
    """The module release alone, which is what Capistrano does: fetch, verify, link, activate, prune."""

    def __init__(self, fleet):
        self.fleet, self.root = fleet, "/srv/release"

    def deploy(self, number):
        cost, asked = self.fleet.play(HERE.parent / "shared" / "releases.yml", targets="app", root=self.root, store=STORE,
                                      package="shop:%d" % number, keep_releases=KEEP)
        return cost, rounds(asked)


class Capistrano:
    """Capistrano 3: clone or fetch on the hosts, archive, link, activate, prune."""

    def __init__(self, fleet):
        self.fleet, self.root = fleet, "/srv/capistrano"
        self.folder = fleet.folder / "capistrano"
        if not self.folder.exists():
            capistrano.write(self.folder, [fleet.address(host) for host in fleet.apps], key=fleet.folder / "keys" / "user_key",
                             repository=REPOSITORY, root=self.root, home="/tmp", shared=application.SHARED, keep=KEEP)

    def deploy(self, number):
        self.fleet.disconnect()
        environment = dict(os.environ, TAG=str(number), LC_ALL="C.UTF-8")
        return cost_of(capistrano.ARGV, self.folder / "output.log", self.folder, environment), {}


class Ansistrano:
    """Ansistrano's role from a checkout, strategy git, without facts and with the connection settings that ours has."""

    def __init__(self, fleet, checkout):
        self.fleet, self.root = fleet, "/srv/ansistrano"
        self.checkout = Path(checkout).resolve()

    def deploy(self, number):
        cost, asked = self.fleet.play(
            HERE / "ansistrano.yml", ansistrano_role=str(self.checkout), ansistrano_deploy_to=self.root,
            ansistrano_deploy_via="git", ansistrano_git_repo=REPOSITORY, ansistrano_git_branch=str(number),
            ansistrano_shared_paths=list(application.SHARED), ansistrano_keep_releases=KEEP,
            ansistrano_allow_anonymous_stats=False)
        return cost, rounds(asked)


class Cores:
    """How many cores of this machine were busy, at any time until stop()."""

    def __init__(self):
        self._samples = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopped.wait(PERIOD):
            fields = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=9)[1:9]
            user, nice, system, _idle, _wait, *others = map(int, fields)
            self._samples.append((time.time(), (user + nice + system + sum(others)) / TICK))

    def stop(self):
        self._stopped.set()
        self._thread.join()

    def busy(self, begun, ended):
        """The mean number of busy cores between two times."""
        within = [sample for sample in self._samples if begun <= sample[0] <= ended]
        (first, before), (last, after) = within[0], within[-1]
        return (after - before) / (last - first)


def all_of(fleet, checkout):
    """{name: tool} of what there is to compare: Ansistrano only with a checkout of it."""
    tools = {"upgrade": Upgrade(fleet), "release alone": Release(fleet), "Capistrano": Capistrano(fleet)}
    if checkout:
        tools["Ansistrano"] = Ansistrano(fleet, checkout)
    return tools


def measure(fleet, tool, number):
    """One deployment, looked at afterwards: {wall, cpu (controller), cpu_hosts, warm, and what the tool says beyond}.

    warm: whether as many releases were there as stay, so that the oldest had to be removed.
    """
    warm = set(fleet.releases(tool.root)) == {KEEP}
    before = fleet.cpu()
    cost, more = tool.deploy(number)
    after = fleet.cpu()
    fleet.check_live(tool.root, number)
    if warm and set(fleet.releases(tool.root)) != {KEEP}:
        raise RuntimeError("Below %s are %s releases, not %d." % (tool.root, fleet.releases(tool.root), KEEP))
    return dict(more, wall=cost.wall, cpu=cost.cpu, cpu_hosts=after - before, warm=warm)
