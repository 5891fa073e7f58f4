# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What .ci/run finds, what it says at its end, and what it ends then: what it has started itself, and nothing else of the machine."""

from __future__ import annotations

import contextlib
import http.server
import os
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import workspace  # noqa: E402  (scripts is no package)

# They stand for make and for the Python of the scripts: make is called with --no-print-directory --directory FOLDER TARGET.
MAKE = """#!/bin/sh
cd "$3"
case $4:$LEAVES in
    test:*) mkdir -p .cache/tests && echo '3 passed, 0 failed, 1 skipped' > .cache/tests/summary ;;
    molecule:*) mkdir -p .cache/tests-molecule && echo '4 passed, 0 failed' > .cache/tests-molecule/summary ;;
    demo:*) mkdir -p .demo && echo "The shop is open: $ADDRESS" ;;
    demo-stop:files) ;;
    demo-stop:processes) rm -r .demo && HOME=$PWD/.demo/1 sh -c 'sleep 60 > /dev/null 2>&1 & echo $! > "$NOTED"' ;;
    demo-stop:*) rm -r .demo ;;
    build:*) mkdir dist ;;
    lint:*) [ "$PWD" != "$WORKING_COPY" ] && touch linted ;;
    clean:dist) touch dist/artifact ;;
    clean:*) rmdir dist && rm linted ;;
esac
"""
WITH_PYTHON = """#!/bin/sh
case $1 in -c) exec %s "$@" ;; scripts/beside.py) shift 2 && exec setsid "$@" ;; esac
""" % shlex.quote(sys.executable)


@pytest.fixture
def ci(tmp_path):
    """ci(make, **environment) -> the CompletedProcess of .ci/run in a working copy, where that script stands for make."""
    programs = {".ci/run": (ROOT / ".ci" / "run").read_text(encoding="utf-8"), "scripts/with-python": WITH_PYTHON}

    def run(make, **environment):
        for path, text in dict(programs, **{"bin/make": make}).items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
            (tmp_path / path).chmod(0o755)
        for command in (["init", "--quiet"], ["add", *programs], ["-c", "user.name=ci", "-c", "user.email=ci", "commit", "--quiet", "--message=all"]):
            subprocess.run(["git", *command], cwd=tmp_path, env=workspace.environment(sys.executable, GIT_CONFIG_GLOBAL="/dev/null"), check=True)
        path = "%s:%s" % (tmp_path / "bin", os.environ["PATH"])
        return subprocess.run([tmp_path / ".ci" / "run"], env=workspace.environment(sys.executable, PATH=path, WORKING_COPY=str(tmp_path), **environment),
                              capture_output=True, text=True, check=False)

    return run


@contextlib.contextmanager
def shop(version):
    """The address of a shop of this version."""
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(b'{"status": "ok", "version": "%s"}' % version.encode())

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever).start()
        yield "http://127.0.0.1:%d" % server.server_port
        server.shutdown()


def test_it_counts_the_tests_in_its_last_line(ci):
    with shop("1.1.0") as address:
        done = ci(MAKE, ADDRESS=address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "7 passed, 0 failed, 1 skipped"
    assert '%s answers {"status": "ok", "version": "1.1.0"}' % address in done.stdout


@pytest.mark.parametrize("version, leaves, said", [
    ("1.2.0", "", 'answers {"status": "ok", "version": "1.2.0"}'), ("1.1.0", "files", "demo-stop has left files:"),
    ("1.1.0", "processes", "demo-stop has left processes:"), ("1.1.0", "dist", "clean has left:\n?? dist/")])
def test_what_the_demo_and_clean_leave_is_found(ci, tmp_path, version, leaves, said):
    noted = tmp_path / "noted"
    try:
        with shop(version) as address:
            done = ci(MAKE, ADDRESS=address, LEAVES=leaves, NOTED=str(noted))
    finally:
        if noted.exists():
            os.kill(int(noted.read_text(encoding="utf-8")), 9)
    assert done.returncode == 1 and said in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name, begun, lives", [
    ("dockerd", "before", True), ("sleep", "before", True), ("sleep", "by the run", True), ("dockerd", "by the run", False)])
def test_the_engine_it_ends_is_its_own(ci, tmp_path, name, begun, lives):
    for folder in (".cache", "bin"):
        (tmp_path / folder).mkdir()
    shutil.copy("/bin/sleep", tmp_path / "bin" / name)
    engine = subprocess.Popen([tmp_path / "bin" / name, "60"])
    noting = "echo %d > .cache/dockerd.pid\n" % engine.pid
    (tmp_path / ".cache" / "dockerd.pid").write_text(str(engine.pid), encoding="utf-8")
    try:
        # The first phase fails, beside a demo that cannot be ended.
        done = ci("#!/bin/sh\nmkdir -p '.cache/a clone/.demo'\n%sexit 1\n" % ("" if begun == "before" else noting))
        assert done.returncode == 1 and "== make test" in done.stdout, done.stderr
        if lives:
            with pytest.raises(subprocess.TimeoutExpired):
                engine.wait(0.1)
        else:
            engine.wait(10)
    finally:
        engine.kill()
        engine.wait()


def test_the_files_of_a_demo_that_cannot_be_ended_stay(ci, tmp_path):
    """As after a run that was killed: nothing else knows of its processes."""
    (tmp_path / ".cache" / "a clone" / ".demo").mkdir(parents=True)
    done = ci('#!/bin/sh\ncase "$*" in *demo-stop) echo It runs.; exit 1; esac\n')
    assert done.returncode == 1 and "It runs." in done.stdout, done.stderr
    assert (tmp_path / ".cache" / "a clone" / ".demo").is_dir()
