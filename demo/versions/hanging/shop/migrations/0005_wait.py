# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes a table, then waits for a lock that nobody will ever release."""

import time

from django.db import migrations, models


def wait(apps, schema_editor):
    time.sleep(3600)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0004_require_number_and_total")]
    operations = [
        migrations.AddField("order", "gift", models.BooleanField(db_default=False)),
        migrations.RunPython(wait),
    ]
