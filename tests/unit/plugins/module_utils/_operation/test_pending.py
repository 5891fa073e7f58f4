# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How pending migrations are read by what slipway.yml says, with real commands that print as migration tools do."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.slipway.app.plugins.module_utils._config.profiles.django import DJANGO
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.oro import ORO
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._config.schema import validate
from ansible_collections.slipway.app.plugins.module_utils._operation.pending import ALL, pending
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import open_runtime

# As Django 5.2 prints them.
PLAN = """[X]  contenttypes.0001_initial
[ ]  shop.0002_number ... (shop.0001_initial)
[ ]  shop.0003_fill
"""
SQL = """BEGIN;
--
-- Raw Python operation
--
-- THIS OPERATION CANNOT BE WRITTEN AS SQL
--
-- Add field number to order
--
ALTER TABLE "shop_order" ADD COLUMN "number" text NULL;
COMMIT;
"""
READ_ONLY = "-c default_transaction_read_only=on"


@pytest.fixture
def ask(application):
    """ask(migrations, migrate) -> what is pending in a release with this configuration."""

    number = itertools.count(1)

    def asked(migrations, migrate=("true",), private=None, environment=None):
        application.release({}, next(number), private=private, migrations=migrations, commands={"migrate": list(migrate)},
                            environment=environment or {})
        return pending(open_runtime({"root": application.root, "environment": None, "variables": {}, "python": None}))

    return asked


def printing(text):
    return ["printf", "%s", text.replace("{", "{{").replace("}", "}}")]


def test_one_after_the_other_by_the_profile_django(ask):
    profile = dict(DJANGO["migrations"], pending=printing(PLAN), compatible=["shop.0003_fill"],
                   sql=["sh", "-c", "printf '%s' \"$3\"; echo \"-- $1 $2\"", "sh", "{app}", "{migration}", SQL])
    found = ask(profile)
    assert [(one["name"], one["code"], one["problem"], one["compatible"]) for one in found["migrations"]] == [
        ("shop.0002_number", ["Raw Python operation"], None, False), ("shop.0003_fill", ["Raw Python operation"], None, True)]
    assert found["migrations"][0]["sql"] == SQL + "-- shop 0002_number\n"
    assert (found["problem"], found["tables"], found["server_version"]) == (None, None, None)


def test_what_django_1_and_2_print_for_code(ask):
    words = "-- MIGRATION NOW PERFORMS OPERATION THAT CANNOT BE WRITTEN AS SQL:\n-- Raw Python operation\n"
    [one] = ask({"sql": printing(words), "code": DJANGO["migrations"]["code"]})["migrations"]
    assert one["code"] == ["-- MIGRATION NOW PERFORMS OPERATION THAT CANNOT BE WRITTEN AS SQL"]


@pytest.mark.parametrize("below", ["-- (no-op)\n", "COMMIT;\n", "--\n-- Add field a to order\n--\nALTER TABLE shop_order ADD a int;\n"])
def test_what_django_prints_no_sql_for_may_have_been_code(ask, below):
    """What is inside of SeparateDatabaseAndState was run just now where the session can write, and is nowhere in the SQL."""
    code = DJANGO["migrations"]["code"]
    heading = "BEGIN;\n--\n-- Custom state/database change combination\n--\n"
    [one] = ask({"sql": printing(heading + below), "code": code})["migrations"]
    assert one["code"] == ["-- Custom state/database change combination"]
    [one] = ask({"sql": printing(heading + "ALTER TABLE shop_order ADD a int;\nCOMMIT;\n"), "code": code})["migrations"]
    assert one["code"] == []


def test_all_at_once(ask):
    [one] = ask({"sql": printing("ALTER TABLE orders DROP x;"), "code": "^-- code: (?P<what>.*)"})["migrations"]
    assert (one["name"], one["sql"], one["code"]) == (ALL, "ALTER TABLE orders DROP x;", [])
    assert ask({"sql": printing("\n \n")})["migrations"] == []


