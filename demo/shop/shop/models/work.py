# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the consumers and the clock leave behind."""

from django.db import models

from shop.models.order import Order


class Execution(models.Model):
    """One run of an order's job: a second run makes a second row, nothing keeps it from being seen."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="executions")
    job = models.BigIntegerField()
    worker = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)


class Fulfilment(models.Model):
    """A parcel. Not unique per order on purpose: a job done twice would really send two."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="fulfilments")
    parcel = models.CharField(max_length=20)
    packed_at = models.DateTimeField()


class DailyTotal(models.Model):
    """Written by the clock every few seconds."""

    day = models.DateField(unique=True)
    orders = models.PositiveIntegerField()
    packed = models.PositiveIntegerField()
    runs = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()
