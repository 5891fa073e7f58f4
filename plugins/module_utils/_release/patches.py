# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Patches of a release: unified diffs applied to its files as a whole or not at all, and recorded.

GNU patch works on copies of the files that a diff names, in a folder of their own, so whatever a diff is made to do, it
does there. What came out is looked at, written down as an intent together with the old files, and only then moved
into the release, file by file. What a killed run has left half done, the next one takes back by that intent.

Everything about a release's patches is in its folder .slipway/patches and goes with the release: applied.json, the
diffs by digest, and while one is applied or reverted intent.json and work/.
"""

from __future__ import annotations

import codecs
import contextlib
import datetime
import hashlib
import os
import re
import shutil
import stat
import tempfile

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import (
    atomic_write, exclusive, fsync_dir, make_dirs, make_own_dir, read_json, write_json)
from ansible_collections.slipway.app.plugins.module_utils._core.process import run, tail
from ansible_collections.slipway.app.plugins.module_utils._release.disk import RESERVED, flush, remove_tree
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore

LARGEST = 8 * 1024 * 1024  # bytes of a diff
THEIRS = "the application's to write to, so a patch would not be safe from it"
TIMEOUT = 60  # seconds for one run of patch
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_FILE = re.compile(rb"(--- |\+\+\+ |rename from |rename to |copy from |copy to )(.*)")
_HEADER = re.compile(rb"(diff --git|index|(dis)?similarity index|(old|new|deleted file|new file) mode|(rename|copy) (from|to)|---|\+\+\+) ")
_GIT = re.compile(rb'diff --git (?:("a/.*") ("b/.*")|(a/.*) (b/.*))$')
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+ -]{0,199}")


def open_patches(root):
    """The Patches of the live release."""
    releases = ReleaseStore(root)
    release = releases.current()
    if release is None:
        raise SlipwayError("No release is live in %s." % root, untouched="Nothing was changed.",
                           hint="The playbook slipway.app.deploy installs the application.")
    return Patches(releases, release)


def patched(root):
    """What can differ between hosts: {release: id of the live one or None, patches: [{name, digest, keep}], interrupted}."""
    releases = ReleaseStore(root)
    release = releases.current()
    if release is None:
        return {"release": None, "patches": [], "interrupted": False}
    patches = Patches(releases, release)
    return {"release": release.id, "interrupted": patches.interrupted(),
            "patches": [{key: one[key] for key in ("name", "digest", "keep")} for one in patches.list()]}


class Misfit(SlipwayError):
    """A diff does not fit this release."""


class Unsafe(Misfit):
    """A diff would have root write where the application's user may."""


