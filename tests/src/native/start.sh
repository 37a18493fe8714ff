# start.sh NETNS CGROUP ROOT SQUASHFS HOSTNAME [DEVICE]
# On the host: joins the node's network namespace and control groups, makes the other namespaces, and goes on in node.sh, which
# lies beside this file. The control groups must be entered before their namespace is made: they become its roots.
set -eu
netns=$1 group=$2
shift 2
# `ip netns exec` would mount a /sys of its own, without the control groups.
node=$(dirname "$0")/node.sh
for tree in /sys/fs/cgroup/*/; do
	[ -e "$tree/tasks" ] || continue
	mkdir -p "$tree/$group"
	for file in cpuset.mems cpuset.cpus; do
		[ ! -e "$tree/$file" ] || cat "$tree/$file" >"$tree/$group/$file"
	done
	echo $$ >"$tree/$group/cgroup.procs"
done
exec nsenter --net="/run/netns/$netns" \
	unshare -m -p -f -u -i -C --kill-child --propagation private sh "$node" "$@"
