# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The schema of slipway.yml: every key, its kind, its default. The one place that knows them."""

from __future__ import annotations

import posixpath

from ansible_collections.slipway.app.plugins.module_utils._config.fields import (
    Command,
    Document,
    Group,
    ListOf,
    MapOf,
    Number,
    Pattern,
    RelativePath,
    Text,
    nearest,
)
from ansible_collections.slipway.app.plugins.module_utils._config.profiles import PROFILES
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

ENVIRONMENTS = ("dev", "stag", "uat", "prod")

# Where a service of a kind runs unless it says so itself.
PLACES = {"web": "app", "websocket": "app", "consumer": "consumer", "cron": "leader"}

# How many seconds a service of a kind has to end unless it says so itself. Requests that web has go on for as long as the web
# servers of the roles host and balancer wait for them, 60 seconds, and are answered.
STOP_TIMEOUTS = {"web": 65, "websocket": 30, "consumer": 30, "cron": 30}

# What decides the content of a package and of its releases: a package is built once for all environments, so no overlay
# may change it.
BASE_ONLY = ("application", "profile", "profile_version", "profile_flow", "build", "layers", "shared", "writable")

NAME = ("[a-z][a-z0-9_-]*", "a name of lower-case letters, digits, '-' and '_', beginning with a letter")
VERSION = (r"[0-9]{1,4}\.[0-9]{1,4}", "the first two numbers of a version, in quotes")
PLACEHOLDER = ("[A-Za-z_][A-Za-z0-9_]*", "the name of a placeholder: letters, digits and '_'")
WORD = (r"\S+", "a word of a command")
STATUS = (r"[0-9]+", "an exit status in quotes")
# Those that the web server itself answers with.
ERROR = ("403|404|413|451|501|502", "one of 403, 404, 413, 451, 501 and 502, in quotes")
VARIABLE = ("[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable: letters, digits and '_'")

CALENDAR = ("[A-Za-z0-9_*:/,.~+ -]+", "a time in systemd's calendar syntax, such as hourly or *:0/5")

SCHEMA = Group({
    "application": Text(required=True, pattern=NAME),
    "profile": Text(required=True, choices=sorted(PROFILES)),
    # Of what the application is built on, where the profile asks for it; by default what the lock file says.
    "profile_version": Text(nullable=True, pattern=VERSION),
    # How an upgrade goes, where the profile knows more than its own way.
    "profile_flow": Text(nullable=True, pattern=NAME),
    # Values for {placeholders}, where the inventory has no others.
    "variables": MapOf(Text(), PLACEHOLDER),
    # Commands that make the content of the package, run without a shell in the checkout.
    "build": Group({
        "commands": ListOf(Command()),
        "assets": ListOf(Command()),  # these can be skipped
        "compile": ListOf(Command()),  # these come last, with or without assets; no bytecode is in a package but theirs
        "exclude": ListOf(Text()),
    }),
    # Paths that get a layer of their own; everything else is the layer "source".
    "layers": Group({
        "dependencies": ListOf(RelativePath()),
        "assets": ListOf(RelativePath()),
    }),
    # Paths that outlive releases: left out of the package, linked into every release.
    "shared": ListOf(RelativePath()),
    # Folders of a release that the application writes to, such as a cache; where root unpacks, the rest is not its own.
    "writable": ListOf(RelativePath()),
    "environment": MapOf(Text(), VARIABLE),
    "commands": Group({
        "install": ListOf(Command()),  # once, into an empty database
        "migrate": ListOf(Command()),
        # In the place of migrate, where a whole flow of the application's is to be run when an upgrade migrates in this mode.
        "upgrade_maintenance": ListOf(Command()),
        "upgrade_rolling": ListOf(Command()),
        "upgrade_source": ListOf(Command()),  # this mode does not migrate: when the leader is out of its balancer, before warm
        "warm": ListOf(Command()),  # on every host, when a release is about to be live, or its database was replaced
        "check": ListOf(Command()),
        "check_upgrade": ListOf(Command()),  # not at the first installation, when there is no database yet
    }),
    # What the exit status of a command with this word in it means: told where it fails.
    "exit_codes": MapOf(MapOf(Text(), STATUS), WORD),
    "console": Command(default="", may_be_empty=True),  # what comes before a command of the application
    "services": MapOf(Group({
        "kind": Text(required=True, choices=list(PLACES)),
        "command": Command(required=True),
        "on": Text(choices=["app", "consumer", "leader"]),  # default: the place of the kind
        "count": Number(1, maximum=1000),
        "stop_signal": Text("TERM", choices=["TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2"]),
        "stop_timeout": Number(None, minimum=1),  # default: that of the kind
        # When the command of a cron service is run, if it does not run all the time; needs the driver systemd.
        "schedule": Text(nullable=True, pattern=CALENDAR),
    }), NAME),
    # Asked on each app host, directly at the application; no url, no check.
    "health": Group({
        "url": Text(nullable=True, pattern=("https?://.+", "an address beginning with http:// or https://")),
        "status": Number(200, minimum=100),
        "contains": Text(nullable=True),
        "timeout": Number(60, minimum=1),
        "interval": Number(0.2, minimum=0.05, whole=False),
    }),
    "maintenance": Group({
        # Tells users that it comes: run by the leader, in the release that is live, while all still runs.
        "announce": ListOf(Command()),
        # The application's own lock, beside the web server's: run on each app host, must not mind being run again. "on"
        # is run behind the page, before websocket is stopped; "off" before web is started.
        "on": ListOf(Command()),
        "off": ListOf(Command()),
        "page": RelativePath(nullable=True),
        "message": Text("We are updating this site. It will be back in a moment."),
        "expected_seconds": Number(120, minimum=1),
    }),
    # The application's own pages for errors of the web server.
    "error_pages": MapOf(RelativePath(), ERROR),
    "database": Group({
        "migrations_table": Text(nullable=True),
        "current": Command(default="", may_be_empty=True),  # prints, in its last line, the name of the database the application is in
    }),
    # How a database that comes from another environment is made this one's, where a playbook says that it does.
    "adopt": Group({
        "sql": ListOf(Text()),  # run before it is live; a {placeholder} stands for an expression with the value, as a text
        "commands": ListOf(Command()),  # run when it is live, before services start
    }),
    # How the migrations that the database lacks are read before they are run; nothing of it may change anything.
    "migrations": Group({
        "pending": Command(default="", may_be_empty=True),  # lists them
        "pattern": Pattern(),  # finds them in the list; its named groups are placeholders in sql. Without pending: headings in the SQL
        "sql": Command(default="", may_be_empty=True),  # prints the SQL of one; without pending: of all
        "code": Pattern(),  # finds in the SQL what cannot be written as SQL; the group "what" says what it is
        "compatible": ListOf(Text()),
    }),
    # Rules of sanitized dumps, which are checked when a package is built and when one is made.
    "sanitize": Document(),
    "timeouts": Group({
        "build": Number(3600, minimum=1),  # of one build command
        "migrate": Number(3600, minimum=1),
        "command": Number(600, minimum=1),
        "drain": Number(max(STOP_TIMEOUTS.values()), minimum=1),
        "start": Number(60, minimum=1),
    }),
    "hooks": Group({
        "before_maintenance": ListOf(Command()),
        "after_migrate": ListOf(Command()),
        "after_upgrade": ListOf(Command()),
    }),
})


