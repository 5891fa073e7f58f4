<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

/** The files in migrations/, as the versions of one bundle; oro_migrations says which of them were loaded. */
final class Migrations
{
    private const BUNDLE = 'StandInBundle';

    public function __construct(private Application $application)
    {
    }

    /** {version: [statement, ...]} of those that the database lacks, the oldest first. */
    public function pending(): array
    {
        $loaded = $this->application->hasTable('oro_migrations')
            ? $this->application->execute('SELECT version FROM oro_migrations')->fetchAll(\PDO::FETCH_COLUMN)
            : [];
        $pending = [];
        foreach (glob($this->application->path('migrations/v*.sql')) as $file) {
            $version = basename($file, '.sql');
            if (!in_array($version, $loaded, true)) {
                $text = preg_replace('/^--.*\n/m', '', file_get_contents($file));
                $pending[$version] = array_filter(array_map('trim', explode(";\n", $text)));
            }
        }
        return $pending;
    }

    /** One statement after the other, each for good: what fails half-way stays half-way, as Oro's on other databases. */
    public function load(string $version, array $statements): void
    {
        foreach ($statements as $statement) {
            $this->application->database()->exec($statement);
        }
        $this->application->execute(
            'INSERT INTO oro_migrations (bundle, version, loaded_at) VALUES (?, ?, now())',
            [self::BUNDLE, $version]
        );
    }

    /** What the platform would note of these, as it prints it: of each bundle the newest version. */
    public static function notes(array $pending): array
    {
        return $pending ? [sprintf("INSERT INTO oro_migrations (bundle, version, loaded_at) VALUES ('%s', '%s', '%s')",
            self::BUNDLE, array_key_last($pending), date('Y-m-d H:i:s'))] : [];
    }

    public static function className(string $version): string
    {
        return sprintf('Oro\\Bundle\\%s\\Migrations\\Schema\\%s\\%s', self::BUNDLE, $version, self::BUNDLE);
    }
}
