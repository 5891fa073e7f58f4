# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for what balancers say, asked over HTTP."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import balancer, rolling
from ansible_collections.slipway.app.plugins.module_utils._operation.balancer import DOWN, UP, Balancers

LONG = 3600  # seconds for those that cannot be asked, in tests where nobody waits for them


@contextlib.contextmanager
def answering(*answers):
    """A balancer with these answers of (status, body), the last again and again; its address, and the paths it was asked for."""
    asked, left = [], list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802  (the library's name for it)
            asked.append(self.path)
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield "http://127.0.0.1:%d/is/{host}" % server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def beats():
    return []


@pytest.fixture
def beat(beats):
    return lambda: beats.append(time.monotonic())


def test_it_ends_when_all_say_so(beat, beats):
    with answering((200, UP), (200, UP), (200, DOWN + "\n")) as (one, asked), answering((200, DOWN)) as (two, _asked):
        assert Balancers([one, two], "app 1/x").wait(DOWN, LONG, beat) == []
    assert asked == ["/is/app%201%2Fx"] * 3 and len(beats) == 3


def test_one_that_never_says_so_is_named(beat, monkeypatch):
    monkeypatch.setattr(balancer, "PATIENCE", 0.3)
    with answering((200, UP)) as (one, asked), answering((200, DOWN)) as (two, _asked):
        assert Balancers([one, two], "app1").wait(DOWN, LONG, beat) == [one.replace("{host}", "app1")]
    assert len(asked) > 1


@pytest.mark.parametrize("answer", [(404, "no such page"), (200, "<html>up</html>"), (503, UP)])
def test_one_that_cannot_tell_is_waited_for(beat, answer):
    begun = time.monotonic()
    with answering(answer) as (one, _asked):
        assert Balancers([one], "app1").wait(UP, 0.5, beat) == []
    assert time.monotonic() - begun >= 0.5


def test_one_that_cannot_be_reached_is_waited_for_beside_one_that_tells(beat):
    begun = time.monotonic()
    with answering((200, UP)) as (one, _asked):
        assert Balancers([one, "http://127.0.0.1:1/{host}"], "app1").wait(UP, 0.5, beat) == []
    assert time.monotonic() - begun >= 0.5


def test_where_nobody_is_asked_only_time_passes(beat, beats):
    begun = time.monotonic()
    assert Balancers([], "app1").wait(DOWN, 0.4, beat) == []
    assert 0.4 <= time.monotonic() - begun and beats
    assert Balancers([], "app1").wait(DOWN, 0, beat) == []


@pytest.mark.parametrize(("urls", "seconds"), [([], 1.1), (["http://127.0.0.1:1/{host}"], 0.4)])
def test_one_that_cannot_be_asked_is_given_all_its_seconds(beat, monkeypatch, urls, seconds):
    monkeypatch.setattr(balancer, "PATIENCE", 0.1)
    begun = time.monotonic()
    assert Balancers(urls, "app1").wait(DOWN, seconds, beat) == []
    assert seconds <= time.monotonic() - begun


def test_one_that_says_otherwise_does_not_shorten_the_wait_for_another(beat, monkeypatch):
    monkeypatch.setattr(balancer, "PATIENCE", 0.1)
    begun = time.monotonic()
    with answering((200, UP)) as (one, _asked):
        assert Balancers([one, "http://127.0.0.1:1/{host}"], "app1").wait(DOWN, 0.4, beat) == [one.replace("{host}", "app1")]
    assert 0.4 <= time.monotonic() - begun


@pytest.mark.parametrize(("state", "said", "expected"), [
    (DOWN, UP, "app1 has not left the balancer after 0 seconds, says http://127.0.0.1:[0-9]+/is/app1. The balancer still sends users to it"),
    (UP, DOWN, "app1 is not back at the balancer after 0 seconds, .* does not send users to it again"),
])
def test_forward_nobody_goes_on_against_a_balancer_and_on_the_way_back_it_is_noted(beat, monkeypatch, state, said, expected):
    monkeypatch.setattr(balancer, "PATIENCE", 0)
    outcome = {}
    with answering((200, said)) as (one, _asked):
        site = SimpleNamespace(host="app1")
        operation = SimpleNamespace(plan={"balancer": {"status": [one]}}, beat=beat)
        with pytest.raises(SlipwayError, match=expected):
            rolling._await_balancers(site, operation, state, LONG, outcome, rolling._insist)
        rolling._await_balancers(site, operation, state, LONG, outcome, rolling._go_on)
    assert outcome == {"balancers_say_otherwise": {one.replace("{host}", "app1"): said}}
