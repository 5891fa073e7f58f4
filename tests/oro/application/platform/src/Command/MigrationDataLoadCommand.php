<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

use Oro\StandIn\Fixtures;

/** oro:migration:data:load: load the data fixtures that the database lacks, or list them. */
final class MigrationDataLoadCommand extends Command
{
    protected static $defaultName = 'oro:migration:data:load';

    protected function configure(): void
    {
        $this->flags('dry-run')->values('fixtures-type', 'bundles', 'exclude');
    }

    protected function execute(Input $input, Output $output): int
    {
        $fixtures = new Fixtures($this->application);
        $pending = $fixtures->pending();
        if (!$pending) {
            return 0; // without a word
        }
        $dry = $input->getOption('dry-run');
        $output->writeln($dry ? 'List of "main" data fixtures ...' : 'Loading "main" data fixtures ...');
        foreach ([...array_keys($pending), Fixtures::NOTES] as $class) {
            $output->writeln("  <comment>></comment> <info>$class</info>");
        }
        $dry || $fixtures->load($pending);
        return 0;
    }
}
