#!/bin/sh
# Like the official one: makes the user and the database at the first start.
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres:postgres "$PGDATA" && chmod 700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username "$POSTGRES_USER" --pwfile /tmp/password --auth-local trust \
        --auth-host scram-sha-256 --encoding UTF8 --locale C.UTF-8
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait start --options "-c listen_addresses=''"
    createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --wait --mode fast stop
fi
exec "$@" -c "listen_addresses=*"
