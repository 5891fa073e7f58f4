# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mode advisor says of migrations: a table of SQL and of the reasons that speak against a rolling upgrade."""

from __future__ import annotations

import builtins
import pathlib
import re
import sys

import pytest
from ansible.errors import AnsibleError

from ansible_collections.slipway.app.plugins.plugin_utils._advice import advise, safe_modes, sentence, unaccepted
from ansible_collections.slipway.app.plugins.plugin_utils._advice_rules import CANNOT_JUDGE, REASONS
from ansible_collections.slipway.app.plugins.plugin_utils._advice_world import World

GIB = 1024**3
# The database of all cases: a big table, a small one, one name in two schemas, a big materialized view, and partitioned tables, one of which
# has a big default partition.
TABLES = (
    {"schema": "public", "name": "big", "bytes": 5 * GIB, "columns": {
        "name": "character varying(100)", "code": "character varying", "note": "text", "price": "numeric(10,2)", "n": "integer"}},
    {"schema": "public", "name": "small", "bytes": 8192, "columns": {"name": "character varying(100)"}},
    {"schema": "audit", "name": "log", "bytes": 2 * GIB, "columns": {}},
    {"schema": "public", "name": "log", "bytes": 8192, "columns": {}},
    {"schema": "public", "name": "top", "bytes": GIB, "columns": {}},
    {"schema": "public", "name": "events", "bytes": 6 * GIB, "columns": {}, "partitioned": True, "default_bytes": 5 * GIB},
    {"schema": "public", "name": "visits", "bytes": 8192, "columns": {}, "partitioned": True, "default_bytes": 8192},
)

