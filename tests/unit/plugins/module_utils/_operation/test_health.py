# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that is just starting may answer anything, and break off in the middle of it: it is asked again."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.balancer import UP, Balancers
from ansible_collections.slipway.app.plugins.module_utils._operation.health import HealthCheck, ask

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup"
BROKEN = {
    "error breaks off": b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    "error has no end": b"HTTP/1.1 500 Wrong\r\nContent-Length: 9\r\n\r\nhalf|",
    "breaks off": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    "has no end": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf|",
    "no HTTP": b"Bootstrapping...\r\n",
    "nothing": b"",
}


@contextlib.contextmanager
def saying(*answers):
    """The address of a server that says these bytes, the last again and again; after | it says no more, and does not hang up."""
    left, kept = list(answers), []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _who = server.accept()
                kept.append(connection)
                connection.recv(65536)
                answer = left.pop(0) if len(left) > 1 else left[0]
                connection.sendall(answer.rstrip(b"|"))
                if not answer.endswith(b"|"):
                    connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield "http://127.0.0.1:%d/" % server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in kept:
                connection.close()


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_breaks_off_is_none(answer):
    with saying(answer) as url:
        got, why = ask(url, 0.2)
    assert got == 0 and why
    assert why.startswith("status ") == answer.startswith(b"HTTP")


def test_it_is_asked_again_until_it_is_well():
    broken = [answer for answer in BROKEN.values() if not answer.endswith(b"|")]
    with saying(*broken, WELL) as url:
        check = HealthCheck(url, timeout=10, interval=0)
        assert not check.is_green()
        assert check.wait() >= 0
    with saying(broken[0], WELL) as url:
        assert Balancers([url], "app1").wait(UP, 60, lambda: None) == []


def test_what_is_wrong_is_said(tmp_path):
    with saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait") as url, pytest.raises(SlipwayError, match="last got status 503: wait"):
        HealthCheck(url, timeout=0).wait()
    with saying(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % b"http://127.0.0.1:1/") as url:
        assert ask(url, 1) == (302, "")
    assert ask((tmp_path / "here").as_uri(), 1)[0] == 0


def test_an_answer_is_one_but_for_that_of_a_web_server_with_nobody_behind():
    away = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    with saying(b"", away, away, b"HTTP/1.1 503 Locked\r\nContent-Length: 0\r\n\r\n") as url:
        assert 0.3 <= HealthCheck(url, interval=0.1).answers(10) < 10
    with saying(away) as url:
        assert HealthCheck(url, interval=0.1).answers(0.5) is None
