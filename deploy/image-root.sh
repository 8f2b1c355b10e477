#!/bin/sh
# Fills a folder with all a program needs to run without the system it was built on: itself, the libraries it is linked with, the
# loader, the certificate authorities, a user. Used by the Dockerfile, and by the test that runs the program in such a folder.
# Usage: image-root.sh PROGRAM FOLDER
set -eu
program=$1
root=$2

mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/data" "$root/tmp"
chmod 1777 "$root/tmp"
cp "$program" "$root/usr/bin/imagepic"
# "libc.so.6 => /lib/… (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)"; linux-vdso has no file.
ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) .*/\1/p' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'imagepic:x:65532:65532::/data:/nologin' > "$root/etc/passwd"
echo 'imagepic:x:65532:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
chown 65532:65532 "$root/data" 2>/dev/null || true
