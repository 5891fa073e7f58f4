# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every make target stands on, on machines that are not as those who wrote it have them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import workspace  # noqa: E402  (scripts is no package)


def test_what_tests_run_gets_nothing_of_the_callers_servers(monkeypatch):
    monkeypatch.setenv("PGSERVICE", "prod")
    assert "PGSERVICE" not in workspace.environment(sys.executable)


# Stands for a Python that is called as `python -m venv --clear FOLDER`: the real one takes five seconds for it.
MAKES = """#!/bin/sh
rm -rf "$4" && mkdir -p "$4/bin" && ln -s /bin/true "$4/bin/python" && touch "$4/new"
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """made(venv, *names) -> whether install() made that virtual environment anew."""
    monkeypatch.setattr(workspace, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(workspace, "COLLECTIONS", tmp_path / "collections")
    python = tmp_path / "python"
    python.write_text(MAKES, encoding="utf-8")
    python.chmod(0o755)

    def made(venv, *names):
        workspace.install(*names, venv=venv, python=python)
        try:
            (venv / "new").unlink()
        except FileNotFoundError:
            return False
        return True

    return made


def test_an_environment_that_was_moved_is_made_anew(made, tmp_path):
    first, second = tmp_path / "o'neil's first", tmp_path / "second"
    assert made(first / ".venv") and not made(first / ".venv")
    first.rename(second)
    assert made(second / ".venv") and not made(second / ".venv")


def test_an_environment_that_was_moved_upwards_is_made_anew(made, tmp_path):
    """As in a container that has the clone at /slipway: its path stands at the end of the other one."""
    assert made(tmp_path / ".venv")
    (tmp_path / ".venv" / ".stamps" / ".place").write_text("/home/me%s/.venv" % tmp_path, encoding="utf-8")
    assert made(tmp_path / ".venv") and not made(tmp_path / ".venv")


@pytest.fixture
def filled(made, monkeypatch):
    """filled(error, venv, *names) -> as made(), where filling it ends so."""
    def filled(error, venv, *names):
        def bring(_python, _files):
            if error:
                raise error

        with monkeypatch.context() as patch:
            patch.setattr(workspace, "bring", bring)
            return made(venv, *names)

    return filled


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), subprocess.CalledProcessError(-9, "pip")], ids=["by a person", "killed"])
def test_an_environment_is_made_anew_where_filling_it_was_interrupted_and_more_is_wanted(filled, tmp_path, interruption):
    venv = tmp_path / ".venv"
    assert filled(None, venv, "run")
    with pytest.raises(type(interruption)):
        filled(interruption, venv, "run", "test")
    assert not filled(None, venv, "run"), "make demo-stop would need an index"
    assert filled(None, venv, "test") and not filled(None, venv, "run", "test")


@pytest.mark.parametrize("failure", [subprocess.CalledProcessError(1, "pip"), SystemExit("no")], ids=["pip", "ours"])
def test_an_environment_stays_where_filling_it_failed(filled, tmp_path, failure):
    venv = tmp_path / ".venv"
    assert filled(None, venv, "run")
    with pytest.raises(type(failure)):
        filled(failure, venv, "run", "test")
    assert not filled(None, venv, "run") and not filled(None, venv, "run", "test")


def test_make_hands_on_no_setting_of_another_python_or_place_to_install_to():
    given = {"PYTHONSAFEPATH": "1", "PYTHONPATH": "/elsewhere", "PYTHONHOME": "/elsewhere", "PIP_USER": "1", "PIP_TARGET": "/elsewhere"}
    done = subprocess.run(["make", "--silent", "--eval", "asked: ; @env", "asked"], cwd=ROOT, env=dict(os.environ, **given), capture_output=True, text=True,
                          check=True)
    assert [line for line in done.stdout.splitlines() if line.partition("=")[0] in given] == []


def test_a_place_of_the_callers_own_is_not_installed_to(tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text("[install]\nuser = true\ntarget = %s\n" % (tmp_path / "packages"), encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    with pytest.raises(SystemExit, match="install.target.*nothing was installed"):
        workspace.bring(sys.executable, [])
    (tmp_path / "pip.conf").write_text("[install]\nuser = true\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "pip"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("signal, pips", [("ILL", 2), ("KILL", 1)], ids=["by itself", "by somebody"])
def test_pip_does_all_anew_where_uv_dies_and_nothing_where_it_was_killed(tmp_path, signal, pips):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$2" = pip ] || kill -%s $$\n[ "$3" = config ] || echo "$@" >> "%s"\n' % (signal, tmp_path / "asked"), encoding="utf-8")
    python.chmod(0o755)
    with contextlib.nullcontext() if pips == 2 else pytest.raises(subprocess.CalledProcessError, match="'uv'"):
        workspace.bring(str(python), [tmp_path / "wanted"])
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert len(asked) == pips and ("--force-reinstall" in asked[-1]) == (pips == 2)


def test_what_tests_run_asks_no_proxy_for_this_machine(monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "corp.example")
    assert workspace.environment(sys.executable)["no_proxy"] == "corp.example,127.0.0.1,localhost"


@pytest.mark.parametrize("has, said", [
    ({}, "No Python 3.11 or later found, which Slipway's tools need. apt-get install python3 python3-venv"),
    ({"python3": (3, 9)}, "No Python 3.11 or later found, which Slipway's tools need. apt-get install python3 python3-venv"),
    ({"python3": (3, 13)}, "python3 is Python 3.13 without its venv module, which Slipway's tools need. apt-get install python3.13-venv"),
], ids=["nothing", "too old", "without venv"])
def test_what_a_machine_lacks_of_python_is_told_with_the_command_that_brings_it(tmp_path, has, said):
    script = tmp_path / "with-python"
    script.write_text((ROOT / "scripts" / "with-python").read_text(encoding="utf-8").replace("/usr/bin/", "%s/" % tmp_path), encoding="utf-8")
    for name, version in has.items():
        # As Debian's python3 has it: venv is there, what it installs pip from is not.
        code = "import os, sys; sys.version_info = %r; sys.modules['ensurepip'] = None; exec(sys.argv.pop(2))" % (version,)
        (tmp_path / name).write_text("#!/bin/sh\nexec '%s' -c \"%s\" \"$@\"\n" % (sys.executable, code), encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(["/bin/sh", script, "script.py"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and said in done.stderr.replace("%s/" % tmp_path, ""), done.stderr
    assert "SLIPWAY_PYTHON=/path/to/python" in done.stderr