SAFE = """
    CREATE TABLE fresh (id int PRIMARY KEY, big_id int REFERENCES big (id))
    CREATE TABLE IF NOT EXISTS fresh (id int); DROP TABLE fresh
    CREATE TABLE fresh (LIKE big); CREATE INDEX ON fresh (id); ALTER TABLE fresh ALTER id SET NOT NULL
    CREATE TABLE fresh (a int); ALTER TABLE fresh DROP COLUMN a; ALTER TABLE fresh ADD COLUMN b int NOT NULL
    CREATE TABLE fresh (a int); ALTER TABLE fresh RENAME COLUMN a TO b; ALTER TABLE fresh ALTER b TYPE text
    CREATE TABLE fresh (a int); ALTER TABLE fresh RENAME TO fresher; DROP TABLE fresher
    CREATE TABLE "Fresh one" (a int); DROP TABLE "Fresh one"
    CREATE TABLE s.fresh (a int); TRUNCATE s.fresh; DELETE FROM s.fresh; LOCK TABLE s.fresh
    CREATE TABLE fresh AS SELECT * FROM big; CREATE UNIQUE INDEX ON fresh (n)
    SELECT * INTO fresh FROM big; DROP TABLE fresh
    CREATE SCHEMA s; DROP SCHEMA s
    CREATE SCHEMA s CREATE TABLE t (a int); DROP TABLE s.x
    CREATE TABLE q (d tsvector); CREATE TRIGGER t BEFORE INSERT ON q FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(d); INSERT INTO q SELECT NULL
    CREATE TABLE q (n int); CREATE TRIGGER t BEFORE UPDATE ON q EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger(); UPDATE q SET n = 1
    CREATE SCHEMA s; CREATE TABLE s.p () PARTITION BY LIST (n); CREATE TABLE s.q PARTITION OF s.p DEFAULT; DROP TABLE s.q; DROP SCHEMA s CASCADE
    CREATE TABLE part PARTITION OF big FOR VALUES IN (1)
    CREATE TABLE part (a int); ALTER TABLE big ATTACH PARTITION part FOR VALUES IN (1)
    CREATE TABLE part (a int); ALTER TABLE big DETACH PARTITION part
    DROP TABLE IF EXISTS nowhere
    ALTER TABLE IF EXISTS nowhere DROP COLUMN a
    ALTER TABLE big ADD COLUMN a int
    ALTER TABLE big ADD COLUMN IF NOT EXISTS a text NULL
    ALTER TABLE big ADD COLUMN a int NOT NULL DEFAULT 0
    ALTER TABLE big ADD COLUMN a text DEFAULT 'x'::text NOT NULL
    ALTER TABLE big ADD COLUMN a timestamptz DEFAULT now()
    ALTER TABLE big ADD COLUMN a timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
    ALTER TABLE big ADD COLUMN a int REFERENCES small (id) DEFERRABLE INITIALLY DEFERRED; SET CONSTRAINTS ALL IMMEDIATE
    ALTER TABLE big ADD COLUMN a int NOT NULL DEFAULT 0; ALTER TABLE big DROP COLUMN a
    ALTER TABLE big ADD COLUMN a int; ALTER TABLE big RENAME COLUMN a TO b; ALTER TABLE big DROP COLUMN b
    ALTER TABLE big ADD COLUMN a int DEFAULT 1; ALTER TABLE big ALTER a DROP DEFAULT
    ALTER TABLE small ADD COLUMN a int DEFAULT 1; ALTER TABLE small ALTER a SET NOT NULL
    ALTER TABLE small ADD COLUMN a uuid DEFAULT gen_random_uuid()
    ALTER TABLE big ADD COLUMN a regclass; ALTER TABLE big ADD COLUMN b xid; ALTER TABLE big ADD COLUMN c pg_lsn
    ALTER TABLE small ADD a int; UPDATE public.small SET a = 1
    ALTER TABLE public.small ADD a int; ALTER TABLE small RENAME a TO b; UPDATE small SET b = 1; ALTER TABLE small DROP b
    ALTER TABLE small ADD COLUMN a bigserial
    ALTER TABLE small ADD COLUMN a int GENERATED ALWAYS AS (n * 2) STORED
    ALTER TABLE big ADD COLUMN a citext, ADD COLUMN b public.geometry(Point), ADD COLUMN c time with time zone, ADD COLUMN d double precision
    CREATE TYPE mood AS ENUM ('good'); ALTER TABLE big ADD COLUMN a mood, ADD COLUMN b email[]
    CREATE DOMAIN email AS text CHECK (value LIKE '%@%'); ALTER TABLE small ADD COLUMN a email
    ALTER TABLE big REPLICA IDENTITY FULL; ALTER TABLE big REPLICA IDENTITY USING INDEX i
    ALTER TABLE big ADD a int; ALTER TABLE big ALTER a SET DEFAULT 5
    ALTER TABLE big ADD a uuid; ALTER TABLE big ALTER a SET DEFAULT gen_random_uuid()
    ALTER TABLE big ALTER n DROP NOT NULL
    ALTER TABLE big ALTER n SET STATISTICS 500, ALTER note SET STORAGE EXTERNAL, SET (fillfactor = 90)
    ALTER TABLE big ALTER name TYPE varchar(200)
    ALTER TABLE big ALTER name TYPE varchar(100)
    ALTER TABLE big ALTER name TYPE varchar
    ALTER TABLE big ALTER name TYPE text
    ALTER TABLE big ALTER code TYPE text
    ALTER TABLE public.big ALTER price TYPE numeric(12,2)
    ALTER TABLE big ALTER price TYPE numeric
    ALTER TABLE big ADD a int; ALTER TABLE big ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE big VALIDATE CONSTRAINT c
    ALTER TABLE big ADD a int; ALTER TABLE big ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES small (id) NOT VALID
    ALTER TABLE big ADD a int DEFAULT 0; ALTER TABLE big ADD CONSTRAINT c CHECK (a IS NOT NULL AND a >= 0) NOT VALID
    ALTER TABLE big ADD a int; CREATE UNIQUE INDEX CONCURRENTLY i ON big (a); ALTER TABLE big ADD CONSTRAINT c UNIQUE USING INDEX i
    ALTER TABLE big ADD CONSTRAINT c UNIQUE USING INDEX i
    ALTER TABLE small ADD COLUMN a text CHECK (length(a) > 2 OR a IS NULL)
    ALTER TABLE small ADD COLUMN a int UNIQUE REFERENCES big (id)
    ALTER TABLE small ADD COLUMN a int; ALTER TABLE small ADD CONSTRAINT c CHECK (a > 0)
    ALTER TABLE small ADD COLUMN a int; ALTER TABLE small ADD CONSTRAINT c UNIQUE (name, a)
    ALTER TABLE small ADD COLUMN a int; ALTER TABLE small ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES big (id)
    ALTER TABLE big ALTER n ADD GENERATED BY DEFAULT AS IDENTITY
    CREATE INDEX CONCURRENTLY i ON big (n)
    CREATE INDEX i ON small (name)
    CREATE INDEX i ON public.log (name)
    CREATE INDEX CONCURRENTLY i ON big (n); DROP INDEX i
    ALTER INDEX i RENAME TO j
    REINDEX TABLE CONCURRENTLY big
    REINDEX TABLE small
    CREATE VIEW v AS SELECT * FROM big; DROP VIEW v
    CREATE VIEW v AS SELECT 1; CREATE OR REPLACE VIEW v AS SELECT 2
    CREATE MATERIALIZED VIEW m AS SELECT * FROM big; CREATE INDEX ON m (n); REFRESH MATERIALIZED VIEW m; DROP MATERIALIZED VIEW m
    REFRESH MATERIALIZED VIEW CONCURRENTLY top
    CREATE TYPE mood AS ENUM ('good'); ALTER TYPE mood RENAME VALUE 'good' TO 'well'; DROP TYPE mood
    CREATE TYPE pair AS (a int, b int); ALTER TYPE pair ADD ATTRIBUTE c int; DROP TYPE pair
    CREATE TYPE span AS RANGE (subtype = int4)
    ALTER TYPE status ADD VALUE 'late'
    ALTER TYPE status ADD VALUE IF NOT EXISTS 'late' AFTER 'open'
    CREATE DOMAIN d AS int CHECK (value > 0); DROP DOMAIN d
    CREATE DOMAIN d AS int; ALTER DOMAIN d VALIDATE CONSTRAINT c
    ALTER DOMAIN d DROP NOT NULL
    CREATE SEQUENCE s; ALTER SEQUENCE s RESTART; DROP SEQUENCE s
    ALTER SEQUENCE s OWNED BY big.n
    ALTER SEQUENCE s MAXVALUE 9999 CACHE 10
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'; DROP FUNCTION f
    CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END
    CREATE TABLE fresh (a int); CREATE TRIGGER t BEFORE INSERT ON fresh EXECUTE FUNCTION f(); DROP TRIGGER t ON fresh
    CREATE EXTENSION IF NOT EXISTS pg_trgm
    CREATE STATISTICS st ON n, price FROM big
    CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int)
    COMMENT ON TABLE big IS 'DROP TABLE big'
    GRANT SELECT ON big TO reader
    GRANT admin TO shop
    CREATE TEMPORARY TABLE big AS SELECT 1 AS a; DROP TABLE big
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader
    INSERT INTO big (n) VALUES (1), (2) ON CONFLICT DO NOTHING
    INSERT INTO small SELECT * FROM big
    ALTER TABLE small ADD a int; UPDATE small SET a = 1
    ALTER TABLE small ADD a int; ALTER TABLE small RENAME a TO b; UPDATE small SET (b) = (SELECT 1)
    ALTER TABLE big ADD a int; UPDATE big SET a = 1 WHERE id = 5
    ALTER TABLE big ADD a int; UPDATE big SET a = 1 WHERE id BETWEEN 1 AND 1000 AND n IS NULL
    ALTER TABLE big ADD a int; UPDATE big SET a = 1 WHERE id IN (1, 2) OR id = 3
    ALTER TABLE big ADD a int; UPDATE big SET a = 1 WHERE id IN (SELECT id FROM big LIMIT 1000)
    ALTER TABLE big ADD a int; UPDATE big SET a = 1 WHERE ctid IN (SELECT ctid FROM big WHERE n IS NULL LIMIT 1000)
    ALTER TABLE big ADD a int; UPDATE big b SET a = 1 FROM small s WHERE b.id = 5 AND s.name = b.name
    ALTER TABLE big ADD a int; UPDATE big SET a = 1 WHERE big.id = 5
    ALTER TABLE big ADD a int; INSERT INTO big VALUES (1), (2) ON CONFLICT (id) DO UPDATE SET a = 1
    ALTER TABLE big ADD a int; INSERT INTO big SELECT * FROM small ON CONFLICT (id) DO UPDATE SET a = 1
    ALTER TABLE big ADD a int; INSERT INTO big SELECT * FROM big WHERE id = 5 ON CONFLICT (id) DO UPDATE SET a = 1
    ALTER TABLE big ADD a int; INSERT INTO big SELECT * FROM audit.log LIMIT 10 ON CONFLICT (id) DO UPDATE SET a = 1
    ALTER TABLE small ADD a int; INSERT INTO small SELECT * FROM big ON CONFLICT (id) DO UPDATE SET a = 1
    SELECT * FROM small FOR UPDATE
    SELECT * FROM big WHERE id IN (1, 2) FOR UPDATE
    SELECT * FROM big WHERE n = 1 LIMIT 100 FOR UPDATE SKIP LOCKED
    SELECT * FROM big FOR KEY SHARE
    SELECT * FROM big b JOIN small s ON s.name = b.name FOR SHARE OF s
    BEGIN; ALTER TABLE big ADD a int; ALTER TABLE big ADD CONSTRAINT c CHECK (a > 0) NOT VALID; COMMIT; ALTER TABLE big VALIDATE CONSTRAINT c
    BEGIN; ALTER TABLE small ADD a int; ALTER TABLE small ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE small VALIDATE CONSTRAINT c; END
    BEGIN; ALTER TABLE big ALTER n SET STATISTICS 500; ALTER TABLE big VALIDATE CONSTRAINT c; COMMIT
    BEGIN; INSERT INTO small SELECT * FROM big; ALTER TABLE small ADD a int; COMMIT
    ALTER TABLE small ADD a int; INSERT INTO small SELECT * FROM big
    ALTER TABLE big ADD b int; BEGIN; ALTER TABLE small ADD a int; INSERT INTO big (n) VALUES (1); UPDATE small SET a=1; UPDATE big SET b=1 WHERE id=5; COMMIT
    BEGIN; ALTER TABLE small ADD a int; SELECT coalesce(max("id"), 1), max("id") IS NOT null FROM "big"; COMMIT
    BEGIN; ALTER TABLE small ADD a int; INSERT INTO small SELECT name FROM big WHERE id IN (1, 2); SELECT count(*) FROM pg_class; COMMIT
    BEGIN; ALTER TABLE small ADD a int; WITH one AS (SELECT 1 AS a) INSERT INTO small (a) SELECT a FROM one; SELECT * FROM big LIMIT 5; COMMIT
    BEGIN; ALTER TABLE small ADD a int; CREATE TABLE fresh (a int); INSERT INTO fresh VALUES (1); INSERT INTO small (a) SELECT a FROM fresh; COMMIT
    BEGIN; CREATE TABLE fresh (n int); INSERT INTO fresh SELECT n FROM big; ALTER TABLE fresh ADD FOREIGN KEY (n) REFERENCES big (id); COMMIT
    CREATE PUBLICATION p; CREATE TABLE fresh (a int); CREATE PUBLICATION q FOR TABLE fresh
    CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert, truncate')
    CREATE TABLE fresh (a int); DELETE FROM fresh WHERE a > 0
    ALTER TABLE small ADD a int; MERGE INTO small USING big ON big.name = small.name WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT VALUES ('')
    LOCK TABLE big IN ROW EXCLUSIVE MODE
    VACUUM ANALYZE big
    ANALYZE
    VACUUM (FULL) small
    VACUUM (FULL off) big
    CLUSTER small USING i
    BEGIN; SET lock_timeout = '5s'; SET LOCAL statement_timeout = 0; SAVEPOINT a; COMMIT
    SET LOCAL lock_timeout = 2000; SET lock_timeout TO '1 min'; SET lock_timeout TO DEFAULT; RESET lock_timeout
    SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON big (n); RESET lock_timeout; ALTER TABLE big ADD a int
    SET lock_timeout = '10min'; SET statement_timeout = 0; CREATE INDEX CONCURRENTLY i ON big (n); DROP INDEX CONCURRENTLY i; SET lock_timeout = '5s'
    SET lock_timeout = 0; REINDEX TABLE CONCURRENTLY big; RESET ALL
    RESET ROLE; RESET SESSION AUTHORIZATION; SET TIME ZONE 'UTC'
    SELECT 1
    CREATE SEQUENCE s; SELECT setval('s', (SELECT max(id) FROM big)); ALTER TABLE small ADD a int; ALTER TABLE small ALTER a SET DEFAULT nextval('s')
    CREATE TABLE "Fresh" (id serial); SELECT setval(pg_get_serial_sequence('"Fresh"', 'id'), coalesce(max(id), 1)) FROM "Fresh"
    ALTER TABLE small ADD number bigserial; SELECT setval(pg_get_serial_sequence('small', 'number'), 5)
    CREATE TABLE fresh (id SERIAL PRIMARY KEY); INSERT INTO fresh VALUES (7); SELECT setval('fresh_id_seq', (SELECT max(id) FROM fresh))
    CREATE TABLE fresh (id int GENERATED BY DEFAULT AS IDENTITY); SELECT pg_catalog.setval('public.fresh_id_seq', 10, true)
    CREATE TABLE public.fresh (id int); ALTER TABLE public.fresh ALTER id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.q); SELECT setval('q', 5)
    CREATE TABLE fresh (a int); ALTER TABLE fresh ADD id serial; SELECT setval('fresh_id_seq', 5); ALTER SEQUENCE fresh_id_seq RESTART
    ALTER TABLE small ADD number serial; SELECT setval('public.small_number_seq'::regclass, 5)
    CREATE SEQUENCE public.s; SELECT setval('s', 5); CREATE SEQUENCE r; SELECT setval('public.r', 5)
    ALTER TABLE "big" ALTER "n" ADD GENERATED BY DEFAULT AS IDENTITY; SELECT setval(pg_get_serial_sequence('"big"','n'), coalesce(max("n"), 1)) FROM "big"
    SELECT nextval('s'), currval(pg_get_serial_sequence('big', 'id'))
    ALTER TABLE small ADD a text; UPDATE small SET a = replace(name, 'x', 'y')
    ALTER TABLE small ADD a text; UPDATE small SET a = coalesce(nullif(trim(name), ''), concat_ws('-', left(name, 3), substring(name from 2)))
    ALTER TABLE small ADD a jsonb; UPDATE small SET a = jsonb_build_object('n', name, 'at', extract(year FROM now()), 'r', pg_catalog.random())
    ALTER TABLE small ADD a uuid; UPDATE small SET a = gen_random_uuid() WHERE a IS NULL
    ALTER TABLE small ADD a uuid DEFAULT public.uuid_generate_v4(), ADD b timestamptz DEFAULT clock_timestamp(); UPDATE small SET a = extensions.unaccent(name)
    ALTER TABLE small ADD a int; UPDATE small SET a = x.n FROM (SELECT name, row_number() OVER (ORDER BY name) AS n FROM small) x WHERE x.name = small.name
    INSERT INTO small (name) SELECT split_part(md5(g::text), 'a', 1) FROM generate_series(1, 5) AS g
    ALTER TABLE small ADD a text; MERGE INTO small USING log ON log.name = small.name WHEN MATCHED THEN UPDATE SET a = lower(log.name)
    ALTER TABLE small ADD a text GENERATED ALWAYS AS (lower(name)) STORED CHECK (length(a) > 2); CREATE INDEX ON small (upper(a), date_trunc('day', b))
    CREATE TABLE fresh (id uuid DEFAULT app_uuid()); CREATE VIEW v AS SELECT seen(n) FROM big; CREATE STATISTICS st ON (f(n)), price FROM big
    CREATE TABLE fresh (a text); CREATE INDEX ON fresh (slug(a)); ALTER TABLE fresh ADD CONSTRAINT c CHECK (is_slug(a)); SELECT * FROM fresh
    COPY small (name) FROM STDIN WHERE lower(name) LIKE 'a%' ESCAPE '!'
    SELECT pg_advisory_xact_lock(5), pg_advisory_lock_shared(5), pg_try_advisory_xact_lock_shared(5), pg_advisory_unlock_all()
    ALTER TABLE small ADD c geometry; UPDATE small SET c = ST_Multi(ST_GeomFromEWKB('\\x00'::bytea)) WHERE ST_IsValid(c)
    ALTER TABLE small ADD c int; UPDATE small SET c = 1 WHERE jsonb_exists(name, 'k') OR jsonb_contains(name, '{}') OR arrayoverlap(name, '{}')
    INSERT INTO small (name) SELECT concat(citext('x'), inet('::1'), pgp_sym_encrypt('x', 'y'), skeys(h), nlevel(text2ltree('a.b'))) FROM log
    EXPLAIN SELECT f()
    -- DROP TABLE big
    /* ALTER TABLE big DROP n; */ SELECT 'DROP TABLE big'
    SELECT $$DROP TABLE big; DELETE FROM big$$
    COPY small (name) FROM STDIN
    CREATE TABLE p () PARTITION BY LIST (n); CREATE TABLE q PARTITION OF p DEFAULT; CREATE INDEX ON p (n); ALTER TABLE p ADD x int NOT NULL
    CREATE TABLE p () PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION small DEFAULT; CREATE INDEX ON p (lower(name))
    CREATE TABLE q (n int); INSERT INTO log VALUES (1); CREATE INDEX ON q (slug(n)); DROP TABLE q; CREATE TABLE q (); ALTER TABLE big ATTACH PARTITION q DEFAULT
    CREATE TABLE q (n int); ALTER TABLE q ADD CHECK (n > 0); CREATE UNIQUE INDEX ON q (n); ALTER TABLE big ATTACH PARTITION q FOR VALUES IN (1)
    CREATE TABLE q (LIKE big INCLUDING ALL); INSERT INTO q SELECT * FROM big WHERE id = 5; ALTER TABLE big ATTACH PARTITION q FOR VALUES IN (1)
    BEGIN; CREATE TABLE q PARTITION OF visits FOR VALUES IN (1); CREATE INDEX ON q (n); CREATE INDEX ON q (lower(name)); COMMIT; INSERT INTO q SELECT 1
    CREATE TABLE q PARTITION OF big FOR VALUES IN (1); ALTER TABLE q RENAME TO r; ALTER TABLE r SET SCHEMA audit; ALTER TABLE r SET (fillfactor = 90)
    CREATE TABLE p (id int PRIMARY KEY, n int REFERENCES big (id)) PARTITION BY LIST (id); CREATE TABLE q PARTITION OF p DEFAULT; DROP TABLE q; DROP TABLE p
    CREATE TABLE q (n int); CREATE TRIGGER t BEFORE INSERT ON q EXECUTE FUNCTION wipe(); INSERT INTO log VALUES (1); INSERT INTO small SELECT n FROM q
    CREATE TABLE q (n int DEFAULT wipe()); CREATE VIEW v AS SELECT n FROM q; INSERT INTO small SELECT n FROM v
    CREATE VIEW v AS SELECT wipe(n) AS name FROM small; DROP VIEW v; CREATE VIEW v AS SELECT 1 AS name; INSERT INTO small SELECT name FROM v
    CREATE TABLE q (n int); ALTER TABLE q INHERIT big
    CREATE TABLE q PARTITION OF visits FOR VALUES IN (1); ALTER TABLE q OWNER TO other; ALTER TABLE q RENAME TO r; ALTER TABLE r OWNER TO other
    CREATE TABLE q (n int); ALTER TABLE q ATTACH PARTITION small DEFAULT; ALTER TABLE q RENAME TO r
    CREATE TABLE part PARTITION OF visits FOR VALUES IN (1); CREATE TABLE other PARTITION OF events DEFAULT
    CREATE INDEX i ON ONLY events (n); CREATE INDEX CONCURRENTLY part_i ON big (n); ALTER INDEX i ATTACH PARTITION part_i
    ALTER INDEX old_i ATTACH PARTITION part_i
    CREATE INDEX i ON visits (n)
"""

