#!/usr/bin/env bash
# Builds the Go half of the Kubernetes server into OUTDIR:
#   kubernetes  containerd-shim-runc-v2  addons  cni/{bridge,firewall,host-local,loopback,portmap}
# The same sources and the same Go give the same bytes. SOURCE_DATE_EPOCH, if
# set, becomes the build date that `kubectl version` shows.
set -euo pipefail

usage() {
	echo "usage: $0 OUTDIR [amd64|arm64]" >&2
	exit 2
}

[[ $# -ge 1 && $# -le 2 ]] || usage
mkdir -p "$1"
out=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case ${2:-amd64} in
amd64 | arm64) export GOARCH=${2:-amd64} ;;
*) usage ;;
esac
export GOOS=linux CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly

# containerd without the snapshotters that the image cannot use; gRPC without
# its web page of traces, which keeps the linker from dropping unused methods.
tags=no_btrfs,no_devmapper,no_zfs,grpcnotrace

# version_of MODULE DEPENDENCY: the version that the module's go.mod pins.
version_of() {
	cd "$here/$1" && go list -m -f '{{.Version}}' "$2"
}

# The flags for the linker that say what version of Kubernetes this is.
kubernetes_version_flags() {
	local version=$1 minor date package
	minor=${version#v*.}
	date=$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf -- '-X %s.%s ' \
			"$package" "gitVersion=$version+k3os" "$package" gitMajor=1 "$package" "gitMinor=${minor%%.*}" \
			"$package" gitCommit= "$package" gitTreeState=clean "$package" "buildDate=$date"
	done
}

# build MODULE PACKAGE RESULT
build() {
	local started=$SECONDS
	echo "building $3 ($GOARCH)"
	(cd "$here/$1" && go build -trimpath -buildvcs=false -tags "$tags" \
		-ldflags "-s -w -buildid= $ldflags" -o "$out/$3" "$2")
	echo "built $3: $((SECONDS - started)) s, $(($(stat -c %s "$out/$3") / 1048576)) MiB"
}

containerd=github.com/containerd/containerd/v2
kubernetes_version=$(version_of upstream k8s.io/kubernetes)
containerd_version=$(version_of upstream "$containerd")
containerd_flags="-X $containerd/version.Version=$containerd_version"

ldflags="$(kubernetes_version_flags "$kubernetes_version") $containerd_flags"
build upstream . kubernetes
# metrics-server says its version by the variable of the Kubernetes client.
ldflags="-X k8s.io/client-go/pkg/version.gitVersion=$(version_of addons sigs.k8s.io/metrics-server)"
build addons . addons
ldflags=$containerd_flags
build upstream "$containerd/cmd/containerd-shim-runc-v2" containerd-shim-runc-v2
ldflags=
for plugin in main/bridge main/loopback ipam/host-local meta/portmap meta/firewall; do
	build upstream "github.com/containernetworking/plugins/plugins/$plugin" "cni/${plugin#*/}"
done
