# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The profile of Django projects whose manage.py is at the top of the repository."""

from __future__ import annotations

# Where django.contrib.sites is installed, e-mails and feeds have their links from there.
ADOPT_SITE = """DO $do$ BEGIN
IF to_regclass('django_site') IS NULL THEN
    RETURN;
ELSIF {site_domain} = '' THEN
    RAISE 'the inventory does not say which domain the site has here: slipway_variables.site_domain';
ELSIF (SELECT count(*) FROM django_site) > 1 THEN
    RAISE 'there are several sites: say in slipway.yml (adopt.sql) which domain each of them has here';
END IF;
UPDATE django_site SET domain = {site_domain}, name = left({site_domain}, 50);
END $do$"""

# Bytecode is valid for as long as its source has that hash: patches change sources, and no time of a file is kept in a package.
# A file that cannot be compiled, such as a test of somebody's parser, or that has its bytecode where this user may not write, is
# named, and no reason to have no package. All else is one, a full disk too, which Python's own compileall tells with the exit
# status of such a file.
COMPILE = """
import errno, os, py_compile, sys
top, checked = sys.argv[1], py_compile.PycInvalidationMode.CHECKED_HASH
for folder, folders, names in os.walk(top):
    folders.sort()
    for path in (os.path.join(folder, name) for name in sorted(names) if name.endswith(".py")):
        try:
            if os.path.isfile(path):
                py_compile.compile(path, dfile=os.path.relpath(path, top), doraise=True, invalidation_mode=checked)
        except (py_compile.PyCompileError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (errno.EACCES, errno.ENAMETOOLONG):
                raise
            print(path, error, file=sys.stderr)
"""
# The same for the same sources: nothing of the folder, and of sets no order that differs with every process (before Python 3.11
# None is hashed by its address, so that is to be the same as well); and nothing that only some machines have Python import at its
# start, or set for it, for what is known already is written otherwise. Not from the checkout, whose modules could have names of
# Python's own.
BYTECODE = ["sh", "-c", 'cd / && unset PYTHONPATH PYTHONOPTIMIZE PYTHONWARNINGS PYTHONPYCACHEPREFIX && PYTHONHASHSEED=0'
                        ' $(setarch -R true 2> /dev/null && echo setarch -R) "$0" -S -c "$1" "$OLDPWD"', "{python}", COMPILE]

DJANGO = {
    "variables": {"site_domain": ""},
    # What Python makes of the sources is made once, for all hosts, and no program of the application may change it. Each would
    # make it anew where root unpacks releases, in three quarters of the time that it takes to start.
    "build": {"compile": [BYTECODE]},
    "commands": {
        "install": ["{python} manage.py migrate --noinput"],
        "migrate": ["{python} manage.py migrate --noinput"],
        "check": ["{python} manage.py check"],
    },
    "console": "{python} manage.py",
    "health": {"url": "http://127.0.0.1:{port}/healthz"},
    "database": {
        "migrations_table": "django_migrations",
        "current": ["{python}", "manage.py", "shell", "-c", "from django.db import connection; cursor = connection.cursor();"
                                                            " cursor.execute('SELECT current_database()'); print(cursor.fetchone()[0])"],
    },
    "adopt": {"sql": [ADOPT_SITE]},
    "migrations": {
        "pending": "{python} manage.py showmigrations --plan",
        "pattern": r"^\[ \]\s+(?P<app>\w+)\.(?P<migration>\w+)",
        "sql": "{python} manage.py sqlmigrate {app} {migration}",
        # RunPython: a comment that names the operation, then one that says this. Inside of SeparateDatabaseAndState it says nothing, as where
        # only Django's state changes.
        "code": r"(?:^-- (?P<what>[^\n]*)\n--\n)?^-- [A-Z ]*CANNOT BE WRITTEN AS SQL"
                r"|^-- Custom state/database change combination(?=\n--\n(?:-- \(no-op\)|--\n|COMMIT;|\Z))",
    },
}
