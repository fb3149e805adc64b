<?php

declare(strict_types=1);

require __DIR__ . '/../connections.php';

$cache = cache();
foreach (['hits', 'misses'] as $name) {
    echo $name, ': ', (int) $cache->get($name), "\n";
}