# SQL, then after => the rules that speak against it, in order.
UNSAFE = """
    DROP TABLE big => drop
    DROP TABLE IF EXISTS small, public.big CASCADE => drop drop
    DROP TABLE nowhere => drop
    CREATE TABLE fresh (a int); DROP TABLE fresh; DROP TABLE fresh => drop
    CREATE TABLE IF NOT EXISTS small (a int); ALTER TABLE small DROP COLUMN a => drop
    CREATE TABLE log (a int); DROP TABLE audit.log => drop
    /* harmless */ drop/**/table"big" => drop
    SELECT 1; -- nothing \\n DROP TABLE small => drop
    ALTER TABLE big DROP COLUMN n => drop
    ALTER TABLE ONLY big DROP n, DROP COLUMN IF EXISTS name CASCADE => drop drop
    ALTER TABLE big DROP COLUMN n; ALTER TABLE big ADD COLUMN n int => drop
    ALTER TABLE big ADD COLUMN a int; ALTER TABLE big DROP a; ALTER TABLE big DROP a => drop
    ALTER TABLE big ADD COLUMN IF NOT EXISTS n int; ALTER TABLE big DROP COLUMN n => drop
    CREATE SEQUENCE IF NOT EXISTS s; DROP SEQUENCE s => drop
    CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON big (n); DROP INDEX i => drop-constraint
    CREATE TEMPORARY TABLE big (a int); DROP TABLE big; DROP TABLE big => drop
    ALTER TABLE big RENAME TO large => rename
    ALTER TABLE big RENAME n TO number => rename
    ALTER TABLE big RENAME CONSTRAINT c TO d => rename
    ALTER VIEW v RENAME TO w => rename
    ALTER VIEW v RENAME COLUMN a TO b => rename
    ALTER MATERIALIZED VIEW top RENAME TO best => rename
    ALTER TYPE status RENAME TO state => rename
    ALTER TYPE status RENAME VALUE 'open' TO 'new' => rename
    ALTER TYPE pair RENAME ATTRIBUTE a TO b => rename
    ALTER SEQUENCE s RENAME TO t => rename
    ALTER FUNCTION f() RENAME TO g => rename
    ALTER SCHEMA audit RENAME TO old => rename
    ALTER TABLE big SET SCHEMA audit => rename
    ALTER FUNCTION f() SET SCHEMA audit => rename
    ALTER TABLE big ALTER n TYPE bigint => type
    ALTER TABLE small ALTER name TYPE int USING name::int => type
    ALTER TABLE big ALTER name TYPE varchar(50) => type
    ALTER TABLE big ALTER name TYPE varchar(200) USING upper(name) => type
    ALTER TABLE big ALTER code TYPE varchar(200) => type
    ALTER TABLE big ALTER note TYPE varchar(200) => type
    ALTER TABLE big ALTER price TYPE numeric(12,4) => type
    ALTER TABLE big ALTER nobody_knows TYPE text => type
    ALTER TABLE log ALTER a TYPE text => type
    ALTER TYPE pair ADD ATTRIBUTE c int => type
    ALTER TABLE big ADD COLUMN a int NOT NULL => not-null
    ALTER TABLE small ADD COLUMN a int NOT NULL DEFAULT NULL => not-null
    ALTER TABLE small ADD COLUMN a text NOT NULL DEFAULT NULL::text => not-null
    ALTER TABLE small ADD COLUMN a int PRIMARY KEY => not-null
    ALTER TABLE small ALTER name SET NOT NULL => not-null
    ALTER TABLE small ADD CONSTRAINT c NOT NULL name => not-null
    ALTER TABLE small ADD COLUMN a int; ALTER TABLE small ALTER a SET NOT NULL => not-null
    ALTER TABLE small ADD COLUMN a int DEFAULT 1; ALTER TABLE small ALTER a DROP DEFAULT; ALTER TABLE small ALTER a SET NOT NULL => not-null
    ALTER DOMAIN d SET NOT NULL => not-null
    ALTER TABLE small ADD COLUMN a int DEFAULT 0 NOT NULL; ALTER TABLE small ALTER a DROP DEFAULT => no-default
    ALTER TABLE small ADD a int DEFAULT 0; ALTER TABLE small ALTER a SET NOT NULL; ALTER TABLE small ALTER a DROP DEFAULT => no-default
    ALTER TABLE small ALTER name DROP DEFAULT => no-default
    ALTER TABLE small ALTER id DROP IDENTITY => no-default
    ALTER DOMAIN d DROP DEFAULT => no-default
    ALTER TABLE big ADD COLUMN a uuid DEFAULT gen_random_uuid() => rewrite
    ALTER TABLE big ADD COLUMN a float DEFAULT (1 + random()) NOT NULL => rewrite
    ALTER TABLE big ADD COLUMN a timestamptz DEFAULT clock_timestamp() => rewrite
    ALTER TABLE big ADD COLUMN a int DEFAULT app.next_number() => unknown rewrite
    ALTER TABLE big ADD COLUMN a bigserial => rewrite
    ALTER TABLE big ADD COLUMN a int GENERATED BY DEFAULT AS IDENTITY => rewrite
    ALTER TABLE big ADD COLUMN a int GENERATED ALWAYS AS (n * 2) STORED => rewrite
    ALTER TABLE big SET UNLOGGED => rewrite
    ALTER TABLE big SET TABLESPACE fast => rewrite
    CREATE INDEX i ON big (n) => index
    CREATE INDEX IF NOT EXISTS i ON public.big (lower(name)) => index
    CREATE INDEX i ON audit.log (a) => index
    CREATE INDEX i ON log (a) => index
    CREATE INDEX i ON unheard_of (a) => index
    CREATE UNIQUE INDEX i ON big (n) => index constraint
    CREATE UNIQUE INDEX i ON small (name) => constraint
    CREATE UNIQUE INDEX i ON small (lower(name)) => constraint
    CREATE UNIQUE INDEX CONCURRENTLY i ON big (n) => constraint
    CREATE UNIQUE INDEX CONCURRENTLY i ON big (n); ALTER TABLE big ADD CONSTRAINT c UNIQUE USING INDEX i => constraint
    ALTER TABLE big ADD CONSTRAINT c PRIMARY KEY USING INDEX i => constraint
    ALTER TABLE big ADD COLUMN a int UNIQUE => index
    ALTER TABLE small ADD COLUMN a int DEFAULT 1 UNIQUE => constraint
    ALTER TABLE small ADD COLUMN a int DEFAULT 1 REFERENCES big (id) => constraint
    ALTER TABLE small ADD COLUMN a int CHECK (a IS NOT NULL) => constraint
    ALTER TABLE small ADD COLUMN a int CHECK (NOT (a IS NULL)) => constraint
    ALTER TABLE small ADD COLUMN a int CHECK (coalesce(a, 0) > 0) => constraint
    ALTER TABLE small ADD COLUMN a int CHECK (a > 0 OR name = 'x') => constraint
    ALTER TABLE small ADD COLUMN a int CHECK (num_nonnulls(a) = 1) => constraint
    ALTER TABLE small ADD COLUMN a int CHECK (a IS DISTINCT FROM NULL) => constraint
    ALTER TABLE big ADD CONSTRAINT c UNIQUE (n) => index constraint
    ALTER TABLE big ADD PRIMARY KEY (n) => index constraint
    ALTER TABLE small ADD CONSTRAINT c EXCLUDE USING gist (name WITH =) => constraint
    ALTER TABLE big ADD COLUMN a int; ALTER TABLE big ADD CONSTRAINT c CHECK (a > 0) => scan
    ALTER TABLE big ADD CONSTRAINT c CHECK (n > 0) => scan constraint
    ALTER TABLE big ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES small (id) => scan constraint
    ALTER TABLE big ADD FOREIGN KEY (n) REFERENCES small => scan constraint
    ALTER TABLE big ADD COLUMN a int CHECK (a > 0) => scan
    ALTER TABLE big ADD COLUMN a int DEFAULT 1 REFERENCES small (id) => scan constraint
    ALTER TABLE big ADD COLUMN a int DEFAULT 1; ALTER TABLE big ALTER a SET NOT NULL => scan
    ALTER TABLE small ATTACH PARTITION big FOR VALUES IN (1) => scan constraint
    ALTER TABLE small ADD CONSTRAINT c CHECK (name <> '') => constraint
    ALTER TABLE small ADD COLUMN a int; ALTER TABLE small ADD CHECK (a > 0 OR name = 'x') => constraint
    ALTER TABLE small ADD COLUMN a int; ALTER TABLE small ADD CONSTRAINT c UNIQUE NULLS NOT DISTINCT (a) => constraint
    ALTER TABLE small ADD COLUMN a int DEFAULT 1; ALTER TABLE small ADD UNIQUE (a) => constraint
    ALTER TABLE small ALTER id ADD GENERATED ALWAYS AS IDENTITY => constraint
    ALTER TABLE big ADD CONSTRAINT c CHECK (n > 0) NOT VALID => constraint
    ALTER TABLE big ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES small (id) NOT VALID; ALTER TABLE big VALIDATE CONSTRAINT c => constraint
    ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0) => constraint
    ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0) NOT VALID => constraint
    ALTER DOMAIN d VALIDATE CONSTRAINT c => unknown
    ALTER TABLE big DROP CONSTRAINT c => drop-constraint
    ALTER DOMAIN d DROP CONSTRAINT c => drop-constraint
    DROP INDEX i => drop-constraint
    DROP INDEX CONCURRENTLY IF EXISTS public.i => drop-constraint
    DROP VIEW v => drop
    DROP MATERIALIZED VIEW top => drop
    DROP TYPE status => drop
    DROP DOMAIN d => drop
    DROP SEQUENCE s => drop
    DROP FUNCTION f(int) => drop
    DROP PROCEDURE p => drop
    DROP AGGREGATE total(int) => drop
    DROP SCHEMA audit CASCADE => drop
    DROP EXTENSION pg_trgm => drop
    DROP FOREIGN TABLE ft => drop
    DROP TRIGGER t ON big => behaviour
    DROP RULE r ON big => behaviour
    DROP POLICY p ON big => access
    TRUNCATE small => emptied
    TRUNCATE big, small RESTART IDENTITY CASCADE => emptied emptied
    DELETE FROM small => emptied
    DELETE FROM big WHERE true => emptied
    UPDATE big SET n = 1 => behaviour all-rows
    UPDATE big SET n = 1 WHERE n IS NULL => behaviour all-rows
    UPDATE big SET n = 1 WHERE id > 5 => behaviour all-rows
    UPDATE big SET n = 1 WHERE id = n => behaviour all-rows
    UPDATE big SET n = 1 WHERE id = 1 OR n > 5 => behaviour all-rows
    UPDATE big SET n = 1 WHERE NOT id = 1 => behaviour all-rows
    UPDATE big SET n = 1 WHERE id NOT IN (1, 2) => behaviour all-rows
    UPDATE big SET n = 1 WHERE code IN ('a', 'b') OR id = 3 => behaviour all-rows
    UPDATE big SET n = 1 WHERE status IN ('new') => behaviour all-rows
    UPDATE big SET n = 1 WHERE created BETWEEN '2020-01-01' AND '2026-01-01' => behaviour all-rows
    UPDATE big SET n = 1 WHERE id BETWEEN 1 AND 1000000 => behaviour all-rows
    UPDATE big SET n = 1 WHERE status IN (SELECT status FROM big LIMIT 10) => behaviour all-rows
    UPDATE big SET n = 1 WHERE id IN (SELECT id FROM big LIMIT 1000000) => behaviour all-rows
    UPDATE big SET n = 1 WHERE id IN (SELECT id FROM big LIMIT ALL) => behaviour all-rows
    UPDATE big SET n = 1 WHERE id IN (SELECT id FROM big ORDER BY n FETCH FIRST 5 ROWS WITH TIES) => behaviour all-rows
    UPDATE big SET n = 1 FROM small s WHERE s.id = 5 => behaviour all-rows
    UPDATE big SET n = 1 FROM small WHERE id = 5 => behaviour all-rows
    INSERT INTO big SELECT * FROM audit.log ON CONFLICT (id) DO UPDATE SET n = 1 => behaviour all-rows
    INSERT INTO big SELECT * FROM generate_series(1, 1000000) ON CONFLICT (id) DO UPDATE SET n = 1 => behaviour all-rows
    CREATE TABLE fresh AS SELECT * FROM big; INSERT INTO big SELECT * FROM fresh ON CONFLICT (id) DO UPDATE SET n = 1 => behaviour all-rows
    WITH old AS (SELECT * FROM audit.log) INSERT INTO big SELECT * FROM old ON CONFLICT (id) DO UPDATE SET n = 1 => behaviour all-rows
    WITH a AS (INSERT INTO big SELECT * FROM big ON CONFLICT (id) DO UPDATE SET n = 1 RETURNING n) SELECT * FROM a => behaviour all-rows
    SELECT * FROM big FOR UPDATE => all-rows
    SELECT * FROM big WHERE n = 1 FOR SHARE SKIP LOCKED => all-rows
    SELECT * FROM big b JOIN small s ON s.name = b.name WHERE s.id = 5 FOR NO KEY UPDATE OF b => all-rows
    SELECT * FROM (SELECT * FROM big) AS x FOR UPDATE OF x => all-rows
    CREATE TABLE fresh AS SELECT * FROM big FOR UPDATE => all-rows
    UPDATE public.big b SET n = s.id FROM small s WHERE s.name = b.name => behaviour all-rows
    DELETE FROM big WHERE name = 'x' => deleted all-rows
    DELETE FROM big WHERE id > 0 => deleted all-rows
    DELETE FROM big WHERE id IN (SELECT id FROM big LIMIT 1000) => deleted
    DELETE FROM small WHERE name = 'x' => deleted
    MERGE INTO big USING small ON big.id = small.id WHEN MATCHED THEN DELETE => deleted all-rows
    MERGE INTO big USING small ON big.id = small.id WHEN MATCHED THEN UPDATE SET n = 1 => behaviour all-rows
    WITH gone AS (DELETE FROM big RETURNING *) INSERT INTO small SELECT name FROM gone => emptied
    WITH a AS (SELECT 1), b AS (UPDATE big SET n = 1 RETURNING n) SELECT * FROM b => behaviour all-rows
    BEGIN; ALTER TABLE big ADD a int; ALTER TABLE big ADD CHECK (a > 0) NOT VALID; ALTER TABLE big VALIDATE CONSTRAINT c; COMMIT => held-lock
    ALTER TABLE big ADD a int, VALIDATE CONSTRAINT c => held-lock
    BEGIN; ALTER TABLE small ADD a int; INSERT INTO archive SELECT * FROM big; COMMIT => held-lock
    START TRANSACTION; ALTER TABLE small ADD a int; COMMIT AND CHAIN; ALTER TABLE small ADD b int; SELECT n FROM big; COMMIT => held-lock
    BEGIN; SAVEPOINT a; ALTER TABLE small ADD a int; RELEASE a; CREATE TABLE fresh AS SELECT * FROM big; COMMIT => held-lock
    BEGIN; ALTER TABLE small ADD a int; CREATE MATERIALIZED VIEW m AS SELECT * FROM big; COMMIT => held-lock
    BEGIN; ALTER TABLE small ADD a int; SELECT * INTO fresh FROM big; COMMIT => held-lock
    BEGIN; ALTER TABLE small ADD a int; REFRESH MATERIALIZED VIEW CONCURRENTLY top; COMMIT => held-lock
    BEGIN; ALTER TABLE small ADD a int; UPDATE small SET a = (SELECT count(*) FROM big WHERE big.name = small.name); COMMIT => held-lock
    BEGIN; ALTER TABLE small ADD a int; UPDATE small SET a = 1 FROM big WHERE big.name = small.name; COMMIT => held-lock
    BEGIN; ALTER TABLE small ADD a int; UPDATE big SET n = 1 WHERE id IN (SELECT id FROM big WHERE n IS NULL LIMIT 1000); COMMIT => behaviour held-lock
    BEGIN; ALTER TABLE small ADD a int; SELECT max(n) FROM big; COMMIT => held-lock
    BEGIN; ALTER TABLE small ADD a int; SELECT sum(id) FROM big; COMMIT => held-lock
    BEGIN; CREATE INDEX i ON small (name); INSERT INTO archive SELECT * FROM big; COMMIT => held-lock
    BEGIN; UPDATE small SET name = 'x'; INSERT INTO archive SELECT * FROM big; COMMIT => behaviour held-lock
    BEGIN; CREATE TABLE fresh (n int REFERENCES big); INSERT INTO fresh SELECT n FROM big; COMMIT => held-lock
    BEGIN; CREATE TABLE fresh (n int); ALTER TABLE fresh ADD FOREIGN KEY (n) REFERENCES big NOT VALID; INSERT INTO fresh SELECT n FROM big; COMMIT => held-lock
    BEGIN; CREATE TABLE part PARTITION OF small FOR VALUES IN (1); INSERT INTO small SELECT * FROM big; COMMIT => held-lock
    BEGIN; ALTER TABLE big ATTACH PARTITION small FOR VALUES IN (1); INSERT INTO archive SELECT * FROM big; COMMIT => constraint held-lock
    BEGIN; ALTER TABLE small ADD a int; ALTER TABLE small RENAME a TO b; SELECT * FROM big; COMMIT => held-lock
    BEGIN; ALTER TRIGGER t ON small RENAME TO u; SELECT * FROM big; COMMIT => held-lock
    BEGIN; REINDEX TABLE small; SELECT * FROM big; COMMIT => held-lock
    BEGIN; ALTER SEQUENCE s CACHE 10; SELECT * FROM big; COMMIT => held-lock
    BEGIN; CREATE TRIGGER t BEFORE INSERT ON small EXECUTE FUNCTION f(); SELECT * FROM big; COMMIT => behaviour held-lock
    BEGIN; DROP TRIGGER t ON small; SELECT * FROM big; COMMIT => behaviour held-lock
    BEGIN; CREATE OR REPLACE VIEW v AS SELECT 1; SELECT * FROM big; COMMIT => behaviour held-lock
    BEGIN; LOCK TABLE small; SELECT * FROM big; COMMIT => lock held-lock
    BEGIN; TRUNCATE small; SELECT * FROM big; COMMIT => emptied held-lock
    BEGIN; SELECT * FROM small FOR UPDATE; SELECT * FROM big; COMMIT => held-lock
    LOCK TABLE big => lock
    LOCK TABLE small IN SHARE MODE => lock
    VACUUM FULL => lock
    VACUUM FULL big => lock
    VACUUM (FULL, ANALYZE) big => lock
    CLUSTER => lock
    CLUSTER big USING i => lock
    REINDEX TABLE big => lock
    REINDEX INDEX i => lock
    REINDEX SCHEMA public => lock
    REFRESH MATERIALIZED VIEW top => lock
    ALTER TABLE big OWNER TO other => access
    CREATE TABLE p () PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION small DEFAULT; ALTER TABLE small OWNER TO other => access
    ALTER FUNCTION f() OWNER TO other => access
    ALTER TABLE big ENABLE ROW LEVEL SECURITY => access
    REVOKE SELECT ON big FROM shop => access
    REVOKE admin FROM shop => access
    ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM shop => access
    UPDATE small SET name = 'paid' WHERE name = 'open' => behaviour
    UPDATE small SET password = md5(password) => behaviour
    UPDATE big SET n = 1 WHERE id = 5 => behaviour
    ALTER TABLE small ADD a int; UPDATE small SET a = 1, name = 'x' => behaviour
    ALTER TABLE small ADD a int; UPDATE small SET (a, name) = (SELECT 1, 'x') => behaviour
    WITH x AS (UPDATE small SET name = 'x' RETURNING *) SELECT 1 => behaviour
    INSERT INTO small VALUES ('x') ON CONFLICT (name) DO UPDATE SET name = 'y' => behaviour
    MERGE INTO small USING log ON log.name = small.name WHEN MATCHED THEN UPDATE SET name = 'x' => behaviour
    CREATE POLICY p ON big => behaviour
    CREATE TRIGGER t BEFORE INSERT ON big EXECUTE FUNCTION f() => behaviour
    CREATE RULE r AS ON DELETE TO big DO INSTEAD NOTHING => behaviour
    ALTER TABLE big DISABLE TRIGGER ALL => behaviour
    ALTER TABLE big INHERIT small => behaviour
    CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1' => behaviour
    CREATE OR REPLACE VIEW v AS SELECT 1 => behaviour
    ALTER SEQUENCE s RESTART WITH 5 => behaviour
    SELECT setval('s', 1) => behaviour
    SELECT setval('public.s'::regclass, 1), setval('t', 1) => behaviour behaviour
    SELECT setval(pg_get_serial_sequence('big', 'id'), coalesce(max(id), 1)) FROM big => behaviour
    SELECT setval(c.oid, 1) FROM pg_class c => behaviour
    CREATE SEQUENCE s; SELECT setval('audit.s', 1) => behaviour
    CREATE SEQUENCE s; SELECT setval('s' || '_id', 1) => behaviour
    CREATE TABLE IF NOT EXISTS small (id serial); SELECT setval('small_id_seq', 1) => behaviour
    ALTER TABLE small ADD IF NOT EXISTS a serial; SELECT setval('small_a_seq', 1) => behaviour
    ALTER TABLE small ALTER name ADD GENERATED BY DEFAULT AS IDENTITY; SELECT setval(pg_get_serial_sequence('small', 'id'), 1) => behaviour
    CREATE TABLE fresh AS SELECT setval('s', 1) => behaviour
    CREATE TABLE fresh (id serial); SELECT setval(pg_get_serial_sequence('big', 'id'), max(id)) FROM fresh => behaviour
    ALTER TABLE big ALTER n SET DEFAULT 5 => behaviour
    ALTER TABLE big ADD a int; ALTER TABLE big ALTER n SET DEFAULT 5 => behaviour
    ALTER TABLE small ALTER name SET DEFAULT 'x', ALTER name SET NOT NULL => behaviour not-null
    ALTER DOMAIN d SET DEFAULT 5 => behaviour
    ALTER TABLE big DETACH PARTITION small => partition
    ALTER TABLE big DETACH PARTITION small CONCURRENTLY => partition
    ALTER TABLE big NO INHERIT small => partition
    ALTER TABLE big ADD COLUMN a email => unknown
    CREATE DOMAIN email AS text CHECK (value LIKE '%@%'); ALTER TABLE big ADD COLUMN a email => unknown
    ALTER TABLE small REPLICA IDENTITY NOTHING => unknown
    ALTER TABLE small REPLICA IDENTITY DEFAULT => unknown
    ALTER TABLE small ALTER name SET DEFAULT NULL => no-default
    ALTER TABLE small ADD a int; ALTER TABLE small ALTER a SET DEFAULT NULL::int; ALTER TABLE small ALTER a SET NOT NULL => not-null
    ALTER DOMAIN d SET DEFAULT NULL => no-default
    CREATE PUBLICATION p FOR ALL TABLES => unknown
    CREATE PUBLICATION p FOR TABLES IN SCHEMA audit => unknown
    CREATE PUBLICATION p FOR TABLE small WITH (publish = 'insert, delete') => unknown
    DO $$ BEGIN DROP TABLE big; END $$ => unknown
    CALL tidy() => unknown
    SELECT create_hypertable('big', 'n') => unknown
    SELECT * FROM (SELECT tidy(id) FROM big) AS x => unknown
    SELECT pg_terminate_backend(5) => unknown
    SELECT app.lower(name) FROM small => unknown
    VALUES (wipe()) => unknown
    INSERT INTO log SELECT wipe() => unknown
    INSERT INTO log (n) VALUES (1), (wipe()) RETURNING n => unknown
    INSERT INTO log (n) VALUES (1) ON CONFLICT DO NOTHING RETURNING wipe() => unknown
    WITH x AS (SELECT wipe()) INSERT INTO log SELECT 1 FROM x => unknown
    WITH x AS (INSERT INTO log SELECT wipe() RETURNING 1) SELECT 1 FROM x => unknown
    INSERT INTO log (n) SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity => unknown
    CREATE TABLE fresh (a int); INSERT INTO fresh SELECT wipe(); UPDATE fresh SET a = wipe() => unknown unknown
    CREATE TABLE fresh AS SELECT wipe() => unknown
    CREATE MATERIALIZED VIEW fresh AS SELECT wipe() => unknown
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT f() => unknown
    ALTER TABLE small ADD COLUMN c int; UPDATE small SET c = wipe() WHERE id = 1 => unknown
    ALTER TABLE small ADD COLUMN c int; UPDATE small SET c = 1 WHERE id = 1 AND wipe() => unknown
    DELETE FROM small WHERE wipe(name) => unknown deleted
    ALTER TABLE small ADD c int; MERGE INTO small USING log ON log.n = small.c WHEN NOT MATCHED THEN INSERT (c) VALUES (wipe()) => unknown
    COPY small (name) FROM STDIN WHERE wipe(name) => unknown
    COPY (SELECT wipe()) TO STDOUT => unknown unknown
    EXPLAIN ANALYZE SELECT wipe() => unknown
    ALTER TABLE small ADD COLUMN c int DEFAULT wipe() => unknown
    ALTER TABLE small ADD COLUMN c int; ALTER TABLE small ALTER c SET DEFAULT wipe() => unknown
    ALTER TABLE small ADD COLUMN c text GENERATED ALWAYS AS (slug(name)) STORED => unknown
    ALTER TABLE small ADD COLUMN c text; ALTER TABLE small ADD CHECK (is_slug(c)) NOT VALID => unknown constraint
    ALTER TABLE small ALTER name TYPE int USING number_of(name) => unknown type
    CREATE TABLE fresh AS SELECT 1 AS a; ALTER TABLE fresh ADD COLUMN c int DEFAULT wipe() => unknown
    CREATE TABLE fresh (a int); INSERT INTO fresh VALUES (1); ALTER TABLE fresh ADD c int DEFAULT wipe() => unknown
    CREATE TABLE fresh (a int); COPY fresh FROM STDIN; CREATE INDEX ON fresh (slug(a)) => unknown
    CREATE TABLE fresh (a int); MERGE INTO fresh USING log ON false WHEN NOT MATCHED THEN INSERT VALUES (1); CREATE INDEX ON fresh (slug(a)) => unknown
    CREATE TABLE fresh (a int); WITH x AS (INSERT INTO fresh VALUES (1)) SELECT 1; CREATE INDEX ON fresh (slug(a)) => unknown
    CREATE TABLE a (a int); DROP TABLE a; CREATE TABLE b AS SELECT 1 AS a; ALTER TABLE b RENAME TO a; CREATE INDEX ON a (slug(a)) => unknown
    CREATE TABLE part PARTITION OF big FOR VALUES IN (1); ALTER TABLE part ADD CHECK (is_open(n)) => unknown constraint
    CREATE TABLE part (n int); ALTER TABLE big ATTACH PARTITION part FOR VALUES IN (1); CREATE INDEX ON part (slug(n)) => unknown
    CREATE TABLE p () PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION big FOR VALUES IN (1) => scan constraint
    CREATE TABLE p () PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION big DEFAULT; ALTER TABLE p ADD CHECK (wipe(n)) => scan unknown scan constraint
    CREATE TABLE p () PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION big DEFAULT; ALTER TABLE p ADD x int DEFAULT wipe() => scan unknown rewrite
    CREATE TABLE p (); ALTER TABLE p ATTACH PARTITION small DEFAULT; ALTER TABLE IF EXISTS p ADD CHECK (f(n)) => unknown constraint
    CREATE TABLE p (); CREATE TABLE q (); ALTER TABLE p ATTACH PARTITION q DEFAULT; INSERT INTO p VALUES (1); CREATE INDEX ON q (wipe(n)) => unknown
    CREATE TABLE p () PARTITION BY LIST (n); CREATE TABLE q PARTITION OF p DEFAULT; INSERT INTO q VALUES (1); CREATE INDEX ON p (wipe(n)) => unknown
    CREATE TABLE p (); CREATE TABLE q PARTITION OF p DEFAULT; ALTER TABLE q ATTACH PARTITION big DEFAULT; CREATE INDEX ON p (n) => scan index
    CREATE TABLE p (); ALTER TABLE p ATTACH PARTITION small DEFAULT; ALTER TABLE p DETACH PARTITION small; DROP TABLE IF EXISTS p => partition
    CREATE TABLE p () PARTITION BY LIST (n); CREATE TABLE q (n int); ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (wipe()) => unknown
    CREATE TABLE p () PARTITION BY LIST (n); CREATE INDEX ON p (wipe(n)); ALTER TABLE p ATTACH PARTITION small DEFAULT => unknown
    CREATE TABLE p (); CREATE TABLE q (); ALTER TABLE p INHERIT q; ALTER TABLE q INHERIT p; ALTER TABLE small INHERIT p => behaviour
    CREATE TABLE q (n int); ALTER TABLE small INHERIT q; ALTER TABLE q ADD x int NOT NULL => behaviour not-null
    CREATE TABLE q (n int); ALTER TABLE q ADD CHECK (wipe(n)); ALTER TABLE big ATTACH PARTITION q FOR VALUES IN (1) => unknown
    CREATE TABLE q (n int); CREATE INDEX ON q (wipe(n)); ALTER TABLE q RENAME TO r; ALTER TABLE big ATTACH PARTITION r DEFAULT => unknown
    CREATE TABLE q (n int DEFAULT wipe()); CREATE TABLE r (LIKE q INCLUDING ALL); ALTER TABLE big ATTACH PARTITION r DEFAULT => unknown
    CREATE TABLE q (n int); CREATE TRIGGER t BEFORE INSERT ON q EXECUTE FUNCTION wipe(); ALTER TABLE big ATTACH PARTITION q DEFAULT => unknown
    CREATE TABLE q (n int); ALTER TABLE q ADD CHECK (wipe(n)); ALTER TABLE q INHERIT big => unknown
    CREATE TABLE q (CHECK (wipe(n))) INHERITS (big) => unknown
    CREATE TABLE p (); CREATE TABLE q (CHECK (wipe(n))); ALTER TABLE p ATTACH PARTITION q DEFAULT; ALTER TABLE big ATTACH PARTITION p DEFAULT => unknown
    CREATE TABLE q (n int); CREATE VIEW v AS SELECT * FROM q; INSERT INTO v VALUES (1); CREATE INDEX ON q (wipe(n)) => unknown
    CREATE MATERIALIZED VIEW fresh AS SELECT 1 AS a; CREATE INDEX ON fresh (slug(a)) => unknown
    CREATE DOMAIN d AS int DEFAULT wipe(); ALTER TABLE small ADD c d => unknown
    CREATE DOMAIN d AS int; ALTER DOMAIN d SET DEFAULT wipe(); ALTER TABLE small ADD c d => unknown
    CREATE INDEX i ON small (slug(name)) => unknown
    CREATE INDEX CONCURRENTLY i ON big (n) WHERE is_open(n) => unknown
    CREATE TABLE part PARTITION OF big (CHECK (is_open(n))) FOR VALUES IN (1) => unknown
    PREPARE p AS DELETE FROM big => unknown
    EXECUTE p => unknown
    ALTER SYSTEM SET fsync = off => unknown
    ALTER ROLE shop SET search_path = other => unknown
    DROP OWNED BY shop => unknown
    SET search_path = other => unknown
    SET session_replication_role = replica => unknown
    SET ROLE owner => unknown
    SET LOCAL ROLE owner; RESET ROLE => unknown
    SET SESSION AUTHORIZATION 'owner' => unknown
    SET lock_timeout = 0 => lock-timeout
    SET LOCAL lock_timeout TO '0' => lock-timeout
    SET lock_timeout = '2h' => lock-timeout
    SET lock_timeout = 60001 => lock-timeout
    SET lock_timeout FROM CURRENT => lock-timeout
    SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON big (n) => lock-timeout
    SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON big (n); ALTER TABLE small ADD a int; RESET lock_timeout => lock-timeout
    BEGIN; SET lock_timeout = 0; RESET lock_timeout; COMMIT => lock-timeout
    SET LOCAL lock_timeout = 0; RESET lock_timeout => lock-timeout
    SELECT set_config('lock_timeout', '0', false) => unknown
    SET lock_timeout = 0; SET LOCAL lock_timeout = '5s'; ALTER TABLE big ADD a int => lock-timeout
    SELECT nextval('s') DELETE FROM big => unparsable
    INSERT INTO small (name) SELECT 'x' DELETE FROM big WHERE n > 5 => unparsable
    CREATE VIEW fresh AS SELECT 1 DELETE FROM big => unparsable
    SELECT * FROM small CLUSTER => unparsable
    ALTER TABLE log ADD a int; UPDATE audit.log SET a = 1 => behaviour all-rows
    BEGIN; CREATE TABLE fresh (a int); ROLLBACK => unknown
    COPY big TO PROGRAM 'true' => unknown
    ALTER EXTENSION postgis UPDATE => unknown
    EXPLAIN ANALYZE DELETE FROM big => emptied
    ALTER TABLE big ADD COLUMN a int NOT NULL, DROP COLUMN n, ALTER name TYPE int => not-null drop type
    CREATE TABLE fresh (a int); INSERT INTO fresh VALUES (1); DROP TABLE big; CREATE INDEX ON fresh (a) => drop
    DORP TABLE big => unparsable
    CREATE TABEL x; DROP TABLE big; SELECT 1 => unparsable drop
    DROP TABLE small; SELECT 'no end => unparsable
    foo; DROP TABLE small => unparsable drop
    \\connect other => unparsable
    ALTER TABLE {table} DROP n => unparsable
    ALTER TABLE big ATTACH PARTITION small FOR VALUES IN (1) => constraint
    ALTER TABLE big ATTACH PARTITION small DEFAULT => constraint
    CREATE TABLE q (n int); ALTER TABLE big ATTACH PARTITION q DEFAULT; CREATE TRIGGER t BEFORE INSERT ON q EXECUTE FUNCTION wipe() => behaviour
    CREATE TABLE q PARTITION OF big DEFAULT; CREATE TRIGGER t BEFORE INSERT ON q EXECUTE FUNCTION wipe() => behaviour
    CREATE TABLE p (); CREATE TABLE q PARTITION OF p DEFAULT; ALTER TABLE big ATTACH PARTITION p DEFAULT; ALTER TABLE q ADD UNIQUE (n) => constraint
    CREATE TABLE part PARTITION OF big FOR VALUES IN (1); ALTER TABLE part ADD CONSTRAINT u UNIQUE (n); CREATE INDEX ON part (n) => constraint
    CREATE TABLE part PARTITION OF big FOR VALUES IN (1); CREATE UNIQUE INDEX ON part (n) => constraint
    CREATE TABLE child () INHERITS (big); CREATE UNIQUE INDEX ON child (n) => constraint
    CREATE TABLE part PARTITION OF big FOR VALUES IN (1); CREATE TABLE IF NOT EXISTS part (n int); CREATE UNIQUE INDEX ON part (n) => constraint
    CREATE TABLE part PARTITION OF big FOR VALUES IN (1); ALTER TABLE part ADD FOREIGN KEY (n) REFERENCES small (id) => constraint
    CREATE TABLE q (n int); ALTER TABLE big ATTACH PARTITION q DEFAULT; ALTER TABLE q ADD CHECK (n > 0) => constraint
    CREATE TABLE q (n int); ALTER TABLE big ATTACH PARTITION public.q DEFAULT; CREATE UNIQUE INDEX ON q (n) => scan constraint constraint
    CREATE TABLE public.q (n int); ALTER TABLE big ATTACH PARTITION q DEFAULT; ALTER TABLE public.q ADD CHECK (n > 0) => scan constraint constraint
    CREATE TABLE p (n int); ALTER TABLE public.p ATTACH PARTITION small DEFAULT; ALTER TABLE p ADD x int NOT NULL => constraint not-null
    CREATE TABLE q PARTITION OF big DEFAULT; CREATE TABLE IF NOT EXISTS public.q (n int); ALTER TABLE public.q ADD UNIQUE (n) => index constraint
    CREATE TABLE q PARTITION OF big DEFAULT; CREATE TABLE public.q (n int); ALTER TABLE public.q ADD UNIQUE (n); ALTER TABLE q ADD UNIQUE (n) => constraint
    CREATE TABLE q PARTITION OF big DEFAULT; DELETE FROM q; TRUNCATE q; LOCK TABLE q; DROP TABLE q => emptied emptied lock drop
    CREATE TABLE q PARTITION OF big DEFAULT; ALTER TABLE q RENAME TO r; DROP TABLE r => drop
    CREATE SCHEMA s; CREATE TABLE s.q PARTITION OF big FOR VALUES IN (1); DROP TABLE s.q => drop
    CREATE SCHEMA s; CREATE TABLE s.q PARTITION OF big FOR VALUES IN (1); DROP SCHEMA s CASCADE => drop
    CREATE TABLE q PARTITION OF big DEFAULT; ALTER TABLE big DETACH PARTITION q; CREATE UNIQUE INDEX ON q (n) => partition
    BEGIN; CREATE TABLE q (n int); ALTER TABLE events ATTACH PARTITION q DEFAULT; SELECT n FROM big; COMMIT => held-lock
    CREATE TABLE p (n int) PARTITION BY LIST (n); CREATE UNIQUE INDEX ON p (n); ALTER TABLE p ATTACH PARTITION small DEFAULT => constraint
    CREATE TABLE p (n int, UNIQUE (n)) PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION small DEFAULT => constraint
    CREATE TABLE p (n int REFERENCES log (id)) PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION small DEFAULT => constraint
    CREATE TABLE p (n int); ALTER TABLE p ADD EXCLUDE (n WITH =); ALTER TABLE p RENAME TO q; ALTER TABLE q ATTACH PARTITION small DEFAULT => constraint
    CREATE TABLE p (LIKE big INCLUDING ALL) PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION small DEFAULT => constraint
    CREATE TABLE p () PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION small FOR VALUES IN (1) => constraint
    CREATE TABLE o (n int UNIQUE) PARTITION BY LIST (n); CREATE TABLE p PARTITION OF o DEFAULT; ALTER TABLE p ATTACH PARTITION small DEFAULT => constraint
    CREATE TABLE o (n int UNIQUE); CREATE TABLE p (); ALTER TABLE p ATTACH PARTITION small DEFAULT; ALTER TABLE o ATTACH PARTITION p DEFAULT => constraint
    CREATE TABLE q PARTITION OF big DEFAULT; ALTER TABLE big DETACH PARTITION q; ALTER TABLE q ATTACH PARTITION small DEFAULT => partition constraint
    CREATE TABLE q (n int); CREATE TRIGGER t AFTER INSERT ON q FOR EACH ROW EXECUTE FUNCTION f(); INSERT INTO q SELECT 1; INSERT INTO q SELECT 2 => unknown
    CREATE TABLE q (n int DEFAULT wipe()); INSERT INTO q DEFAULT VALUES => unknown
    CREATE TABLE q (n int); CREATE INDEX ON q (wipe(n)); COPY q FROM STDIN => unknown
    CREATE TABLE q (n int); CREATE TRIGGER t BEFORE UPDATE ON q EXECUTE FUNCTION f(); UPDATE q SET n = 1 => unknown
    CREATE TABLE q (n int); CREATE TRIGGER t BEFORE DELETE ON q EXECUTE FUNCTION f(); WITH x AS (DELETE FROM q) SELECT 1 => unknown
    CREATE TABLE q (n int); CREATE TRIGGER t BEFORE TRUNCATE ON q EXECUTE FUNCTION f(); TRUNCATE q => unknown
    CREATE TABLE q (n int DEFAULT wipe()); MERGE INTO q USING log ON false WHEN NOT MATCHED THEN INSERT DEFAULT VALUES => unknown
    CREATE TABLE p (); CREATE TABLE q (n int CHECK (wipe(n))); ALTER TABLE p ATTACH PARTITION q DEFAULT; INSERT INTO p VALUES (1) => unknown
    CREATE TABLE p (CHECK (wipe(n))) PARTITION BY LIST (n); CREATE TABLE q PARTITION OF p DEFAULT; INSERT INTO q VALUES (1) => unknown
    CREATE TABLE q (n int DEFAULT wipe()); CREATE VIEW v AS SELECT n FROM q; INSERT INTO v VALUES (DEFAULT) => unknown
    CREATE TABLE q (n int); CREATE RULE r AS ON INSERT TO q DO ALSO DELETE FROM big; INSERT INTO q SELECT 1 => unknown
    CREATE VIEW v AS SELECT wipe(n) AS name FROM small; INSERT INTO small SELECT name FROM v => unknown
    CREATE VIEW v AS SELECT wipe(n) AS name FROM small; CREATE VIEW w AS SELECT * FROM v; ALTER VIEW w RENAME TO x; SELECT * FROM x => unknown
    CREATE TABLE part PARTITION OF events FOR VALUES IN (1) => scan
    CREATE TABLE part (n int); ALTER TABLE events ATTACH PARTITION part FOR VALUES IN (1) => scan
    CREATE TABLE p () PARTITION BY LIST (n); ALTER TABLE p ATTACH PARTITION big DEFAULT; CREATE TABLE q PARTITION OF p FOR VALUES IN (1) => scan scan
    CREATE TABLE part PARTITION OF unheard_of FOR VALUES IN (1) => scan
    ALTER TABLE small ATTACH PARTITION public.top FOR VALUES IN (1); CREATE INDEX ON small (name) => scan constraint index
    CREATE INDEX i ON events (n) => partitioned-index
    CREATE INDEX CONCURRENTLY i ON events (n) => partitioned-index
    CREATE INDEX CONCURRENTLY i ON ONLY visits (n) => partitioned-index
    CREATE UNIQUE INDEX i ON ONLY events (n) => constraint
"""


