<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

use Oro\StandIn\Migrations;

/** oro:migration:load: load the migrations that the database lacks, or list them, with their SQL if asked for. */
final class MigrationLoadCommand extends Command
{
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
        foreach ($migrations->pending() as $version => $statements) {
            $output->writeln('  <comment>> ' . Migrations::className($version) . '</comment>');
            foreach ($input->getOption('show-queries') ? $statements : [] as $statement) {
                $output->writeln(preg_replace('/\s+/', ' ', $statement), Output::OUTPUT_RAW); // each a line, no semicolon
            }
            if (!$dry) {
                $migrations->load($version, $statements);
            }
        }
        return 0;
    }
}
