#!/bin/sh
# Turns a runtime's official image into one that looks like Upsun's. Runs once, as root, while the
# derived image is built:
#
#     setup.sh <uid> <gid> <primary runtime> <oldest version of it that Upsun supports, as a type>
#
# What to do beyond that stands in files next to this script; each may be missing. A line of output that
# starts with `upsun-local: ` is for the builder, which makes a warning of it.
set -eu

here=$(dirname "$0")
uid=$1
gid=$2
primary=$3
supported=$4
bundle=/etc/ssl/certs/ca-certificates.crt
tab=$(printf '\t')

say() { printf 'upsun-local: %s\n' "$*"; }
fail() {
    printf 'upsun-local: failed %s\n' "$*"
    exit 1
}
# Whether there is such a command. No function of this script may have a command's name.
have() { command -v "$1" >/dev/null 2>&1; }

# The lists of packages are fetched once, and only when something is missing. `listed` is `unserved` once the
# distribution turned out to have taken this release from its servers, which later attempts do not change.
listed=
list_packages() {
    [ -z "$listed" ] || { [ "$listed" = yes ] && return 0 || return 1; }
    if apt-get update -q >"$here/apt.log" 2>&1; then
        listed=yes
    elif grep -qE "(does not have|no longer has) a Release file|404  Not Found" "$here/apt.log"; then
        listed=unserved
    fi
    cat "$here/apt.log"
    rm -f "$here/apt.log"
    [ "$listed" = yes ]
}