def lines(text):
    return [line.strip() for line in text.strip().splitlines()]


def facts(*scripts, tables=TABLES, server_version=150004, **more):
    migrations = [dict({"name": "shop.%04d" % number, "sql": sql.replace("\\n", "\n")}, **more) for number, sql in enumerate(scripts, 1)]
    return {"migrations": migrations, "tables": tables, "server_version": server_version}


def rules(*scripts, **more):
    return [reason["rule"] for reason in advise(facts(*scripts, **more))["rolling"]]


def test_the_table_of_cases_is_large_and_names_every_reason():
    named = {name for line in lines(UNSAFE) for name in line.rpartition(" => ")[2].split()}
    assert named == set(REASONS) | {"unparsable"}
    assert len(lines(SAFE)) > 90 and len(lines(UNSAFE)) > 150


def test_the_guide_names_every_rule():
    guide = (pathlib.Path(__file__).parents[4] / "docs/docsite/rst/guide_slipway_yml.rst").read_text()
    table = guide.partition("   * - Rule\n")[2].partition("\nWhat cannot be judged")[0]
    named = [name for line in re.findall(r"   \* - (``.*)", table) for name in re.findall(r"``([a-z-]+)``", line)]
    assert sorted(named) == sorted([*REASONS, "unparsable", "unread", "code"])
    vouched = guide.partition("what only its author can know (")[2].partition(")")[0]
    assert set(re.findall(r"``([a-z-]+)``", vouched)) | {"unknown", "unparsable", "unread", "code"} == set(CANNOT_JUDGE)


