# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What is known of a dump, beside its archive: from where, how, how many rows, and the digest of every file.

Whoever can write to a store can write a manifest, so nothing of one is used before it was looked at.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import re
import stat

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.money import NEUTRAL

FORMAT = 1
SLIPWAY = "0.1.0"  # the version of this collection
NAME = "manifest.json"
REAL = "prod"  # the environment whose rows nobody can make again
LARGEST = 256 * 1024 * 1024  # bytes of a manifest: a hundred thousand tables take some 40 MB
MOST_SQL = 20000  # characters of SQL that rules ask for: people are shown all of it before it is run
CHUNK = 1024 * 1024
THREADS = 4  # that compute digests at the same time
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def _text(value):
    return isinstance(value, str) and "\0" not in value


def _count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _to_be_seen(value):
    return _list_of(_text)(value) and sum(map(len, value)) <= MOST_SQL


def _optional(check):
    return lambda value: value is None or check(value)


def _list_of(check):
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def _dict_of(**fields):
    return lambda value: isinstance(value, dict) and all(name in value and check(value[name]) for name, check in fields.items())


def _with(later, check):
    """A check of a dict that may have more than it had at first, {name: check}."""
    return lambda value: check(value) and all(name not in value or more(value[name]) for name, more in later.items())


# What a manifest has, and what each value has to be. Sizes are bytes, versions are server_version_num.
FIELDS = {
    "key": _text,
    "server_version": _count,
    "client_version": _count,
    "database": _text,
    "encoding": _text,
    "collate": _text,
    "ctype": _text,
    "locale_provider": lambda value: value in ("libc", "icu", "builtin"),
    "icu_locale": _optional(_text),  # that of the builtin provider, too
    "owner": _text,
    "size": _count,
    "jobs": _count,
    "compression": _text,
    "excluded": _list_of(_dict_of(schema=_text, name=_text)),
    "excluded_data": _list_of(_dict_of(schema=_text, name=_text)),
    "extensions": lambda value: isinstance(value, dict) and all(map(_text, value)) and all(map(_text, value.values())),
    "roles": _list_of(_text),
    "tables": _list_of(_dict_of(schema=_text, name=_text, rows=_optional(_count), bytes=_count)),
    "files": _list_of(_dict_of(name=lambda value: isinstance(value, str) and bool(_FILE.match(value)), size=_count,
                               sha256=lambda value: isinstance(value, str) and bool(_DIGEST.match(value)))),
    "started": _text,
    "seconds": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0,
    "who": _text,
    "slipway": _text,
}


# What a manifest may have beside: dumps of before do not.
LATER = {
    # What was asked for; of hooks only which programs they were, since their arguments may be secrets.
    "options": _dict_of(config=_text, exclude_tables=_list_of(_text), exclude_table_data=_list_of(_text), pre_dump_hooks=_list_of(_text)),
    # Foreign keys that no restore of the whole database can make, since they need what was left out.
    "needed": _list_of(_dict_of(key=_text, table=_dict_of(schema=_text, name=_text), of=_dict_of(schema=_text, name=_text))),
    "icu_rules": _optional(_text),
    "lc_monetary": lambda value: value in (NEUTRAL, None),  # that amounts of money are written in; None: there are none
    "environment": _optional(_text),  # that the database belongs to, as whoever dumped it has named it; None: it was not named
    "system": _optional(_text),  # the identifier that a server and its standbys have in common, of a sanitized dump
    # Of a sanitized dump: by which rules (their digest) and which key (its id) which columns were masked, and which tables were emptied or have
    # some of their rows only.
    "sanitized": _with(dict(
        subset=_list_of(_dict_of(schema=_text, name=_text)),
        after_restore=_to_be_seen), _dict_of(  # SQL that the rules want to be run on what is restored
        policy=lambda value: value in ("strict", "scan"), rules=lambda value: isinstance(value, str) and bool(_DIGEST.match(value)), key=_text,
        emptied=_list_of(_dict_of(schema=_text, name=_text)),
        # How many columns raw values were sampled of, how many values were looked for in how many bytes; left_out are masked columns not looked for,
        # accepted such as nothing was looked for in.
        residue=_with(dict(accepted=_list_of(_text)), _dict_of(columns=_count, values=_count, bytes=_count, left_out=_list_of(_text))),
        masked=_list_of(_dict_of(schema=_text, name=_text, column=_text, rule=_text)))),
    # What ALTER DATABASE, COMMENT and GRANT say of the database itself, which no archive has.
    "outside": _dict_of(
        owner=_text, comment=_optional(_text), connection_limit=lambda value: isinstance(value, int) and value >= -1,
        settings=_list_of(_dict_of(role=_text, setting=lambda value: _text(value) and value.find("=") > 0)),
        privileges=_optional(_list_of(_dict_of(grantee=_text, grantable=lambda value: isinstance(value, bool),
                                               privilege=lambda value: value in ("CREATE", "CONNECT", "TEMPORARY"))))),
}