def validate(document, where, overlay=False):
    """Refuse a document with an unknown key or a value of the wrong type, by name. where is the name of its file.

    What a document does not say is not looked at: an overlay is allowed to be short.
    """
    _check_values(document, where, overlay)
    for key in ("shared", "writable"):
        check_disjoint(document.get(key, []), where, key)
    layers = document.get("layers", {})
    _check_once(layers.get("dependencies", []) + layers.get("assets", []), where, "layers")


def packaged(document, where, overlay=False):
    """A document that has come in a package, without the keys that only a newer version of the collection knows.

    Hosts read it as root, and it is the work of whoever can write to the package store: nothing says that validate() has seen
    it when it was packaged.
    """
    known = SCHEMA.known(document)
    try:
        _check_values(known, where, overlay)
    except SlipwayError as error:
        raise SlipwayError(error.message, hint="The package was not built by this version of slipway.app, which refuses that.") from error
    return known


def check_environment(environment):
    """Refuse the name of an environment that is none."""
    if environment not in ENVIRONMENTS:
        raise SlipwayError("There is no environment '%s'. %s" % (environment, nearest(environment, ENVIRONMENTS)))


def _check_values(document, where, overlay):
    SCHEMA.check(document, where, "")
    if overlay:
        for key in BASE_ONLY:
            if key in document:
                raise SlipwayError("%s: %s belongs into slipway.yml." % (where, key),
                                   hint="A package is built once for all environments; an overlay cannot change it.")


def _check_once(paths, where, key):
    seen = set()
    for path in map(posixpath.normpath, paths):
        if path in seen:
            raise SlipwayError("%s: %s names the path %s twice." % (where, key, path))
        seen.add(path)


def check_disjoint(paths, where, key):
    """Refuse paths of which one is, or lies inside, another."""
    _check_once(paths, where, key)
    ordered = sorted(posixpath.normpath(path) + "/" for path in paths)
    for outer, inner in zip(ordered, ordered[1:]):
        if inner.startswith(outer):
            raise SlipwayError("%s: in %s, %s lies inside %s." % (where, key, inner[:-1], outer[:-1]))
