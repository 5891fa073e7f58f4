<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

use Oro\StandIn\Application;
use Oro\StandIn\Cache;
use Oro\StandIn\Maintenance;

require __DIR__ . '/../vendor/autoload.php';

$application = new Application();
if ((new Maintenance($application))->isOn()) {
    http_response_code(503);
    exit("Service Temporarily Unavailable\n");
}
header('Content-Type: application/json');
// Read here, so that what is served is as old as the code is.
const VERSION = '5.1.0';
echo json_encode([
    'version' => VERSION,
    'path' => $_SERVER['REQUEST_URI'],
    'user' => posix_getpwuid(posix_geteuid())['name'],
    'metadata' => Cache::ofEnvironment()->get('metadata', [Application::class, 'platform']),
    'platform' => Application::platform(),
    'validates' => (bool) ini_get('opcache.validate_timestamps'),
    'cached' => function_exists('opcache_is_script_cached') && opcache_is_script_cached(__FILE__),
    'migrations' => (int) $application->database()->query('SELECT count(*) FROM oro_migrations')->fetchColumn(),
]);
