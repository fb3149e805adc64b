<?php
// The deploy hook: makes the table where it is not there yet.

declare(strict_types=1);

require __DIR__ . '/../connections.php';

$database = database();
$database->exec('CREATE TABLE IF NOT EXISTS product (name VARCHAR(100) PRIMARY KEY, price INT NOT NULL)');
$add = $database->prepare('INSERT IGNORE INTO product VALUES (?, ?)');
foreach (['teapot' => 2500, 'cup' => 400, 'spoon' => 200] as $name => $price) {
    $add->execute([$name, $price]);
}
echo $database->query('SELECT COUNT(*) FROM product')->fetchColumn(), " products\n";
