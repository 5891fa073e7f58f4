# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a host so that a test can call the systemd driver there: one JSON line in, one out.

With a number as argument this process kills itself in the place of that effect on the host (a file written or removed,
a question to systemd), as SIGKILL at that moment does.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.record import Record
from ansible_collections.slipway.app.plugins.module_utils._service import systemd, systemd_units
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition


def mortal(number):
    """Let every effect count down, and the one at zero never happen."""
    left = [number]

    def dying(function):
        def call(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return call

    for place, name in ((systemd_units, "atomic_write"), (systemd_units, "atomic_symlink"),
                        (systemd_units.UnitFiles, "_unlink"), (systemd.Systemd, "_systemctl")):
        wrapped = dying(getattr(place, name))
        setattr(place, name, staticmethod(wrapped) if name == "_unlink" else wrapped)


def answer(request):
    driver = systemd.Systemd(request["root"])
    arguments = request["arguments"]
    if request["call"] in ("status", "start", "install", "check"):
        arguments[0] = [Definition(**facts) for facts in arguments[0]]
    if request.get("healthy") is not None:
        arguments.append(iter(request["healthy"]).__next__)
    value = getattr(driver, request["call"])(*arguments)
    if isinstance(value, dict):
        value = {name: vars(item) if isinstance(item, Record) else item for name, item in value.items()}
    return {"value": value}


def main():
    if sys.argv[1:]:
        mortal(int(sys.argv[1]))
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except SlipwayError as error:
            reply = {"error": [error.message, error.untouched, error.hint]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
