<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

use Composer\InstalledVersions;
use PDO;

/** The application in the folder that this runs in: its version, its database, what it finds in its environment. */
final class Application
{
    private ?PDO $database = null;

    public static function platform(): string
    {
        return InstalledVersions::getPrettyVersion('oro/platform');
    }

    /** Whether the platform is of this version or a later one. */
    public static function isFrom(string $version): bool
    {
        return version_compare(self::platform(), $version, '>=');
    }

    public function path(string $relative): string
    {
        return dirname(__DIR__, 4) . '/' . $relative; // of vendor/oro/platform/src
    }

    public function database(): PDO
    {
        if ($this->database === null) {
            $url = parse_url(getenv('ORO_DB_URL'));
            $this->database = new PDO(
                sprintf('pgsql:host=%s;port=%d;dbname=%s', $url['host'], $url['port'], ltrim($url['path'], '/')),
                $url['user'],
                rawurldecode($url['pass']),
                [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]
            );
        }
        return $this->database;
    }

    public function execute(string $sql, array $values = []): \PDOStatement
    {
        $statement = $this->database()->prepare($sql);
        $statement->execute($values);
        return $statement;
    }

    public function hasTable(string $name): bool
    {
        return (bool) $this->execute('SELECT to_regclass(?) IS NOT NULL', [$name])->fetchColumn();
    }

    /** oro:install leaves this row; it is what tells it that there is nothing to install. */
    public function isInstalled(): bool
    {
        return $this->hasTable('oro_config_value') && (bool) $this->execute(
            "SELECT count(*) FROM oro_config_value WHERE section = 'oro_distribution' AND name = 'is_installed'"
        )->fetchColumn();
    }

    private const EXTENSIONS = ['ctype', 'curl', 'gd', 'iconv', 'intl', 'json', 'mbstring', 'openssl', 'pcntl', 'pdo_pgsql',
        'simplexml', 'tokenizer', 'zip'];
    private const WRITABLE = ['public/bundles', 'public/js', 'public/media', 'var/cache', 'var/data', 'var/logs'];

    /** What of Oro's requirements this machine does not meet; config/requirements.json may ask for another version of PHP. */
    public function missing(): array
    {
        $file = $this->path('config/requirements.json');
        $wanted = is_file($file) ? json_decode(file_get_contents($file), true) : [];
        $missing = [];
        if (version_compare(PHP_VERSION, $wanted['php'] ?? '8.0', '<')) {
            $missing[] = sprintf('PHP version must be at least %s (%s is installed)', $wanted['php'], PHP_VERSION);
        }
        foreach (self::EXTENSIONS as $extension) {
            if (!extension_loaded($extension)) {
                $missing[] = sprintf('Extension %s must be installed', $extension);
            }
        }
        foreach (self::WRITABLE as $path) {
            if (!is_writable($this->path($path))) {
                $missing[] = sprintf('%s directory must be writable', $path);
            }
        }
        return $missing;
    }
}
