# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The user that an application belongs to: where root works for it, its programs and its files are still that user's. And who is at work."""

from __future__ import annotations

import collections
import contextlib
import os
import pwd

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


# A user of this host as processes need it; groups are the numbers of all of them.
Account = collections.namedtuple("Account", "name uid gid groups")


def owner_of(path):
    """The Account that owns a folder; None where root is not at work for somebody else: then nothing is to be done."""
    uid = os.stat(path).st_uid
    return None if os.geteuid() != 0 or uid == 0 else account(uid, path)


def account(uid, path):
    """The Account with a number; path is what belongs to it, for the error where this host does not know it."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise SlipwayError("%s belongs to the user %d, whom this host does not know." % (path, uid)) from error
    return Account(entry.pw_name, uid, entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid))


def user():
    """Who has logged in on this machine."""
    with contextlib.suppress(KeyError):  # a number without an account, as a container may be given
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())


def becoming(owner):
    """What a child process calls before it becomes a program, so that the program runs as the owner for good."""
    if owner is None:
        return None

    def become():
        os.setgroups(owner.groups)
        os.setgid(owner.gid)  # real, effective and saved: there is no way back
        os.setuid(owner.uid)
        os.umask(0o022)

    return become


@contextlib.contextmanager
def acting_as(owner):
    """Let the block reach just the files that the owner reaches, and make files that are the owner's.

    For folders the owner can write to: a link placed there does not lead root anywhere. No threads may be at work.
    """
    if owner is None:
        yield
        return
    gid, groups = os.getegid(), os.getgroups()
    os.setgroups(owner.groups)
    os.setegid(owner.gid)
    os.seteuid(owner.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)
