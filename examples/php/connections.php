<?php
// The two services. Upsun sets these variables for the relationships `database` and `cache`.

declare(strict_types=1);

function database(): PDO
{
    $place = sprintf('mysql:host=%s;port=%s;dbname=%s', getenv('DATABASE_HOST'), getenv('DATABASE_PORT'), getenv('DATABASE_PATH'));

    return new PDO($place, getenv('DATABASE_USERNAME'), getenv('DATABASE_PASSWORD'), [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function cache(): Redis
{
    $cache = new Redis();
    $cache->connect(getenv('CACHE_HOST'), (int) getenv('CACHE_PORT'));

    return $cache;
}
