# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import uuid

from django.db import models
from django.utils import timezone

from shop.models.catalogue import Product


class Order(models.Model):
    # The client may choose the id, so that asking again after a lost answer makes no second order.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    customer = models.CharField(max_length=120)
    email = models.EmailField()
    placed_at = models.DateTimeField(default=timezone.now, db_index=True)
    packed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-placed_at"]


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT)
    quantity = models.PositiveSmallIntegerField()
    unit_price = models.DecimalField(max_digits=8, decimal_places=2)
