<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** oro:maintenance:lock: idempotent; without --no-interaction it asks. */
final class MaintenanceLockCommand extends Command
{
    protected static $defaultName = 'oro:maintenance:lock';

    protected function configure(): void
    {
        $this->setAliases(['lexik:maintenance:lock']);
    }

    protected function execute(Input $input, Output $output): int
    {
        if ($input->isInteractive()) {
            $output->writeln('<error>Are you sure? Nobody answers here.</error>');
            return 1;
        }
        $changed = (new \Oro\StandIn\Maintenance($this->application))->on();
        $output->writeln($changed ? 'Maintenance mode has been turned on.' : 'The maintenance mode is on already.');
        return 0;
    }
}
