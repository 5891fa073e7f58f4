# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import write_json
from ansible_collections.slipway.app.plugins.module_utils._operation import lock as locks
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock, alive, gone, owner

ME = owner("ann", socket.gethostname(), os.getpid())
ELSEWHERE = {"user": "bob", "controller": "another.example", "pid": 1, "ticks": 1}


def _dead():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = owner("carl", socket.gethostname(), process.pid)
    process.communicate()
    return dead


def test_the_second_is_refused_with_who_where_and_since_when(tmp_path):
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", ELSEWHERE)
    with pytest.raises(SlipwayError, match="op-1 holds the lock: started by bob on another.example") as refused:
        lock.acquire("op-2", ME)
    assert "Nothing was changed." in str(refused.value) and "Wait" in str(refused.value)


def test_a_dead_owner_is_named_as_such(tmp_path):
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", _dead())
    with pytest.raises(SlipwayError, match="run the playbook slipway.app.recover"):
        lock.acquire("op-2", ME)


def test_take_over_only_from_who_is_gone(tmp_path):
    lock = Lock(str(tmp_path))
    first = lock.acquire("op-1", ELSEWHERE)
    with pytest.raises(SlipwayError, match="takeover=true"):
        lock.take_over("op-1", ME)
    assert lock.take_over("op-1", ME, force=True) > first
    with pytest.raises(SlipwayError, match="no longer holds the lock"):
        lock.beat("op-1", first)


def test_who_is_known_to_be_gone_is_not_whoever_holds_the_lock_by_then(tmp_path):
    lock = Lock(str(tmp_path))
    dead = lock.acquire("op-1", ELSEWHERE)
    lock.take_over("op-1", dict(ELSEWHERE, pid=2), gone=dead, busy=["app2"])
    with pytest.raises(SlipwayError, match="is at work on app2"):
        lock.take_over("op-1", ME, gone=dead, busy=["app2"])
    with pytest.raises(SlipwayError, match="may still be at work"):
        lock.take_over("op-1", ME, gone=dead)


def test_take_over_from_the_dead_and_the_expired(tmp_path):
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", _dead())
    lock.take_over("op-1", ME)
    lock.release("op-1")
    lock.acquire("op-2", ELSEWHERE, lease=-1)
    lock.take_over("op-2", ME)


def test_a_heartbeat_extends_the_lease(tmp_path):
    lock = Lock(str(tmp_path))
    fence = lock.acquire("op-1", ELSEWHERE, lease=100)
    before = lock.holder()
    write_json(lock.path, dict(before, expires=before["expires"] - 200))
    lock.beat("op-1", fence)
    assert lock.holder()["expires"] >= before["expires"]


def test_who_lives_is_at_work_whatever_the_lease_says(tmp_path):
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", ME, lease=-1)
    assert alive(lock.holder()) and not gone(lock.holder())
    with pytest.raises(SlipwayError, match="takeover=true"):
        lock.take_over("op-1", ELSEWHERE)


def test_of_who_can_be_seen_to_live_no_lease_is_waited_for(tmp_path):
    """A controller on the leader that was suspended: its lease runs out, and it lives all the same."""
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", ME, lease=-1)
    with pytest.raises(SlipwayError, match="may still be at work. Wait for it, or take over now with -e takeover=true"):
        lock.take_over("op-1", ELSEWHERE)
    lock.acquire("op-1", ELSEWHERE)
    with pytest.raises(SlipwayError, match="Wait for it, or until its lease runs out at .* UTC, or take over now"):
        lock.take_over("op-1", ME)


@pytest.mark.parametrize("who, known", [(ME, False), (ELSEWHERE, False), (None, True)])
def test_only_a_process_of_this_machine_is_known_to_be_gone(who, known):
    assert gone({"owner": who or _dead(), "expires": 0}) is known


@pytest.mark.parametrize("other", [{"boot": "another machine"}, {"pids": "pid:[1]"}])
def test_a_namesake_of_this_machine_is_judged_by_the_lease_alone(tmp_path, other):
    """Two laptops, or two containers of one, may have the same name: no process of theirs can be looked for here."""
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", dict(_dead(), **other))
    assert alive(lock.holder()) and not gone(lock.holder())
    with pytest.raises(SlipwayError, match="takeover=true"):
        lock.take_over("op-1", ME)
    lock.acquire("op-1", dict(ME, **other), lease=-1)
    assert not alive(lock.holder()) and not gone(lock.holder())
    lock.take_over("op-1", ME)


@pytest.mark.parametrize("shown", [None, PermissionError])
def test_where_processes_of_others_are_hidden_none_is_known_to_be_gone(monkeypatch, shown):
    """/proc may be mounted so (proc(5), hidepid)."""
    def look(pid):
        if shown and pid == 1:
            raise shown
        return None

    monkeypatch.setattr(locks, "start_ticks", look)
    assert not gone({"owner": ME, "expires": 0})


def test_what_an_earlier_version_has_written_is_judged_as_it_was(tmp_path):
    before = {key: value for key, value in _dead().items() if key not in ("boot", "pids")}
    assert gone({"owner": before, "expires": 0})


def test_nobody_takes_over_what_is_at_work_on_another_host(tmp_path):
    """The leader has nothing to do meanwhile, and does not hear of it."""
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", ELSEWHERE, lease=-1)
    with pytest.raises(SlipwayError, match="It is at work on app2, app3. Wait until that has ended.*takeover=true"):
        lock.take_over("op-1", ME, busy=["app2", "app3"])
    lock.take_over("op-1", ME, force=True, busy=["app2"])


def test_who_was_not_heard_of_is_not_called_dead(tmp_path):
    lock = Lock(str(tmp_path))
    lock.acquire("op-1", ELSEWHERE, lease=-1)
    with pytest.raises(SlipwayError, match="Nothing was heard of it since its lease ran out at .* UTC: run the playbook slipway.app.recover"):
        lock.acquire("op-2", ME)


def test_the_fence_only_rises(tmp_path):
    lock = Lock(str(tmp_path))
    numbers = []
    for operation in ("op-1", "op-2", "op-3"):
        numbers.append(lock.acquire(operation, ME))
        lock.release(operation)
    assert numbers == [1, 2, 3] and lock.holder() is None
    with pytest.raises(SlipwayError, match="taken over by a later one"):
        lock.pass_fence(2)
    lock.pass_fence(7)
    assert lock.acquire("op-4", ME) == 8
    assert lock.take_over("op-4", ME, seen=20) == 21 and lock.take_over("op-4", ME, seen=20) == 22
    lock.release("op-4")
    assert lock.acquire("op-5", ME, seen=30) == 31


def test_of_many_at_once_exactly_one_gets_the_lock(tmp_path):
    program = (
        "import sys; from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock\n"
        "from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError\n"
        "sys.stdin.readline()\n"
        "won = 0\n"
        "for turn in range(50):\n"
        "    try:\n"
        "        Lock(sys.argv[1] + '/%d' % turn).acquire(sys.argv[2], {'user': 'x', 'controller': 'y', 'pid': 1})\n"
        "        won += 1\n"
        "    except SlipwayError:\n"
        "        pass\n"
        "print(won)")
    racers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), "op-%d" % number], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE) for number in range(4)]
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    assert sum(int(racer.communicate()[0]) for racer in racers) == 50
