# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Named sets of options for dumps, restores, copies and lists: what is said with the call comes first, then the config, then the default."""

from __future__ import annotations

import os
import shlex

from ansible_collections.slipway.app.plugins.module_utils._config.fields import nearest
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import NO_CONFIG


def number(value):
    return int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def text(value):
    return value if isinstance(value, str) else None


def path(value):
    return os.path.expandvars(os.path.expanduser(value)) if isinstance(value, str) else None


def texts(value):
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def commands(value):
    fine = isinstance(value, list) and all(item and (isinstance(item, str) or texts(item)) for item in value)
    return value if fine else None


def flag(value):
    return value if isinstance(value, bool) else None


def mapping(value):
    return value if isinstance(value, dict) else None


def properties(value):
    return value if value in PROPERTIES else None


def way(value):
    return value if value in WAYS else None


PROPERTIES = ("target", "dump")
WAYS = ("auto", "template", "stream")
# Options of a dump, of a restore, of a copy and of a list, and what makes a value of each of what stands in a config: None where it cannot be one.
DUMP = {"instance": text, "jobs": number, "compression": text, "exclude_tables": texts, "exclude_table_data": texts,
        "pre_dump_hooks": commands, "store": path, "sanitize": mapping}
RESTORE = {"store": path, "source": text, "jobs": number, "reversible": flag, "properties": properties, "pre_swap_sql": texts, "pre_swap_hooks": commands}
# The source of a copy is a database, and no dump: what a config says is for restores.
COPY = dict({name: make for name, make in RESTORE.items() if name not in ("jobs", "store", "source")}, way=way)
LIST = {"store": path, "prefix": text}
ALL = tuple(dict(DUMP, **dict(RESTORE, **dict(COPY, **LIST))))
CONTENT = ("exclude_tables", "exclude_table_data", "pre_dump_hooks", "sanitize")  # what changes what is in a dump


def effective(said, configs, config, options, others=()):
    """{option: its value, None where nobody says anything} of options, which are as DUMP is.

    said has what came with the call, None where nothing did; configs {name: {option: value}}; others are options that a
    config may have for other calls. A config or an option that nobody knows is an error, and so is a value that is none.
    """
    if config != NO_CONFIG and config not in configs:
        raise _wrong("There is no config %s. %s" % (config, nearest(config, tuple(configs) + (NO_CONFIG,))))
    for name, values in configs.items():
        if name == NO_CONFIG or not isinstance(values, dict):
            raise _wrong("The config %s %s." % (name, "has the name that stands for no config" if name == NO_CONFIG else "is no mapping"))
        for option in values:
            if option not in options and option not in others:
                raise _wrong("The config %s has an unknown option %s. %s" % (name, option, nearest(option, tuple(options) + tuple(others))))
    chosen = configs.get(config, {})
    return {option: said[option] if said.get(option) is not None else _value(config, chosen, option, options[option]) for option in options}


def key_part(said, config):
    """The config that the key of a dump names: none as soon as the call itself said what is in it."""
    return NO_CONFIG if any(said.get(option) is not None for option in CONTENT) else config


def split(hooks, option):
    """The commands of an option as lists of words; those that are texts are split as a shell does it."""
    return [_words(hook, "Command %d of %s cannot be one: %%s." % (place, option)) for place, hook in enumerate(hooks, 1)]


def _words(hook, wrong):
    """The words of a command. They are in no error, since they may be secrets."""
    if not isinstance(hook, (str, list)):
        raise _wrong(wrong % "it is neither a text nor a list of words")
    try:
        words = shlex.split(hook) if isinstance(hook, str) else [str(word) for word in hook]
    except ValueError as error:
        raise _wrong(wrong % error) from error
    if not words or not words[0]:
        raise _wrong(wrong % "it is empty")
    return words


def _value(config, chosen, option, make):
    if chosen.get(option) is None and not (option == "sanitize" and option in chosen):  # rules that are forgotten make no raw dump
        return None
    try:
        value = make(chosen[option])
    except ValueError:
        value = None
    if value is None:
        raise _wrong("The config %s has %r as %s, which it cannot be." % (config, chosen[option], option))
    return value


def _wrong(message):
    return SlipwayError(message, untouched="Nothing was changed.")
