# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The name of a dump: <instance>/<database>/<config>/<timestamp>.

A key is a path in every store, so each part is written with lower-case letters, digits, dots, dashes and underscores
only; any other character is percent-encoded. No name of a database can lead out of the store, be hidden in it, or be
taken for another one where upper and lower case are the same.
"""

from __future__ import annotations

import datetime
import re
import urllib.parse

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

NO_CONFIG = "none"  # the config of a dump that was made without one
LONGEST = 240  # bytes of a part as it is written; file systems take 255
PARTS = ("instance", "database", "config", "timestamp")
TIMESTAMP = re.compile(r"\d{8}T\d{6}\.\d{6}Z\Z")
_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-.")


class Key:
    """instance, database and config as people name them, and the timestamp (UTC, text order is the order in time)."""

    def __init__(self, instance, database, config, timestamp):
        self.instance = instance
        self.database = database
        self.config = config
        self.timestamp = timestamp
        self.parts = tuple(encode(part) for part in (instance, database, config)) + (_timestamp(timestamp),)

    @classmethod
    def parse(cls, text):
        """The key that a text names."""
        parts = text.split("/")
        if len(parts) != len(PARTS):
            raise SlipwayError("%r is no key of a dump, which has four parts: %s." % (text, "/".join("<%s>" % part for part in PARTS)))
        return cls(*([decode(part) for part in parts[:3]] + [parts[3]]))

    @classmethod
    def now(cls, instance, database, config, after=None):
        """A key of this moment; with after, an earlier key, one of a later moment than that has."""
        moment = datetime.datetime.now(datetime.timezone.utc)
        if after is not None:
            moment = max(moment, after.moment + datetime.timedelta(microseconds=1))
        return cls(instance, database, config, moment.strftime(_FORMAT))

    @property
    def moment(self):
        """When the dump was made, as an aware datetime."""
        return datetime.datetime.strptime(self.timestamp, _FORMAT).replace(tzinfo=datetime.timezone.utc)

    @property
    def order(self):
        """What keys are sorted by: time first, whatever the instance is called."""
        return self.timestamp, self.parts

    def __str__(self):
        return "/".join(self.parts)

    def __repr__(self):
        return "Key(%r)" % str(self)

    def __eq__(self, other):
        return isinstance(other, Key) and self.parts == other.parts

    def __hash__(self):
        return hash(self.parts)


class Prefix:
    """The beginning of keys: whole parts, and of the timestamp any beginning. An empty one is that of all."""

    def __init__(self, text=""):
        parts = text.rstrip("/").split("/") if text.rstrip("/") else []
        if len(parts) > len(PARTS):
            raise SlipwayError("%r begins no key of a dump, which has four parts: %s." % (text, "/".join("<%s>" % part for part in PARTS)))
        self.parts = tuple(encode(decode(part)) for part in parts[:3])
        self.timestamp = parts[3] if len(parts) == len(PARTS) else ""

    def matches(self, key):
        return key.parts[:len(self.parts)] == self.parts and key.timestamp.startswith(self.timestamp)

    def __str__(self):
        return "/".join(self.parts + ((self.timestamp,) if self.timestamp else ()))


def encode(part):
    """A part of a key as it is written."""
    if not part or "\0" in part:
        raise SlipwayError("%r cannot be part of a dump's key." % (part,))
    try:
        written = "".join(chr(byte) if byte in _PLAIN else "%%%02X" % byte for byte in part.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise SlipwayError("%r cannot be part of a dump's key: it is no valid text." % (part,)) from error
    if written.startswith("."):
        written = "%2E" + written[1:]
    if len(written) > LONGEST:
        raise SlipwayError("%r is too long for a part of a dump's key: it takes %d bytes of at most %d." % (part, len(written), LONGEST))
    return written


def decode(written):
    """The part that a text stands for; a text without a percent sign stands for itself, so that people can type it."""
    if "%" not in written:
        encode(written)
        return written
    try:
        part = urllib.parse.unquote_to_bytes(written).decode("utf-8")
    except UnicodeError:
        part = ""
    # One spelling for one name, or a dump could be found under one and not under the other.
    if not part or encode(part) != written:
        raise SlipwayError("%r is no part of a dump's key: percent signs stand for the bytes of characters other than a-z 0-9 _ - . only."
                           % (written,))
    return part


def _timestamp(text):
    try:
        if TIMESTAMP.match(text):
            datetime.datetime.strptime(text, _FORMAT)
            return text
    except ValueError:
        pass
    raise SlipwayError("%r is no timestamp of a dump, which looks like 20261126T031500.123456Z." % (text,))
