#!/bin/dash
# Runs PHP's FPM where the web server in front of the app looks for it, as Upsun's command of this name does.
# The file system is read-only, so its configuration is written to memory each time.
directory=/run/php-fpm
fpm=$(command -v php-fpm)
# A distribution's has its version in its name.
for found in /usr/sbin/php-fpm[0-9]*; do
    if [ -z "$fpm" ] && [ -x "$found" ]; then fpm=$found; fi
done
if [ -z "$fpm" ]; then
    echo "upsun-local: there is no php-fpm in this container's image" >&2
    exit 127
fi
mkdir -p "$directory/conf.d" || exit 1
if [ -n "$SOCKET" ]; then listen=$SOCKET; else listen=127.0.0.1:$PORT; fi

# One worker to each request, and as many as Upsun's page on their sizing shows:
# https://docs.upsun.com/languages/php/fpm.html
cat >"$directory/php-fpm.conf" <<END
[global]
error_log = /proc/self/fd/2
daemonize = no
[web]
listen = $listen
pm = ondemand
pm.max_children = 5
clear_env = no
catch_workers_output = yes
decorate_workers_output = no
END

# Upsun's defaults: https://docs.upsun.com/languages/php.html#php-settings
cat >"$directory/conf.d/10-upsun.ini" <<'END'
max_execution_time = 300
max_file_uploads = 20
max_input_time = 60
max_input_vars = 1000
memory_limit = 128M
post_max_size = 64M
zend.assertions = -1
opcache.memory_consumption = 64
opcache.validate_timestamps = On
END

# A project's own php.ini comes after those, and variables come after it. An empty name among the directories
# stands for the one that PHP was made with.
rm -f "$directory/conf.d/20-app.ini"
if [ -f /app/php.ini ]; then ln -s /app/php.ini "$directory/conf.d/20-app.ini"; fi
further=${PHP_INI_SCAN_DIR#:}
export PHP_INI_SCAN_DIR=":$directory/conf.d${further:+:$further}"
exec "$fpm" --nodaemonize --fpm-config "$directory/php-fpm.conf"
