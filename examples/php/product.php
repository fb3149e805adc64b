<?php

declare(strict_types=1);

require_once __DIR__ . '/connections.php';

/** The page of a product: from the cache, else from the database, which is slow here. */
function page(string $name): ?string
{
    $cache = cache();
    $page = $cache->get("page:$name");
    if ($page !== false) {
        $cache->incr('hits');

        return $page;
    }
    $found = database()->prepare('SELECT name, price FROM product WHERE name = ?');
    $found->execute([$name]);
    $product = $found->fetch(PDO::FETCH_ASSOC);
    if (!$product) {
        return null;
    }
    usleep(200_000);
    $page = sprintf("%s: %.2f EUR\n", $product['name'], $product['price'] / 100);
    $cache->set("page:$name", $page);
    $cache->incr('misses');

    return $page;
}
