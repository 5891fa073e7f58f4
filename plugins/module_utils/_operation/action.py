# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""People's single actions on a host, such as to restart services: none is at work while a step of an operation is.

<root>/state/.action is locked by steps for themselves, and by actions together: a command of the application that takes long
keeps nobody from turning maintenance on. Who is refused has to be told by whom, so each action adds a line to the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from ansible_collections.slipway.app.plugins.module_utils._core.account import user
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive, make_own_dir, shared
from ansible_collections.slipway.app.plugins.module_utils._core.process import start_ticks
from ansible_collections.slipway.app.plugins.module_utils._operation.guard import refuse_if_open
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import stamp

PATIENCE = 120  # seconds that one waits for the other


@contextlib.contextmanager
def action(root, what, own=None, check=False, alone=False):
    """Let a block be a person's action: refused while an operation is open here, and while it works, no step begins.

    what is the name of the module; own the id of the operation that it is a part of. With check nothing will be done. With
    alone it waits for other actions as a step does: it is a part of an operation, and theirs would start what it stops.
    """
    refuse_if_open(root, own)
    path = _path(root)
    if check or not os.path.isdir(os.path.dirname(path)):  # where no operation ever was, its folder is not to be somebody else's
        yield
        return
    make_own_dir(os.path.dirname(path), 0o700)
    with contextlib.ExitStack() as stack:
        if alone:
            stack.enter_context(without_actions(root, what))
        else:
            try:
                stack.enter_context(shared(path, PATIENCE))
            except BlockingIOError:
                refuse_if_open(root, own)
                raise SlipwayError("A step of an operation is still at work on this host, after %d seconds." % PATIENCE,
                                   untouched="Nothing was changed.", hint="Wait until it has ended; operation_log shows what it does.") from None
        refuse_if_open(root, own)  # one may have been opened meanwhile
        _sign(path, what)
        yield


@contextlib.contextmanager
def without_actions(root, step):
    """Let a block be a step of an operation: wait for actions that are at work, and let none begin."""
    path = _path(root)
    make_own_dir(os.path.dirname(path), 0o700)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive(path, PATIENCE))
        except BlockingIOError:
            raise SlipwayError(" ".join(at_work(root) or ["Somebody is at work on this host."]),
                               untouched="The step %s has waited for %d seconds and has not begun." % (step, PATIENCE),
                               hint="Wait until that has ended, or end it.") from None
        os.truncate(path, 0)  # nobody is at work
        yield


def _sign(path, what):
    """Say who is at work. On a full disk nobody is told, and maintenance can be turned off and services be stopped all the same."""
    line = json.dumps({"what": what, "by": user(), "pid": os.getpid(), "ticks": start_ticks(os.getpid()), "since": time.time()})
    with contextlib.suppress(OSError), open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW), "w", encoding="utf-8") as stream:
        stream.write(line + "\n")


def at_work(root):
    """Sentences that say which actions are at work on this host, by whom and since when."""
    try:
        with open(_path(root), encoding="utf-8") as stream:
            found = [json.loads(line) for line in stream]
        return ["The module %s, run by %s (process %d), is at work on this host since %s." % (one["what"], one["by"], one["pid"], stamp(one["since"]))
                for one in found if start_ticks(one["pid"]) == one["ticks"]]
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # not as we write it
        return []


def _path(root):
    return os.path.join(root, "state", ".action")