class Patches:
    """The patches of one Release of a ReleaseStore."""

    def __init__(self, releases, release):
        self._releases = releases
        self.release = release
        self._place = releases.within(release.id)
        self.folder = os.path.join(self._place, RESERVED, "patches")
        self._lock = os.path.join(releases.state, "release.lock")  # the one of ReleaseStore
        self._record = os.path.join(self.folder, "applied.json")
        self._intent = os.path.join(self.folder, "intent.json")
        self._work = os.path.join(self.folder, "work")

    def list(self):
        """The applied patches, oldest first: {name, digest, strip, keep, by, at, files [paths]}."""
        return read_json(self._record, {"patches": []})["patches"]

    def had(self, name):
        """Whether a patch of that name or digest was taken back from this release: what was started before that still runs with it."""
        return any(name in (one["name"], one["digest"]) for one in self._gone())

    def text(self, record):
        """The diff of an applied patch, as bytes."""
        with open(self._diff(record["digest"]), "rb") as stream:
            return stream.read()

    def interrupted(self):
        """Whether a run was killed at work; the next one takes back what it had begun."""
        return os.path.exists(self._intent)

    def apply(self, text, name, strip=None, keep=False, by="", check=False):
        """Apply a diff (bytes); return (its record or None, changed, contained).

        strip is how many folders are taken off the paths in it, None to find out. contained: the release has all of it
        by itself, so nothing is applied or recorded. Raises Misfit where it does not fit, and nothing was changed then.
        """
        digest = _checked(text, name)
        with self._alone(check):
            applied = self.list()
            same = next((one for one in applied if one["name"] == name or one["digest"] == digest), None)
            if same:
                return self._again(applied, same, name, digest, keep, check)
            with self._workshop(check) as work:
                try:
                    level, paths = self._fit(work, text, _levels(text, strip))
                except Misfit:
                    if not self._has_it(work, text, _levels(text, strip)):
                        raise
                    return None, False, True
                record = {"name": name, "digest": digest, "strip": level, "keep": keep, "by": by, "at": _now(), "files": paths}
                if not check:
                    atomic_write(self._diff(digest), text, 0o644)
                    self._move_in(paths, applied + [record])
        return record, True, False

    def revert(self, name, check=False):
        """Take an applied patch back; return (its record or None where there is none of that name, changed)."""
        with self._alone(check):
            applied = self.list()
            record = next((one for one in applied if name in (one["name"], one["digest"])), None)
            if record is None:
                return None, False
            with self._workshop(check) as work:
                try:
                    paths = self._fit(work, self.text(record), (record["strip"],), reverse=True)[1]
                except Unsafe as error:
                    raise Unsafe("%s cannot be reverted. %s" % (record["name"], error.message), untouched="Nothing was changed.",
                                 hint="Take it back by hand, as the application's user, or leave it: it goes with this release. The next upgrade "
                                      "needs -e skip_check_patches=true, and applies the others that are to be kept all the same.") from error
                except Misfit as error:
                    raise Misfit("%s cannot be reverted. %s" % (record["name"], error.message), untouched="Nothing was changed.",
                                 hint="Was something of it changed since? Revert later patches first: %s."
                                 % (", ".join(one["name"] for one in applied[applied.index(record) + 1:]) or "there are none")) from error
                if not check:
                    self._move_in(paths, [one for one in applied if one is not record])
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self._diff(record["digest"]))
        return record, True

    def replay(self, other):
        """Apply those patches of another release (a Patches) that are to be kept; which went how, by name.

        {"applied": [...], "contained": [the release has them by itself], "failed": {name: why}}
        """
        result = {"applied": [], "contained": [], "failed": {}}
        for record in other.list():
            if record["keep"]:
                try:
                    contained = self.apply(other.text(record), record["name"], record["strip"], True, record["by"])[2]
                    result["contained" if contained else "applied"].append(record["name"])
                except SlipwayError as error:
                    result["failed"][record["name"]] = error.message
        return result

    # How

    def _diff(self, digest):
        return os.path.join(self.folder, digest + ".patch")

    @contextlib.contextmanager
    def _alone(self, check):
        """Alone at work, with nothing half done; a check only looks, and sees what is half done as it will be mended."""
        if check:
            yield
            return
        make_own_dir(os.path.dirname(self._lock), 0o700)
        make_dirs(self.folder)
        with exclusive(self._lock):
            self._mend()
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # is not empty
                    os.rmdir(self.folder)

    @contextlib.contextmanager
    def _workshop(self, check):
        """A folder to try in: beside the record, so that files can be moved into the release; elsewhere for a check."""
        work = tempfile.mkdtemp(prefix="slipway-patch-") if check else self._work
        try:
            if not check:
                os.mkdir(work, 0o700)
            yield work
        finally:
            if check or not self.interrupted():
                remove_tree(work)

    def _again(self, applied, same, name, digest, keep, check):
        if (same["name"], same["digest"]) != (name, digest):
            what = "a patch of that name with other content" if same["name"] == name else "the same patch as %s" % same["name"]
            raise SlipwayError("Release %s has %s already, applied by %s at %s." % (
                self.release.id, what, same["by"] or "somebody", same["at"]), untouched="Nothing was changed.", hint="Revert that one first.")
        if same["keep"] == keep:
            return same, False, False
        record = dict(same, keep=keep)
        if not check:
            self._note([record if one is same else one for one in applied])
        return record, True, False

    def _has_it(self, work, text, levels):
        """Whether all of a diff can be taken back: the release contains it."""
        try:
            self._fit(work, text, levels, reverse=True)
        except Misfit:
            return False
        return True

    def _fit(self, work, text, levels, reverse=False):
        """Try a diff on copies at each level; (the level that fits, the paths it changes). The copies are in work then."""
        error = None
        for level in levels:
            remove_tree(os.path.join(work, "old"))
            remove_tree(os.path.join(work, "new"))
            try:
                return level, self._try(work, text, level, reverse)
            except Misfit as misfit:
                error = error or misfit
        raise error

    def _try(self, work, text, level, reverse):
        old, new = (os.path.join(work, name) for name in ("old", "new"))
        os.mkdir(old)
        os.mkdir(new)
        paths = sorted(paths_of(text, level))
        for path in paths:
            self._copy(path, old, new)
        for path in _created(_read(text)[0], level, reverse):
            if os.path.exists(os.path.join(old, path)):  # patch would write into it
                raise Misfit("The patch does not fit release %s (strip level %d): it makes %s, which is there." % (
                    self.release.id, level, path), untouched="Nothing was changed.")
        with open(os.path.join(work, "diff"), "wb") as stream:
            stream.write(_read(text)[1])
        argv = ["patch", "--unified", "--strip=%d" % level, "--forward", "--batch", "--fuzz=0", "--no-backup-if-mismatch", "--reject-file=-",
                "--input", "../diff"] + ["--reverse"] * reverse
        try:
            done = run(argv, cwd=new, env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PATCH_GET": "0"}, timeout=TIMEOUT)
        except SlipwayError as error:
            raise SlipwayError(error.message, untouched="Nothing was changed.", hint="Install GNU patch on this host (package patch).") from error
        if done.timed_out:
            raise SlipwayError("GNU patch did not end within %s seconds." % TIMEOUT, untouched="Nothing was changed.",
                               hint="Look at what else this host is busy with; a smaller patch takes less.")
        if not done.ok:
            raise Misfit("The patch does not fit release %s (strip level %d): %s" % (
                self.release.id, level, tail(done.stdout + done.stderr, 15)), untouched="Nothing was changed.")
        return self._changed(paths, old, new)

    def _copy(self, path, old, new):
        """Copy a file that a diff names, if it is there; refuse one that is reached over a link or is none of the release.

        Root also refuses what the application's user may write to: he could put a link there before the file is moved in.
        """
        half_done = self._half_done()
        if path in half_done:
            if os.path.exists(half_done[path]):
                _copy_into((old, new), path, half_done[path])
            return
        parts = path.split("/")
        place = self._place
        for number, part in enumerate(parts):
            place = os.path.join(place, part)
            try:
                facts = os.lstat(place)
            except FileNotFoundError:
                return
            wanted = stat.S_ISREG if number == len(parts) - 1 else stat.S_ISDIR
            kind = _unfit(facts, wanted)
            if kind:
                refusal = Unsafe if kind == THEIRS else Misfit
                raise refusal("The patch is refused: it changes %s, and %s is %s." % (path, "/".join(parts[:number + 1]), kind),
                              untouched="Nothing was changed.")
        _copy_into((old, new), path, place)

    @staticmethod
    def _changed(paths, old, new):
        """The paths that differ now; refuse anything else than files among those that the diff names."""
        for folder, folders, names in os.walk(new):
            for name in names + [one for one in folders if os.path.islink(os.path.join(folder, one))]:
                path = os.path.relpath(os.path.join(folder, name), new)
                if path not in paths or not stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode):
                    raise Misfit("The patch is refused: it makes %s, which is no file that it names." % path, untouched="Nothing was changed.")
        changed = [path for path in paths if _state(os.path.join(old, path)) != _state(os.path.join(new, path))]
        if not changed:
            raise Misfit("The patch changes nothing.", untouched="Nothing was changed.")
        return changed

    def _move_in(self, paths, after):
        """Move the changed files from work/new into the release. From the intent on, a crash is mended by _mend()."""
        for path in paths:
            new = os.path.join(self._work, "new", path)
            if os.path.exists(new):  # as if it had been unpacked, whatever the umask is
                os.chmod(new, 0o755 if os.stat(new).st_mode & 0o100 else 0o644)
        flush(self._work)
        write_json(self._intent, {"files": paths, "after": after}, 0o644)
        try:
            for path in paths:
                self._put(path, os.path.join(self._work, "new", path))
            self._note(after)
        except OSError as error:
            self._mend()
            raise SlipwayError("The files of release %s cannot be changed: %s." % (self.release.id, error),
                               untouched="What was changed was taken back.") from error
        os.unlink(self._intent)
        fsync_dir(self.folder)

    def _gone(self):
        """The patches that were taken back, as list() had them."""
        return read_json(self._record, {}).get("gone", [])

    def _note(self, patches):
        """Write down which patches there are now, and with that which have gone."""
        there = [one["digest"] for one in patches]
        gone = [one for one in self._gone() + self.list() if one["digest"] not in there]
        write_json(self._record, {"patches": patches, "gone": gone}, 0o644)

    def _put(self, path, new):
        """Let the release have this file at the path, or none where there is no such file."""
        place = os.path.join(self._place, path)
        folder = os.path.dirname(place)
        if os.path.exists(new):
            make_dirs(folder)
            os.rename(new, place)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)
            while folder != self._place and not (os.path.isdir(folder) and os.listdir(folder)):
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(folder)
                folder = os.path.dirname(folder)
        fsync_dir(folder)

    def _half_done(self):
        """{path: the file as it was before, which there may not have been} of what a killed run has begun and not ended."""
        intent = read_json(self._intent)
        if not intent or self.list() == intent["after"]:
            return {}
        return {path: os.path.join(self._work, "old", path) for path in intent["files"]}

    def _mend(self):
        """Take back what a killed run has begun, unless only its last word was missing."""
        for path, old in self._half_done().items():
            copy = os.path.join(self._work, "back")
            remove_tree(copy)
            if os.path.exists(old):
                shutil.copy2(old, copy)  # the old file stays until all is back: this may be killed as well
            self._put(path, copy)
        if self.interrupted():
            flush(self.folder)
            os.unlink(self._intent)
            fsync_dir(self.folder)
        for name in os.listdir(self.folder):
            if name == "work" or name.startswith(".part-"):
                remove_tree(os.path.join(self.folder, name))


