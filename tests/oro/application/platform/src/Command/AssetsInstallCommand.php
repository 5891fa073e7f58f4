<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** oro:assets:install: what composer calls after it has installed. Needs no database. */
final class AssetsInstallCommand extends Command
{
    protected static $defaultName = 'oro:assets:install';

    protected function execute(Input $input, Output $output): int
    {
        @mkdir($this->application->path('public/build'), 0777, true);
        copy($this->application->path('assets/app.css'), $this->application->path('public/build/app.css'));
        return 0;
    }
}