@pytest.mark.parametrize("sql", lines(SAFE))
def test_safe_beside_the_old_release(sql):
    assert rules(sql) == []


@pytest.mark.parametrize("line", lines(UNSAFE))
def test_unsafe_beside_the_old_release(line):
    sql, _arrow, expected = line.rpartition(" => ")
    assert rules(sql.replace("\\\\", "\\")) == expected.split()


def test_what_one_migration_makes_is_new_for_the_next():
    assert rules("CREATE TABLE fresh (a int)", "CREATE INDEX ON fresh (a)", "ALTER TABLE fresh DROP a") == []
    assert rules("ALTER TABLE small ADD a int DEFAULT 0 NOT NULL", "ALTER TABLE small ALTER a DROP DEFAULT") == ["no-default"]


def test_a_transaction_may_go_on_in_the_next_migration():
    """Some tools print one around all of them."""
    assert rules("BEGIN; ALTER TABLE small ADD a int", "SELECT * FROM big", "COMMIT; SELECT * FROM big") == ["held-lock"]
    assert rules("BEGIN; ALTER TABLE small ADD a int; COMMIT", "BEGIN; SELECT * FROM big; COMMIT") == []


def test_a_part_of_an_old_table_is_old_for_the_next_migration():
    part = "CREATE TABLE q (n int); ALTER TABLE big ATTACH PARTITION q DEFAULT"
    assert rules(part, "CREATE TRIGGER t AFTER INSERT ON q FOR EACH ROW EXECUTE FUNCTION audit.track()", "DROP TABLE q") == ["behaviour", "drop"]


