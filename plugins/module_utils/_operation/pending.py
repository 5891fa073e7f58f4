# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The migrations that a release has and its database lacks, as SQL; how they are asked for is said by slipway.yml.

Nothing is changed: the commands print what would be run, in sessions that cannot write. What the SQL means is judged on the controller.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.slipway.app.plugins.module_utils._config.load import expand
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres.tables import mentioned

PARALLEL = 4  # migrations asked for at the same time
LONGEST = 4 * 1024 * 1024  # characters of one migration; what is longer inserts data and is nothing to read
REFUSED = ("Slipway asks for a session that cannot write, by options in PGOPTIONS, and a pooler refuses that. Have options in its"
           " ignore_startup_parameters (the session can write then), or read by a connection to the server itself.")
OURS = re.compile("startup parameter(: options| in options: default_transaction_read_only)")  # and not one of the application's own
ALL = "all pending migrations"  # their name where the application prints them as one


def pending(runtime, connection=None, database=None):
    """What is pending in a release, and how big the tables are that it speaks of.

    {"migrations": [{name, sql, code [what cannot be written as SQL], problem (why its SQL is not there, or null),
    compatible (the author says that the old release can run beside it)}], "problem": why nothing of it is known, or null,
    "tables" and "server_version" as of mentioned(), null without a connection}
    """
    facts = {"migrations": [], "problem": None, "tables": None, "server_version": None}
    try:
        facts["migrations"] = _migrations(runtime)
    except SlipwayError as error:
        facts["problem"] = str(error)
    if connection is not None:
        facts.update(mentioned(connection, database, "\n".join(one["sql"] for one in facts["migrations"])))
    return facts


def _migrations(runtime):
    keys = runtime.config["migrations"]
    if not keys["sql"]:
        if any(runtime.config["commands"][name] for name in ("migrate", "upgrade_maintenance", "upgrade_rolling")):
            raise SlipwayError("slipway.yml does not say how pending migrations are read.",
                               hint="Name a command under migrations.sql that prints their SQL.")
        return []
    if not keys["pending"]:
        text = _output(runtime, keys["sql"], {})
        parts = list(_sections(keys["pattern"], text)) if keys["pattern"] else [(ALL, text)] if text.strip() else []
        return [_judgeable(keys, name, sql) for name, sql in parts]
    if not keys["pattern"]:
        raise SlipwayError("slipway.yml says under migrations.pending what lists the pending migrations, but not how to read the list.",
                           hint="Name a regular expression under migrations.pattern.")
    listed = re.finditer(keys["pattern"], _output(runtime, keys["pending"], {}), re.MULTILINE)
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(lambda match: _migration(runtime, _name(match), match.groupdict("")), listed))


def _name(match):
    """What people call the migration: the named parts, as django writes shop.0002_number."""
    return ".".join(filter(None, match.groupdict().values())) or match.group(0).strip()


def _sections(pattern, text):
    """(name, SQL) of each migration in a text that has all of them, each below a heading."""
    headings = list(re.finditer(pattern, text, re.MULTILINE))
    above = text[:headings[0].start()] if headings else text
    if above.strip():  # of nobody knows which migration, but not to be passed over
        yield ALL, above
    for heading, following in zip(headings, headings[1:] + [None]):
        yield _name(heading), text[heading.end():following.start() if following else None]


def _migration(runtime, name, parts):
    keys = runtime.config["migrations"]
    try:
        return _judgeable(keys, name, _output(runtime, keys["sql"], parts))
    except SlipwayError as error:
        return dict(_judgeable(keys, name, ""), problem=str(error))


def _judgeable(keys, name, sql):
    """What is told of a migration that prints this SQL."""
    found = {"name": name, "sql": "", "code": [], "problem": None, "compatible": name in keys["compatible"]}
    if len(sql) > LONGEST:
        return dict(found, problem="It is longer than %d characters." % LONGEST)
    if keys["code"]:
        found["code"] = [match.groupdict().get("what") or match.group(0).strip() or name
                         for match in re.finditer(keys["code"], sql, re.MULTILINE)]
    return dict(found, sql=sql)


def _output(runtime, command, parts):
    """What a command of the application prints, run in its release; parts are further placeholders."""
    argv = expand(command, dict(runtime.variables, **parts))
    timeout = runtime.config["timeouts"]["command"]
    done = runtime.run(argv, timeout, _only_reading(runtime))
    secrets = runtime.secrets()
    if not done.ok:
        what = "did not end within %d seconds" % timeout if done.timed_out else "failed with exit status %d" % done.rc
        printed = tail(done.stdout + done.stderr, 10)
        raise SlipwayError(redact("The command %s %s. It printed:\n%s" % (" ".join(argv), what, printed or "(nothing)"), secrets),
                           hint=REFUSED if OURS.search(printed) else None)
    return redact(done.stdout, secrets)


def _only_reading(runtime):
    """Environment variables by which the application's database refuses to be changed, whatever the application says of it.

    Django, asked for its SQL, runs what code is inside of SeparateDatabaseAndState. See impatience() for who reads this; of two the
    last counts, and here it is ours.
    """
    own = runtime.environment().get("PGOPTIONS", "")
    return {"PGOPTIONS": (own + " -c default_transaction_read_only=on").strip()}
