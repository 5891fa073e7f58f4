# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Hashes of a password that everybody may know, in the forms that applications keep, so that developers can log in.

A hasher is a function of a password and a salt (16 bytes) that returns the text an application keeps. It is slow by design, and so is
used once for a dump, and never for a row. Adding one is adding its function to HASHERS.
"""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import hashlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

ITERATIONS = 600000  # of PBKDF2, as Django 4.2 has them; an application that wants more makes the hash anew when somebody logs in
COST = 12  # of bcrypt
LONGEST = 72  # bytes of a password that bcrypt looks at
# Words that hashes of all passwords begin with, whichever hasher made them.
PREFIXES = ("pbkdf2_sha1", "pbkdf2_sha256", "pbkdf2_sha512", "pbkdf2-sha256", "pbkdf2-sha512", "argon2id", "argon2i", "bcrypt_sha256", "bcrypt-sha256",
            "sha512_crypt")
_ORDINARY = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_OF_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def pbkdf2_sha256(password, salt):
    """As Django keeps it."""
    salt = salt.hex()
    digest = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), salt.encode("ascii"), ITERATIONS)
    return "pbkdf2_sha256$%d$%s$%s" % (ITERATIONS, salt, base64.b64encode(digest).decode("ascii"))


def bcrypt(password, salt):
    """As password_hash() of PHP makes it; Symfony takes it whichever its hasher is, also sodium."""
    if len(password.encode("utf-8")) > LONGEST:
        raise SlipwayError("The password of the rule password has more than %d bytes, and bcrypt looks at no more." % LONGEST, untouched="Nothing was dumped.")
    settings = b"$2y$%02d$%s" % (COST, base64.b64encode(salt).rstrip(b"=").translate(bytes.maketrans(_ORDINARY, _OF_BCRYPT)))
    made = _crypt(password.encode("utf-8"), settings)
    if not made or not made.startswith(b"$2y$") or len(made) != 60:
        raise SlipwayError("The rule password has the hasher bcrypt, which the library crypt of this host does not know.", untouched="Nothing was dumped.",
                           hint="libxcrypt knows it (package libcrypt1 on Debian, libxcrypt on Red Hat). Or give a hash that the application has made: "
                                "{rule: fixed, value: '$2y$...'}.")
    return made.decode("ascii")


def _crypt(password, settings):
    """What crypt(3) makes, or None. Python's own module for it is gone from 3.13 on."""
    try:
        crypt = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1").crypt
    except (OSError, AttributeError):
        return None
    crypt.restype, crypt.argtypes = ctypes.c_char_p, (ctypes.c_char_p, ctypes.c_char_p)
    return crypt(password, settings)


HASHERS = {hasher.__name__: hasher for hasher in (pbkdf2_sha256, bcrypt)}
