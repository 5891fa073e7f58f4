# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of asking an address again and again: the only clock that counts for a maintenance window."""

from __future__ import annotations

import http.client
import threading
import time

import client

PERIOD = 0.05


class Probe:
    """Asks one address every period seconds. answers: [(when asked, when answered, what: open, closed or broken)]."""

    def __init__(self, address, headers=None, period=PERIOD):
        self.address = address
        self.period = period
        self.headers = dict(headers or {}, Accept="application/json")
        self.answers = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join()
        return self

    def _run(self):
        while not self._stopped.wait(self.period):
            asked = time.time()
            try:
                status, headers, body = client.request(self.address, "GET", "/", headers=self.headers)
                refused = client.judge(status, headers, body, "application/json")[0] == "refused"
                what = "open" if status == 200 else "closed" if refused else "broken"
            except (OSError, http.client.HTTPException):
                what = "broken"
            self.answers.append((asked, time.time(), what))

    def first_open(self, since):
        """When it first answered well to a question asked since then."""
        return next(answered for asked, answered, what in self.answers if asked >= since and what == "open")


def window(fronts):
    """(first refusal at any front, last front open again, answers that were neither)."""
    begun = min(answered for probe in fronts for _asked, answered, what in probe.answers if what == "closed")
    last = [max(asked for asked, _answered, what in probe.answers if what == "closed") for probe in fronts]
    ended = max(probe.first_open(moment) for probe, moment in zip(fronts, last))
    return begun, ended, sum(what == "broken" for probe in fronts for *_times, what in probe.answers)
