<?php

// The file system is read-only at run time, so all settings stand here.
$databases['default']['default'] = [
    'driver' => 'sqlite',
    'namespace' => 'Drupal\\sqlite\\Driver\\Database\\sqlite',
    'autoload' => 'core/modules/sqlite/src/Driver/Database/sqlite/',
    'database' => '/app/private/db.sqlite',
];
$settings['hash_salt'] = getenv('PLATFORM_PROJECT_ENTROPY') ?: 'only for development';
$settings['file_private_path'] = '/app/private';
$settings['file_temp_path'] = '/app/tmp-files';
$settings['php_storage']['twig']['directory'] = '/app/tmp-files';
$settings['skip_permissions_hardening'] = true;
$settings['config_sync_directory'] = '/app/config/sync';
