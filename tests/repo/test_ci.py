# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What .ci/run ends when it ends: what it has started itself, and nothing else of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name, begun, lives", [
    ("dockerd", "before", True), ("sleep", "before", True), ("sleep", "by the run", True), ("dockerd", "by the run", False)])
def test_the_engine_it_ends_is_its_own(tmp_path, name, begun, lives):
    for folder in (".ci", "scripts", "bin", ".cache/a clone/.demo"):  # with a demo that cannot be ended
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    shutil.copy("/bin/sleep", tmp_path / "bin" / name)
    engine = subprocess.Popen([tmp_path / "bin" / name, "60"])
    noting = "#!/bin/sh\necho %d > .cache/dockerd.pid\n" % engine.pid
    for program, text in (("scripts/with-python", "#!/bin/sh\n"), ("bin/make", noting + "exit 1\n")):  # the first phase fails
        (tmp_path / program).write_text(text, encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    (tmp_path / ".cache" / "dockerd.pid").write_text(str(engine.pid), encoding="utf-8")
    if begun == "before":
        (tmp_path / "bin" / "make").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    try:
        done = subprocess.run([tmp_path / ".ci" / "run"], env=dict(os.environ, PATH="%s:%s" % (tmp_path / "bin", os.environ["PATH"])),
                              capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "== make test" in done.stdout, done.stderr
        if lives:
            with pytest.raises(subprocess.TimeoutExpired):
                engine.wait(0.1)
        else:
            engine.wait(10)
    finally:
        engine.kill()
        engine.wait()


def test_the_files_of_a_demo_that_cannot_be_ended_stay(tmp_path):
    """As after a run that was killed: nothing else knows of its processes."""
    for folder in (".ci", "scripts", "bin", ".cache/a clone/.demo"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    for program, text in (("scripts/with-python", "#!/bin/sh\n"), ("bin/make", '#!/bin/sh\ncase "$*" in *demo-stop) echo It runs.; exit 1; esac\n')):
        (tmp_path / program).write_text(text, encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    done = subprocess.run([tmp_path / ".ci" / "run"], env=dict(os.environ, PATH="%s:%s" % (tmp_path / "bin", os.environ["PATH"])),
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "It runs." in done.stdout, done.stderr
    assert (tmp_path / ".cache" / "a clone" / ".demo").is_dir()
