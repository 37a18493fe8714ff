# node.sh ROOT SQUASHFS HOSTNAME [DEVICE]
# In the node's namespaces: builds the root as k3OS' init does (the release read-only on /usr, own /etc and /var), enters it and
# stays as the first process, which reaps what is left to it. DEVICE, where there is one, is mounted on /var.
# pivot_root, not chroot: `kubectl exec` joins a mount namespace by setns(2), and that leaves a chroot.
set -eu
root=$1 squashfs=$2 name=$3 device=${4-}
hostname "$name"
mount --bind "$root" "$root"
cd "$root"
mkdir -p usr etc var run tmp proc sys dev root home opt old
mount -o loop,ro "$squashfs" usr
[ -z "$device" ] || mount -t ext4 -o noatime "$device" var
for directory in bin sbin lib lib64; do ln -sfn "usr/$directory" "$directory"; done
[ -e etc/passwd ] || cp -a usr/etc/. etc/
[ -e var/lib ] || cp -a usr/share/factory/var/. var/
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
for tree in /sys/fs/cgroup/*/; do
	[ -e "$tree/tasks" ] || continue
	controller=$(basename "$tree")
	case $controller in
	systemd) options=none,name=systemd ;;
	*) options=$controller ;;
	esac
	mkdir "sys/fs/cgroup/$controller"
	mount -t cgroup -o "$options" cgroup "sys/fs/cgroup/$controller"
done
mkdir -p run/lock run/k3os
echo native >run/k3os/mode
rm -f etc/resolv.conf etc/hosts
# Nobody answers there, and that is what is wanted: a node needs no download.
echo "nameserver 192.0.2.1" >etc/resolv.conf
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >etc/hosts
[ -s etc/machine-id ] || tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
# What a host with control groups of version 1 and without CAP_SYS_RESOURCE needs.
drop_ins=var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.d
mkdir -p "$drop_ins"
cat >"$drop_ins/native.toml" <<\EOT
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
EOT
pivot_root . old
umount -l /old
rmdir /old
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root \
	/usr/bin/bash -c 'trap "exit 0" TERM; echo up; while :; do sleep 3600 & wait $!; done'
