<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

use Symfony\Component\Console\Command\Command as Symfony;
use Symfony\Component\Console\Input\InputOption;

/** A command of the application. */
abstract class Command extends Symfony
{
    public function __construct(protected Application $application)
    {
        parent::__construct();
    }

    protected function flags(string ...$names): static
    {
        foreach ($names as $name) {
            $this->addOption($name, null, InputOption::VALUE_NONE);
        }
        return $this;
    }

    protected function values(string ...$names): static
    {
        foreach ($names as $name) {
            $this->addOption($name, null, InputOption::VALUE_REQUIRED);
        }
        return $this;
    }
}
