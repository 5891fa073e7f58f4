# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every order placed so far gets its number, in the order of time, and its total from its lines."""

from django.db import migrations

FILL = """
WITH numbered AS (SELECT id, row_number() OVER (ORDER BY placed_at, id) AS place FROM shop_order),
     summed AS (SELECT order_id, sum(quantity * unit_price) AS total FROM shop_orderline GROUP BY order_id)
UPDATE shop_order
   SET number = 'S' || lpad(numbered.place::text, 6, '0'), total = coalesce(summed.total, 0)
  FROM numbered LEFT JOIN summed ON summed.order_id = numbered.id
 WHERE shop_order.id = numbered.id
"""
NEXT = "SELECT setval('shop_order_number', (SELECT count(*) + 1 FROM shop_order), false)"


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_number_and_total")]
    operations = [migrations.RunSQL([FILL, NEXT], migrations.RunSQL.noop)]
