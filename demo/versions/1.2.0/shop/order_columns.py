# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An order's own columns: how they are filled from what a customer says, and how they are shown."""

from django.db import connection


def columns(fields, lines):
    first_name, _space, last_name = fields["customer"].partition(" ")
    return {"first_name": first_name, "last_name": last_name, "email": fields["email"], "number": next_number(),
            "total": sum(product.price * quantity for product, quantity in lines)}


def next_number():
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('shop_order_number')")
        return "S%06d" % cursor.fetchone()[0]


def shown(order):
    return {"id": str(order.id), "number": order.number, "customer": order.customer, "total": str(order.total),
            "status": "packed" if order.packed_at else "accepted"}