def test_a_part_that_leaves_keeps_what_it_got():
    there_and_back = "CREATE TABLE o (n int UNIQUE, CHECK (wipe(n))); CREATE TABLE p PARTITION OF o DEFAULT; ALTER TABLE o DETACH PARTITION p"
    assert rules(there_and_back, "ALTER TABLE p ATTACH PARTITION small DEFAULT") == ["unknown", "constraint"]
    assert rules(there_and_back, "INSERT INTO p VALUES (1)") == ["unknown"]
    assert rules(there_and_back, "CREATE UNIQUE INDEX ON p (n); DROP TABLE p") == []


def test_the_default_partition_that_a_new_one_has_checked_is_told():
    [reason] = advise(facts("CREATE TABLE part PARTITION OF events FOR VALUES IN (1)"))["rolling"]
    assert reason["why"] == "nobody can write to the default partition of events (5.0 GiB) while all its rows are checked"
    assert rules("CREATE TABLE part PARTITION OF visits FOR VALUES IN (1)", tables=None) == ["scan"]


def test_tables_that_go_in_a_circle_are_parts_of_each_other_once():
    world = World(TABLES, 150004, GIB)
    for one in "pq":
        world.make("table", one)
    for part, parent in (("p", "q"), ("q", "p"), ("small", "p")) * 40:
        world.join(part, parent)
    assert world.links.below("p") == world.links.below("q") == {"p", "q", "small"}
    assert not world.is_new("table", "p") and not world.is_new("table", "q")
    world.leave("small", "p")
    assert world.is_new("table", "p") and world.is_new("table", "q")


