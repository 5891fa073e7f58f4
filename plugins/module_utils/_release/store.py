# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The releases of an application on this host: unpacked packages beside each other, one of them live.

A release exists from the moment of one rename: before, everything is in releases/.part-*, and what a killed run left
there, the next one removes. So a folder in releases is always a whole release, durable on disk.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import re
import weakref

from ansible_collections.slipway.app.plugins.module_utils._config.load import BASE, effective
from ansible_collections.slipway.app.plugins.module_utils._config.schema import check_disjoint
from ansible_collections.slipway.app.plugins.module_utils._core.account import owner_of
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import (
    atomic_symlink, exclusive, fsync_dir, make_dirs, make_own_dir, own_dir, read_json, write_json)
from ansible_collections.slipway.app.plugins.module_utils._core.record import Record
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse, tag_of
from ansible_collections.slipway.app.plugins.module_utils._release import environment
from ansible_collections.slipway.app.plugins.module_utils._release.disk import RESERVED, flush, remove_tree, require_room

APART = ".apart"  # beside the releases
FULL = (errno.ENOSPC, errno.EDQUOT)
ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*-[0-9a-f]{12}")


class Release(Record, hidden=("documents",)):
    """A package unpacked on this host. documents is the configuration that travelled in the package, as written."""

    id: str
    path: str
    digest: str
    package: str
    reference: str
    commit: str
    label: str
    unpacked_at: str
    documents: dict

    def as_dict(self):
        """What modules return: everything but the documents, which package_info shows."""
        return {name: value for name, value in vars(self).items() if name != "documents"}


RECORDED = [name for name in Release.__annotations__ if name != "path"]


