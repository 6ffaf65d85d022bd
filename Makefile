# The two commands of the README, and the parts they are made of.
# `make demo` needs a C compiler and Rust only; `make test` installs the servers that the tests run against.

CARGO ?= cargo
FUZZ_SECONDS ?= 600

.PHONY: demo demo-check test test-deps check fmt lint layers deny fuzz bench clean help

help:            ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

demo:            ## build and run the whole journey on this machine; Ctrl-C stops it
	$(CARGO) build --locked
	@$(CARGO) run --locked --quiet -- demo

demo-check:      ## the journey with renewals under load, a deletion and an outage; exits 0 or 1
	$(CARGO) build --locked
	@$(CARGO) run --locked --quiet -- demo --check

test:            ## everything: installs what is missing, then runs every test
	@tools/test

test-deps:       ## install the servers and clients that the tests need (apt)
	@tools/install-test-deps

check: fmt layers lint  ## what must hold before a commit

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

layers:
	$(CARGO) xtask layers
	$(CARGO) xtask tidy

deny:            ## licences, advisories and bans (needs cargo-deny)
	$(CARGO) deny check

fuzz:            ## every fuzz target for ten minutes (needs cargo-fuzz); FUZZ_SECONDS=60 for one minute
	@for target in cli_line ns_conf nitro_json expression; do \
	  mkdir -p fuzz/corpus/$$target && \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target \
	    -- -max_total_time=$(FUZZ_SECONDS) -timeout=25 || exit 1; \
	done

bench:           ## the benchmark programs, printed as ratios
	$(CARGO) bench --locked --workspace

clean:
	$(CARGO) clean
