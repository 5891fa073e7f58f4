<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

use Oro\StandIn\Application;
use Oro\StandIn\Cache;
use Oro\StandIn\Maintenance;

require __DIR__ . '/../vendor/autoload.php';

// Read here, so that what is served is as old as the code is.
const VERSION = '5.1.0';
if (trim((string) @file_get_contents('/etc/standin-red')) === VERSION) {
    http_response_code(500); // the tests want this version to be broken on this host
    exit("The barometer is falling\n");
}

$application = new Application();
if ((new Maintenance($application))->isOn()) {
    http_response_code(503);
    exit("Service Temporarily Unavailable\n");
}
if (preg_match('#^/media/cache/attachment/resize/(\d+)/\d+/\d+/[\w-]+\.png$#D', $path = strtok($_SERVER['REQUEST_URI'], '?'), $asked)) {
    // A resized picture is made when it is first asked for; from then on it is a file.
    $file = __DIR__ . $path;
    is_dir(dirname($file)) || mkdir(dirname($file), 0775, true);
    file_put_contents($file, $picture = 'picture ' . $asked[1] . ' made at ' . hrtime(true));
    header('Content-Type: image/png');
    exit($picture);
}
if (preg_match('#^/login/(\w+)$#D', $path, $asked)) {
    Cache::ofSessions()->set($asked[1], 'since ' . hrtime(true));
}
header('Content-Type: application/json');
echo json_encode([
    'version' => VERSION,
    'path' => $_SERVER['REQUEST_URI'],
    'user' => posix_getpwuid(posix_geteuid())['name'],
    'session' => Cache::ofSessions()->get($_GET['session'] ?? 'nobody', fn () => ''),
    'metadata' => Cache::ofEnvironment()->get('metadata', [Application::class, 'platform']),
    'platform' => Application::platform(),
    'upload_limit' => ini_get('upload_max_filesize'),
    'fpm' => posix_getppid(),
    'validates' => (bool) ini_get('opcache.validate_timestamps'),
    'cached' => function_exists('opcache_is_script_cached') && opcache_is_script_cached(__FILE__),
    'migrations' => (int) $application->database()->query('SELECT count(*) FROM oro_migrations')->fetchColumn(),
]);
