#!/bin/bash
# OpenStack Swift with its S3 front on loopback, for as long as a test run lasts.
#
#   swift.sh FOLDER RUN_PID PROXY_PORT ACCOUNT_PORT CONTAINER_PORT OBJECT_PORT VENV
#
# Writes FOLDER/ready when the proxy answers, FOLDER/failed with the reason when it never will. Ends the servers and removes their
# data when the process RUN_PID is gone. Keys: test:test / testsecret. Region us-east-1, and no other is accepted.
set -u
folder=$1 run=$2 proxy=$3 account=$4 container=$5 object=$6 venv=$7
source "$(dirname "$0")/guard.sh"

bin=$venv/bin
[ -x "$bin/swift-proxy-server" ] || fail "OpenStack Swift is not installed: run 'cargo xtask setup'"
mkdir -p node/d1
printf '[swift-hash]\nswift_hash_path_prefix = imagepic\nswift_hash_path_suffix = tests\n[storage-policy:0]\nname = one\ndefault = yes\n' > swift.conf
for server in "account:$account" "container:$container" "object:$object"; do
    name=${server%%:*} port=${server##*:}
    step "$bin/swift-ring-builder" "$name.builder" create 4 1 0
    step "$bin/swift-ring-builder" "$name.builder" add "r1z1-127.0.0.1:$port/d1" 1
    step "$bin/swift-ring-builder" "$name.builder" rebalance
    cat > "$name.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
user = $(id -un)
swift_dir = $folder
devices = $folder/node
mount_check = false
workers = 0
disable_fallocate = true
fallocate_reserve = 0
log_name = $name
[pipeline:main]
pipeline = $name-server
[app:$name-server]
use = egg:swift#$name
CONF
    serve "$name" "$bin/swift-$name-server" "$folder/$name.conf"
done
filters="catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy bulk slo dlo versioned_writes symlink"
{
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $proxy
user = $(id -un)
swift_dir = $folder
workers = 0
[pipeline:main]
pipeline = $filters proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
CONF
    for filter in $filters; do
        used=$filter
        [ "$filter" = cache ] && used=memcache
        printf '[filter:%s]\nuse = egg:swift#%s\n' "$filter" "$used"
        case $filter in
            # Nobody listens there: the servers do without.
            cache) echo "memcache_servers = 127.0.0.1:1" ;;
            s3api) printf 'location = us-east-1\ns3_acl = false\nstorage_domain = s3.swift.localhost\n' ;;
            tempauth) echo "user_test_test = testsecret .admin" ;;
            versioned_writes) printf 'allow_versioned_writes = true\nallow_object_versioning = true\n' ;;
        esac
    done
} > proxy.conf
serve proxy "$bin/swift-proxy-server" "$folder/proxy.conf"
answers "http://127.0.0.1:$proxy/healthcheck"
ready