def _unfit(facts, wanted):
    """What keeps something on the way to a file that a diff names from being used; empty where nothing does. wanted tells its kind."""
    if not wanted(facts.st_mode):
        return "a link" if stat.S_ISLNK(facts.st_mode) else "not a %s" % ("file" if wanted is stat.S_ISREG else "folder")
    if os.geteuid() == 0 and facts.st_uid != 0:
        return THEIRS
    return ""


def _copy_into(folders, path, source):
    for folder in folders:
        copy = os.path.join(folder, path)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy2(source, copy)


def paths_of(text, level):
    """The files that a unified diff names, with level folders taken off; refuses what is hostile or no such diff."""
    paths = set()
    for raw, prefixed in _names(_read(text)[0]):
        if raw == "/dev/null":
            continue
        parts = raw.split("/")
        if raw.startswith("/") or ".." in parts or "\0" in raw or any(ord(letter) < 32 for letter in raw):
            raise SlipwayError("The patch is refused: it names the file %r, which is not inside the release." % raw,
                               untouched="Nothing was changed.")
        parts = [part for part in parts[level if prefixed else max(0, level - 1):] if part not in ("", ".")]
        if not parts:
            raise Misfit("The patch names the file %s, which has no %d folders to take off." % (raw, level), untouched="Nothing was changed.")
        if parts[0] == RESERVED:
            raise Misfit("The patch is refused: %s belongs to Slipway." % RESERVED, untouched="Nothing was changed.")
        paths.add("/".join(parts))
    if not paths:
        raise SlipwayError("This is no unified diff: it names no file.", untouched="Nothing was changed.", hint="Make it with git diff or diff -u.")
    return paths