@pytest.mark.parametrize("parent", ["CREATE TABLE p (id int) PARTITION BY RANGE (id)", "ALTER TABLE p ADD x int"])
@pytest.mark.parametrize("more", ["", "CREATE INDEX ON p_%(n)d (id); ALTER TABLE p_%(n)d ADD CHECK (id > 0)", "INSERT INTO p VALUES (%(n)d)",
                                  "CREATE TABLE r_%(n)d (id int REFERENCES p)", "DROP TABLE p_%(n)d"])
def test_partitions_are_judged_in_a_time_that_grows_as_their_number_does(parent, more):
    def steps(number):
        """Lines that run in what knows of the tables, which are the same each time."""
        parts = ["CREATE TABLE p_%d PARTITION OF p FOR VALUES FROM (%d) TO (%d)" % (n, n, n + 1) for n in range(number)]
        sql, seen, before = "; ".join([parent, *parts, *(more % {"n": n} for n in range(number) if more)]), [], sys.gettrace()

        def step(frame, event, arg):
            seen.append(event)
            return step

        sys.settrace(lambda frame, event, arg: step if frame.f_code.co_filename.endswith("_advice_world.py") and "walk" not in frame.f_code.co_name else None)
        try:
            rules(sql)
        finally:
            sys.settrace(before)
        return len(seen)

    assert steps(200) < 2.2 * steps(100)