def test_all_at_once_with_headings_by_the_profile_oro(ask):
    text = "-- > Oro\\Bundle\\v1_1\\AddNote\nALTER TABLE a ADD note TEXT DEFAULT NULL;\nDROP TABLE b;\n-- > Acme\\v1_0\\Empty\n"
    found = ask(dict(ORO["migrations"], sql=printing(text)))["migrations"]
    assert [(one["name"], one["sql"].strip(), one["code"]) for one in found] == [
        ("Oro\\Bundle\\v1_1\\AddNote", "ALTER TABLE a ADD note TEXT DEFAULT NULL;\nDROP TABLE b;", []),
        ("Acme\\v1_0\\Empty", "", ["Acme\\v1_0\\Empty"])]
    assert ask(dict(ORO["migrations"], sql=printing("")))["migrations"] == []
    [above, _first, _second] = ask(dict(ORO["migrations"], sql=printing("DROP TABLE c;\n" + text)))["migrations"]
    assert (above["name"], above["sql"]) == (ALL, "DROP TABLE c;\n")


FIXTURES = """List of "main" data fixtures ...
  > Acme\\Bundle\\Migrations\\Data\\ORM\\LoadCountries
  > Oro\\Bundle\\MigrationBundle\\Migration\\UpdateDataFixturesFixture
"""


@pytest.fixture
def php(tmp_path):
    """php(what oro:migration:load prints, what oro:migration:data:load prints, its exit status) -> a PHP that does."""

    def make(migrations, fixtures, status=0):
        for name, text in (("load", migrations), ("data:load", fixtures)):
            (tmp_path / name).write_text(text)
        program = tmp_path / "php"
        program.write_text("#!/bin/sh\ncase \"$*\" in *oro:migration:load\\ --dry-run*) cat '%s/load';; *oro:migration:data:load\\ --dry-run)"
                           " cat '%s/data:load'; exit %d;; *) exit 9;; esac\n" % (tmp_path, tmp_path, status))
        program.chmod(0o755)
        return dict(ORO["migrations"], sql=[word.replace("{php}", str(program)) for word in ORO["migrations"]["sql"]])

    return make


# What the platform's own listeners bring to every load, as 6.0 and later print it; 5.1 has no line of memory and time.
BEFORE = """List of migrations:
  > Oro\\Bundle\\EntityExtendBundle\\Migration\\LoadEntityConfigStateMigration
    SELECT e.class_name, e.data FROM oro_entity_config e
    SELECT e.class_name, f.field_name, f.data FROM oro_entity_config e INNER JOIN oro_entity_config_field f ON f.entity_id = e.id
    64.00 MiB - 12 ms
"""
AFTER = """  > Oro\\Bundle\\EntityConfigBundle\\Migration\\UpdateEntityConfigMigration
    Update entity configs
    66.50 MiB - 0 ms
  > Oro\\Bundle\\EntityExtendBundle\\Migration\\UpdateExtendConfigMigration
    66.50 MiB - 0 ms
  > Oro\\Bundle\\EntityExtendBundle\\Migration\\UpdateExtendIndicesMigration
    66.50 MiB - 3 ms
  > Oro\\Bundle\\EntityExtendBundle\\Migration\\RefreshExtendCacheMigration
    Refresh extend entity configs
    Refresh extend entity cache
    66.50 MiB - 1 ms
  > Oro\\Bundle\\EntityConfigBundle\\Migration\\WarmUpEntityConfigCacheMigration
    Warm up entity configs cache
    66.50 MiB - 0 ms
"""
VERSIONS = "  > Oro\\Bundle\\MigrationBundle\\Migration\\UpdateBundleVersionMigration\n%s    66.00 MiB - 0 ms\n"
NOTHING = BEFORE + VERSIONS % "" + AFTER


