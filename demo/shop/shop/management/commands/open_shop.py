# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from decimal import Decimal

from django.core.management.base import BaseCommand

from shop.models import Product

CATALOGUE = [
    ("anchor", "Folding anchor", "Four flukes, one bad habit: it never lets go.", "64.00"),
    ("compass", "Brass compass", "Points north, also on Mondays.", "89.50"),
    ("lantern", "Storm lantern", "For the last mile home.", "42.00"),
    ("rope", "Mooring rope", "Twenty metres that keep their word.", "27.90"),
    ("bell", "Ship's bell", "Heard through fog, and through meetings.", "118.00"),
    ("lifering", "Life ring", "The one thing you hope to return unused.", "55.00"),
]


class Command(BaseCommand):
    help = "Put the first products into the window; run once, when the shop is installed."

    def handle(self, *args, **options):
        for position, (slug, name, tagline, price) in enumerate(CATALOGUE):
            Product.objects.get_or_create(slug=slug, defaults={
                "name": name, "tagline": tagline, "price": Decimal(price), "position": position})
        self.stdout.write("%d products in the window." % Product.objects.count())
