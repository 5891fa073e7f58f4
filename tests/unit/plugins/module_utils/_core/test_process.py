# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import Detached, beating, follow, redact, run, start_ticks
from ansible_collections.slipway.app.tests.waiting import until


def test_run_returns_output_and_rc():
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.rc, done.stdout, done.stderr, done.ok) == (3, "out\n", "err\n", False)


def test_run_ends_the_whole_group_on_timeout(tmp_path):
    pid_file = tmp_path / "pid"
    done = run(["sh", "-c", "sleep 60 & echo $! > %s; wait" % pid_file], timeout=0.5)
    assert done.timed_out and not done.ok
    assert start_ticks(int(pid_file.read_text())) is None


@pytest.mark.parametrize("script, rc", [("exec sleep 60", -signal.SIGTERM), ("trap 'exit 3' TERM; sleep 60 & wait", 3)])
def test_run_tells_how_a_program_that_was_stopped_has_ended(script, rc):
    """Never 0 by mistake: who says what a status means would take it for one that was done."""
    assert run(["sh", "-c", script], timeout=0.5).rc == rc


@pytest.fixture(params=["", "setsid "], ids=["of its group", "of a session of its own"])
def daemon(request, tmp_path):
    """(the beginning of a script that starts a daemon that keeps its output, the daemon's pid when it is asked for)."""
    path = tmp_path / "pid"

    def pid():
        return int(path.read_text())

    yield "%ssleep 60 & echo $! > %s; " % (request.param, path), pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid(), signal.SIGKILL)


def test_run_does_not_wait_for_what_a_program_leaves_behind(daemon):
    script, pid = daemon
    begun = time.monotonic()
    done = run(["sh", "-c", script + "head -c 50000 /dev/zero | tr '\\0' x; echo out >&2"], timeout=30)
    assert time.monotonic() < begun + 20
    assert (done.rc, len(done.stdout), done.stderr, done.timed_out) == (0, 50000, "out\n", False)
    assert start_ticks(pid()) is not None


def test_run_comes_back_from_a_program_that_is_late_although_its_daemon_is_out_of_reach(daemon):
    script, dummy = daemon
    begun = time.monotonic()
    done = run(["sh", "-c", script + "echo out; exec sleep 60"], timeout=0.3)
    assert time.monotonic() < begun + 20
    assert (done.stdout, done.timed_out) == ("out\n", True)


def test_run_hears_what_a_shell_did_not_wait_for():
    assert run(["sh", "-c", "(sleep 0.2; echo late) & echo out"]).stdout == "out\nlate\n"


def test_run_gives_a_program_its_input_however_late_it_reads():
    done = run(["sh", "-c", "sleep 0.3; wc -c"], stdin="x" * 300000, timeout=30)
    assert (done.rc, done.stdout.strip()) == (0, "300000")
    assert run(["true"], stdin="x" * 300000).ok
    assert run(["cat"], stdin="").ok


def test_run_waits_for_a_program_that_has_closed_its_output():
    assert run(["sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 4"]).rc == 4
    assert run(["sh", "-c", "exec >&- 2>&-; sleep 60"], timeout=0.3).timed_out


# Dies as soon as its program has been started, before it gets to do anything else.
DIES_AT_ONCE = """
import os, signal, subprocess, sys
from ansible_collections.slipway.app.plugins.module_utils._core import process

class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

process.subprocess.Popen = Popen
process.run(["sh", "-c", "echo $$ > '%s.part'; mv '%s.part' '%s'; sleep 60" % tuple(sys.argv[1:] * 3)], dies_with_us=True)
"""


def test_run_leaves_no_program_behind_that_is_to_die_with_it(tmp_path):
    pid_file = tmp_path / "pid"
    assert subprocess.run([sys.executable, "-c", DIES_AT_ONCE, pid_file], check=False).returncode == -signal.SIGKILL
    begun = time.monotonic()
    while time.monotonic() < begun + 30:
        if pid_file.exists() and start_ticks(int(pid_file.read_text())) is None:
            return
        if not pid_file.exists() and time.monotonic() > begun + 2:  # it was killed before it had written anything
            return
        time.sleep(0.05)
    pytest.fail("the program still runs")


def test_run_that_dies_with_us_is_like_any_other():
    assert run(["sh", "-c", "echo out; exit 3"], dies_with_us=True).rc == 3
    with pytest.raises(SlipwayError, match="Cannot start /no/such/program: No such file"):
        run(["/no/such/program"], dies_with_us=True)


def test_run_names_the_missing_program():
    with pytest.raises(SlipwayError, match="Cannot start /no/such/program: No such file"):
        run(["/no/such/program"])


def test_redact():
    assert redact("a s3cret in s3cret2", ["s3cret", "s3cret2", "", "a"]) == "a ******** in ********"


@pytest.mark.parametrize("told", ["refused for pa%40ss", "refused for pa@ss", "postgresql://shop:pa%40ss@db/shop"])
def test_the_password_in_an_address_is_a_secret_as_well(told):
    shown = redact(told, ["postgresql://shop:pa%40ss@db/shop", "https://example.com/without"])
    assert "********" in shown and "ss" not in shown


