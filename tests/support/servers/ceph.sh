#!/bin/bash
# One Ceph cluster on loopback (a monitor, an OSD in memory, a RADOS gateway) for as long as a test run lasts.
#
#   ceph.sh FOLDER RUN_PID GATEWAY_PORT MONITOR_PORT MONITOR_PORT_OLD
#
# Writes FOLDER/ready when the gateway answers, FOLDER/failed with the reason when it never will. Ends the cluster and removes its
# data when the process RUN_PID is gone. Keys: test / testsecret.
set -u
folder=$1 run=$2 gateway=$3 monitor=$4 monitor_old=$5
source "$(dirname "$0")/guard.sh"

mkdir -p mon osd rgw crash
fsid=$(uuidgen)
cat > ceph.conf <<CONF
[global]
fsid = $fsid
mon_host = [v2:127.0.0.1:$monitor,v1:127.0.0.1:$monitor_old]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv4 = true
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_supported = none
run_dir = $folder
# A socket path in a deep folder would be longer than the kernel takes.
admin_socket =
log_file = $folder/\$name.log
crash_dir = $folder/crash
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_crush_initial_weight = 1
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_warn_on_pool_no_redundancy = false
mon_data_avail_warn = 2
mon_data_avail_crit = 1
# Map changes are batched for a second each otherwise: 16 s to start instead of 3.
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
[mon.a]
mon_data = $folder/mon
[osd.0]
osd_data = $folder/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_max_object_name_len = 1024
osd_memory_target = 1073741824
[client.rgw]
rgw_data = $folder/rgw
# Without nodelay every second request on a kept connection waits 40 ms for an acknowledgement.
rgw_frontends = beast endpoint=127.0.0.1:$gateway tcp_nodelay=1
rgw_dns_name = localhost
rgw_enable_usage_log = false
rgw_thread_pool_size = 32
# "auth none" has no key to sign the monitor's messages with.
ms_mon_client_mode = crc
CONF
admin() { timeout 60 ceph -c ceph.conf "$@"; }

command -v ceph-mon radosgw > /dev/null || fail "Ceph is not installed: run 'cargo xtask setup'"
step monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor,v1:127.0.0.1:$monitor_old]" monmap
step ceph-mon -c ceph.conf -i a --mkfs --monmap monmap --keyring /dev/null
serve ceph-mon ceph-mon -f -c ceph.conf -i a
# The OSD must come up under the very id the monitor made for it.
osd=$(uuidgen)
step admin osd new "$osd" 0
step ceph-osd -c ceph.conf -i 0 --mkfs --osd-uuid "$osd"
serve ceph-osd ceph-osd -f -c ceph.conf -i 0
for pool in .rgw.root default.rgw.{log,control,meta,buckets.index,buckets.data,buckets.non-ec}; do
    step admin osd pool create "$pool" 4 4
    step admin osd pool application enable "$pool" rgw
done
step timeout 60 radosgw-admin -c ceph.conf -n client.rgw user create --uid=test --display-name=test --access-key=test --secret-key=testsecret
serve radosgw radosgw -f -c ceph.conf -n client.rgw
answers "http://127.0.0.1:$gateway/"
ready
