<?php

/**
 * @file
 * Settings of the site, the same on Upsun and in the sandbox.
 */

// The root of the app; on Upsun that is /app.
$app_root_directory = dirname(__DIR__, 3);

// The mount `/database`.
$databases['default']['default'] = [
  'driver' => 'sqlite',
  'database' => $app_root_directory . '/database/drupal.sqlite',
  'namespace' => 'Drupal\\sqlite\\Driver\\Database\\sqlite',
  'autoload' => 'core/modules/sqlite/src/Driver/Database/sqlite/',
];

// The mounts `/web/sites/default/files` and `/private`.
$settings['file_public_path'] = 'sites/default/files';
$settings['file_private_path'] = $app_root_directory . '/private';
$settings['file_temp_path'] = '/tmp';
$settings['config_sync_directory'] = $app_root_directory . '/private/config-sync';

// Compiled templates belong to one container and one build.
$settings['php_storage']['default']['directory'] = '/tmp/php';

// Upsun gives each project random characters of its own.
$settings['hash_salt'] = getenv('PLATFORM_PROJECT_ENTROPY') ?: 'only for this machine';

// The router lets through requests for the environment's own hosts only.
$settings['trusted_host_patterns'] = ['.*'];

// The file system is read-only: there is nothing to protect from the installer.
$settings['skip_permissions_hardening'] = TRUE;
