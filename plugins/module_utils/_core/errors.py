# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The one error the library raises; modules turn it into a failed result."""

from __future__ import annotations

import os
import re

_HELD = re.compile(r"/proc/self/fd/[0-9]+")


class SlipwayError(Exception):
    """Something went wrong that a person has to read.

    message names the thing and what is wrong with it, as a sentence; untouched says what was left as it was;
    hint says what to do next. facts are extra return values for the module's result (no secrets).
    """

    def __init__(self, message, untouched=None, hint=None, **facts):
        self.message, self.untouched, self.hint = (part and _HELD.sub(_name, part) for part in (message, untouched, hint))
        self.facts = facts
        super().__init__(" ".join(part for part in (self.message, self.untouched, self.hint) if part))


def _name(held):
    """The name of a folder that is held by its descriptor (own_dir), for people."""
    path = held.group()
    return os.readlink(path) if os.path.isdir(path) else path
