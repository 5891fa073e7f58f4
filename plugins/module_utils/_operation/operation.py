# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""An operation as one host sees it: its plan, its journal, its place in the order of fencing numbers."""

from __future__ import annotations

import contextlib
import os
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive, make_own_dir
from ansible_collections.slipway.app.plugins.module_utils._core.process import Detached, beating, redact
from ansible_collections.slipway.app.plugins.module_utils._operation.action import without_actions
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import OPERATION, Journal, open_operation, prune, summary
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import BEAT, TakenOver
from ansible_collections.slipway.app.plugins.module_utils._operation.table import mode_of

PATIENCE = 120  # seconds that a step waits for another one that is still at work on its host


def new_id(kind, fence):
    """An id that sorts by time and says what it is."""
    return "%s-%s-%d" % (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), kind, fence)


def restore_point_of(operation):
    """The name of the restore point of an operation by its id: short, and the operation can be told from it."""
    return operation.lower().replace("-", "_")


def step_is_at_work(root):
    """Whether a step is at work on this host."""
    path = _step_path(root)
    try:
        with exclusive(path, 0) if os.path.exists(path) else contextlib.nullcontext():
            return False
    except BlockingIOError:
        return True


def _step_path(root):
    """The file whose lock is held by the step that is at work on this host."""
    return os.path.join(root, "state", ".step")


class Operation:
    """One operation on one host.

    plan (the same on every host, and the first record of each journal): kind, package, digest, reference,
    hosts {host: roles}, previous {host: release id or null}, owner, mode, resting [services that people have stopped
    wherever they are]; where hosts take turns also batches
    [[host, ...], ...] and balancer {status, fall_seconds, rise_seconds}; accept_unsafe_mode [what speaks
    against the mode and was accepted].
    """

    def __init__(self, site, operation, fence, plan):
        self.site = site
        self.id = operation
        self.fence = fence
        self.plan = plan
        self.journal = Journal(site.root, operation)

    @property
    def mode(self):
        return mode_of(self.plan)

    @property
    def restore_point(self):
        """The name of the operation's restore point."""
        return restore_point_of(self.id)

    @property
    def session_name(self):
        """What the sessions of the migration are called on the database server."""
        return "slipway %s" % self.id

    def begin(self):
        """Open this host's journal, once; refused while another operation is open here."""
        self.check_fence()
        other = open_operation(self.site.root)
        if other and other["id"] != self.id:
            raise SlipwayError("Operation %s is still open on this host." % other["id"], untouched="Nothing was changed.",
                               hint="Run the playbook slipway.app.recover first.")
        if not self.journal.records():
            self._write(OPERATION, "begin", self.plan)

    def check_fence(self):
        """Refuse when a later operation has taken over; on the leader also extend the lease."""
        if self.site.leads:
            self.site.lock.beat(self.id, self.fence)
        else:
            self.site.lock.pass_fence(self.fence)

    def beat(self):
        """Keep the lease while a step works for long. One beat that cannot be written, as on a full disk, is made up for by the next."""
        if self.site.leads:
            with contextlib.suppress(OSError):
                self.site.lock.beat(self.id, self.fence)

    @contextlib.contextmanager
    def step(self, name):
        """Write the intent, let the block do it, write the outcome. The block fills the dict it is given."""
        with self._alone(name):
            self.check_fence()
            self._write(name, "begin", {})
            outcome = {}
            try:
                with self._beating():
                    yield outcome
                self.check_fence()  # whoever has taken over meanwhile knows nothing of what was done here
            except Exception as error:
                self._note_failure(name, outcome, error)
                raise
            self._write(name, "done", outcome)

    def _note_failure(self, name, outcome, error):
        """Write why a step failed. Where that cannot be written, as on a full disk, both are told."""
        try:
            self._write(name, "fail", dict(outcome, error=redact(str(error), self.site.secrets())))
        except OSError as unwritten:
            if isinstance(error, TakenOver):  # the controller goes by this, and the journal is another run's by now
                return
            raise SlipwayError("%s And the journal could not be written: %s" % (error, unwritten)) from error

    @contextlib.contextmanager
    def _alone(self, name):
        """Let no two steps be at work on a host: one whose connection was lost goes on, and has to end before it can be made up for."""
        path = _step_path(self.site.root)
        make_own_dir(os.path.dirname(path), 0o700)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(exclusive(path, PATIENCE))
            except BlockingIOError:
                raise SlipwayError("A step whose connection was lost is still at work on this host, after %d seconds." % PATIENCE,
                                   untouched="The step %s has not begun." % name,
                                   hint="Wait until it has ended, then run the playbook slipway.app.recover.") from None
            stack.enter_context(without_actions(self.site.root, name))
            yield

    def _beating(self):
        """Keep the lease for as long as a block takes."""
        return beating(self.beat, BEAT) if self.site.leads else contextlib.nullcontext()

    def close(self, outcome, message):
        """Write the last record; what is closed stays closed."""
        if self.summary()["outcome"] == "open":
            self._write(OPERATION, "done" if outcome == "done" else "fail", {"outcome": outcome, "message": message})
            prune(self.site.root)

    def summary(self):
        return summary(self.journal.records())

    def outcome_of(self, step):
        """The data of the last finished run of a step on this host, or None."""
        found = [item for item in self.summary()["steps"] if item["step"] == step and item["outcome"] == "done"]
        return found[-1]["data"] if found else None

    def detached(self, name):
        """The program of a step that outlives its starter."""
        return Detached(os.path.join(self.site.root, "state", "detached", "%s-%s" % (self.id, name)))

    def _write(self, step, event, data):
        self.journal.append(step, event, self.fence, self.site.host, data)
