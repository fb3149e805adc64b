<?php
// Empties the cache and fills it again; the list of all products becomes a file for the web server.

declare(strict_types=1);

require __DIR__ . '/../product.php';

$cache = cache();
echo 'cleared ', $cache->dbSize(), " entries\n";
$cache->flushDB();
$pages = '';
foreach (database()->query('SELECT name FROM product ORDER BY name')->fetchAll(PDO::FETCH_COLUMN) as $name) {
    $pages .= page($name);
    echo "warmed $name\n";
}
$directory = __DIR__ . '/../web/pages';
if (!is_dir($directory) && !mkdir($directory)) {
    exit(1);
}
if (file_put_contents("$directory/all.txt", $pages) === false) {
    exit(1);
}