def test_a_lock_that_is_held_is_told_with_what_is_read_meanwhile():
    [reason] = advise(facts("BEGIN; ALTER TABLE small ADD a int; ALTER TABLE big ADD b int; ALTER TABLE big VALIDATE CONSTRAINT c; COMMIT"))["rolling"]
    assert reason["why"] == "nobody can write to small, big, which the transaction has locked, while big (5.0 GiB) is read"
    assert reason["statement"] == "ALTER TABLE big VALIDATE CONSTRAINT c"


def test_a_statement_may_be_deeper_than_python_calls_itself():
    many = " UNION ALL ".join(["SELECT n FROM small"] * 1500)
    assert advise(facts("CREATE VIEW fresh AS " + many, many))["rolling"] == []


def test_a_lock_timeout_that_is_not_reset_is_told_of_the_migration_that_sets_it():
    advice = advise(facts("SET lock_timeout = '2h'; CREATE INDEX CONCURRENTLY i ON big (n)", "ALTER TABLE small ADD a int"))["rolling"]
    assert [(reason["migration"], reason["rule"]) for reason in advice] == [("shop.0001", "lock-timeout")]
    assert "lock_timeout is set to 2h" in advice[0]["why"] and "CONCURRENTLY" in advice[0]["instead"]


def test_a_temporary_table_hides_an_old_one_in_its_own_migration_only():
    assert rules("CREATE TEMPORARY TABLE big (a int); TRUNCATE big", "DROP TABLE big") == ["drop"]
    assert rules("SELECT 1 AS a INTO TEMPORARY big; TRUNCATE big", "TRUNCATE big") == ["emptied"]
    assert rules("CREATE TEMPORARY TABLE small (a int); CREATE INDEX ON small (slug(a))", "CREATE INDEX ON small (slug(name))") == ["unknown"]
    assert rules("CREATE TEMPORARY TABLE t (id serial); SELECT setval('t_id_seq', 5)", "SELECT setval('t_id_seq', 5)") == ["behaviour"]


def test_a_sequence_whose_name_is_made_up_is_not_named():
    for made_up in ("format('%s_seq', 's')::regclass", "'s' || '_seq'", "(SELECT 's')", "pg_get_serial_sequence()", "pg_get_serial_sequence('a')"):
        [reason] = advise(facts("SELECT setval(%s, 5)" % made_up))["rolling"]
        assert "writes to the sequence meant changes" in reason["why"]


def test_a_function_a_sequence_and_a_column_are_told_by_name():
    advice = advise(facts("INSERT INTO log SELECT app.wipe(lower(move()))", "SELECT setval(pg_get_serial_sequence('\"big\"', 'id'), 5)",
                          "SELECT setval('public.s'::regclass, 5)", "ALTER TABLE big ALTER n SET DEFAULT 5"))["rolling"]
    assert [reason["why"] for reason in advice] == [
        "it cannot be judged what the function app.wipe, move does to a release that serves",
        *("what the old release reads from or writes to %s changes without its knowing" % what
          for what in ("the sequence of big.id", "the sequence public.s", "big.n"))]


def test_without_a_look_at_the_database_every_old_table_may_be_big():
    assert rules("CREATE INDEX i ON small (name)", tables=None) == ["index"]
    assert rules("DROP TABLE IF EXISTS nowhere", tables=None) == ["drop"]
    assert rules("CREATE TABLE IF NOT EXISTS x (a int); DROP TABLE x", tables=None) == ["drop"]


def test_where_big_begins_can_be_said():
    sql = facts("CREATE INDEX i ON small (name)")
    assert advise(sql, big_table=8193)["rolling"] == []
    assert "(8.0 KiB)" in advise(sql, big_table=8192)["rolling"][0]["why"]


def test_a_virtual_column_needs_a_server_that_knows_it():
    sql = "ALTER TABLE big ADD COLUMN a int GENERATED ALWAYS AS (n * 2) VIRTUAL"
    assert rules(sql, server_version=180000) == []
    assert rules(sql, server_version=170000) == ["rewrite"]


def test_a_reason_names_the_statement_the_cause_and_the_way_out():
    [reason] = advise(facts("CREATE INDEX i\n  ON big (name)"))["rolling"]
    assert reason == {
        "rule": "index", "migration": "shop.0001", "statement": "CREATE INDEX i ON big (name)",
        "why": "nobody can write to big (5.0 GiB) while the index is built",
        "instead": "CREATE INDEX CONCURRENTLY, outside of a transaction (Django: AddIndexConcurrently and atomic = False), between"
                   " SET lock_timeout = '10min' and RESET lock_timeout: it waits for every transaction that is older"}
    assert sentence(reason).startswith("shop.0001: nobody can write to big (5.0 GiB) while the index is built [CREATE INDEX i ON big (name)]")


def test_a_long_statement_is_shortened_and_text_before_it_may_be_in_any_script():
    reason, _other = advise(facts("-- Größe ✓\nSELECT 'ä'; UPDATE big SET note = '%s'; SELECT 'ü'" % ("ß" * 500)))["rolling"]
    assert len(reason["statement"]) == 160
    assert reason["statement"].startswith("UPDATE big SET note = 'ß")


def test_code_and_what_could_not_be_read_cannot_be_judged():
    assert rules("", code=["Raw Python operation"]) == ["code"]
    assert rules("", problem="sqlmigrate failed with exit status 1") == ["unread"]


def test_an_author_can_vouch_for_what_cannot_be_judged_but_not_for_what_is_plainly_unsafe():
    sql = "DO $$ BEGIN END $$; DROP TABLE big; DELETE FROM small WHERE name = 'x'; CREATE TRIGGER t BEFORE INSERT ON big EXECUTE FUNCTION f(); oops"
    assert rules(sql, code=["x"], compatible=True) == ["drop"]


def test_modes():
    none, good, bad = facts(), facts("ALTER TABLE big ADD a int"), facts("ALTER TABLE big DROP n")
    assert [safe_modes(advise(one)) for one in (none, good, bad)] == [
        ["maintenance", "rolling", "source"], ["maintenance", "rolling"], ["maintenance"]]
    assert advise(good)["source"][0]["migration"] == "shop.0001"


def test_reasons_can_be_accepted_by_rule_by_migration_or_both():
    reasons = advise(facts("DROP TABLE big", "DROP TABLE small; TRUNCATE top"))["rolling"]

    def left(*accepted):
        return [(reason["migration"], reason["rule"]) for reason in unaccepted(reasons, accepted)]

    first, second, third = ("shop.0001", "drop"), ("shop.0002", "drop"), ("shop.0002", "emptied")
    assert left() == [first, second, third]
    assert left("drop") == [third]
    assert left("shop.0002") == [first]
    assert left("shop.0002:drop", "emptied") == [first]
    assert left("no", "shop.0001:emptied") == [first, second, third]


def test_a_controller_without_the_parser_is_told_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name == "pglast":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AnsibleError, match="pip install pglast"):
        advise(facts("SELECT 1"))
