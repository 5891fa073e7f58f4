# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""One commit out of a git repository: which one a reference means, and its files.

Neither a reference, an address, nor anything in the repository may start a program here. What comes back to a person
never holds the user name or password of an address, and no password gets into a command line or a file.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import stat
import tempfile
from urllib.parse import unquote

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import run, tail
from ansible_collections.slipway.app.plugins.module_utils._core.record import Record
from ansible_collections.slipway.app.plugins.module_utils._package.name import it_has

TIMEOUT = 1800  # seconds for one git command; a silent HTTP server is given up after a minute

# The user's own configuration holds (credential helpers, proxies, addresses), but nothing in it or in the repository
# may run hooks or change the content of files.
SETTINGS = (
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.eol=lf",
    "core.fileMode=true",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.symlinks=true",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "protocol.ext.allow=never",
)

# What git sets for its own children, for example when this runs below a hook.
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
           "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_CONFIG_PARAMETERS")

# Whose passwords git takes; and a helper that says those of one server, from the environment: shells print by themselves.
WITH_PASSWORD = ("http", "https", "ftp", "ftps")
HELPER = ('!say() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$SLIPWAY_GIT_USER" "$SLIPWAY_GIT_PASSWORD"; }; say')

COMMIT_ID = re.compile(r"[0-9a-f]{7,40}\Z")
FULL_ID = re.compile(r"[0-9a-f]{40}\Z")
NO_REFERENCE = re.compile(r"^-|[\s\x00-\x1f\x7f~^:?*\[\\]|\.\.|@\{")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:"  # what Git LFS puts into the repository in place of a file
POINTER_LIMIT = 1024  # bytes, as its specification says
EVERYTHING = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")


class Commit(Record):
    """A commit by its full id, and when it was made (seconds since 1970)."""

    sha: str
    time: int


class Address(Record, hidden=("password",)):
    """Where git finds a repository (a path or a URL without password), and what a server that asks is told.

    server is the beginning of the URL; whatever is on it, such as submodules, is fetched with the same password.
    """

    url: str
    server: str = ""
    user: str = ""
    password: str | None = None

    @property
    def settings(self):
        """git's settings by which it finds user and password; none of the user's own helpers is asked before."""
        key = "credential.%s.helper=" % self.server
        return () if self.password is None else (key, key + HELPER)

    @property
    def environment(self):
        return {} if self.password is None else {"SLIPWAY_GIT_USER": self.user, "SLIPWAY_GIT_PASSWORD": self.password}

    def __str__(self):
        return public(self.url)


