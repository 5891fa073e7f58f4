# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Maintenance of an application on this host: one link outside of the releases, which the web server looks for.

maintenance/on is a link to a folder in maintenance/pages that holds what is answered meanwhile: index.html, index.json
and status.json; an empty file "locked" when the application was locked as well by whoever turned it on by hand; and a
file "held" while an operation keeps everybody out, whoever has a bypass included. The link is made, replaced and removed
in one step each. The folder is called retry-<seconds>-<moment>: the web server takes
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

_FACTS = ("since", "by", "message", "expected_seconds", "lifetime")


class Maintenance:
    """Turns maintenance on and off; who does so on whose behalf is told by the caller."""

    def __init__(self, root):
        self._folder = os.path.join(root, "maintenance")
        self._link = os.path.join(self._folder, "on")
        self._page_link = os.path.join(self._folder, "page")

    def status(self):
        """{"on", "since", "by", "message", "expected_seconds", "lifetime", "seconds", "overdue", "held_by"}.

        seconds is how long it is on, overdue whether that is longer than lifetime, held_by the operation that has closed
        the bypass. All but "on" are None while it is off.
        """
        facts = read_json(os.path.join(self._link, "status.json"), {})
        status = dict({fact: facts.get(fact) for fact in _FACTS}, on=self.keeps_out, seconds=None, overdue=None,
                      held_by=self._held()["operation"])
        if status["since"]:
            status["lifetime"] = status["lifetime"] or status["expected_seconds"]  # turned on before there was one
            status["seconds"] = round((_now() - _parsed(status["since"])).total_seconds(), 3)
            status["overdue"] = status["seconds"] > status["lifetime"]
        return status

    @property
    def keeps_out(self):
        """Whether users are kept out."""
        return os.path.lexists(self._link)

    @property
    def locked(self):
        """Whether the application's own lock was taken too, since maintenance is on."""
        return os.path.exists(os.path.join(self._link, "locked"))

    def note_locked(self):
        """Remember that the application's own lock was taken, until maintenance ends."""
        atomic_write(self._beside_page("locked"), b"", 0o644)

    def forget_locked(self):
        """The application's own lock was taken away, while maintenance goes on."""
        self._remove("locked")

    def hold(self, operation, message, expected_seconds, by, page_html=None):
        """Keep everybody out for an operation, whoever has a bypass included.

        Maintenance that a person has turned on stays as that person wanted it, but for the bypass; return its status then,
        else None.
        """
        before = self.status()
        kept = before["on"] and self._held()["kept"]
        held = {"operation": operation, "kept": kept}
        if kept:
            write_json(self._beside_page("held"), held, 0o644)
            return before
        self.on(message, expected_seconds, by, page_html, held=held)
        return None

    def release(self):
        """Let in who was kept out by hold() only: all users, or where a person had turned maintenance on who has a bypass.

        Return the status of what stays on, or None.
        """
        if not self.keeps_out:
            return None
        if not self._held()["kept"]:
            self.off()
            return None
        self._remove("held")
        return self.status()

    def _held(self):
        """{"operation": the one that keeps everybody out, "kept": whether a person had turned maintenance on before it}."""
        return read_json(os.path.join(self._link, "held"), {"operation": None, "kept": True})

    def on(self, message, expected_seconds, by, page_html=None, lifetime=None, held=None, check=False):
        """Answer with maintenance from now on, or with other words than before; return whether that is a change.

        Who turned it on, and when, stays as it was. page_html is a page to show in place of the collection's own. lifetime
        is how many seconds it may last until somebody has to look after it, by default as long as expected. held: see hold().
        """
        from ansible_collections.slipway.app.plugins.module_utils._maintenance import pages  # only who shows one needs them

        words = {"message": message, "expected_seconds": expected_seconds, "lifetime": lifetime or expected_seconds}
        before = self.status()
        if before["on"]:
            make_own_dir(self._folder)
        since = before["since"] or _stamp(_now())
        page = page_html or pages.html(message, since, expected_seconds)
        same = all(before[name] == value for name, value in words.items()) and before["held_by"] == (held or {}).get("operation")
        if before["on"] and same and self._shown_page() == page:
            return False
        if not check:
            facts = dict(words, since=since, by=before["by"] or by)
            self._show(page, pages.json_text(message, since, expected_seconds), facts, held)
        return True

    def off(self, check=False):
        """Let users in; return whether they were kept out."""
        if not self.keeps_out:
            return False
        make_own_dir(self._folder)
        if not check:
            os.unlink(self._link)
            fsync_dir(self._folder)
        return True

    def _remove(self, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._beside_page(name))
            fsync_dir(self._link)

    def _beside_page(self, name):
        """The path of a file to write or remove beside the page that is shown: not where a folder of somebody else leads."""
        make_own_dir(self._folder)
        return os.path.join(self._link, name)

    def _show(self, html, json, facts, held):
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
        if held:
            write_json(os.path.join(folder, "held"), held, 0o644)
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
