#!/bin/sh
# What busybox's udhcpc calls: keeps what it was given for init, which sets the address itself.
case "$1" in
bound | renew)
    printf 'ip=%s\nsubnet=%s\nrouter=%s\ndns=%s\n' "$ip" "$subnet" "$router" "$dns" > /run/k3os/dhcp-lease
    ;;
esac
