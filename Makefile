# make help   says what there is. Everything here only calls the programs of the repository.

SHELL := /bin/bash
CACHE := $(or $(K3OS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/k3os)
export PATH := $(CACHE)/tools/bin:$(PATH)

ARTIFACTS ?= dist/artifacts
# Seconds (fast) or bytes (best).
COMPRESSION ?= fast
IMAGE_BUILD := cargo run --quiet --release -p image-build --
TESTS := cargo run --quiet --release -p k3os-tests --

.DEFAULT_GOAL := help
.PHONY: help setup setup-lint artifacts image run lint test test-all bench verify-reproducible sizes clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## Installs what is missing (Debian 12 and 13)
	@scripts/setup

setup-lint:
	@scripts/setup --lint

artifacts: setup
	$(IMAGE_BUILD) build --compression $(COMPRESSION) --output $(ARTIFACTS) --times dist/build-times.json

image: ## Builds every artefact of a release into dist/artifacts, as small as possible
	$(MAKE) artifacts COMPRESSION=best

run: artifacts ## Builds the image and boots it to a Ready node, here on this terminal
	$(TESTS) vm --artifacts $(ARTIFACTS)

lint: setup-lint ## Format, clippy, licences and sources of crates
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo deny --log-level error check licenses bans sources

test: lint ## What the CI runs: lint, the image, unit and integration tests. Boots: see test-all
	kubernetes/test.sh
	$(MAKE) artifacts
	cargo test --workspace --no-fail-fast

test-all: lint ## The same, and every end-to-end scenario in QEMU
	cargo test --workspace --no-fail-fast
	K3OS_FUZZ_CASES=5000 cargo test -p k3os-data-sources --test fuzz
	kubernetes/test.sh
	$(MAKE) artifacts
	$(TESTS) run --all --artifacts $(ARTIFACTS)

bench: image ## Times, memory and sizes, beside Debian with systemd
	$(TESTS) bench --artifacts $(ARTIFACTS)

verify-reproducible: setup ## Builds the last commit twice and compares every byte
	$(IMAGE_BUILD) verify-reproducible

sizes: setup ## Sizes of the artefacts and of what is in them
	$(IMAGE_BUILD) sizes --output $(ARTIFACTS)

clean: ## Removes the artefacts and what cargo built; the cache stays
	rm -rf dist
	cargo clean
