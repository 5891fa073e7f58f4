# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small balancer with active health checks, in front of the app hosts of a lab.

    with Balancer({"app1": "http://127.0.0.1:10000", "app2": "http://127.0.0.1:10002"}) as balancer:
        request(balancer.address, "GET", "/")
        request(balancer.status.replace("{host}", "app1"), "GET", "")

It asks each server's health path every INTERVAL seconds, takes a server out after FALL wrong answers and back after RISE
right ones, and hands connections to the servers that are in, in turn. It never tries a second server: a request that a
server does not answer has failed. At another address it says of each server whether it is in, as Slipway asks a balancer.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from urllib.parse import urlsplit

INTERVAL, FALL, RISE = 0.2, 2, 2  # seconds, answers, answers
TIMEOUT = 5  # seconds for the answer to a health check
NOBODY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server:
    """One server: where it is, whether it is in, and how many answers in a row say otherwise."""

    def __init__(self, name, address):
        self.name = name
        self.host, self.port = urlsplit(address).hostname, urlsplit(address).port
        self.is_in = True
        self.against = 0

    def judge(self, well):
        self.against = 0 if well == self.is_in else self.against + 1
        if self.against >= (FALL if self.is_in else RISE):
            self.is_in, self.against = well, 0


class Balancer:
    """Runs in a thread of its own; address is where clients come in."""

    def __init__(self, addresses, health="/healthz"):
        self.servers = [Server(name, address) for name, address in addresses.items()]
        self.changes = []  # [(server, whether it is in)] as they happened
        self._health = health
        self._turn = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_error):
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _serve(self):
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        listener = await asyncio.start_server(self._forward, "127.0.0.1", 0, backlog=256)
        teller = await asyncio.start_server(self._tell, "127.0.0.1", 0)
        self.address = "http://127.0.0.1:%d" % listener.sockets[0].getsockname()[1]
        self.status = "http://127.0.0.1:%d/{host}" % teller.sockets[0].getsockname()[1]
        checks = [asyncio.create_task(self._watch(server)) for server in self.servers]
        self._ready.set()
        await self._stopped.wait()
        listener.close()
        teller.close()
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def _watch(self, server):
        while True:
            before = server.is_in
            server.judge(await self._is_well(server))
            if server.is_in != before:
                self.changes.append((server.name, server.is_in))
            await asyncio.sleep(INTERVAL)

    async def _is_well(self, server):
        try:
            async with asyncio.timeout(TIMEOUT):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                with contextlib.closing(writer):
                    writer.write(b"GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (self._health.encode(), server.host.encode()))
                    return (await reader.readline()).split()[1:2] == [b"200"]
        except (OSError, TimeoutError):
            return False

    async def _tell(self, reader, writer):
        """Answer whether the server that the path names is in."""
        with contextlib.closing(writer), contextlib.suppress(OSError):
            path = (await reader.readline()).split()[1].decode()
            said = ["up" if server.is_in else "down" for server in self.servers if "/" + server.name == path]
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + said[0].encode() if said else b"HTTP/1.0 404 Not Found\r\n\r\n")
            await writer.drain()

    async def _forward(self, reader, writer):
        """One connection of a client, to one server, until either has ended."""
        server = self._next()
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.CancelledError):
            if server is None:
                writer.write(NOBODY)
                await writer.drain()
                return
            to_reader, to_writer = await asyncio.open_connection(server.host, server.port)
            with contextlib.closing(to_writer):
                both = [asyncio.create_task(_copy(reader, to_writer)), asyncio.create_task(_copy(to_reader, writer))]
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                for copying in both:
                    copying.cancel()

    def _next(self):
        """The next server that is in, or None."""
        self._turn += 1
        inside = [server for server in self.servers if server.is_in]
        return inside[self._turn % len(inside)] if inside else None


async def _copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
