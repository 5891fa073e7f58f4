# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work done outside a request: by the consumers (queue orders) and by the clock (queue cron)."""

import os
import socket

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone
from procrastinate.contrib.django import app

from shop.models import DailyTotal, Execution, Fulfilment, Order


@app.task(queue="orders", pass_context=True)
def pack_order(context, order_id):
    """Pack one order. That a run began is written at once; its parcel and its end are written together."""
    execution = Execution.objects.create(
        order_id=order_id, job=context.job.id, started_at=timezone.now(),
        worker="%s/%d %s" % (socket.gethostname(), os.getpid(), settings.VERSION))
    with transaction.atomic():
        now = timezone.now()
        Fulfilment.objects.create(order_id=order_id, parcel="P%08d" % execution.pk, packed_at=now)
        Order.objects.filter(pk=order_id).update(packed_at=now)
        Execution.objects.filter(pk=execution.pk).update(finished_at=now)


@app.periodic(cron="* * * * * */5")
@app.task(queue="cron", queueing_lock="daily_total")
def daily_total(timestamp):
    """Keep today's figures, every five seconds."""
    today = timezone.now().date()
    counts = Order.objects.filter(placed_at__date=today).aggregate(
        orders=Count("pk"), packed=Count("pk", filter=Q(packed_at__isnull=False)))
    DailyTotal.objects.update_or_create(day=today, defaults=dict(counts, updated_at=timezone.now()))
    DailyTotal.objects.filter(day=today).update(runs=F("runs") + 1)


@app.periodic(cron="* * * * *")
@app.task(queue="cron", queueing_lock="retry_stalled")
async def retry_stalled(timestamp):
    """Give jobs of a worker that was killed to another one; two minutes of silence tell a dead from a busy one."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=120):
        await app.job_manager.retry_job(job)
