# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a process manager has to be able to do. A driver is one more file next to this one and a line in driver.py."""

from __future__ import annotations

import abc

from ansible_collections.slipway.app.plugins.module_utils._core.record import Record


class Status(Record):
    """What the process manager knows about one program of the application."""

    name: str
    kind: str
    state: str  # running | starting | stopping | stopped | failed
    pid: int | None
    since: float | None  # when it was started, in seconds since the epoch
    up_to_date: bool  # whether it is written down as it would be now; what runs runs by what is written down
    autostart: bool  # whether it comes back after a reboot

    @property
    def alive(self):
        return self.state in ("running", "starting")

    @property
    def fallen(self):
        """Whether it is to run and has failed: nobody has stopped it."""
        return self.state == "failed" and self.autostart


class StopReport(Record):
    """How a program ended: after how many seconds, and whether it had to be killed in the middle of its work.

    cut: it is a scheduled job, which had not done its work in time, and was asked to end all the same.
    """

    seconds: float
    killed: bool
    cut: bool = False


class Driver(abc.ABC):
    """The programs of one application on one host; programs of others are never touched."""

    def check(self, definitions):
        """Raise where this process manager cannot run one of the definitions; nothing is changed."""

    @abc.abstractmethod
    def status(self, definitions=()):
        """{name: Status} of every program of the application, whether or not the current release defines it.

        What is up to date is so by these definitions: what process manager and program would be given now, to the last letter.
        """

    @abc.abstractmethod
    def start(self, definitions, timeout, healthy=None):
        """Have programs run by these definitions, and come back after a reboot; wait until all of them stay up.

        One that runs by its definition is left alone, one that runs by another is stopped first. healthy() says whether
        the programs do what they are there for: where they do, it is not waited whether they stay up. Returns
        {name: seconds}; raises with the end of their logs when some do not stay up.
        """

    @abc.abstractmethod
    def stop(self, names, deadline=None, again=False):
        """Ask programs to end, all at once, wait, kill those that do not; none of them comes back after a reboot.

        With again they come back if they did: they are stopped to be started again, and this process may be killed meanwhile.
        Each has its own stop_timeout, which deadline (seconds) can only shorten. Returns {name: StopReport}.
        """

    @abc.abstractmethod
    def install(self, definitions, fallen=()):
        """Note definitions for programs that do not run and are not to, so that whoever starts one gets this one.

        None of them comes back after a reboot, but what has fallen, as its status or these names tell.
        """

    @abc.abstractmethod
    def autostart(self, name, enabled):
        """Say whether a program comes back after a reboot; it goes on running, or not, as it does now."""

    @abc.abstractmethod
    def last_words(self, definition):
        """A sentence with the end of what a program has printed, its secrets hidden."""

    @abc.abstractmethod
    def remove(self, names, deadline=None):
        """Stop programs and forget them; their logs stay. Returns {name: StopReport}."""
