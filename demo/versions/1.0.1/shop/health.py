# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load balancer or Slipway asks."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse


def version(request):
    return JsonResponse({"version": settings.VERSION, "release": settings.RELEASE.name})


def healthz(request):
    """Green when the database answers and its schema has all this code was written for.

    It may have more: while hosts change over to the next release in turns, the others serve on its schema.
    """
    try:
        wrong = schema_problem()
    except DatabaseError as error:
        wrong = "database: %s" % str(error).strip()
    answer = {"status": wrong or "ok", "version": settings.VERSION}
    return JsonResponse(answer, status=503 if wrong else 200)


def schema_problem():
    loader = MigrationExecutor(connection).loader
    missing = set(loader.disk_migrations) - set(loader.applied_migrations)
    if missing:
        return "migrations not applied: %s" % ", ".join(sorted("%s.%s" % key for key in missing))
    return None
