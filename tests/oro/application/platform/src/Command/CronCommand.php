<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

use Oro\StandIn\Maintenance;
use Oro\StandIn\Queue;

/** oro:cron: put what is due into the queue; exit status 1 with a line of log while the application is locked. */
final class CronCommand extends Command
{
    protected static $defaultName = 'oro:cron';

    protected function execute(Input $input, Output $output): int
    {
        if ((new Maintenance($this->application))->isOn()) {
            $output->writeln('<error>System is in maintenance mode, aborting</error>');
            return 1;
        }
        $queue = new Queue($this->application);
        $queue->send('oro.cron.run_command', ['subject' => 'oro:cron:cleanup']);
        $queue->send('oro.search.reindex', ['subject' => 'standin_product'], 'oro.index');
        $output->writeln('Scheduling run for command oro:cron:cleanup');
        return 0;
    }
}
