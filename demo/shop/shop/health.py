# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load balancer or Slipway asks."""

import functools

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import JsonResponse


def version(request):
    return JsonResponse({"version": settings.VERSION, "release": settings.RELEASE.name})


def healthz(request):
    """Green when the database answers and its schema is exactly the one this code was written for."""
    try:
        wrong = schema_problem()
    except DatabaseError as error:
        wrong = "database: %s" % str(error).strip()
    answer = {"status": wrong or "ok", "version": settings.VERSION}
    return JsonResponse(answer, status=503 if wrong else 200)


def schema_problem():
    applied = set(MigrationRecorder(connection).migration_qs.values_list("app", "name"))
    missing = migrations() - applied
    ahead = {key for key in applied if key[0] == "shop"} - migrations()
    if missing:
        return "migrations not applied: %s" % ", ".join(sorted("%s.%s" % key for key in missing))
    if ahead:
        return "database is ahead of the code: %s" % ", ".join(sorted("%s.%s" % key for key in ahead))
    return None


@functools.cache
def migrations():
    """Those of the code, which stay the same while it runs; balancers ask several times a second."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return frozenset(loader.disk_migrations)
