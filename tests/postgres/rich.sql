-- Copyright (c) 2026, Slipway contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- A schema with one of everything that a dump has to bring through. Run by the role that owns the database.
CREATE SCHEMA "My Schema";
CREATE SCHEMA app;
CREATE EXTENSION citext;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION hstore;
CREATE TYPE app.state AS ENUM ('new', 'it''s paid', 'käse');
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
CREATE TYPE app.point3 AS (x int, y int, "Z z" text);
CREATE TYPE app.span AS RANGE (subtype = date);

CREATE TABLE app."Order ""Lines"" 日本" (
    "Id" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "a b" text, state app.state DEFAULT 'new', amount app.positive,
    doubled int GENERATED ALWAYS AS (amount * 2) STORED, place app.point3, times int[], span app.span, name citext, more hstore);
INSERT INTO app."Order ""Lines"" 日本" ("a b", state, amount, place, times, span, name, more)
    SELECT E'tab\there\nand \\. ' || g, 'it''s paid', g, ROW(g, -g, 'z "q"')::app.point3, ARRAY[g, NULL], '[2026-01-01,2026-02-01)',
           'Name' || g, 'k=>v' FROM generate_series(1, 50) g;
INSERT INTO app."Order ""Lines"" 日本" ("a b") VALUES (NULL), ('');
COMMENT ON TABLE app."Order ""Lines"" 日本" IS 'it''s a "comment"
over two lines: pg_restore: error: could not execute query: ERROR:  no error at all';
COMMENT ON COLUMN app."Order ""Lines"" 日本"."a b" IS 'spaces';

CREATE TABLE "My Schema".empty (id int);
CREATE TABLE "My Schema".nothing ();
INSERT INTO "My Schema".nothing DEFAULT VALUES;
CREATE TABLE app."line
break" (id int);
INSERT INTO app."line
break" VALUES (1);

CREATE TABLE app.event (id bigint NOT NULL, day date NOT NULL, what text) PARTITION BY RANGE (day);
CREATE TABLE app.event_1 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE app.event_2 PARTITION OF app.event FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
CREATE INDEX ON app.event (what);
INSERT INTO app.event SELECT g, date '2026-01-01' + g, md5(g::text) FROM generate_series(1, 300) g;

CREATE TABLE app.animal (name text);
CREATE TABLE app.bird (wings int) INHERITS (app.animal);
INSERT INTO app.animal VALUES ('cat');
INSERT INTO app.bird VALUES ('crow', 2), ('kiwi', 0);

CREATE TABLE app.hen (id int PRIMARY KEY, egg int);
CREATE TABLE app.egg (id int PRIMARY KEY, hen int REFERENCES app.hen DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE app.hen ADD FOREIGN KEY (egg) REFERENCES app.egg DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO app.hen VALUES (1, 1), (2, 2);
INSERT INTO app.egg VALUES (1, 2), (2, 1);
COMMIT;

CREATE TABLE app.room (id int, during tsrange, EXCLUDE USING gist (during WITH &&));
INSERT INTO app.room VALUES (1, '[2026-01-01,2026-01-02)');
CREATE SEQUENCE app.counter INCREMENT 5;
SELECT nextval('app.counter') FROM generate_series(1, 7);

CREATE TABLE app.secret (owner text, what text);
INSERT INTO app.secret VALUES ('guest', 'a'), ('shop', 'b');
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.secret TO guest USING (owner = current_user);
GRANT USAGE ON SCHEMA app TO guest;
GRANT SELECT ON app.secret TO guest WITH GRANT OPTION;
GRANT SELECT (id) ON app.egg TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO guest;

CREATE VIEW app.first AS SELECT name FROM app.animal;
CREATE VIEW app.second AS SELECT f.name || '!' AS name FROM app.first f;
CREATE MATERIALIZED VIEW app.counted AS SELECT count(*) AS n FROM app.second;
CREATE UNIQUE INDEX ON app.counted (n);
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.what := NEW.what || '.'; RETURN NEW; END$$;
CREATE TRIGGER touch BEFORE INSERT ON app.secret FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE STATISTICS app.together ON day, what FROM app.event;
SELECT lo_from_bytea(4711, 'a large\000 object'::bytea);
COMMENT ON LARGE OBJECT 4711 IS 'big';
