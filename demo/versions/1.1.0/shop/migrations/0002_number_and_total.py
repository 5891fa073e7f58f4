# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for order numbers and totals; empty until the next migration has filled them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("order", "number", models.CharField(max_length=12, null=True)),
        migrations.AddField("order", "total", models.DecimalField(max_digits=10, decimal_places=2, null=True)),
        migrations.RunSQL("CREATE SEQUENCE shop_order_number", "DROP SEQUENCE shop_order_number"),
    ]
