-- Copyright (c) 2026, Slipway contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- What was there from the beginning.
CREATE TABLE standin_product (id serial PRIMARY KEY, sku text NOT NULL, price numeric);
INSERT INTO standin_product (sku, price) VALUES ('rope', 12.50), ('bell', 80);