def printed(*queries):
    """What the platform prints where Acme\\v1_1\\Fill has these queries."""
    noted = "    INSERT INTO oro_migrations (bundle, version, loaded_at) VALUES ('AcmeBundle', 'v1_1', '2026-01-01 00:00:00')\n"
    return "%s  > Acme\\v1_1\\Fill\n%s    64.00 MiB - 2 ms\n%s" % (
        BEFORE, "".join("    %s\n" % query for query in queries), VERSIONS % noted + AFTER)


def test_what_oro_does_at_every_load_is_no_migration(ask, php):
    for text in (NOTHING, "".join(line for line in NOTHING.splitlines(True) if " MiB - " not in line)):
        nothing = ask(php(text, ""))
        assert (nothing["migrations"], nothing["problem"]) == ([], None)
    [one] = ask(php(printed("ALTER TABLE a ADD note TEXT"), ""))["migrations"]
    assert (one["name"], one["sql"], one["code"]) == ("Acme\\v1_1\\Fill", "\nALTER TABLE a ADD note TEXT;\n", [])
    [one] = ask(php(printed(), ""))["migrations"]  # its work is PHP
    assert (one["name"], one["code"]) == ("Acme\\v1_1\\Fill", ["Acme\\v1_1\\Fill"])


def test_what_oros_own_migrations_change_is_kept(ask, php):
    index = "    CREATE INDEX oro_idx_a_note ON a (note)\n"
    [one] = ask(php(NOTHING.replace("UpdateExtendIndicesMigration\n", "UpdateExtendIndicesMigration\n" + index), ""))["migrations"]
    assert one["name"].endswith("UpdateExtendIndicesMigration") and one["sql"].strip() == index.strip() + ";"
    for query in ("SELECT setval('a', 1)", "SELECT 1; DROP TABLE a", "INSERT INTO oro_migrations SELECT 1; DROP TABLE a"):
        [one] = ask(php(NOTHING.replace("Update entity configs", query), ""))["migrations"]
        assert one["sql"].strip() == query + ";"
    [one] = ask(php(NOTHING.replace("Update entity configs", "SELECT a FROM b\n            UPDATE c SET d = 1"), ""))["migrations"]
    assert one["sql"].strip() == "UPDATE c SET d = 1;"


@pytest.mark.parametrize("query", [
    "DELETE FROM acme_demo\n    WHERE note IS NULL",  # as in a heredoc whose own indent PHP takes away
    "UPDATE acme_demo\n        SET note = 'a'\nWHERE note IS NULL",
    "UPDATE acme_demo\n    SET\n    note = 'a'",
    "INSERT INTO acme_demo (id, note)\n    SELECT id, 'a'\n    FROM acme_other\n    ON CONFLICT DO NOTHING",
    "SELECT\n    id,\n    note\n    FROM acme_demo\n    UNION ALL\n    SELECT 1, 'a'",
    "WITH a AS (\n    SELECT 1\n)\n    DELETE FROM acme_demo WHERE id IN (\n    SELECT 1\n    )",
    "DO $$\n    BEGIN\n    UPDATE acme_demo SET id = 1;\n    END $$",
    "CREATE TABLE acme_new AS\n    SELECT 1",
    "ALTER TABLE acme_demo\n    ADD a INT,\n    DROP b",
    "update acme_demo\n    set note = 'it\n    is'",
    "INSERT INTO acme_demo (id) VALUES (1)\n    ON CONFLICT (id)\n    DO UPDATE\n    SET id = 2",
    "        DELETE FROM acme_demo\n        WHERE id IN (\n            SELECT 1\n        )",  # a heredoc that keeps its indent
    "\n            UPDATE acme_demo\n            SET note = 'a'\n        ",
])
def test_a_query_of_oro_on_several_lines_is_one_statement(ask, php, query):
    [one] = ask(php(printed("ALTER TABLE a ADD b INT", query, "DROP TABLE c", "Update the notes of all", "DROP TABLE d"), ""))["migrations"]
    assert one["sql"] == "\nALTER TABLE a ADD b INT;\n%s;\nDROP TABLE c;\nUpdate the notes of all;\nDROP TABLE d;\n" % query.strip()


