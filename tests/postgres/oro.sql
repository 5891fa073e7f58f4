-- Copyright (c) 2026, Slipway contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Some tables of Oro, with their personal data and little more. Every raw value of a person has "raw" in it.
SET search_path = public;
CREATE TABLE oro_user (id serial PRIMARY KEY, username varchar(255) NOT NULL UNIQUE, username_lowercase varchar(255) NOT NULL, email varchar(255) NOT NULL UNIQUE,
    email_lowercase varchar(255) NOT NULL, phone varchar(255), name_prefix varchar(255), first_name varchar(255), middle_name varchar(255),
    last_name varchar(255), name_suffix varchar(255), birthday date, enabled boolean NOT NULL, salt varchar(255) NOT NULL, password varchar(255) NOT NULL,
    confirmation_token varchar(255), login_count int DEFAULT 0 NOT NULL);
CREATE TABLE oro_customer_user_address (id serial PRIMARY KEY, label varchar(255), street varchar(500), street2 varchar(500), city varchar(255),
    postal_code varchar(255), organization varchar(255), region_text varchar(255), first_name varchar(255), last_name varchar(255), phone varchar(255));
CREATE TABLE acme_pickup (id serial PRIMARY KEY, place text);
CREATE TABLE oro_email_body (id serial PRIMARY KEY, body text NOT NULL, body_is_text boolean NOT NULL, text_body text);
CREATE TABLE oro_email_address (id serial PRIMARY KEY, email varchar(255) NOT NULL UNIQUE, has_owner boolean NOT NULL);
CREATE TABLE oro_email_attachment_content (id serial PRIMARY KEY, content text NOT NULL, content_transfer_encoding varchar(20) NOT NULL);
CREATE TABLE oro_config (id serial PRIMARY KEY, entity varchar(255), record_id int);
CREATE TABLE oro_config_value (id serial PRIMARY KEY, config_id int REFERENCES oro_config ON DELETE CASCADE, name varchar(255) NOT NULL, section varchar(50),
    text_value text, object_value text, array_value text, type varchar(20) NOT NULL, created_at timestamp(0) NOT NULL, updated_at timestamp(0) NOT NULL,
    UNIQUE (name, section, config_id));
CREATE TABLE oro_audit (id serial PRIMARY KEY, object_name varchar(255));
CREATE TABLE oro_audit_field (id serial PRIMARY KEY, audit_id int NOT NULL REFERENCES oro_audit, old_text text);
CREATE TABLE oro_oauth2_client (id serial PRIMARY KEY, name varchar(255) NOT NULL, identifier varchar(32) NOT NULL UNIQUE, secret varchar(128), salt varchar(50) NOT NULL);
CREATE TABLE oro_payment_transaction (id serial PRIMARY KEY, access_identifier varchar(255) NOT NULL, access_token varchar(255) NOT NULL, reference varchar(255),
    amount varchar(255) NOT NULL, response text);
INSERT INTO oro_user (username, username_lowercase, email, email_lowercase, phone, first_name, middle_name, last_name, birthday, enabled, salt, password)
SELECT 'Rawann.' || g || '@mail.example', 'rawann.' || g || '@mail.example', 'Rawann.' || g || '@mail.example', 'rawann.' || g || '@mail.example', '+49 raw ' || g,
    'Rawann' || g, 'Rawmid' || g, 'Rawson' || g, '1970-01-01', true, 'rawsalt' || g, 'rawhash' || g FROM generate_series(1, 30) g;
INSERT INTO oro_customer_user_address (label, street, street2, city, postal_code, organization, region_text, first_name, last_name, phone)
VALUES ('rawlabel', 'Rawstreet 1', 'rawfloor', 'Rawcity', 'raw123', 'Raworg', 'Rawregion', 'Rawann1', 'Rawson1', '+49 raw 1');
INSERT INTO oro_email_body (body, body_is_text, text_body) VALUES ('<p>rawmail to Rawann1</p>', false, 'rawmail to Rawann1');
INSERT INTO oro_email_address (email, has_owner) SELECT email, true FROM oro_user;
INSERT INTO oro_email_attachment_content (content, content_transfer_encoding) VALUES ('cmF3 rawcontent', 'base64');
INSERT INTO oro_config (entity, record_id) VALUES ('user', 7), ('app', 0), ('website', 1), ('website', 2);
INSERT INTO oro_config_value (config_id, section, name, text_value, object_value, array_value, type, created_at, updated_at)
SELECT c.id, section, name, value, 'Tjs=', 'Tjs=', 'scalar', now(), now() FROM oro_config c, (VALUES ('app', 'oro_google', 'api_key', 'rawapikey'),
    ('user', 'oro_email', 'signature', 'Rawann1'), ('app', 'oro_distribution', 'is_installed', '1'), ('app', 'oro_ui', 'application_url', 'https://shop.example'),
    ('app', 'oro_website', 'url', 'https://shop.example'), ('website', 'oro_website', 'secure_url', 'https://shop.example')) v (scope, section, name, value)
WHERE c.entity = v.scope;
INSERT INTO oro_audit (object_name) VALUES ('Rawann1 Rawson1'); INSERT INTO oro_audit_field (audit_id, old_text) VALUES (1, 'Rawann1');
INSERT INTO oro_oauth2_client (name, identifier, secret, salt) VALUES ('ERP', 'rawclient', 'rawsecret', 'rawsalt');
INSERT INTO oro_payment_transaction (access_identifier, access_token, reference, amount, response) VALUES ('rawid', 'rawtoken', 'rawref', '10', 'rawresponse');
