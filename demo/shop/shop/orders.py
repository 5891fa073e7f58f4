# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking an order."""

import uuid

from django import forms
from django.db import transaction

from shop.models import Order, OrderLine, Product
from shop.order_columns import columns
from shop.tasks import pack_order


class OrderForm(forms.Form):
    """What a customer says, from a page or from the API."""

    id = forms.UUIDField(required=False)
    customer = forms.CharField(max_length=120)
    email = forms.EmailField()


def parse_lines(lines):
    """[{"product": slug, "quantity": n}] as [(Product, n)]; ValueError says what is wrong."""
    try:
        wanted = [(str(line["product"]), int(line["quantity"])) for line in lines]
    except (TypeError, KeyError, ValueError):
        raise ValueError("lines must be a list of {product, quantity}") from None
    if not wanted or any(not 1 <= quantity <= 99 for _slug, quantity in wanted):
        raise ValueError("an order has at least one line, and 1 to 99 of each product")
    products = Product.objects.in_bulk([slug for slug, _quantity in wanted], field_name="slug")
    unknown = [slug for slug, _quantity in wanted if slug not in products]
    if unknown:
        raise ValueError("no such product: %s" % ", ".join(unknown))
    return [(products[slug], quantity) for slug, quantity in wanted]


def place(fields, lines):
    """Write an order and its job in one transaction: there is never one without the other."""
    with transaction.atomic():
        order, made = Order.objects.get_or_create(
            id=fields["id"] or uuid.uuid4(), defaults=columns(fields, lines))
        if made:
            OrderLine.objects.bulk_create(
                OrderLine(order=order, product=product, quantity=quantity, unit_price=product.price)
                for product, quantity in lines)
            pack_order.defer(order_id=str(order.id))
    return order, made
