<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

use Oro\StandIn\Queue;

/** oro:maintenance-notification: only puts a message into the queue; a consumer sends the mails. */
final class MaintenanceNotificationCommand extends Command
{
    protected static $defaultName = 'oro:maintenance-notification';

    protected function configure(): void
    {
        $this->values('subject', 'message', 'file', 'sender_name', 'sender_email');
    }

    protected function execute(Input $input, Output $output): int
    {
        (new Queue($this->application))->send('oro.notification.send_maintenance', [
            'subject' => $input->getOption('subject'),
            'asked_at' => date('c'),
        ]);
        $output->writeln('Maintenance notifications have been scheduled.');
        return 0;
    }
}
