# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fails as a whole: PostgreSQL takes the new column back, and the database is as it was."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0004_require_number_and_total")]
    operations = [
        migrations.AddField("order", "discount", models.DecimalField(max_digits=8, decimal_places=2, db_default=0)),
        migrations.RunSQL("SELECT 1 / (count(*) - count(*)) FROM shop_order"),
    ]
