<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

/** The files in fixtures/ are data that the application brings; oro_migrations_data says which of them were loaded. */
final class Fixtures
{
    /** By this one, which comes last, the platform notes what it has loaded. */
    public const NOTES = 'Oro\\Bundle\\MigrationBundle\\Migration\\UpdateDataFixturesFixture';

    public function __construct(private Application $application)
    {
    }

    /** {class: file} of those that the database lacks. */
    public function pending(): array
    {
        $loaded = $this->application->execute('SELECT class_name FROM oro_migrations_data')->fetchAll(\PDO::FETCH_COLUMN);
        $pending = [];
        foreach (glob($this->application->path('fixtures/*.sql')) as $file) {
            $pending['Oro\\Bundle\\StandInBundle\\Migrations\\Data\\ORM\\' . basename($file, '.sql')] = $file;
        }
        return array_diff_key($pending, array_flip($loaded));
    }

    public function load(array $pending): void
    {
        foreach ($pending as $class => $file) {
            $this->application->database()->exec(file_get_contents($file));
            $this->application->execute('INSERT INTO oro_migrations_data (class_name) VALUES (?)', [$class]);
        }
    }
}
