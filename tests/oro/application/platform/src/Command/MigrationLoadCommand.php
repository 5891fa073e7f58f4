<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Application;
use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

use Oro\StandIn\Migrations;

/** oro:migration:load: load the migrations that the database lacks, or list them, with their SQL if asked for. */
final class MigrationLoadCommand extends Command
{
    // What the platform's listeners bring to every load, as in 6.0: class => what is printed of its queries, which may be words.
    private const BEFORE = [
        'EntityExtendBundle\Migration\LoadEntityConfigStateMigration' => [
            'SELECT e.class_name, e.data FROM oro_entity_config e',
            'SELECT e.class_name, f.field_name, f.data FROM oro_entity_config e '
            . 'INNER JOIN oro_entity_config_field f ON f.entity_id = e.id',
        ],
    ];
    private const AFTER = [
        'EntityConfigBundle\Migration\UpdateEntityConfigMigration' => ['Update entity configs'],
        'EntityExtendBundle\Migration\UpdateExtendConfigMigration' => [],
        'ActivityListBundle\Migration\ActivityListMigration' => [],
        'EntityExtendBundle\Migration\UpdateExtendIndicesMigration' => [],
        'EntityConfigBundle\Migration\WarmUpEntityConfigCacheMigration' => ['Warm up entity configs cache'],
        'ScopeBundle\Migration\Schema\UpdateScopeRowHashColumn' => [],
    ];

    protected static $defaultName = 'oro:migration:load';

    protected function configure(): void
    {
        $this->flags('force', 'dry-run', 'show-queries')->values('bundles', 'exclude');
    }

    protected function execute(Input $input, Output $output): int
    {
        $migrations = new Migrations($this->application);
        $dry = $input->getOption('dry-run');
        if (!$dry && !$input->getOption('force')) {
            $output->writeln('<comment>ATTENTION</comment>: Database backup is highly recommended before executing this command.');
            $output->writeln('To force execution run command with <info>--force</info> option:');
            return 0;
        }
        $output->writeln($dry ? 'List of migrations:' : 'Process migrations...');
        $told = $input->getOption('show-queries');
        $show = function (string $class, array $queries) use ($output, $dry, $told): void {
            $output->writeln("  <comment>> $class</comment>");
            foreach ($told ? $queries : [] as $query) {
                $output->writeln("    $query", Output::OUTPUT_RAW); // on as many lines as its author wrote
            }
            if (($told || !$dry) && Application::isFrom('6.0')) {
                $output->writeln(sprintf('    <comment>%.2F MiB - %d ms</comment>', memory_get_usage() / 1024 / 1024, 1));
            }
        };
        $pending = $migrations->pending();
        foreach (self::BEFORE as $class => $queries) {
            $show("Oro\\Bundle\\$class", $queries);
        }
        foreach ($pending as $version => $statements) {
            $show(Migrations::className($version), $statements);
            if (!$dry) {
                $migrations->load($version, $statements);
            }
        }
        foreach (['MigrationBundle\Migration\UpdateBundleVersionMigration' => Migrations::notes($pending)] + self::AFTER as $class => $queries) {
            $show("Oro\\Bundle\\$class", $queries);
        }
        return 0;
    }
}
