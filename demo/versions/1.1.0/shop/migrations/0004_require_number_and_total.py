# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From now on no order is without number and total."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_fill_number_and_total")]
    operations = [
        migrations.AlterField("order", "number", models.CharField(max_length=12, unique=True)),
        migrations.AlterField("order", "total", models.DecimalField(max_digits=10, decimal_places=2)),
    ]