def test_parameters_of_oro_are_no_statements(ask, php):
    queries = ["UPDATE a SET b = :b, c = '1'::text\n    WHERE id = :id", "Parameters:", "[b] = two\nlines", "[id] = 1",
               "UPDATE a SET b = ? WHERE id IN (?)", "Parameters:", "[1] = x", "[2] = 1,2", "SELECT '{\"a\":true}'::jsonb ? 'a'"]
    [one] = ask(php(printed(*queries), ""))["migrations"]
    assert one["sql"] == ("\nUPDATE a SET b = $1, c = '1'::text\n    WHERE id = $1;\nUPDATE a SET b = $1 WHERE id IN ($1);\n"
                          "SELECT '{\"a\":true}'::jsonb ? 'a';\n")


@pytest.mark.parametrize("query", [
    "\nDELETE FROM big\nWHERE n = 1\n",
    "        REFRESH MATERIALIZED VIEW v",  # a heredoc that keeps its indent
    "\n            CALL wipe()\n        ",
    "/* all */ DELETE FROM big",
    "(SELECT wipe())",
])
def test_what_follows_parameters_of_oro_is_kept(ask, php, query):
    queries = ["UPDATE a SET b = :b", "Parameters:", "[b] = two\nlines", query, "DROP TABLE c"]
    [one] = ask(php(printed(*queries), ""))["migrations"]
    assert one["sql"] == "\nUPDATE a SET b = $1;\n%s;\nDROP TABLE c;\n" % query.strip()


@pytest.mark.parametrize(("first", "second"), [
    ("INSERT INTO small (name) SELECT 'closed :('", "DELETE FROM big WHERE id > 5"),
    ("SELECT setval('s', 1) -- don't go back", "DELETE FROM big"),
    ("SELECT setval('s', 1)", "\nDELETE FROM big"),
])
def test_what_is_quoted_or_in_a_comment_leaves_no_query_of_oro_open(ask, php, first, second):
    """A SELECT and a DELETE behind it would be one valid SELECT, whose column is called delete."""
    [one] = ask(php(printed(first, second), ""))["migrations"]
    assert one["sql"] == "\n%s%s\n%s;\n" % (first, "\n;" if "--" in first else ";", second.strip())


def test_what_looks_open_does_not_take_in_all_that_follows(ask, php):
    """It is read again for each line that it gets, which took minutes for as many."""
    queries = ["UPDATE a SET b = E'it\\'s'"] + ["UPDATE a SET b = 'c' WHERE id = %d" % number for number in range(5000)]
    [one] = ask(php(printed(*queries), ""))["migrations"]
    assert one["sql"].count(";\n") > 4500


def test_a_comment_does_not_hide_where_a_query_of_oro_ends(ask, php):
    [one] = ask(php(printed("DROP TABLE a -- for good", "DROP TABLE b;"), ""))["migrations"]
    assert one["sql"] == "\nDROP TABLE a -- for good\n;\nDROP TABLE b;\n"


def test_data_fixtures_of_oro_are_migrations_of_code(ask, php):
    """A package that only brings data must not pass as one that brings nothing."""
    both = ask(php(printed("ALTER TABLE a ADD note TEXT"), FIXTURES))["migrations"]
    data = "Acme\\Bundle\\Migrations\\Data\\ORM\\LoadCountries"
    assert [(one["name"], one["sql"].strip(), one["code"]) for one in both] == [
        ("Acme\\v1_1\\Fill", "ALTER TABLE a ADD note TEXT;", []), (data, "", [data])]
    assert [one["name"] for one in ask(php(NOTHING, FIXTURES))["migrations"]] == [data]
    assert "exit status 3" in ask(php(NOTHING, "", 3))["problem"]


