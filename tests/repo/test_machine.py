# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests and lab do to the machine they run on, by what its programs are told; here others stand for docker and apt-get."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = str(ROOT / "scripts")
NO_ENGINE = "echo 'Cannot connect to the Docker daemon' >&2; exit 1"


@pytest.fixture
def run(tmp_path):
    """run(argv, programs, **environment) -> the CompletedProcess; programs is {name: shell script}, there are no others on PATH."""
    def run(argv, programs, **environment):
        (tmp_path / "bin").mkdir()
        for name, text in programs.items():
            (tmp_path / "bin" / name).write_text("#!/bin/sh\necho $(basename $0) \"$@\" >> '%s'\n%s\n" % (tmp_path / "told", text), encoding="utf-8")
            (tmp_path / "bin" / name).chmod(0o755)
        (tmp_path / "bin" / "basename").symlink_to(shutil.which("basename"))
        return subprocess.run([sys.executable, *argv], cwd=tmp_path, env=dict(environment, PATH=str(tmp_path / "bin")), capture_output=True, text=True,
                              check=False)

    return run


def told(folder, program):
    return [line for line in (folder / "told").read_text(encoding="utf-8").splitlines() if line.startswith(program + " ")]


def needs(run, programs, **environment):
    """What the tests on hosts say that they lack."""
    done = run([ROOT / "tests" / "hosts" / "needs.py"], programs, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_no_package_is_removed_for_the_engine(run, tmp_path):
    said = needs(run, {"docker": NO_ENGINE, "apt-get": "echo 'Packages need to be removed' >&2; exit 100"})
    if os.geteuid():
        assert "only root on Debian or Ubuntu can install docker.io, iptables" in said and not told(tmp_path, "apt-get")
    else:
        assert "apt-get cannot install docker.io, iptables: Packages need to be removed" in said
        assert all("--no-remove" in line for line in told(tmp_path, "apt-get") if " install " in line)


@pytest.mark.parametrize("name, value", [("DOCKER_HOST", "unix:///none"), ("DOCKER_CONTEXT", "far")])
def test_no_engine_is_installed_where_another_is_named(run, tmp_path, name, value):
    said = needs(run, {"docker": NO_ENGINE, "apt-get": ""}, **{name: value})
    assert "%s names does not answer" % name in said and "Cannot connect" in said
    assert not told(tmp_path, "apt-get")


@pytest.mark.parametrize("version, info, name", [
    ("Client: Docker Engine - Community", '["name=seccomp,profile=builtin","name=rootless"] Debian GNU/Linux 12', "rootless Docker"),
    ("Client: Docker Engine - Community", '["name=seccomp,profile=unconfined"] Docker Desktop', "Docker Desktop"),
    ("Client:       Podman Engine", "[] debian", "podman"),
])
def test_an_engine_that_keeps_its_networks_for_itself_is_named(run, version, info, name):
    docker = "case $1 in version) echo '%s';; info) echo '%s';; *) exit 1;; esac" % (version, info)
    assert "this is " + name in needs(run, {"docker": docker, "apt-get": "exit 1"})


@pytest.mark.parametrize("program", ["needs", "down", "with"])
@pytest.mark.parametrize("endpoint", ["ssh://prod", "tcp://10.0.0.1:2375"])
def test_an_engine_of_another_machine_is_asked_for_nothing(run, tmp_path, program, endpoint):
    argv = {"needs": [ROOT / "tests" / "hosts" / "needs.py"], "down": [ROOT / "scripts" / "lab.py", "down", "--name", "none"],
            "with": ["-c", "import sys; sys.path.insert(0, %r); import lab; lab.Lab('none', 1, 1).__enter__()" % SCRIPTS]}[program]
    done = run(argv, {"docker": "case $1 in context) echo %s;; *) exit 0;; esac" % endpoint, "apt-get": "exit 1"})
    assert done.returncode == 1 and "this is the one at %s" % endpoint in done.stdout + done.stderr
    assert all(line.startswith("docker context inspect ") for line in told(tmp_path, "docker"))


@pytest.mark.parametrize("unit, installed", [(True, False), (False, True)])
def test_what_would_run_as_a_service_is_unpacked_and_not_installed(run, tmp_path, unit, installed):
    unpacks = "%s -p $3/lib/systemd/system $3/usr/bin; %s" % (shutil.which("mkdir"), "> $3/lib/systemd/system/it.service" if unit else ":")
    code = "import sys; sys.path.insert(0, %r); import registry_server; registry_server.program('it', 'its-package', 'cache')" % SCRIPTS
    done = run(["-c", code], {"apt-get": 'case "$*" in *download*) > it.deb;; esac', "dpkg-deb": unpacks})
    assert "There is no it that runs on this machine" in done.stderr, done.stderr
    assert any(" download its-package" in line for line in told(tmp_path, "apt-get"))
    calls = [line for line in told(tmp_path, "apt-get") if " install " in line]
    assert bool(calls) == (installed and os.geteuid() == 0) and all("--no-remove" in line for line in calls)


def test_two_makes_of_one_lab_take_turns(tmp_path):
    name = "turns-%d" % os.getpid()
    (tmp_path / "docker").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "docker").chmod(0o755)
    lock = ROOT / ".cache" / (name + "-lab.lock")
    with open(lock, "w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen([sys.executable, ROOT / "scripts" / "lab.py", "down", "--name", name],
                                  env=dict(os.environ, PATH="%s:%s" % (tmp_path, os.environ["PATH"])))
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1)
            fcntl.flock(held, fcntl.LOCK_UN)
            assert second.wait(30) == 0
        finally:
            second.kill()
            second.wait()
            lock.unlink()


def test_where_git_refuses_its_words_are_told(tmp_path):
    code = ("import pathlib, sys; sys.path.insert(0, %r); import sanity; sanity.workspace.ROOT = pathlib.Path(%r); sanity.project_files()"
            % (SCRIPTS, str(tmp_path)))
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ, GIT_CEILING_DIRECTORIES=str(tmp_path.parent)), capture_output=True, text=True,
                          check=False)
    assert "not a git repository" in done.stderr and "Traceback" not in done.stderr
