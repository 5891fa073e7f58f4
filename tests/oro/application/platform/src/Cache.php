<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

/**
 * In the place of Redis: one cache for all hosts and releases, a folder in which files are keys.
 *
 * As with Redis, only the prefix of a key keeps releases apart, and only where the application has configured one. Sessions
 * are in the same one, as they are where somebody has named one address for everything.
 */
final class Cache
{
    private function __construct(private string $folder, private string $prefix)
    {
    }

    public static function ofEnvironment(): self
    {
        return new self(getenv('STANDIN_CACHE'), (string) getenv('SLIPWAY_CACHE_NAMESPACE'));
    }

    public static function ofSessions(): self
    {
        return new self(getenv('STANDIN_CACHE'), 'session-');
    }

    /** What is there under the key, whoever has put it there; else what is computed, for the next who asks. */
    public function get(string $key, callable $compute): string
    {
        $found = @file_get_contents($this->path($key));
        if ($found === false) {
            $this->set($key, $found = $compute());
        }
        return $found;
    }

    public function set(string $key, string $value): void
    {
        file_put_contents($this->path($key), $value, LOCK_EX);
    }

    /** All keys with the prefix, and no others; without a prefix that is everything, as FLUSHDB is. */
    public function clear(): void
    {
        array_map('unlink', glob($this->path('*')));
    }

    private function path(string $key): string
    {
        @mkdir($this->folder, 0777, true);
        return $this->folder . '/' . $this->prefix . $key;
    }
}