def _names(headers):
    """(name, whether it has a prefix such as a/) of each file that the headers of a diff name."""
    for line in headers:
        named = _FILE.match(line)
        if named:
            yield _file_name(named.group(2)), named.group(1)[:1] in b"-+"
        git = _GIT.match(line.rstrip(b"\r"))
        if git and line.count(b" b/") + line.count(b' "b/') == 1:  # of a change of mode, or an empty file, there is no other line
            for name in filter(None, git.groups()):
                yield _file_name(name), True


def _levels(text, strip):
    """The strip levels to try. Where all paths begin as git writes them no other is: it would make new files elsewhere."""
    if strip is not None:
        return (strip,)
    names = [name for name, prefixed in _names(_read(text)[0]) if prefixed and name != "/dev/null"]
    return (1,) if all(name.startswith(("a/", "b/")) for name in names) else (0, 1)


def _created(headers, level, reverse):
    """The paths of files that a diff makes: those that come from /dev/null (in reverse: that go there)."""
    marks = (b"+++ ", b"--- ") if reverse else (b"--- ", b"+++ ")
    names = [line for line in headers if line.startswith((b"--- ", b"+++ "))]
    for one, two in zip(names[::2], names[1::2]):
        nothing, made = (one, two) if one.startswith(marks[0]) else (two, one)
        if _file_name(nothing[4:]) == "/dev/null":
            yield "/".join(_file_name(made[4:]).split("/")[level:])


