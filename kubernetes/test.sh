#!/usr/bin/env bash
# Checks the format of the Go modules, vets and tests them. The first run
# compiles all of Kubernetes; later ones take it from Go's build cache.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# As in build.sh, so that both share what is compiled.
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=readonly -trimpath -tags=no_btrfs,no_devmapper,no_zfs,grpcnotrace"

misformatted=$(gofmt -l "$here/upstream" "$here/addons")
if [[ -n $misformatted ]]; then
	printf 'not formatted by gofmt:\n%s\n' "$misformatted" >&2
	exit 1
fi
for module in upstream addons; do
	echo "vetting kubernetes/$module"
	(cd "$here/$module" && go vet ./...)
done
for module in upstream addons; do
	echo "testing kubernetes/$module"
	(cd "$here/$module" && go test ./...)
done
