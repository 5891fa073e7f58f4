-- Copyright (c) 2026, Slipway contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- A shop with personal data in all that can hold some; every raw value of a person has "raw" or a number of 4711 in it. Run by the owner.
-- It has 10,000 rows; with the psql variable people some 3.3 for each of them.
\if :{?people}
\else
\set people 3000
\endif
CREATE SCHEMA app;
CREATE EXTENSION citext;
CREATE DOMAIN app.email_address AS citext CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE DOMAIN app.short_code AS varchar(24) NOT NULL;
CREATE TYPE app.place AS (street text, zip text);

CREATE TABLE app.customer (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email app.email_address NOT NULL UNIQUE, first_name varchar(12), last_name text NOT NULL,
    phone char(20), birth date, iban varchar(34), ip inet, token uuid UNIQUE, code app.short_code, note text, tags text[],
    address jsonb, home app.place, parent int REFERENCES app.customer, salary numeric(8,2) CHECK (salary >= 0), visits smallint,
    seen timestamptz, label text GENERATED ALWAYS AS (last_name || '!') STORED, secret bytea,
    CHECK (length(last_name) > 1));
INSERT INTO app.customer (email, first_name, last_name, phone, birth, iban, ip, token, code, note, tags, address, home, parent, salary, visits, seen, secret)
SELECT 'Raw' || g || '@mail.example', CASE WHEN g % 7 = 0 THEN NULL ELSE 'Rawan' || g END, 'Rawson' || g % 500, '+44 4711 ' || g,
       date '1950-01-01' + g, 'DE00471100000000' || lpad(g::text, 6, '0'), inet '192.168.0.0' + g, md5('raw' || g)::uuid, 'raw-code-' || g,
       CASE g % 5 WHEN 0 THEN '' WHEN 1 THEN NULL ELSE E'rawnote\t' || g || E'\nwith \\. and \\' END, ARRAY['rawtag' || g, NULL, ''],
       jsonb_build_object('street', 'Rawstreet ' || g, 'geo', jsonb_build_object('lat', 47.11, 'name', 'rawgeo' || g), 'plan', 'gold'),
       ROW('Rawhome ' || g, '4711')::app.place, CASE WHEN g > 3 THEN g - 3 END, g % 9000 + 0.47, g % 100,
       timestamptz '2026-01-01 04:07:11+00' + g * interval '1 min',
       convert_to('rawbytes' || g, 'UTF8')
FROM generate_series(1, :people) g;

CREATE TABLE app."Bestellung Ü" (
    "Nr." bigint PRIMARY KEY, customer int REFERENCES app.customer, "E-Mail" citext REFERENCES app.customer (email), total numeric, "order" text);
INSERT INTO app."Bestellung Ü" SELECT g, g % :people + 1, 'Raw' || g % :people + 1 || '@mail.example', g * 1.5, 'x' FROM generate_series(1, :people * 4 / 3) g;
CREATE TABLE app.visit (day date NOT NULL, who text, email text) PARTITION BY RANGE (day);
CREATE TABLE app.visit_1 PARTITION OF app.visit FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE app.visit_2 PARTITION OF app.visit FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
INSERT INTO app.visit SELECT date '2026-01-01' + g % 360, 'Rawson' || g % 500, 'Raw' || g || '@mail.example' FROM generate_series(1, :people) g;
CREATE TABLE app.hen (id int PRIMARY KEY, egg int);
CREATE TABLE app.egg (id int PRIMARY KEY, hen int REFERENCES app.hen);
ALTER TABLE app.hen ADD FOREIGN KEY (egg) REFERENCES app.egg;
INSERT INTO app.hen VALUES (1, NULL); INSERT INTO app.egg VALUES (1, 1); UPDATE app.hen SET egg = 1;
CREATE TABLE app.session (id text PRIMARY KEY, data text);
INSERT INTO app.session SELECT 'raw' || g, 'rawdata' FROM generate_series(1, 100) g;
CREATE TABLE app.columnless (); INSERT INTO app.columnless SELECT FROM generate_series(1, 7);
CREATE TABLE app.empty (id int);
CREATE VIEW app.people AS SELECT id, email, label FROM app.customer;
CREATE MATERIALIZED VIEW app.mails AS SELECT email::text FROM app.customer;
CREATE INDEX ON app.mails (email);
CREATE INDEX ON app.customer (lower(last_name));
ANALYZE app.customer;
