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

/** oro:message-queue:consume: ends its message on SIGTERM, but is deaf while the application is locked. */
final class ConsumeCommand extends Command
{
    protected static $defaultName = 'oro:message-queue:consume';

    private bool $interrupted = false;

    protected function configure(): void
    {
        $this->addArgument('queues', \Symfony\Component\Console\Input\InputArgument::OPTIONAL, 'Separated by commas', '');
        $this->values('memory-limit', 'time-limit', 'message-limit', 'object-limit', 'gc-limit');
    }

    protected function execute(Input $input, Output $output): int
    {
        pcntl_async_signals(true);
        foreach ([SIGTERM, SIGINT, SIGQUIT] as $signal) {
            pcntl_signal($signal, fn () => $this->interrupted = true);
        }
        $queues = array_filter(explode(',', $input->getArgument('queues')));
        $limit = strtotime($input->getOption('time-limit') ?? 'now + 100 years');
        $messages = (int) ($input->getOption('message-limit') ?? PHP_INT_MAX);
        $queue = new Queue($this->application);
        $begun = $this->change();
        while (true) {
            $reason = $this->waited($output) ? 'the maintenance mode was turned off' : match (true) {
                $this->interrupted => 'a signal asked for it',
                time() >= $limit => 'the time limit is reached',
                $messages <= 0 => 'the message limit is reached',
                $this->change() !== $begun => 'the cache was cleared',
                default => null,
            };
            if ($reason) {
                $output->writeln("Consuming interrupted: $reason");
                return 0; // whoever started it is to start it again
            }
            $queue->work($queues) ? $messages-- : usleep(100000);
        }
    }

    /** Whether it had to wait for the end of maintenance: in this loop nobody looks whether a signal came. */
    private function waited(Output $output): bool
    {
        $maintenance = new Maintenance($this->application);
        if (!$maintenance->isOn()) {
            return false;
        }
        $output->writeln('The maintenance mode has been activated.');
        while ($maintenance->isOn()) {
            usleep((int) (1e6 * (float) (getenv('STANDIN_MAINTENANCE_SLEEP') ?: 5)));
        }
        return true;
    }

    private function change(): ?string
    {
        return $this->application->execute("SELECT updated_at FROM oro_message_queue_state WHERE id = 'cache'")
            ->fetchColumn() ?: null;
    }
}
