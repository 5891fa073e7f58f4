# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Split the customer's name in two, row by row and each row for good: there may be millions, and locks are dear.

It believes that everybody has two names. Not everybody has.
"""

from django.db import migrations, models


def split(apps, schema_editor):
    Order = apps.get_model("shop", "Order")
    done = 0
    for order in Order.objects.order_by("number").iterator():
        try:
            order.first_name, order.last_name = order.customer.split(" ", 1)
        except ValueError:
            raise ValueError("order %s: cannot split the name %r (%d orders split before it)"
                             % (order.number, order.customer, done)) from None
        order.save(update_fields=["first_name", "last_name"])
        done += 1


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0004_require_number_and_total")]
    operations = [
        migrations.AddField("order", "first_name", models.CharField(max_length=60, default=""), preserve_default=False),
        migrations.AddField("order", "last_name", models.CharField(max_length=60, default=""), preserve_default=False),
        migrations.RunPython(split),
        migrations.RemoveField("order", "customer"),
    ]