# The distribution's release, as its packages call it: `bookworm`.
release() { (. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-${VERSION_ID:-unknown}}"); }

# What to say of a release that is no longer served.
unserved() {
    printf '%s' "the release \`$(release)\` of the image's system is no longer served by its distribution${supported:+: move to \`$supported\` or newer}"
}

install_packages() {
    if have apt-get; then
        list_packages || return 1
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
    elif have apk; then
        apk add --no-cache "$@"
    else
        return 1
    fi
}

# Certificates come before anything that uses the network. Only those that the image does not know yet
# are added, one to a file, since update-ca-certificates reads the first certificate of each file only.
add_certificates() {
    [ -s "$here/certificates.pem" ] || return 0
    added=/usr/local/share/ca-certificates
    mkdir -p "$added" "$(dirname "$bundle")"
    [ -e "$bundle" ] || : >"$bundle"
    awk -v folder="$added" '
        /-----BEGIN CERTIFICATE-----/ { inside = 1; body = ""; text = "" }
        inside { text = text $0 "\n" }
        inside && !/-----/ { body = body $0 }
        /-----END CERTIFICATE-----/ && inside {
            inside = 0
            gsub(/[ \t\r]/, "", body)
            if (pass == 1) known[body] = 1
            else if (!(body in known)) {
                known[body] = 1
                file = sprintf("%s/upsun-local-%03d.crt", folder, ++count)
                printf "%s", text > file
                close(file)
            }
        }
    ' pass=1 "$bundle" pass=2 "$here/certificates.pem"
    for file in "$added"/upsun-local-*.crt; do
        [ -e "$file" ] || continue
        if have keytool; then
            keytool -importcert -noprompt -cacerts -storepass changeit \
                -alias "$(basename "$file" .crt)" -file "$file" >/dev/null 2>&1 ||
                say "not-emulated-tool keytool"
        fi
        have update-ca-certificates || cat "$file" >>"$bundle"
    done
    if have update-ca-certificates; then
        update-ca-certificates >/dev/null 2>&1 || fail "the certificates cannot be added"
    fi
    export SSL_CERT_FILE="$bundle" CURL_CA_BUNDLE="$bundle" PIP_CERT="$bundle" \
        NODE_EXTRA_CA_CERTS="$bundle" GIT_SSL_CAINFO="$bundle"
}

# Upsun's containers have more commands than most images.
add_tools() {
    required='bash:bash curl:curl dash:dash git:git jq:jq ps:procps rsync:rsync update-ca-certificates:ca-certificates'
    optional='bzip2:bzip2 file:file less:less nano:nano patch:patch sqlite3:sqlite3 ssh:openssh-client unzip:unzip vi:vim-tiny wget:wget xz:xz-utils zip:zip'
    need=
    for pair in $required; do
        have "${pair%%:*}" || need="$need ${pair#*:}"
    done
    like=
    for pair in $optional; do
        have "${pair%%:*}" || like="$like ${pair#*:}"
    done
    if [ -n "$need$like" ]; then
        have apt-get || like=$(printf '%s' "$like" | sed 's/xz-utils/xz/; s/sqlite3/sqlite/; s/vim-tiny/vim/')
        # shellcheck disable=SC2086
        install_packages $need $like || { [ -n "$need" ] && install_packages $need; } || :
    fi
    for pair in $required; do
        have "${pair%%:*}" && continue
        [ "$listed" != unserved ] || fail "the image lacks \`${pair%%:*}\`, and $(unserved)"
        fail "the image lacks \`${pair%%:*}\`, and the package \`${pair#*:}\` cannot be installed in it"
    done
    for pair in $optional; do
        have "${pair%%:*}" || say "not-emulated-tool ${pair%%:*}"
    done
    [ -x /bin/dash ] || ln -sf "$(command -v dash)" /bin/dash
    [ -x /bin/bash ] || ln -sf "$(command -v bash)" /bin/bash
}

# Rewrites a file in place, so that its owner and mode stay.
rewrite() {
    cat >"$1.upsun-local" && cat "$1.upsun-local" >"$1" && rm "$1.upsun-local"
}

free_id() {
    id=60000
    while cut -d: -f3 "$1" | grep -qx "$id"; do id=$((id + 1)); done
    echo "$id"
}

# The user and group `web`; whoever has their ids already gets others.
add_user() {
    other=$(free_id /etc/group)
    awk -F: -v OFS=: -v id="$gid" -v other="$other" \
        '$1 == "web" { next } $3 == id { $3 = other } { print }' /etc/group | rewrite /etc/group
    awk -F: -v OFS=: -v id="$gid" -v other="$other" \
        '$4 == id { $4 = other } { print }' /etc/passwd | rewrite /etc/passwd
    other=$(free_id /etc/passwd)
    awk -F: -v OFS=: -v id="$uid" -v other="$other" \
        '$1 == "web" { next } $3 == id { $3 = other } { print }' /etc/passwd | rewrite /etc/passwd
    echo "web:x:$gid:" >>/etc/group
    echo "web:x:$uid:$gid:web:/app:/bin/bash" >>/etc/passwd
    if [ -e /etc/shadow ]; then
        grep -v '^web:' /etc/shadow | rewrite /etc/shadow
        echo 'web:*:19000:0:99999:7:::' >>/etc/shadow
    fi
    mkdir -p /app /tmp/cache /var/cache/upsun-local
    chown "$uid:$gid" /app /tmp/cache /var/cache/upsun-local
    chmod 755 /app /tmp/cache /var/cache/upsun-local
}

# Further runtimes were copied to the places that they have in their own images. A copy that does not run
# lacks shared libraries, or its image keeps the runtime elsewhere: then the distribution's version has to do.
add_runtimes() {
    [ -s "$here/runtimes" ] || return 0
    ldconfig 2>/dev/null || :
    while IFS="$tab" read -r name command check libraries fallback <&3; do
        runtime_runs "$name" && continue
        if [ -e "/usr/local/bin/$command" ]; then
            # shellcheck disable=SC2086
            [ "$libraries" = - ] || install_packages $libraries ||
                for library in $libraries; do install_packages "$library" || :; done
            runtime_runs "$name" && continue
            rm -f "/usr/local/bin/$command"
        fi
        # shellcheck disable=SC2086
        [ "$fallback" = - ] || install_packages $fallback || :
        if runtime_runs "$name"; then
            :
        elif sh -c "$check" >/dev/null 2>&1; then
            say "approximated-runtime $name"
        else
            say "not-emulated-runtime $name"
        fi
    done 3<"$here/runtimes"
}

# Whether the runtime of the current line runs, and says that it has the version asked for.
runtime_runs() {
    said=$(sh -c "$check" 2>&1) || return 1
    case $1 in
    *:*) printf '%s\n' "$said" | grep -qE "(^|[^0-9.])${1#*:}([^0-9]|\$)" ;;
    esac
}

# Composer as one file, as its image and its site have it; a distribution's Composer needs further files, so
# that a copy of its command alone does not run.
php_composer() {
    file=/usr/local/bin/composer
    composer_runs && return 0
    rm -f "$file"
    composer_runs && return 0
    url=https://getcomposer.org/download/latest-2.x/composer.phar
    if curl -fsSL --connect-timeout 10 -o "$file" "$url" && chmod 755 "$file" && composer_runs; then
        return 0
    fi
    rm -f "$file"
    install_packages composer && composer_runs || say "not-emulated-tool composer"
}

composer_runs() {
    COMPOSER_ALLOW_SUPERUSER=1 composer --version >/dev/null 2>&1 </dev/null
}

