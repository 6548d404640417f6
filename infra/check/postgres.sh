#!/bin/sh
# A replacement for the official image's entrypoint, with the features that compose.yaml uses.
set -eu
PATH="$(echo /usr/lib/postgresql/*/bin):$PATH"
folder=/var/lib/postgresql/data
if [ ! -s "$folder/PG_VERSION" ]; then
    password=$(mktemp)
    printf '%s' "$POSTGRES_PASSWORD" > "$password"
    # shellcheck disable=SC2086  # these are several options
    initdb --pgdata "$folder" --username "$POSTGRES_USER" --pwfile "$password" $POSTGRES_INITDB_ARGS
    rm "$password"
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$folder" postgres
    echo "host all all all scram-sha-256" >> "$folder/pg_hba.conf"
fi
shift
exec postgres -D "$folder" -c listen_addresses='*' "$@"
