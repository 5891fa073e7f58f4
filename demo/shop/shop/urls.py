# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from django.urls import path

from shop import health, views

urlpatterns = [
    path("", views.window, name="window"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("products/<slug:slug>/picture", views.picture, name="picture"),
    path("orders/", views.orders, name="orders"),
    path("orders/<uuid:order_id>/", views.order, name="order"),
    path("healthz", health.healthz),
    path("version", health.version),
]
