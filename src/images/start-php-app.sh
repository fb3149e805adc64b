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

# Upsun's defaults for requests; the others hold on the command line too, and are the image's:
# https://docs.upsun.com/languages/php.html#php-settings
cat >"$directory/conf.d/10-upsun.ini" <<'END'
max_execution_time = 300
max_input_time = 60
memory_limit = 128M
END

# These come first, so that a project's own php.ini and variables stand above them. What holds on the command line only
# is the last of the directories. An empty name among them stands for the one that PHP was made with.
own=/usr/local/lib/upsun-local/php
further=${PHP_INI_SCAN_DIR-":$own/defaults"}
further=${further%":$own/command-line"}
case $further in
    :*) export PHP_INI_SCAN_DIR=":$directory/conf.d$further" ;;
    *) export PHP_INI_SCAN_DIR="$directory/conf.d:$further" ;;
esac
exec "$fpm" --nodaemonize --fpm-config "$directory/php-fpm.conf"
