# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The one error the library raises, and how what others have named or printed is said to people; modules turn an error into a failed result."""

from __future__ import annotations

import os
import re

LAYOUT = "\n\t\xa0"  # of what programs print; the last one is in French messages
_HELD = re.compile(r"/proc/self/fd/[0-9]+")


def harmless(text, kept=LAYOUT):
    """A text without what commands a terminal: warnings and errors get there as they are, and users may give a table a name of any characters."""
    return "".join(letter if letter.isprintable() or letter in kept else repr(letter)[1:-1] for letter in text)


def one_line(name):
    """A name as harmless() has it, which begins no line of its own either, as that of another task would."""
    return harmless(name, kept="")


class SlipwayError(Exception):
    """Something went wrong that a person has to read.

    message names the thing and what is wrong with it, as a sentence; untouched says what was left as it was;
    hint says what to do next. facts are extra return values for the module's result (no secrets).
    """

    def __init__(self, message, untouched=None, hint=None, **facts):
        self.message, self.untouched, self.hint = (
            part and harmless(_HELD.sub(_name, part)) for part in (message, untouched, hint))
        self.facts = facts
        super().__init__(" ".join(part for part in (self.message, self.untouched, self.hint) if part))


def _name(held):
    """The name of a folder that is held by its descriptor (own_dir), for people."""
    path = held.group()
    return os.readlink(path) if os.path.isdir(path) else path
