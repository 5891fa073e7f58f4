# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The profile of applications on the Oro platform (OroCommerce, OroCRM, OroPlatform), 5.1 and later.

It follows the order that the vendor's own flow has; what is not plain there is said beside it.
"""

from __future__ import annotations

CONSOLE = "{php} bin/console --env=prod --no-interaction "
SCRIPT = "{composer} --no-interaction run-script --no-dev --timeout=0 "

# oro:install takes the administrator's password as an option only, where every user of the machine could read it in the
# list of processes. So PHP itself puts it behind the other words, from the environment.
INSTALL_CODE = (
    "$_SERVER['argv'] = $argv = array_merge(['bin/console'], array_slice($argv, 1),"
    " ['--user-password=' . getenv('ORO_USER_PASSWORD')]);"
    " $_SERVER['argc'] = $argc = count($argv); require 'bin/console';")
INSTALL = [
    "{php}", "-r", INSTALL_CODE, "--", "oro:install", "--env=prod", "--no-interaction", "--timeout=0",
    "--application-url={application_url}", "--organization-name={organization_name}",
    "--user-name={user_name}", "--user-email={user_email}", "--user-firstname={user_firstname}",
    "--user-lastname={user_lastname}", "--sample-data={sample_data}", "--language={language}",
    "--formatting-code={formatting_code}"]

# What the platform prints of a load becomes SQL: the names of migrations become comments, and each query ends with a semicolon. A query
# begins behind four blanks or more, with nothing behind them where its text begins with a line break, and is as many lines as its author
# wrote; the first word of a line tells whether it goes on or another one begins. Both may be wrong: what is no statement then is unsafe. No
# line is dropped for it. Below a query are its parameters, each behind four blanks and [, below all what time it took.
# One of more than 200 lines is not asked whether it goes on: it would be read anew for each, which takes minutes for thousands.
# What the platform itself does at every load (own) is no migration, as long as it only reads, notes what it has loaded, or
# refreshes caches and the configuration of entities.
READ_PLAN = r"""
function mixed(word) { return word != toupper(word) && word != tolower(word) }
function unfinished(    t, first) {
    if (lines > 200) return 0
    t = text; gsub(/'[^']*'|--[^\n]*/, "''", t); sub(/^[ \n]+/, "", t); sub(/[ \n]+$/, "", t)
    first = t; sub(/[ \n].*/, "", first)
    if (mixed(first)) return 0
    t = toupper(t)
    if (t ~ /[,=<>+*|(-]$/ || t ~ /^ALTER TABLE (ONLY |IF EXISTS )*[^ \n]+$/ || t ~ /^(UPDATE|TABLE|INSERT|DELETE|CREATE|ALTER|DROP|WITH)$/) return 1
    if (t ~ /[ \n](DISTINCT|FROM|INTO|SET|WHERE|AND|OR|ON|AS|BY|IN|NOT|ALL|UNION|EXCEPT|INTERSECT|VALUES|USING|JOIN|DO)$/ || t ~ /(^|[ \n(])SELECT$/) return 1
    if (t ~ /^INSERT INTO/ && t !~ /[ \n)](SELECT|VALUES|DEFAULT)/) return 1
    if (t ~ /^WITH / && t ~ /[)]$/ && t !~ /[)][ \n]+(SELECT|INSERT|UPDATE|DELETE|MERGE)[ \n]/) return 1
    return gsub(/'/, "&", t) % 2 || gsub(/[$][A-Z_]*[$]/, "&", t) % 2 || gsub(/[(]/, "&", t) > gsub(/[)]/, "&", t)
}
function among(words) { return index(" " words " ", " " first " ") }
function may_begin() {
    if ($0 !~ /^    /) return 0
    if ($0 ~ /^    [A-Za-z]/ && mixed($1)) return 1
    first = toupper($1); sub(/[^A-Z].*/, "", first)
    if (first == "SET") return toupper(text) !~ /UPDATE|ALTER/
    if (first == "DO") return toupper(text) !~ /CONFLICT/
    if (among("SELECT INSERT UPDATE DELETE MERGE WITH CREATE ALTER DROP TRUNCATE COMMENT GRANT REVOKE LOCK")) return 1
    return $0 ~ /^    [-A-Za-z\/]/ && !among("FROM WHERE AND OR VALUES ON USING RETURNING LEFT RIGHT FULL INNER CROSS NATURAL JOIN ORDER GROUP " \
        "HAVING LIMIT OFFSET UNION EXCEPT INTERSECT FOR CASE WHEN THEN ELSE END AS IN IS NOT LIKE BETWEEN ADD REFERENCES DEFAULT CASCADE")
}
function put() {
    sub(/^[ \n]+/, "", text); sub(/[; \n]+$/, "", text)
    if (own && (text ~ /^SELECT [^(;]+$/ || text ~ /^INSERT INTO oro_migrations [^;]+$/ || text ~ /^Refresh extend entity (cache|configs)$/ ||
                text ~ /^(Update entity configs|Warm up entity configs cache)$/)) text = ""
    if (text != "") { if (heading != "") print heading; heading = ""; print text (text ~ /--[^\n]*$/ ? "\n;" : ";") }
    text = ""; lines = 0
}
$0 == "    " || parameters && /^    [^[]/ { put(); parameters = 0 }
/^List of / || /^[ ]*$/ { next }
/^  > [^ ]+$/ {
    put(); parameters = 0; heading = "-- > " $2
    own = $2 ~ /^Oro\\Bundle\\[A-Za-z]+Bundle\\Migration\\/
    if (!own) { print heading; heading = "" }
    next
}
/^    [0-9.]+ MiB - [0-9]+ ms$/ { put(); next }
/^    Parameters:$/ {
    gsub(/::/, "\001", text); gsub(/:[A-Za-z_][A-Za-z0-9_]*|[?]/, "$1", text); gsub(/\001/, "::", text)
    put(); parameters = 1; next
}
parameters { next }
may_begin() && !unfinished() { put() }
{ text = text $0 "\n"; lines++ }
END { put() }
"""
PLAN = [
    "sh", "-c",
    "console() {{ \"$php\" bin/console --env=prod --no-interaction \"$@\"; }}; php=$0;"
    " plan=$(console oro:migration:load --dry-run --show-queries) || exit;"
    " data=$(console oro:migration:data:load --dry-run) || exit;"
    " printf '%s\\n%s\\n' \"$plan\" \"$data\" | awk \"$1\"",
    "{php}", READ_PLAN.replace("{", "{{").replace("}", "}}")]

# Doctrine prints a table, or before Oro 6.0 a dump as PHP makes it; with the marks the name can be told in both.
CURRENT = [
    "sh", "-c",
    "said=$(\"$0\" bin/console --env=prod --no-interaction dbal:run-sql \"SELECT 'database=' || current_database() || '.' AS said\") || exit;"
    " printf '%s\\n' \"$said\" | sed -n 's/.*database=\\(.*\\)\\..*/\\1/p'",
    "{php}"]

# That releases do not read each other's caches, where a Redis has them: whether the application has named the prefix.
HAS_PREFIX = [
    "sh", "-c",
    "caches=$(env | grep -E '^ORO_REDIS_(URL|(CACHE|DOCTRINE|LAYOUT)_DSN)=rediss?:') || exit 0;"
    " case $caches in *\"$SLIPWAY_CACHE_NAMESPACE\"*) exit 0;; esac;"
    " grep -rqs SLIPWAY_CACHE_NAMESPACE config src .env-app* && exit 0;"
    " echo 'Releases would read what others have cached in Redis: nothing in config names SLIPWAY_CACHE_NAMESPACE as the prefix of its"
    " keys. The guide to slipway.yml says how.' >&2; exit 1"]

# That composer.json has a flow: which of its scripts is run is known when it is too late.
HAS_FLOW = [
    "sh", "-c",
    "listed=$(\"$0\" --no-interaction run-script --list) || exit; for script in upgrade:full upgrade:rolling upgrade:source; do"
    " case $listed in *$script*) ;; *) echo \"composer.json has no script $script.\" >&2; exit 1;; esac; done",
    "{composer}"]

# Notifications only wait in the queue: the consumers, which still run, have some seconds to send them.
ANNOUNCE = [
    "sh", "-c",
    "[ -z \"$2\" ] || {{ \"$0\" bin/console --env=prod --no-interaction oro:maintenance-notification \"--subject=$1\" \"--message=$2\" && sleep \"$3\"; }}",
    "{php}", "{announcement_subject}", "{announcement}", "{announcement_seconds}"]

ORO = {
    "variables": {
        "php": "php",
        "php_fpm": "php-fpm",
        "composer": "composer",
        "backend_prefix": "",  # /admin for OroCommerce
        "announcement": "",  # mailed to users before maintenance; nothing, where there is no text
        "announcement_subject": "Maintenance",
        "announcement_seconds": "20",  # that consumers have for it before they are stopped
        "memory_limit": "1024",  # of a consumer, in MB: a half to a third of PHP's own
        "organization_name": "Organization",  # oro:install takes 15 characters
        "user_name": "admin",
        "user_firstname": "Ada",
        "user_lastname": "Admin",
        "sample_data": "n",
        "language": "en",
        "formatting_code": "en_US",
    },
    "build": {
        # The application's own post-install script of composer builds the assets.
        "commands": ["{composer} install --no-dev --no-interaction --no-progress --optimize-autoloader --prefer-dist"],
        "exclude": ["node_modules", "var/cache", "var/logs", "var/sessions", "public/index_dev.php", "public/app_dev.php"],
    },
    "layers": {
        "dependencies": ["vendor"],
        "assets": ["public/build", "public/bundles"],
    },
    # All hosts mount public/media, var/data and var/maintenance from one place.
    "shared": ["public/media", "var/data", "var/logs", "var/maintenance", "var/sessions"],
    # Nobody writes to what is public after the build, but oro:check-requirements asks whether it could.
    "writable": ["var/cache", "public/bundles", "public/js"],
    "environment": {
        "APP_ENV": "prod",
        "COLUMNS": "200",  # the console breaks the lines of error messages there
        # Outside of the cache, which comes and goes, and of the release: a lock is for all of them. 5.1 would have it in
        # var/cache, where clearing the cache would let users in.
        "ORO_MAINTENANCE_LOCK_FILE_PATH": "{shared}/var/maintenance/maintenance_lock",
        "ORO_GLOBAL_LOCK_FILE_PATH": "{shared}/var/maintenance/global_lock",
        # A prefix for the keys in a Redis that all releases share. The platform has no variable of its own for it: the
        # application's config.yml has to name this one.
        "SLIPWAY_CACHE_NAMESPACE": "{namespace}",
    },
    "commands": {
        "check": [HAS_PREFIX, CONSOLE + "oro:check-requirements"],
        # Without --force it changes nothing: exit status 0 means that the update can begin.
        "check_upgrade": [
            CONSOLE + "oro:platform:update",
            CONSOLE + "oro:entity-extend:update --dry-run",
        ],
        "install": [INSTALL],
        "migrate": [CONSOLE + "oro:platform:update --force --timeout=0 --skip-search-reindexation"],
        # It warms what it has cleared.
        "warm": [CONSOLE + "cache:clear"],
    },
    "exit_codes": {
        "oro:install": {"3": "Oro is installed in this database already; nothing was changed."},
        "oro:cron": {"1": "The application is in maintenance mode, or the command that was due failed."},
    },
    "console": CONSOLE,
    "services": {
        # PHP-FPM of the application's own, not the machine's: a release starts it anew, so that no old code is left in
        # the opcache, and it has the application's environment. Its pool, in php-fpm.conf, belongs to the host.
        "web": {
            "kind": "web",
            "command": "{php_fpm} --nodaemonize --fpm-config {root}/php-fpm.conf",
            "stop_signal": "QUIT",  # ends when the requests have ended
        },
        # It ends with 0 whenever it is time to begin anew; on SIGTERM it ends its message first.
        "consumer": {
            "kind": "consumer",
            "command": CONSOLE + "oro:message-queue:consume --no-debug --memory-limit={memory_limit}"
                                 " '--time-limit=now + 600 seconds'",
            "stop_timeout": 300,
        },
        "cron": {"kind": "cron", "command": CONSOLE + "oro:cron", "schedule": "minutely", "stop_timeout": 60},
        "websocket": {"kind": "websocket", "command": CONSOLE + "gos:websocket:server"},
    },
    # Not the health bundle's address: that is red while the websocket server is down, as it is at this moment.
    "health": {"url": "http://127.0.0.1:{port}{backend_prefix}/user/login"},
    "maintenance": {
        "announce": [ANNOUNCE],
        # The pages that are open hear of it from the websocket server.
        "on": [CONSOLE + "oro:maintenance:lock"],
        # The second lock is of the application's own flow, none of whose scripts takes it away; a web server may look for it.
        "off": [CONSOLE + "oro:maintenance:unlock", "rm -f {shared}/var/maintenance/global_lock"],
        "expected_seconds": 600,
    },
    "database": {"migrations_table": "oro_migrations", "current": CURRENT},
    # Of all websites and organizations: none is to lead to where the database comes from. Where the configuration of the application says none,
    # as in a dump without it, Oro's default is http://localhost; what is no value is written as the platform writes it (null, serialized).
    "adopt": {
        "sql": [
            "UPDATE oro_config_value SET text_value = {application_url} WHERE (section, name) IN (('oro_ui', 'application_url'),"
            " ('oro_website', 'url'), ('oro_website', 'secure_url'))",
            "INSERT INTO oro_config_value (config_id, section, name, text_value, object_value, array_value, type, created_at, updated_at)"
            " SELECT id, 'oro_ui', 'application_url', {application_url}, 'Tjs=', 'Tjs=', 'scalar', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'"
            " FROM oro_config c WHERE entity = 'app' AND NOT EXISTS"
            " (SELECT FROM oro_config_value WHERE config_id = c.id AND section = 'oro_ui' AND name = 'application_url')"],
        "commands": [CONSOLE + "cache:clear", CONSOLE + "oro:search:reindex --scheduled"],
    },
    "migrations": {
        "sql": PLAN,
        "pattern": r"^-- > (?P<name>\S+)$",
        # A migration without a query of its own does its work in PHP.
        "code": r"\A\s*\Z",
    },
    "timeouts": {"build": 7200, "migrate": 14400, "command": 3600, "drain": 300},
}

# With the application's own flow, which is in its composer.json from 6.0 on. Services and the way back are Slipway's all the
# same, and so is what keeps users out: the scripts unlock the application behind the page.
ORO_FLOWS = {
    "composer": ("6.0", {
        "environment": {"COMPOSER_HOME": "{release}/var/cache/composer"},
        "commands": {
            "check_upgrade": ORO["commands"]["check_upgrade"] + [HAS_FLOW],
            "upgrade_maintenance": [SCRIPT + "upgrade:full"],
            "upgrade_rolling": [SCRIPT + "upgrade:rolling"],
            "upgrade_source": [SCRIPT + "upgrade:source"],
        },
    }),
}

# What is different from a version on, oldest first; the first one is the oldest that this profile is for: before 5.1
# the place of the lock could not be chosen.
ORO_VERSIONS = (
    ("5.1", {}),
    ("6.0", {
        "variables": {"default_currency": "USD"},
        "commands": {"install": [INSTALL + ["--default-currency={default_currency}"]]},
    }),
)