# Upsun's pages call Corepack for Yarn and pnpm, and Yarn itself. Images from Node.js 25 on have no Corepack, and images
# from 26 on no Yarn. Corepack's package brings commands for Yarn and pnpm that download these when they are first
# called, which `corepack enable` is for.
node_tools() {
    if ! have corepack; then
        npm install --global --force --prefix /usr/local corepack || say "not-emulated-tool corepack"
        for command in yarn yarnpkg pnpm pnpx; do
            case "$(readlink "/usr/local/bin/$command")" in
            */corepack/*) rm "/usr/local/bin/$command" ;;
            esac
        done
    fi
    have yarn || npm install --global --force --prefix /usr/local yarn || say "not-emulated-tool yarn"
    if have bun && ! have bunx; then ln -s "$(command -v bun)" /usr/local/bin/bunx; fi
}

# Upsun's Java containers have Ant, for which there is no official image. The distribution's package is unpacked and not
# installed: it depends on a second Java.
java_ant() {
    have ant && return 0
    folder=$(mktemp -d)
    list_packages && (cd "$folder" && apt-get download ant && dpkg -x ant_*.deb /) && ant -version || say "not-emulated-tool ant"
    rm -rf "$folder"
}

php_lacks() {
    loaded=$(php -m 2>/dev/null | tr 'A-Z ' 'a-z_')
    for extension in "$@"; do
        printf '%s\n' "$loaded" | grep -qxE "(zend_)?$extension" || printf '%s ' "$extension"
    done
}

# What an extension needs to be compiled, by its name.
php_libraries() {
    case $1 in
    amqp) echo librabbitmq-dev ;;
    bz2) echo libbz2-dev ;;
    enchant) echo libenchant-2-dev ;;
    event) echo libevent-dev libssl-dev ;;
    ffi) echo libffi-dev ;;
    ftp | mongodb) echo libssl-dev ;;
    gd) echo libavif-dev libfreetype-dev libjpeg62-turbo-dev libpng-dev libwebp-dev ;;
    gmp) echo libgmp-dev ;;
    gnupg) echo libgpgme-dev ;;
    http) echo libcurl4-openssl-dev libevent-dev libicu-dev libssl-dev zlib1g-dev ;;
    imagick) echo libmagickwand-dev ;;
    imap) echo libc-client-dev libkrb5-dev libssl-dev ;;
    intl) echo libicu-dev ;;
    ldap) echo libldap-dev ;;
    memcached) echo libmemcached-dev libssl-dev zlib1g-dev ;;
    odbc | pdo_odbc) echo unixodbc-dev ;;
    pdo_dblib) echo freetds-dev ;;
    pdo_firebird) echo firebird-dev ;;
    pdo_pgsql | pgsql) echo libpq-dev ;;
    rdkafka) echo librdkafka-dev ;;
    snmp) echo libsnmp-dev ;;
    soap | xsl) echo libxml2-dev libxslt1-dev ;;
    ssh2) echo libssh2-1-dev ;;
    tidy) echo libtidy-dev ;;
    uuid) echo uuid-dev ;;
    uv) echo libuv1-dev ;;
    xmlrpc) echo libxml2-dev ;;
    yaml) echo libyaml-dev ;;
    zip) echo libzip-dev ;;
    esac
}

# Builds an extension that PHP's own source has. Some are built without a part of what they can, or not at all, unless
# they are told where a library is.
php_bundled() {
    multiarch=$(gcc -dumpmachine 2>/dev/null)
    case $1 in
    gd)
        docker-php-ext-configure gd --with-avif --with-freetype --with-jpeg --with-webp ||
            docker-php-ext-configure gd --with-freetype --with-jpeg --with-webp
        ;;
    # Version 8.4 renamed the option.
    ftp) docker-php-ext-configure ftp --with-ftp-ssl || docker-php-ext-configure ftp --with-openssl-dir ;;
    imap) docker-php-ext-configure imap --with-kerberos --with-imap-ssl ;;
    odbc)
        # Its `configure` takes the option for another one that says no, unless the test for that is gone.
        (cd /usr/src/php/ext/odbc && phpize &&
            sed -ri 's@^ *test +"\$PHP_.*" *= *"no" *&& *PHP_.*=yes *$@#&@g' configure &&
            ./configure --with-unixODBC=shared,/usr)
        ;;
    pdo_odbc) docker-php-ext-configure pdo_odbc --with-pdo-odbc=unixODBC,/usr ;;
    pdo_dblib) docker-php-ext-configure pdo_dblib --with-libdir="lib/$multiarch" ;;
    esac || :
    docker-php-ext-install -j"$(nproc)" "$1" || :
}

# Builds an extension from PECL, whose package may have another name, or be called stable by nobody yet.
php_further() {
    case $1 in
    http)
        printf '\n' | pecl install raphf && docker-php-ext-enable raphf
        # The order of the files is the order in which PHP loads them, and this one needs the other.
        printf '\n' | pecl install pecl_http && docker-php-ext-enable --ini-name zz-http.ini http
        ;;
    imap) pecl install --configureoptions 'with-kerberos="yes" with-imap-ssl="yes"' imap && docker-php-ext-enable imap ;;
    ssh2 | uv | xmlrpc) printf '\n' | pecl install "$1-beta" && docker-php-ext-enable "$1" ;;
    *) printf '\n' | pecl install "$1" && docker-php-ext-enable "$1" ;;
    esac || :
}

php_extensions() {
    [ -s "$here/extensions" ] || return 0
    # shellcheck disable=SC2046
    missing=$(php_lacks $(cat "$here/extensions"))
    [ -n "$missing" ] || return 0
    if have install-php-extensions; then
        # shellcheck disable=SC2086
        install-php-extensions $missing || :
    elif have docker-php-ext-install; then
        libraries=
        for extension in $missing; do libraries="$libraries $(php_libraries "$extension")"; done
        # shellcheck disable=SC2086
        [ -z "$(echo $libraries)" ] || install_packages $libraries ||
            for library in $libraries; do install_packages "$library" || :; done
        docker-php-source extract
        # One at a time: one that cannot be built is no reason to build the others again.
        for extension in $missing; do
            if [ -d "/usr/src/php/ext/$extension" ]; then php_bundled "$extension"; else php_further "$extension"; fi
        done
        docker-php-source delete
    else
        version=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
        wanted=
        for extension in $missing; do
            case $extension in
            pdo_mysql | mysqli | mysqlnd) extension=mysql ;;
            pdo_pgsql) extension=pgsql ;;
            pdo_sqlite) extension=sqlite3 ;;
            dom | simplexml | xmlreader | xmlwriter | xsl) extension=xml ;;
            esac
            wanted="$wanted php$version-$extension"
        done
        # shellcheck disable=SC2086
        install_packages $wanted || for package in $wanted; do install_packages "$package" || :; done
    fi
    # shellcheck disable=SC2086
    for extension in $(php_lacks $missing); do say "not-emulated-extension $extension"; done
}

php_disabled_extensions() {
    [ -s "$here/disabled-extensions" ] || return 0
    folder=$(php -r 'echo PHP_CONFIG_FILE_SCAN_DIR;')
    while read -r extension <&3; do
        if have phpdismod; then
            phpdismod "$extension" || :
        fi
        rm -f "$folder/docker-php-ext-$extension.ini"
    done 3<"$here/disabled-extensions"
}

# Clients of services were copied with all their libraries. Each gets a command that starts it with these, and with the
# program that loads them, whatever this image's own are.
add_clients() {
    for folder in "$here"/clients/*; do
        [ -d "$folder/bin" ] || continue
        loader=
        [ ! -s "$folder/loader" ] || loader="$folder/lib/$(cat "$folder/loader")"
        for file in "$folder"/bin/*; do
            [ -e "$file" ] || continue
            client=/usr/local/bin/$(basename "$file")
            rm -f "$client"
            if [ -n "$loader" ] && "$loader" --library-path "$folder/lib" "$file" --version >/dev/null 2>&1; then
                {
                    echo '#!/bin/sh'
                    # A relationship's URL begins with `pgsql:`, and a page of Upsun's hands it to `psql` as it is.
                    [ "$(basename "$folder")" != postgresql ] ||
                        echo 'for word; do shift; case $word in pgsql://*) word=postgresql${word#pgsql} ;; esac; set -- "$@" "$word"; done'
                    printf 'exec %s --library-path %s/lib %s "$@"\n' "$loader" "$folder" "$file"
                } >"$client"
                chmod 755 "$client"
            elif "$file" --version >/dev/null 2>&1; then
                ln -s "$file" "$client"
            fi
        done
    done
    # From 11.4 on, MariaDB's clients refuse the certificate that a server made for itself, unless they got a password or
    # a port: `mysql -h host -u user main` must reach a database within the sandbox.
    [ ! -d "$here/clients/mysql" ] || [ -e /etc/my.cnf ] ||
        printf '[client-mariadb]\ndisable-ssl-verify-server-cert\n' >/etc/my.cnf
    # Newer images have MariaDB's names only, and Valkey's only Valkey's.
    for pair in mysql:mariadb mysqladmin:mariadb-admin mysqlcheck:mariadb-check mysqldump:mariadb-dump \
        mysqlimport:mariadb-import redis-cli:valkey-cli; do
        if have "${pair#*:}" && ! have "${pair%%:*}"; then
            ln -s "$(command -v "${pair#*:}")" "/usr/local/bin/${pair%%:*}"
        fi
    done
    for pair in mysql:mysql mysql:mysqldump postgresql:psql postgresql:pg_dump redis:redis-cli mongodb:mongosh; do
        [ ! -d "$here/clients/${pair%%:*}" ] || have "${pair#*:}" || say "not-emulated-tool ${pair#*:}"
    done
}

# PHP's settings: Upsun's defaults, the project's own file, and what holds on the command line whatever else is set.
# https://docs.upsun.com/languages/php.html#php-settings
php_settings() {
    mkdir -p "$here/php/defaults" "$here/php/command-line"
    # `post_max_size` is described as the most that a file may have which is uploaded. Where sessions are kept is not
    # documented; a distribution's own place for them is read-only.
    cat >"$here/php/defaults/10-upsun.ini" <<'END'
max_file_uploads = 20
max_input_vars = 1000
post_max_size = 64M
upload_max_filesize = 64M
session.save_path = /tmp
zend.assertions = -1
opcache.memory_consumption = 64
opcache.validate_timestamps = On
END
    ln -sf /app/php.ini "$here/php/defaults/20-app.ini"
    cat >"$here/php/command-line/zzz-command-line.ini" <<'END'
max_execution_time = 0
max_input_time = -1
memory_limit = -1
END
}

# Packages of `stack.packages`: each with the ways to get it, tried in turn.
add_stack_packages() {
    [ -s "$here/packages" ] || return 0
    while IFS="$tab" read -r name ways <&3; do
        found=
        for way in $ways; do
            package=${way#*:}
            case $way in
            have:*) have "$package" ;;
            deb:*) install_packages "$package" ;;
            npm:*) have npm && npm install --global --prefix /usr/local "$package" ;;
            pip:*) have pip3 && pip3 install --break-system-packages "$package" ;;
            *) false ;;
            esac && found=yes && break
        done
        [ -n "$found" ] || say "not-emulated $name"
    done 3<"$here/packages"
    if have yarnpkg && ! have yarn; then ln -sf "$(command -v yarnpkg)" /usr/local/bin/yarn; fi
    if have fdfind && ! have fd; then ln -sf "$(command -v fdfind)" /usr/local/bin/fd; fi
    if have batcat && ! have bat; then ln -sf "$(command -v batcat)" /usr/local/bin/bat; fi
}

add_certificates
add_tools
add_user
if [ "$primary" = python ]; then
    have python3 || fail 'the image lacks `python3`'
    have pip3 || install_packages python3-pip || say "not-emulated-tool pip"
fi
if [ "$primary" = nodejs ]; then
    have node || fail 'the image lacks `node`'
    have npm || install_packages npm || say "not-emulated-tool npm"
    node_tools
fi
[ "$primary" != java ] || java_ant
if [ "$primary" = ruby ]; then
    have bundle || gem install bundler || say "not-emulated-tool bundle"
fi
add_runtimes
if have php; then
    php_composer
    php_extensions
    php_disabled_extensions
    php_settings
fi
add_stack_packages
add_clients
if have python3; then
    # Where Debian's own Python is used, it would refuse `pip install`; Upsun's does not.
    rm -f /usr/lib/python3*/EXTERNALLY-MANAGED /usr/local/lib/python3*/EXTERNALLY-MANAGED
    have python || ln -sf "$(command -v python3)" /usr/local/bin/python
    if have pip3 && ! have pip; then ln -sf "$(command -v pip3)" /usr/local/bin/pip; fi
fi
if [ -x /usr/share/maven/bin/mvn ] && ! have mvn; then ln -sf /usr/share/maven/bin/mvn /usr/local/bin/mvn; fi
if [ -x /opt/gradle/bin/gradle ] && ! have gradle; then ln -sf /opt/gradle/bin/gradle /usr/local/bin/gradle; fi
[ "$listed" != unserved ] || say "unserved $(unserved)"
rm -rf /var/lib/apt/lists/* /root/.npm /root/.cache /tmp/pear