def test_detached_outlives_its_starter(tmp_path):
    starter = (
        "import os, sys; from ansible_collections.slipway.app.plugins.module_utils._core.process import Detached\n"
        "Detached(sys.argv[1]).start(['sh', '-c', 'sleep 1; echo done; exit 4'], '/', dict(os.environ))\n"
        "os.kill(os.getpid(), 9)")
    done = subprocess.run([sys.executable, "-c", starter, str(tmp_path / "d")], capture_output=True, timeout=20,
                          check=False)
    assert done.returncode == -signal.SIGKILL
    detached = Detached(str(tmp_path / "d"))
    assert detached.state()["state"] == "running"
    assert detached.wait(10)["rc"] == 4
    assert detached.output() == "done\n"


def test_detached_whose_watcher_died_is_lost_and_can_be_ended(tmp_path):
    detached = Detached(str(tmp_path / "d"))
    detached.start(["sleep", "60"], "/", dict(os.environ))
    import json
    process = json.loads((tmp_path / "d" / "process.json").read_text())
    os.kill(process["watcher"], signal.SIGKILL)
    deadline = time.time() + 5
    while detached.state()["state"] == "running" and time.time() < deadline:
        time.sleep(0.05)
    assert detached.state()["state"] == "lost"
    assert start_ticks(process["pid"]) == process["ticks"]
    detached.kill()
    assert start_ticks(process["pid"]) is None


def test_detached_that_was_killed_has_not_ended_well_whatever_it_says(tmp_path):
    detached = Detached(str(tmp_path / "d"))
    detached.start(["sh", "-c", "trap 'exit 0' TERM; echo ready; sleep 60 & wait"], "/", dict(os.environ))
    while not detached.output():
        time.sleep(0.01)
    assert detached.state()["state"] == "running"
    assert (detached.kill()["state"], Detached(detached.directory).state()["state"]) == ("lost", "lost")
    assert detached.kill()["state"] == "lost"


def test_detached_that_had_ended_is_not_killed(tmp_path):
    detached = Detached(str(tmp_path / "d"))
    detached.start(["true"], "/", dict(os.environ))
    detached.wait(10)
    detached.kill()
    assert (detached.state()["state"], detached.state()["rc"]) == ("exited", 0)


def test_detached_says_why_a_program_does_not_start(tmp_path):
    with pytest.raises(SlipwayError, match="No such file"):
        Detached(str(tmp_path / "d")).start(["/no/such/program"], "/", {})


def test_detached_that_cannot_be_written_down_does_not_run(tmp_path):
    """As on a full disk: an empty file can be made, but nothing be written."""
    starter = (
        "import resource, sys; from ansible_collections.slipway.app.plugins.module_utils._core.process import Detached\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "Detached(sys.argv[1]).start(['sh', '-c', 'sleep 60; true', sys.argv[1]], '/', {'PATH': '/usr/bin:/bin'})")
    done = subprocess.run([sys.executable, "-c", starter, str(tmp_path / "d")], capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode and "Cannot start sh" in done.stderr
    assert not (tmp_path / "d" / "process.json").exists()
    left = [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in read(path)]
    assert left == []


def read(path):
    try:
        return path.read_bytes()
    except OSError:  # it has just ended
        return b""


def test_lines_are_heard_as_they_come_and_the_status_is_told():
    heard = []
    assert follow(["sh", "-c", "echo one; echo two >&2; echo $WORD; exit 3"], heard.append, {"WORD": "three"}) == 3
    assert heard == ["one", "two", "three"]


def test_what_the_listener_raises_ends_the_program_and_what_it_started():
    def listener(line):
        raise SlipwayError("enough of it", child=int(line))

    with pytest.raises(SlipwayError, match="enough of it") as caught:
        follow(["sh", "-c", "sleep 600 & echo $!; wait"], listener)
    until(lambda: start_ticks(caught.value.facts["child"]) is None)


def test_a_program_that_is_not_there_is_said():
    with pytest.raises(SlipwayError, match="Cannot start nothing-of-the-kind"):
        follow(["nothing-of-the-kind"], print)


def test_a_heart_beats_for_as_long_as_the_block_and_its_process_live(tmp_path):
    beats = tmp_path / "beats"

    def beat():
        with open(beats, "a", encoding="utf-8") as stream:
            stream.write("%d\n" % os.getpid())

    def full_at_first():
        beat()
        if len(beats.read_text().split()) == 1:
            raise OSError("No space left on device")

    with beating(full_at_first, 0.01):
        until(lambda: beats.exists() and len(beats.read_text().split()) > 2)
    heart = int(beats.read_text().split()[0])
    assert heart != os.getpid() and start_ticks(heart) is None
    child = os.fork()
    if child == 0:
        with beating(beat, 0.01):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    until(lambda: start_ticks(int(beats.read_text().split()[-1])) is None)
