# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Settings of a connection by the names that libpq gives them, as a service of pg_service.conf has them.

A service is read here and not by libpq: with PGSERVICE the database that a service names would come before PGDATABASE, and a
hook that is told of a restored database would be in the live one.
"""

from __future__ import annotations

import os

from ansible_collections.slipway.app.plugins.module_utils._config.fields import nearest
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# Where libpq of Debian, of the PostgreSQL project's packages for Red Hat, and of others looks when the user has no such service.
FILES = ("~/.pg_service.conf", "/etc/postgresql-common/pg_service.conf", "/etc/sysconfig/pgsql/pg_service.conf",
         "/etc/postgresql/pg_service.conf", "/etc/pg_service.conf")

# The variable of each setting: what has none could only be said in a list of arguments.
VARIABLES = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "passfile": "PGPASSFILE",
    "channel_binding": "PGCHANNELBINDING", "require_auth": "PGREQUIREAUTH", "options": "PGOPTIONS", "connect_timeout": "PGCONNECT_TIMEOUT",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslcertmode": "PGSSLCERTMODE",
    "sslnegotiation": "PGSSLNEGOTIATION", "sslcompression": "PGSSLCOMPRESSION", "sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "sslsni": "PGSSLSNI",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "gssencmode": "PGGSSENCMODE", "gssdelegation": "PGGSSDELEGATION", "krbsrvname": "PGKRBSRVNAME", "gsslib": "PGGSSLIB",
    "requirepeer": "PGREQUIREPEER", "target_session_attrs": "PGTARGETSESSIONATTRS", "load_balance_hosts": "PGLOADBALANCEHOSTS",
    "min_protocol_version": "PGMINPROTOCOLVERSION", "max_protocol_version": "PGMAXPROTOCOLVERSION"}
# What Slipway says itself: the database, and how to notice that a server is gone.
PASSED_OVER = ("dbname", "application_name", "fallback_application_name", "client_encoding", "keepalives", "keepalives_idle",
               "keepalives_interval", "keepalives_count", "tcp_user_timeout")


def read_service(name, path=None):
    """{setting: value} of a service, without what Slipway says itself; of the file at path, else of the first of FILES that has it."""
    files = [path] if path else [os.path.expanduser(file) for file in FILES]
    for file in files:
        lines = _section(file, name, must_be=path is not None)
        if lines is not None:
            return known(dict(_setting(line, file) for line in reversed(lines)), "Service %s of %s" % (name, file))  # the first one counts
    raise _wrong("There is no service %s in %s." % (name, " or ".join(files)))


def known(settings, whose):
    """The settings that can be said to a client program; one that cannot is an error that names whose it is."""
    for setting in settings:
        if setting not in VARIABLES and setting not in PASSED_OVER:
            raise _wrong("%s has a setting %s that Slipway cannot hand on. %s" % (whose, setting, nearest(setting, tuple(VARIABLES))))
    return {setting: str(value) for setting, value in settings.items() if setting not in PASSED_OVER}


def _section(file, name, must_be):
    """The lines of a section, or None where there is none; no file is as an empty one unless it must be there."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            lines = [line.strip() for line in stream]
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not must_be:
            return None
        raise _wrong("The file of services %s cannot be read: %s." % (file, error.strerror)) from error
    found = None
    for line in lines:
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                return found
            found = [] if line == "[%s]" % name else None
        elif found is not None:
            found.append(line)
    return found


def _setting(line, file):
    name, sign, value = line.partition("=")
    if not sign:
        raise _wrong("A line of %s is no setting=value%s." % (file, "; services from LDAP are not looked up" if line.startswith("ldap") else ""))
    return name, value


def _wrong(message):
    return SlipwayError(message, untouched="Nothing was changed.")
