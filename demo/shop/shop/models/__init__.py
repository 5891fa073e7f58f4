# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from shop.models.catalogue import Product
from shop.models.order import Order, OrderLine
from shop.models.work import DailyTotal, Execution, Fulfilment

__all__ = ["DailyTotal", "Execution", "Fulfilment", "Order", "OrderLine", "Product"]
