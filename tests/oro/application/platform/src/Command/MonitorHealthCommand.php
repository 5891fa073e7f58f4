<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** monitor:health: exit status 1 when a service that the application needs does not answer. Here there is but one. */
final class MonitorHealthCommand extends Command
{
    protected static $defaultName = 'monitor:health';

    protected function configure(): void
    {
        $this->addArgument('check', \Symfony\Component\Console\Input\InputArgument::OPTIONAL);
    }

    protected function execute(Input $input, Output $output): int
    {
        $this->application->execute('SELECT 1');
        $output->writeln('OK Check if Doctrine DBAL is available in the system');
        return 0;
    }
}
