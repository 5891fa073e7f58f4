# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How far long work is, for whoever watches: a file that is always whole, there for as long as the work goes on.

begun in it is when its phase began, by the clock of the host.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

EVERY = 1.0  # seconds
NOTHING = {"phase": "", "table": "", "bytes": 0, "total_bytes": 0}


class Progress:
    """Call it as often as you like: progress("restore", table="public.orders", bytes=1000, total_bytes=9000).

    Every part but the phase may be left out; bytes are 0 where they are not known. Where things are counted instead, item is which
    of how many items it is. Without a path nothing is written.
    """

    def __init__(self, path=None):
        self.path = path
        self._phase, self._begun, self._written = None, 0.0, 0.0

    def __call__(self, phase, **state):
        now = time.monotonic()
        if self.path and (phase != self._phase or now - self._written >= EVERY):
            if phase != self._phase:
                self._phase, self._begun = phase, time.time()
            self._written = now
            self._write(dict(NOTHING, phase=phase, begun=self._begun, **state))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def _write(self, state):
        # After a crash it is worth nothing, so it need not be on the disk; and work does not end because nobody can watch it.
        with contextlib.suppress(OSError):
            part = "%s.part-%d" % (self.path, os.getpid())
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(part, flags, 0o600)
            try:
                with open(descriptor, "w", encoding="utf-8") as stream:
                    json.dump(state, stream)
                os.rename(part, self.path)
            except BaseException:
                os.unlink(part)  # or there would be no other one
                raise


def line(state, seconds):
    """What a progress file says after so many seconds of its phase, as one line for people."""
    state = dict(NOTHING, **state)
    words = [state["phase"], state["table"]]
    if state.get("items"):
        words.append("%d of %d" % (state["item"], state["items"]))
    done, total = state["bytes"], state["total_bytes"]
    if not total:
        words.append("for %s" % duration(seconds))
    else:
        words.append("%d %%, %s of %s" % (min(done / total, 1.0) * 100, size(done), size(total)))
        if done and seconds:
            words.append("%s/s, %s left" % (size(done / seconds), duration(max(total - done, 0) * seconds / done)))
    return ", ".join(word for word in words if word)


def size(number):
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return "%.*f %s" % (0 if unit == "B" else 1, number, unit)
        number /= 1000.0
    return "%.1f GB" % number


def duration(seconds):
    """Seconds as people say them."""
    seconds = int(round(seconds))
    if seconds < 60:
        return "%d s" % seconds
    return "%d:%02d min" % divmod(seconds, 60) if seconds < 3600 else "%d:%02d h" % divmod(seconds // 60, 60)
