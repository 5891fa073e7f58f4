# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ask the application whether it is well, directly at its own port: maintenance does not stand in the way."""

from __future__ import annotations

import http.client
import time
import urllib.request

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Any answer is one: a redirect is no reason to ask somebody else, and what says that something is wrong is no exception."""

    def http_response(self, request, response):
        return response

    https_response = http_response


def ask(url, seconds):
    """One question: (status or 0 when nobody gave a whole answer, body or the reason)."""
    # No proxy: the question is for this host.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AsItIs)
    begun = ""
    try:
        with opener.open(urllib.request.Request(url, headers={"User-Agent": "slipway-health"}), timeout=seconds) as answer:
            begun = "status %s, then " % answer.status
            return answer.status, answer.read(65536).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return 0, begun + str(getattr(error, "reason", error) or type(error).__name__)


class HealthCheck:
    """What a healthy application answers at url: this status, and contains somewhere in the body.

    timeout and interval are seconds: how long to wait for that, and between two questions.
    """

    def __init__(self, url, status=200, contains=None, timeout=60, interval=0.2):
        self.url = url
        self.status = status
        self.contains = contains
        self.timeout = timeout
        self.interval = interval

    @classmethod
    def of(cls, runtime):
        """That of a release's application, or None where it has none."""
        health = runtime.config["health"]
        if not health["url"]:
            return None
        return cls(" ".join(runtime.argv(health["url"])), health["status"], health["contains"], health["timeout"], health["interval"])

    def is_green(self):
        """One quick question while other things are waited for too: no answer within a second is no."""
        return self._green(*ask(self.url, 1))

    def answers(self, seconds):
        """Seconds until the application answers, right or wrong; None where it does not within so many.

        502 and 504 are what a web server before it says as long as there is none.
        """
        begun = time.monotonic()
        while True:
            left = seconds - (time.monotonic() - begun)
            if ask(self.url, max(1, left))[0] not in (0, 502, 504):
                return round(time.monotonic() - begun, 3)
            if left <= 0:
                return None
            time.sleep(self.interval)

    def wait(self, beat=None):
        """Ask until the answer is right; return the seconds it took, raise with the last answer after timeout seconds."""
        begun = time.monotonic()
        while True:
            left = self.timeout - (time.monotonic() - begun)
            got, body = ask(self.url, max(1, min(10, left)))
            if self._green(got, body):
                return round(time.monotonic() - begun, 3)
            if left <= 0:
                wanted = "status %d" % self.status + (" with %r in it" % self.contains if self.contains else "")
                answer = "status %d: %s" % (got, " ".join(body.split())[:300]) if got else "no answer (%s)" % body
                raise SlipwayError("The health check %s never turned green in %d seconds: wanted %s, last got %s." % (
                    self.url, self.timeout, wanted, answer))
            if beat:
                beat()
            time.sleep(self.interval)

    def _green(self, got, body):
        return got == self.status and (not self.contains or self.contains in body)