def test_what_reads_cannot_write(ask):
    """Django runs code that is inside of SeparateDatabaseAndState when it is asked for the SQL, so the session must not allow it."""
    said = ["sh", "-c", "echo $PGOPTIONS"]
    found = ask({"pending": said, "pattern": "(?P<list>.*)", "sql": [*said[:2], "echo \"$0\"; " + said[2], "{list}"]})["migrations"][0]
    assert (found["name"], found["sql"]) == (READ_ONLY, READ_ONLY + "\n" + READ_ONLY + "\n")
    own = {"PGOPTIONS": "-c search_path=mine -c default_transaction_read_only=off"}
    [one] = ask({"sql": ["printenv", "PGOPTIONS"]}, environment=own)["migrations"]
    assert one["sql"] == "%s %s\n" % (own["PGOPTIONS"], READ_ONLY)  # of two the last counts


def test_a_migration_whose_sql_cannot_be_had_is_there_with_the_reason(ask):
    sql = ["sh", "-c", "test $0 = a && echo 'SELECT 1' || { echo no such constraint >&2; exit 3; }".replace("{", "{{").replace("}", "}}"),
           "{name}"]
    first, second = ask({"pending": printing("a\nb\n"), "pattern": "^(?P<name>.)$", "sql": sql})["migrations"]
    assert (first["sql"], first["problem"]) == ("SELECT 1\n", None)
    assert "exit status 3" in second["problem"] and "no such constraint" in second["problem"]


@pytest.mark.parametrize("words", [": options", " in options: default_transaction_read_only"])
def test_a_pooler_that_refuses_what_slipway_asks_for_is_told_of(ask, words):
    sql = ["sh", "-c", "echo \"FATAL: unsupported startup parameter$0\" >&2; exit 1", words]
    problem = ask({"sql": sql})["problem"]
    assert "unsupported startup parameter" in problem and "PGOPTIONS" in problem and "ignore_startup_parameters" in problem
    assert "PGOPTIONS" not in ask({"sql": "false"})["problem"]
    for own in (": extra_float_digits", " in options: search_path"):
        assert "PGOPTIONS" not in ask({"sql": sql[:-1] + [own]})["problem"], "that is the application's own"


def test_a_list_that_cannot_be_had_is_no_empty_list(ask):
    found = ask({"pending": ["sh", "-c", "echo cannot connect; exit 1"], "pattern": "x", "sql": "true"})
    assert found["migrations"] == [] and "cannot connect" in found["problem"]
    assert "migrations.pattern" in ask({"pending": "true", "sql": "true"})["problem"]


def test_an_application_that_does_not_say_how(ask):
    assert "migrations.sql" in ask({})["problem"]
    nothing_to_migrate = ask({}, migrate=())
    assert nothing_to_migrate["migrations"] == [] and nothing_to_migrate["problem"] is None


def test_secrets_are_hidden_in_sql_and_in_errors(ask):
    private = {"TOKEN": "swordfish"}
    [one] = ask({"sql": ["sh", "-c", "echo \"SELECT '$TOKEN'\""]}, private=private)["migrations"]
    assert one["sql"] == "SELECT '********'\n"
    problem = ask({"sql": ["sh", "-c", "echo $TOKEN; exit 1"]}, private=private)["problem"]
    assert "exit status 1" in problem and "swordfish" not in problem


def test_what_is_far_too_long_is_not_carried_along(ask):
    [one] = ask({"sql": ["sh", "-c", "head -c 4194305 /dev/zero | tr '\\0' x"]})["migrations"]
    assert one["sql"] == "" and "longer" in one["problem"]


@pytest.mark.parametrize("pattern", ["(", "*", "(?P<a>x"])
def test_a_pattern_that_is_none_is_refused_by_name(pattern):
    document = {"application": "shop", "profile": "generic", "migrations": {"pattern": pattern}}
    with pytest.raises(SlipwayError, match=r"migrations\.pattern must be a regular expression"):
        validate(document, "slipway.yml")
