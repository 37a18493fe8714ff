# make help   says what there is. Everything here only calls the programs of the repository.
# Crates are those of Cargo.lock; after a change of a Cargo.toml, any plain `cargo check` brings it up to date.

SHELL := /bin/bash
CACHE := $(or $(K3OS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/k3os)
# The tools of file systems are in sbin, which is not on every user's path.
export PATH := $(CACHE)/tools/bin:$(PATH):/usr/sbin:/sbin

# amd64 or arm64. The artefacts of arm64 have a directory of their own: a manifest is that of one release for one processor.
ARCH ?= amd64
ARTIFACTS ?= dist/artifacts$(if $(filter arm64,$(ARCH)),/arm64)
# Seconds (fast) or bytes (best).
COMPRESSION ?= fast
IMAGE_BUILD := cargo run --locked --quiet --release -p image-build --
TESTS := cargo run --locked --quiet --release -p k3os-tests --

.DEFAULT_GOAL := help
.PHONY: help setup setup-lint artifacts image run lint check test test-all test-arm bench verify-reproducible sizes clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## Installs what is missing (Debian 12 and 13)
	@scripts/setup $(if $(filter arm64,$(ARCH)),--arm64)

setup-lint:
	@scripts/setup --lint

artifacts: setup
	$(IMAGE_BUILD) build --arch $(ARCH) --compression $(COMPRESSION) --output $(ARTIFACTS) --times dist/build-times$(if $(filter arm64,$(ARCH)),-arm64).json

image: ## Builds every artefact of a release into dist/artifacts, as small as possible; ARCH=arm64 for ARM
	$(MAKE) artifacts COMPRESSION=best

run: artifacts ## Builds the image and boots it to a Ready node, here on this terminal
	$(TESTS) vm --artifacts $(ARTIFACTS)

lint: setup-lint ## Format, clippy, licences and sources of crates
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --log-level error check licenses bans sources

test: check ## What the CI runs: lint, the image, unit and integration tests, and the boots that tell most
	$(TESTS) run --artifacts $(ARTIFACTS)

test-all: check ## The same with every end-to-end scenario in QEMU
	K3OS_FUZZ_CASES=5000 cargo test --locked -p k3os-data-sources --test fuzz
	$(TESTS) run --all --artifacts $(ARTIFACTS)

test-arm: ## Builds the image for arm64 and boots it in QEMU, and the overlay on amd64
	$(MAKE) artifacts
	$(TESTS) run --all --filter overlay:: --artifacts $(ARTIFACTS)
	$(MAKE) artifacts ARCH=arm64
	$(TESTS) run --all --artifacts $(ARTIFACTS)/arm64

check: lint ## All of that but the boots
	kubernetes/test.sh
	$(MAKE) artifacts
	cargo test --locked --workspace --no-fail-fast

bench: image ## Times, memory and sizes, beside Debian with systemd
	$(TESTS) bench --artifacts $(ARTIFACTS)

verify-reproducible: setup ## Builds the last commit twice and compares every byte
	$(IMAGE_BUILD) verify-reproducible --arch $(ARCH)

sizes: setup ## Sizes of the artefacts and of what is in them
	$(IMAGE_BUILD) sizes --arch $(ARCH) --output $(ARTIFACTS)

clean: ## Removes the artefacts and what cargo built; the cache stays
	rm -rf dist
	cargo clean
