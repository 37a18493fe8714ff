#!/bin/busybox sh
# What initramfs-tools would do: loads what the root needs, mounts it as the command line says, and goes there.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
	insmod "/modules/$module"
done </modules/order
how=ro
for word in $(cat /proc/cmdline); do
	case $word in
	root=*) root=${word#root=} ;;
	ro | rw) how=$word ;;
	esac
done
until [ -b "$root" ]; do
	sleep 0.1
done
mount -t ext4 -o "$how" "$root" /root
for directory in dev proc sys; do
	mount -o move "/$directory" "/root/$directory"
done
exec switch_root /root /sbin/init