def environment_of(manifest, key):
    """The environment that the rows of a dump are of; None where it was not named. Of a dump of before it is the instance.

    Who calls an instance prod means it, whatever the inventory has said of the environment.
    """
    return REAL if key.instance == REAL else manifest.get("environment", key.instance)


def read(folder, key):
    """The manifest in the folder of a dump, provided it is one and of the dump of this key."""
    path = os.path.join(folder, NAME)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SlipwayError("%s is no ordinary file." % path)
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise SlipwayError("Cannot read %s: %s." % (path, error.strerror)) from error
    return parse(data, key, path)


def parse(data, key, path):
    """The manifest that some bytes are, read at a path, provided they are one and of the dump of this key."""
    if len(data) > LARGEST:
        raise SlipwayError("%s is larger than a manifest can be." % path)
    try:
        manifest = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SlipwayError("%s is not valid JSON: %s." % (path, error)) from error
    found = problem(manifest, key)
    if found:
        raise SlipwayError("%s is not the manifest of this dump: %s" % (path, found))
    return manifest


def written(manifest, key):
    """The bytes of a manifest as that of the dump of a key, provided that they can be read again: else nobody could use the dump."""
    data = (json.dumps(dict(manifest, key=str(key)), indent=2, sort_keys=True) + "\n").encode("utf-8")
    parse(data, key, "What was written of the dump")
    return data


def problem(manifest, key):
    """What is wrong with a manifest of the dump of a key, as a sentence, or None."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return "its format is not %d, the only one this version of Slipway knows." % FORMAT
    for name, check in FIELDS.items():
        if name not in manifest:
            return "it lacks %s." % name
        if not check(manifest[name]):
            return "its %s is not what it has to be." % name
    for name, check in LATER.items():
        if name in manifest and not check(manifest[name]):
            return "its %s is not what it has to be." % name
    if manifest["key"] != str(key):
        return "it is that of %r." % manifest["key"]
    names = [item["name"] for item in manifest["files"]]
    if len(set(names)) != len(names) or "toc.dat" not in names:
        return "its list of files is not that of an archive."
    return None


def describe_files(archive):
    """[{name, size, sha256}] of every file of an archive, read by several threads."""
    found = sizes(archive)
    digests = _digests(archive, sorted(found, key=found.get, reverse=True))
    return [{"name": name, "size": found[name], "sha256": digests[name]} for name in sorted(found)]


def verify(archive, manifest, only=None):
    """Compare every file of an archive with its manifest, or of others than only these the sizes alone; the first difference is an error."""
    found = sizes(archive)
    compare_sizes(archive, manifest, found)
    digests = _digests(archive, sorted(found if only is None else only, key=found.get, reverse=True))
    for item in manifest["files"]:
        if item["name"] in digests:
            compare_digest(archive, item, digests[item["name"]])


def compare_sizes(archive, manifest, there):
    """Compare the files that there are, {name: bytes}, with those of the manifest; a difference is an error."""
    expected = {item["name"]: item for item in manifest["files"]}
    for what, names in (("lacks", set(expected) - set(there)), ("has beside those of its manifest", set(there) - set(expected))):
        if names:
            raise _damaged(archive, "it %s %s" % (what, ", ".join(map(one_line, sorted(names)[:5]))))
    for name, size in there.items():
        if size != expected[name]["size"]:
            raise _damaged(archive, "%s has %d bytes instead of %d" % (name, size, expected[name]["size"]))


def compare_digest(archive, item, digest):
    """Compare the digest of a file that was read with what the manifest says of it."""
    if digest != item["sha256"]:
        raise _damaged(archive, "the content of %s is not what was written" % item["name"])


def _damaged(archive, how):
    return SlipwayError("The archive %s is damaged: %s." % (archive, how), untouched="Nothing was changed.", hint="Use another dump.")


def sizes(archive):
    """{name: bytes} of the files of an archive, which has nothing but files."""
    found = {}
    try:
        with os.scandir(archive) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False):
                    raise _damaged(archive, "%r in it is no ordinary file" % entry.name)
                found[entry.name] = entry.stat(follow_symlinks=False).st_size
    except OSError as error:
        raise SlipwayError("Cannot read the archive %s: %s." % (archive, error.strerror)) from error
    return found


def _digests(archive, names):
    """{name: SHA-256}; hashlib lets other threads work meanwhile."""
    with concurrent.futures.ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        try:
            return dict(zip(names, pool.map(lambda name: _sha256(os.path.join(archive, name)), names)))
        except OSError as error:
            raise SlipwayError("Cannot read %s: %s." % (error.filename or archive, error.strerror)) from error


def _sha256(path):
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as stream:
        buffer = memoryview(bytearray(CHUNK))
        while True:
            size = stream.readinto(buffer)
            if not size:
                return digest.hexdigest()
            digest.update(buffer[:size])
