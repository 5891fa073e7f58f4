<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\ArrayInput;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** oro:platform:update: without --force it only looks whether it could begin, and changes nothing. */
final class PlatformUpdateCommand extends Command
{
    protected static $defaultName = 'oro:platform:update';

    protected function configure(): void
    {
        // No options for assets: from 5.1 on the update does not build them.
        $this->flags('force', 'skip-search-reindexation', 'schedule-search-reindexation', 'skip-translations',
            'skip-download-translations');
    }

    protected function execute(Input $input, Output $output): int
    {
        // 5.1 prints what is missing and goes on.
        if ($this->getApplication()->find('oro:check-requirements')->run(new ArrayInput([]), $output) !== 0
            && \Oro\StandIn\Application::isFrom('6.0')) {
            return 1;
        }
        $changed = $this->application->execute(
            "SELECT class_name FROM oro_entity_config WHERE state <> 'Active'")->fetchAll(\PDO::FETCH_COLUMN);
        if ($changed) {
            $output->writeln('<error>The database schema has changes that are not applied. Please run the '
                . 'oro:entity-extend:update command first: ' . implode(', ', $changed) . '</error>');
            return 1;
        }
        if (!$input->getOption('force')) {
            $output->writeln('<comment>ATTENTION</comment>: Database backup is highly recommended before executing this command.');
            $output->writeln('To force execution run command with <info>--force</info> option:');
            return 0;
        }
        return $this->getApplication()->find('oro:migration:load')->run(new ArrayInput(['--force' => true]), $output)
            ?: $this->getApplication()->find('oro:migration:data:load')->run(new ArrayInput([]), $output);
    }
}
