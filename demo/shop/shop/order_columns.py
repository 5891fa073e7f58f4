# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An order's own columns: how they are filled from what a customer says, and how they are shown."""

from decimal import Decimal


def columns(fields, lines):
    return {"customer": fields["customer"], "email": fields["email"]}


def shown(order):
    total = sum((line.unit_price * line.quantity for line in order.lines.all()), Decimal(0))
    return {"id": str(order.id), "customer": order.customer, "total": str(total),
            "status": "packed" if order.packed_at else "accepted"}
