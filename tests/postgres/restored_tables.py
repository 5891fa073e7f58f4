# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of restored tables share: a shop that has lost a customer, and a dump from before."""

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Session
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore, TablesSource
from ansible_collections.slipway.app.tests.postgres.dumps import dumped

SHOP = """
CREATE TABLE public.customers (id int PRIMARY KEY, name text);
CREATE TABLE public.sales (id serial PRIMARY KEY, customer int REFERENCES public.customers ON DELETE CASCADE, "a note" text);
COMMENT ON CONSTRAINT sales_customer_fkey ON public.sales IS 'theirs';
CREATE TABLE public.log (what text);
CREATE FUNCTION public.logged() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.log VALUES (TG_OP); RETURN NULL; END$$;
INSERT INTO public.customers SELECT g, 'name ' || g FROM generate_series(1, 20) g;
INSERT INTO public.sales (customer, "a note") SELECT 1 + g % 20, E'tab\\t and \\\\. ' || g FROM generate_series(1, 100) g;
CREATE TRIGGER logged AFTER INSERT OR DELETE OR TRUNCATE ON public.customers FOR EACH STATEMENT EXECUTE FUNCTION public.logged();
ALTER TABLE public.customers ENABLE ALWAYS TRIGGER logged;
CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) AS n FROM public.customers"""
STATE = """
SELECT (SELECT count(*) FROM public.customers) AS customers, (SELECT count(*) FROM public.sales) AS sales, (SELECT count(*) FROM public.log) AS log,
       (SELECT count(*) FROM public.orders) AS orders"""
BROKEN = {"customers": 19, "sales": 95, "log": 1, "orders": 990}
MENDED = dict(BROKEN, customers=20)


def state(postgres):
    return postgres.connection().query(STATE)[0]


def part(postgres, dump, *tables, schemas=(), check=False, **wishes):
    return TablesRestore(postgres.connection(), Wishes(**wishes)).run(TablesSource(dump, postgres.bin_dir, tables, schemas), check)


def put(postgres, check=False, tables=("customers",), schemas=(), **wishes):
    return TablesRestore(postgres.connection(), Wishes(**wishes)).put_in_place(check, tables, schemas)


@contextlib.contextmanager
def commit_refused():
    """Meanwhile the server refuses every COMMIT in the shop's database."""
    send = Session._send
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_send", lambda session, said: send(
            session, "SELECT 1/0" if said == "COMMIT" and session.database == "shop" else said))
        yield


@pytest.fixture
def dump(postgres, tmp_path):
    """A dump of a shop. Since then one customer and his sales were lost, and orders were changed that nobody wants back."""
    postgres.connection().execute(SHOP)
    dump = dumped(postgres, tmp_path / "dumps")
    postgres.connection().execute("DELETE FROM public.customers WHERE id = 7")
    postgres.connection().execute("DELETE FROM public.orders WHERE id <= 10")
    assert state(postgres) == BROKEN
    return dump
