# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Maintenance of an application on this host: one link outside of the releases, which the web server looks for.

maintenance/on is a link to a folder in maintenance/pages that holds what is answered meanwhile: index.html, index.json
and status.json; and an empty file "locked" when the application was locked as well by whoever turned it on by hand. The
link is made, replaced and removed in one step each. The folder is called retry-<seconds>-<moment>: the web server takes
the value of Retry-After from there. It reads the folder by a second link, maintenance/page, which stays: a request that
came in a moment before maintenance ended still finds its answer.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil

from ansible_collections.slipway.app.plugins.module_utils._core.files import (
    atomic_symlink, atomic_write, fsync_dir, make_dirs, make_own_dir, read_json, write_json)
from ansible_collections.slipway.app.plugins.module_utils._maintenance import pages

_FACTS = ("since", "by", "message", "expected_seconds", "lifetime")


class Maintenance:
    """Turns maintenance on and off; who does so on whose behalf is told by the caller."""

    def __init__(self, root):
        self._folder = os.path.join(root, "maintenance")
        self._link = os.path.join(self._folder, "on")
        self._page_link = os.path.join(self._folder, "page")

    def status(self):
        """{"on", "since", "by", "message", "expected_seconds", "lifetime", "seconds", "overdue"}.

        seconds is how long it is on, overdue whether that is longer than lifetime. All but "on" are None while it is off.
        """
        facts = read_json(os.path.join(self._link, "status.json"), {})
        status = dict({fact: facts.get(fact) for fact in _FACTS}, on=os.path.lexists(self._link), seconds=None, overdue=None)
        if status["since"]:
            status["lifetime"] = status["lifetime"] or status["expected_seconds"]  # turned on before there was one
            status["seconds"] = round((_now() - _parsed(status["since"])).total_seconds(), 3)
            status["overdue"] = status["seconds"] > status["lifetime"]
        return status

    @property
    def locked(self):
        """Whether the application's own lock was taken too, since maintenance is on."""
        return os.path.exists(os.path.join(self._link, "locked"))

    def note_locked(self):
        """Remember that the application's own lock was taken, until maintenance ends."""
        atomic_write(os.path.join(self._link, "locked"), b"", 0o644)

    def on(self, message, expected_seconds, by, page_html=None, lifetime=None, check=False):
        """Answer with maintenance from now on, or with other words than before; return whether that is a change.

        Who turned it on, and when, stays as it was. page_html is a page to show in place of the collection's own. lifetime
        is how many seconds it may last until somebody has to look after it, by default as long as expected.
        """
        words = {"message": message, "expected_seconds": expected_seconds, "lifetime": lifetime or expected_seconds}
        before = self.status()
        since = before["since"] or _stamp(_now())
        page = page_html or pages.html(message, since, expected_seconds)
        if before["on"] and all(before[name] == value for name, value in words.items()) and self._shown_page() == page:
            return False
        if not check:
            facts = dict(words, since=since, by=before["by"] or by)
            self._show(page, pages.json_text(message, since, expected_seconds), facts)
        return True

    def off(self, check=False):
        """Let users in; return whether they were kept out."""
        if not os.path.lexists(self._link):
            return False
        if not check:
            os.unlink(self._link)
            fsync_dir(self._folder)
        return True

    def _show(self, html, json, facts):
        name = "retry-%d-%s" % (facts["expected_seconds"], _now().strftime("%Y%m%dT%H%M%S%f"))
        all_pages = os.path.join(self._folder, "pages")
        folder = os.path.join(all_pages, name)
        shown = os.path.basename(os.path.realpath(self._page_link))
        make_own_dir(self._folder)
        make_dirs(folder)
        atomic_write(os.path.join(folder, "index.html"), html, 0o644)
        atomic_write(os.path.join(folder, "index.json"), json, 0o644)
        write_json(os.path.join(folder, "status.json"), facts, 0o644)
        if self.locked:
            atomic_write(os.path.join(folder, "locked"), b"", 0o644)
        atomic_symlink(os.path.join("pages", name), self._page_link)
        atomic_symlink(os.path.join("pages", name), self._link)
        for old in os.listdir(all_pages):
            if old not in (name, shown):  # the one shown until now may be being read
                shutil.rmtree(os.path.join(all_pages, old), ignore_errors=True)

    def _shown_page(self):
        with contextlib.suppress(FileNotFoundError), open(
                os.path.join(self._link, "index.html"), encoding="utf-8", newline="") as stream:
            return stream.read()
        return None


def _now():
    return datetime.datetime.now(datetime.timezone.utc)


def _stamp(moment):
    """ISO 8601 in UTC with milliseconds, as in the journal."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _parsed(stamp):
    return datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
