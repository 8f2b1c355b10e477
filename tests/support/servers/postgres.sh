#!/bin/bash
# PostgreSQL on loopback, for as long as a test run lasts.
#
#   postgres.sh FOLDER RUN_PID PORT
#
# Writes FOLDER/ready when it answers, FOLDER/failed with the reason when it never will; FOLDER/bin is where its programs are. Ends the
# server and removes its data when the process RUN_PID is gone. User imagepic, no password. Nothing is synced: the data is thrown away.
set -u
folder=$1 run=$2 port=$3
source "$(dirname "$0")/guard.sh"

# Debian keeps the server's programs out of the search path, one folder a version.
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$bin/postgres" ] || bin=$(dirname "$(command -v postgres)")
[ -x "$bin/initdb" ] || fail "PostgreSQL is not installed: run 'cargo xtask setup'"

# Where another user can reach it: the server refuses to be root.
data=$(mktemp -d /tmp/imagepic-postgres.XXXXXX)
end() {
    [ ${#servers[@]} -gt 0 ] && kill -KILL "${servers[@]}"
    wait
    rm -rf "$data"
    stop
}
trap end EXIT TERM INT HUP

as=()
if [ "$(id -u)" = 0 ]; then
    chown 65534:65534 "$data"
    as=(--reuid 65534 --regid 65534 --clear-groups)
fi
step env -C "$data" setpriv "${as[@]}" --pdeathsig KILL "$bin/initdb" -D "$data/db" -A trust -U imagepic -E UTF8 --no-locale --no-sync
# One command, so that the signal that ends it with this script is set after the user was.
setpriv "${as[@]}" --pdeathsig KILL "$bin/postgres" -D "$data/db" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c full_page_writes=off -c max_connections=200 > postgres.out.log 2>&1 &
servers+=($!)
for _ in $(seq 600); do
    "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U imagepic -d postgres && break
    kill -0 "${servers[0]}" || fail "it ended: $(said)"
    sleep 0.05
done
"$bin/pg_isready" -q -h 127.0.0.1 -p "$port" || fail "it never answered: $(said)"
echo "$bin" > bin
ready
