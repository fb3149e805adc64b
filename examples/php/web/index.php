<?php

declare(strict_types=1);

require __DIR__ . '/../product.php';

header('Content-Type: text/plain; charset=utf-8');
$name = trim(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');
$page = page($name === '' ? 'teapot' : $name);
if ($page === null) {
    http_response_code(404);
    $page = "there is no $name\n";
}
echo $page;
