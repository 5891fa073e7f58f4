# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Wait until the balancers have seen that a host has left, or is back.

Each is asked at an address of its own, which answers "up" or "down". One that cannot be asked is given a number of seconds.
"""

from __future__ import annotations

import time
from urllib.parse import quote

from ansible_collections.slipway.app.plugins.module_utils._operation.health import ask

UP, DOWN = "up", "down"
PATIENCE = 60  # seconds; then a balancer that says otherwise is not believed to change its mind
INTERVAL = 0.2  # seconds between two questions
SETTLED = 0.5  # seconds for requests that were handed on at the moment in which a balancer changed its mind


class Balancers:
    """Those in front of one host. urls: where to ask, with {host} in the place of its name."""

    def __init__(self, urls, host):
        self._urls = [url.replace("{host}", quote(host, safe="")) for url in urls]

    def wait(self, state, seconds, beat, patience=None):
        """Wait until none says otherwise than state (UP or DOWN); return the addresses of those that still do after patience.

        seconds: how long to wait for one that cannot be asked, also where that is longer than patience. beat() is called all the while.
        patience: seconds, PATIENCE if none.
        """
        begun = time.monotonic()
        patience = PATIENCE if patience is None else patience
        while True:
            beat()
            passed = time.monotonic() - begun
            answers = {url: self._ask(url) for url in self._urls}
            blind = None in answers.values() or not answers
            against = [url for url, answer in answers.items() if answer not in (state, None)]
            if not (blind and passed < seconds) and (not against or passed >= patience):
                if answers and not against and not blind:
                    time.sleep(SETTLED)
                return against
            time.sleep(INTERVAL if answers else max(0, min(1, seconds - passed)))

    @staticmethod
    def _ask(url):
        """UP, DOWN, or None where there is nobody who could tell."""
        status, body = ask(url, 2)
        answer = body.strip() if status == 200 else ""
        return answer if answer in (UP, DOWN) else None