def _read(text):
    """(lines of headers, the diff without anything else) of a unified diff.

    Mail and commit messages around it are left out, and so is what patch would take for another kind of diff, such as
    commands for ed. Inside a hunk a line may look like a header and is none.
    """
    headers, kept = [], []
    old = new = 0
    for line in re.findall(rb"[^\n]*\n|[^\n]+", text):
        if old > 0 or new > 0:
            if line[:1] not in b" -+\\\r\n":
                raise Misfit("The patch is broken: a hunk ends early.", untouched="Nothing was changed.")
            old -= line[:1] in b" -\r\n"
            new -= line[:1] in b" +\r\n"
            kept.append(line)
            continue
        hunk = _HUNK.match(line)
        if hunk:
            old, new = (1 if count is None else int(count) for count in hunk.groups())
        elif line.startswith((b"GIT binary patch", b"Binary files ")):
            raise SlipwayError("The patch changes a file that is not text; that cannot be applied.", untouched="Nothing was changed.",
                               hint="Build a package with the change.")
        elif _HEADER.match(line):
            headers.append(line.rstrip(b"\n"))
        elif not line.startswith(b"\\ "):
            continue
        kept.append(line)
    return headers, b"".join(kept)


def _file_name(raw):
    """The name in a header line: before a tab stands the name, after it a time; git puts odd names in quotes."""
    raw = raw.rstrip(b"\r")
    if raw.startswith(b'"'):
        try:
            raw = codecs.escape_decode(raw[1:raw.rindex(b'"')])[0]
        except ValueError as error:
            raise SlipwayError("The patch names a file in broken quotes.", untouched="Nothing was changed.") from error
    else:
        raw = raw.partition(b"\t")[0].rstrip(b" ")
    return raw.decode("utf-8", "surrogateescape")


def _checked(text, name):
    """The digest of a diff that may be applied under a name."""
    if not _NAME.fullmatch(name):
        raise SlipwayError("%r cannot be the name of a patch." % name, untouched="Nothing was changed.")
    if len(text) > LARGEST:
        raise SlipwayError("The patch %s has %d bytes; %d are the most." % (name, len(text), LARGEST), untouched="Nothing was changed.",
                           hint="Build a package with the change.")
    return hashlib.sha256(text).hexdigest()


def _state(path):
    """What can differ of a file: its content and whether it can be run; None where there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read(), os.fstat(stream.fileno()).st_mode & 0o111
    except FileNotFoundError:
        return None


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