class ReleaseStore:
    """The releases below the root folder of an application.

    The folder releases is looked at and opened once, and what is done there as root is done by what within() says: the application's
    user can put another folder, or a link, in its place at any moment. Names (releases, Release.path) are for people and for programs
    that run as that user.
    """

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.releases = os.path.realpath(os.path.join(self.root, "releases"))
        self.shared = os.path.realpath(os.path.join(self.root, "shared"))
        self.state = os.path.join(self.root, "state")
        self.link = os.path.join(self.root, "current")
        self._held = None

    def within(self, *names):
        """The path of something in the folder releases, as whoever reads or changes it has to use it; FileNotFoundError without a folder.

        It is good for as long as this object is there.
        """
        if self._held is None:
            path = os.path.join(self.root, "releases")
            try:
                descriptor = own_dir(path, "Look at what is in it, then let the folder itself be root's: chown -h root: %s and chmod go-w. What the "
                                           "application writes to in it has to stay the application's." % path)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise SlipwayError("%s cannot be opened: %s." % (path, error.strerror), untouched="Nothing was changed.") from error
            weakref.finalize(self, os.close, descriptor)
            self._held = "/proc/self/fd/%d" % descriptor
            self.releases = os.readlink(self._held)
        return os.path.join(self._held, *names)

    # Reading

    def list(self):
        """All releases, newest first."""
        names = os.listdir(self.within()) if self._has() else []
        found = [self._read(name) for name in names if ID.fullmatch(name)]
        return sorted((release for release in found if release), reverse=True,
                      key=lambda release: (release.unpacked_at, release.id))

    def get(self, release_id):
        """The release with this id; an error that names the others where there is none."""
        release = self._read(release_id) if ID.fullmatch(release_id) else None
        if not release:
            raise SlipwayError("There is no release %s in %s." % (release_id, self.releases),
                               untouched="Nothing was changed.",
                               hint="Releases here: %s." % (", ".join(one.id for one in self.list()) or "none"))
        return release

    def find(self, digest):
        """The release of the package with this digest, or None."""
        return next((release for release in self.list() if release.digest == digest), None)

    def current(self):
        """The live release, or None before the first one."""
        return self._read(self._current_id())

    def previous(self):
        """The release that was live before the current one, or None; also when it has been removed since."""
        last = read_json(self._record, {})
        return self._read(last.get("previous")) if last.get("id") == self._current_id() else None

    def planned(self, config, digest, package):
        """The Release that a package with this configuration blob will be on this host."""
        release_id = self.release_id(package, digest)
        return Release(release_id, self._path(release_id), digest, package, config["reference"], config["commit"],
                       config["label"], _now(), config["documents"])

    @staticmethod
    def release_id(package, digest):
        """<tag>-<first 12 digits of the digest>; for a package named by digest its repository stands for the tag."""
        name = parse(package)
        return "%s-%s" % (tag_of(name.tag or name.repository), digest.partition(":")[2][:12])

    # Changing; with check, only what would be changed is returned, and refused what would be refused

    def present(self, store, digest, package, link_shared=None, check=False):
        """Unpack a package beside the live release; return (Release, changed).

        store is where packages are read from, package is the name to remember, link_shared are the paths to link into
        <root>/shared (by default those that the package's own configuration names).
        A release that is there already is not read again.
        """
        with self.untouched(), self._locked(check):
            release = self.find(digest)
            if release:
                return release, False
            config = store.config(digest)
            layers = _layers(store.manifest(digest), config)
            release = self.planned(config, digest, package)
            if release.id == self._current_id():
                raise SlipwayError("%s is live, but its %s/release.json is missing, damaged or of another package."
                                   % (release.path, RESERVED), hint="Activate another release, then remove this one.")
            self._require_room(config, store.missing(digest, quick=True))
            said = effective(release.documents)
            check_disjoint(said["writable"], BASE, "writable")
            if check:
                return release, True
            try:
                self._unpack(store, release, layers, said["shared"] if link_shared is None else link_shared, said["writable"])
            except SlipwayError as error:
                if getattr(error.__cause__, "errno", None) in FULL:  # else what was fetched stays for the next attempt
                    self.tidy()
                raise
        return release, True

    @contextlib.contextmanager
    def untouched(self):
        """Let every error say that the live release is as it was."""
        try:
            yield
        except SlipwayError as error:
            live = self._current_id()
            raise SlipwayError(
                error.message, hint=error.hint, **error.facts,
                untouched="Nothing of it is left in releases%s."
                          % ("; the live release %s is untouched" % live if live else "")
            ) from error

    def activate(self, release_id, check=False):
        """Make a release the live one, in one step; return (the Release live before it or None, changed)."""
        with self._locked(check):
            release = self.get(release_id)
            live = self._current_id()
            if live == release.id:
                return self.previous(), False
            if not check:
                # The record goes first: without the switch it speaks of a release that is not live: not believed.
                write_json(self._record, {"id": release.id, "previous": live, "activated_at": _now()})
                atomic_symlink(os.path.join("releases", release.id), self.link)
        return self._read(live), True

    def deactivate(self):
        """Let no release be live, as before the first one was; return whether one was."""
        with self._locked(check=False):
            live = self._current_id()
            if live:
                os.unlink(self.link)
                fsync_dir(self.root)
        return live is not None

    def surplus(self, keep, needed):
        """The releases that are too many where so many are to stay: the oldest, but none of those with the ids needed."""
        others = [release for release in self.list() if release.id not in needed]
        return others[max(0, keep - len(needed)):]

    def absent(self, release_id, check=False):
        """Remove a release and its environment variables; return whether it was there. Refuses the live one."""
        if not ID.fullmatch(release_id):
            raise SlipwayError("%r is not the id of a release." % release_id, untouched="Nothing was changed.",
                               hint="Ids are <tag>-<12 hexadecimal digits>; slipway.app.release_info lists them.")
        with self._locked(check or not self._has()):
            if release_id == self._current_id():
                raise SlipwayError("Release %s is live and is not removed." % release_id,
                                   untouched="Nothing was changed.", hint="Activate another release first.")
            present = self._has(release_id)
            if not check:
                if present:
                    self._discard(release_id)
                environment.remove(self.root, release_id)
        return present

    @contextlib.contextmanager
    def apart(self):
        """The path of a copy of a release, which whoever has this block alone may make there; it is removed in the end.

        It lies beside the releases, since their links into the folder shared are relative.
        """
        with contextlib.ExitStack() as stack:
            try:
                make_own_dir(self.state, 0o700)
                stack.enter_context(exclusive(os.path.join(self.state, "apart.lock"), 0))
                remove_tree(self.within(APART))  # a killed run may have left it
            except BlockingIOError as error:
                raise SlipwayError("Somebody else is at work in %s at this moment." % self._path(APART)) from error
            except OSError as error:
                raise SlipwayError("%s cannot be used for a copy of a release: %s." % (self._path(APART), error)) from error
            try:
                yield self._path(APART)
            finally:
                with contextlib.suppress(OSError):
                    remove_tree(self.within(APART))

    def tidy(self):
        """Of what was fetched, keep what belongs to a release that is here; return how many bytes that freed."""
        from ansible_collections.slipway.app.plugins.module_utils._package.content import folder_of, tidy

        return tidy(folder_of(self.root), [release.digest for release in self.list()])

    # How

    @property
    def _record(self):
        return os.path.join(self.state, "activated.json")

    def _path(self, release_id):
        return os.path.join(self.releases, release_id)

    def _has(self, *names):
        """Whether something is there, in the folder releases."""
        try:
            return os.path.lexists(self.within(*names))
        except FileNotFoundError:
            return False

    def _read(self, release_id):
        if release_id is None or not self._has(release_id):
            return None
        try:
            facts = read_json(self.within(release_id, RESERVED, "release.json"))
            release = Release(path=self._path(release_id), **{name: facts[name] for name in RECORDED})
            return release if release.id == release_id else None
        except (SlipwayError, KeyError, TypeError, NotADirectoryError):
            return None  # something else, or damaged

    def _current_id(self):
        """The id that the link current points to, or None before the first release is live."""
        try:
            target = os.readlink(self.link)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SlipwayError("%s is not a link: something else than Slipway made it." % self.link,
                               untouched="Nothing was changed.", hint="Move it away.") from error
        folder, name = os.path.split(target)
        if folder != "releases" or not ID.fullmatch(name):
            raise SlipwayError("%s points to %s, which is no release of Slipway." % (self.link, target),
                               untouched="Nothing was changed.", hint="Remove the link if nothing uses it.")
        return name

    @contextlib.contextmanager
    def _locked(self, check):
        """Alone at work on this host's releases, without what killed runs left; a check needs neither."""
        if check:
            yield
            return
        try:
            make_dirs(os.path.join(self.root, "releases"))
            self.within()
            make_own_dir(self.state, 0o700)
        except OSError as error:
            raise SlipwayError("Cannot write below %s: %s." % (self.root, error)) from error
        with exclusive(os.path.join(self.state, "release.lock")):
            self._sweep()
            yield

    def _require_room(self, config, fetched):
        """Raise where the disk cannot hold the unpacked package with this configuration blob, and the layers still to be fetched."""
        require_room(self.releases, sum(layer["unpacked_size"] for layer in config["layers"]) + sum(layer["size"] for layer in fetched),
                     sum(layer["files"] for layer in config["layers"]) + len(fetched))

    def _unpack(self, store, release, layers, link_shared, writable):
        # Imported by who unpacks: what a run imports is compiled anew every time.
        from ansible_collections.slipway.app.plugins.module_utils._release.layers import unpack_layers
        from ansible_collections.slipway.app.plugins.module_utils._release.shared import link, make_writable

        part = self.within(".part-%s-%d" % (release.id, os.getpid()))
        os.mkdir(part)
        os.chmod(part, 0o755)
        try:
            unpack_layers(store, layers, part)
            owner = owner_of(self.root)
            for path in link_shared:
                link(part, self.shared, path, owner, self._path(release.id))
            for path in writable:
                make_writable(part, path, owner)
            os.mkdir(os.path.join(part, RESERVED))
            os.chmod(os.path.join(part, RESERVED), 0o755)
            write_json(os.path.join(part, RESERVED, "release.json"),
                       {name: getattr(release, name) for name in RECORDED}, 0o644)
            flush(part)
            if self._has(release.id):
                self._discard(release.id)  # damaged, and not live
            os.rename(part, self.within(release.id))
            fsync_dir(self.within())
        except OSError as error:
            raise SlipwayError("Cannot unpack %s: %s." % (release.package, error)) from error
        finally:
            remove_tree(part)

    def _discard(self, release_id):
        """First out of sight in one step, then away."""
        part = self.within(".part-%s-%d-old" % (release_id, os.getpid()))
        os.rename(self.within(release_id), part)
        fsync_dir(self.within())
        try:
            remove_tree(part)
        except OSError as error:
            raise SlipwayError("Release %s is removed, but not all of its files: %s." % (release_id, error),
                               hint="Remove %s as a user who may." % part) from error

    def _sweep(self):
        """Remove what killed runs left; the lock is held, so nobody is at work there."""
        for folder, prefix in ((self.within(), ".part-"), (self.root, ".part-current-")):
            for name in os.listdir(folder):
                if name.startswith(prefix):
                    with contextlib.suppress(OSError):  # of another user: in nobody's way
                        remove_tree(os.path.join(folder, name))
        if self._has(APART):
            with contextlib.suppress(SlipwayError), self.apart():  # it has a lock of its own: who has it may be at work for hours
                pass


def _layers(manifest, config):
    """[(descriptor of a layer, what the configuration says of it)]; both must tell of the same layers in one order."""
    pairs = list(zip(manifest["layers"], config["layers"]))
    if len(manifest["layers"]) != len(config["layers"]) or any(one["digest"] != two["digest"] for one, two in pairs):
        raise SlipwayError("The package's manifest and its configuration do not tell of the same layers.")
    return pairs


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
