<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** cache:clear: make the cache of the environment anew, and tell consumers to begin anew. */
final class CacheClearCommand extends Command
{
    protected static $defaultName = 'cache:clear';

    protected function configure(): void
    {
        $this->flags('no-warmup');
    }

    protected function execute(Input $input, Output $output): int
    {
        $folder = $this->application->path('var/cache/' . $input->getOption('env'));
        array_map('unlink', glob("$folder/*"));
        \Oro\StandIn\Cache::ofEnvironment()->clear();
        if (!$input->getOption('no-warmup')) {
            @mkdir($folder, 0777, true);
            file_put_contents("$folder/container", \Oro\StandIn\Application::platform());
            \Oro\StandIn\Cache::ofEnvironment()->set('metadata', \Oro\StandIn\Application::platform());
        }
        $this->application->execute("INSERT INTO oro_message_queue_state VALUES ('cache', clock_timestamp())
            ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at");
        $output->writeln('[OK] Cache was successfully cleared.');
        return 0;
    }
}
