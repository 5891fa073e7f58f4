# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings what these tests need of the machine; says why it cannot."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import lab_engine  # noqa: E402  (scripts is no package)


def main():
    try:
        with contextlib.redirect_stdout(sys.stderr):
            lab_engine.ready()
    except (RuntimeError, SystemExit) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