def public(text):
    """The text with user names and passwords taken out of addresses."""
    return re.sub(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s'\"]*@", r"\1", text)


def resolve(repository, reference):
    """The full id of the commit that a tag, a branch (in this order) or a commit id means."""
    address = _address(repository)
    if not reference or NO_REFERENCE.search(reference):
        raise SlipwayError("'%s' is not the name of a tag, branch or commit." % reference)
    names = ["refs/tags/" + reference, "refs/heads/" + reference, reference]
    refs = _remote_refs(address, names + ["refs/tags/%s^{}" % reference, reference + "^{}"])
    for name in names:
        if name.startswith("refs/") and name in refs:
            return refs.get(name + "^{}", refs[name])  # the commit that an annotated tag is about
    if COMMIT_ID.match(reference.lower()):
        return _find_commit(address, reference.lower())
    raise _unknown(address, reference)


def checkout(repository, sha, directory):
    """Check out one commit, with its submodules, into a folder that does not exist yet; return the Commit."""
    address = _address(repository)
    _init(address, directory)
    error = _fetch_commit(address, sha, directory)
    if error:
        raise error
    _must(address, ["checkout", "--quiet", "--detach", sha], directory)
    if os.path.lexists(os.path.join(directory, ".gitmodules")):
        _submodules(address, directory)
    return Commit(sha, int(_must(address, ["show", "--no-patch", "--format=%ct", sha], directory).stdout))


def pointers(directory, paths):
    """Those relative paths of a checkout whose files are still with Git LFS: nobody here has put them in their pointers' place.

    Such a text is a file like any other where .gitattributes does not say that it is LFS's, as among the examples of a test.
    """
    found = [path for path in paths if _is_pointer(os.path.join(directory, path))]
    if not found:
        return []
    # What build commands brought is as its makers have packed it, and the same wherever it is built.
    tracked = set(_must(Address(directory), ["ls-files", "-z", "--recurse-submodules"], directory).stdout.split("\0"))
    found = [path for path in found if path in tracked]
    if not found:
        return []
    asked = b"".join(os.fsencode(path) + b"\0" for path in found)
    answers = _must(Address(directory), ["check-attr", "--stdin", "-z", "filter"], directory, asked).stdout.split("\0")
    return [path for path, value in zip(found, answers[2::3]) if value == "lfs"]  # each answer: path, "filter", value


def _is_pointer(path):
    there = os.lstat(path)
    if not stat.S_ISREG(there.st_mode) or there.st_size > POINTER_LIMIT:
        return False
    with open(path, "rb") as stream:
        return stream.read(len(POINTER)) == POINTER


def _address(repository):
    """The Address of what a person wrote; what git would take for an option or for a program to start is refused."""
    if not repository or repository.startswith("-") or re.match(r"[A-Za-z0-9+.-]+::", repository) \
            or re.search(r"[\x00-\x1f]", repository):
        raise SlipwayError("'%s' is not the address of a git repository." % public(repository))
    scheme, separator, rest = repository.partition("://")
    if separator:
        return _address_of_url(repository, scheme, rest)
    path = os.path.expanduser(repository)
    return Address(os.path.abspath(path) if _is_local(path) else repository)


def _address_of_url(url, scheme, rest):
    """A user without a password stays where it is: it is the user's own helpers, or SSH, that know the rest."""
    authority, slash, path = rest.partition("/")
    userinfo, at_sign, host = authority.rpartition("@")
    user, colon, password = (unquote(part, errors="surrogateescape") for part in userinfo.partition(":"))
    if not (at_sign and colon):
        return Address(url)
    if scheme.lower() not in WITH_PASSWORD or re.search(r"[\x00\n]", user + password):
        raise SlipwayError("The address %s has a password that git cannot use." % public(url),
                           hint="A password is for http and https. For SSH, use a key of the user that builds.")
    server = "%s://%s" % (scheme, host)
    return Address(server + slash + path, server, user, password)


def _is_local(url):
    """Whether git reads the address from this machine: a file:// address or a path (no colon before a slash)."""
    return url.startswith("file://") or ":" not in url.partition("/")[0]


def _git(address, arguments, cwd, stdin=None):
    # Submodules from this machine are for repositories from this machine, not for those of a server.
    settings = SETTINGS + ("protocol.file.allow=%s" % ("always" if _is_local(address.url) else "user"),) + address.settings
    argv = ["git"]
    for setting in settings:
        argv += ["-c", setting]
    env = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    env.update(GIT_TERMINAL_PROMPT="0", GIT_ATTR_NOSYSTEM="1", SSH_ASKPASS_REQUIRE="never", LC_ALL="C", **address.environment)
    return run(argv + arguments, cwd=cwd, env=env, timeout=TIMEOUT, stdin=stdin)


def _failure(address, done):
    reason = "git gave no answer within %d seconds" % TIMEOUT if done.timed_out else tail(done.stderr, 10)
    return SlipwayError("The git repository %s cannot be read: %s" % (address, public(reason)),
                        hint="Check the address, and what the host that builds may read.")


def _must(address, arguments, cwd=None, stdin=None):
    done = _git(address, arguments, cwd, stdin)
    if not done.ok:
        raise _failure(address, done)
    return done


def _remote_refs(address, patterns=()):
    """The references of the remote repository, {full name: id}, all or those that match."""
    done = _must(address, ["ls-remote", "--quiet", "--", address.url] + list(patterns))
    return {name: sha for sha, name in (line.split("\t", 1) for line in done.stdout.splitlines())}


def _unknown(address, reference):
    names = [re.sub("^refs/(?:tags|heads)/", "", name) for name in _remote_refs(address)
             if name.startswith(("refs/tags/", "refs/heads/")) and not name.endswith("^{}")]
    near = difflib.get_close_matches(reference, names, 3)
    return SlipwayError("The git repository %s has no tag, branch or commit '%s'." % (address, reference),
                        hint="Did you mean %s?" % " or ".join(near) if near else it_has(names) + " Push first what is not there yet.")


def _init(address, directory):
    _must(address, ["init", "--quiet", "--template=", directory])
    # Submodules with a relative address are found from here.
    _must(address, ["remote", "add", "origin", address.url], directory)


def _find_commit(address, commit_id):
    """The full id of a commit; the commits alone are fetched where the server can send them without files."""
    directory = tempfile.mkdtemp(prefix="slipway-")
    try:
        _init(address, directory)
        if FULL_ID.match(commit_id):
            _fetch_commit(address, commit_id, directory, ["--filter=tree:0"])
        else:
            _must(address, ["fetch", "--quiet", "--no-tags", "--filter=tree:0", "origin"] + list(EVERYTHING), directory)
        done = _git(address, ["rev-parse", "--quiet", "--verify", commit_id + "^{commit}"], directory)
        if not done.ok:
            raise _unknown(address, commit_id)
        return done.stdout.strip()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _fetch_commit(address, sha, directory, options=()):
    """Fetch one commit without its history; where the server refuses that, everything. Return the error, if any."""
    for what in (["--depth=1", "origin", sha], ["origin"] + list(EVERYTHING)):
        done = _git(address, ["fetch", "--quiet", "--no-tags"] + list(options) + what, directory)
        if done.ok and _git(address, ["cat-file", "-e", sha + "^{commit}"], directory).ok:
            return None
    if done.ok:
        return SlipwayError("%s in the git repository %s is no commit." % (sha, address))
    return _failure(address, done)


def _submodules(address, directory):
    """Check out the submodules, each without its history where its server allows that."""
    update = ["submodule", "--quiet", "update", "--init", "--recursive"]
    if not _git(address, update + ["--depth=1"], directory).ok:
        _git(address, ["submodule", "--quiet", "deinit", "--force", "--all"], directory)
        shutil.rmtree(os.path.join(directory, ".git", "modules"), ignore_errors=True)
        done = _git(address, update, directory)
        if not done.ok:
            raise SlipwayError("The submodules of %s cannot be checked out: %s" % (
                address, public(tail(done.stderr, 10))), hint="Check their addresses in .gitmodules, and what the host that builds may read.")
