#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs every test and adds up: host tests, documentation examples, lints, then the emulated board with
# each of KERNELS, where "unbooted" stands for those that modules are only built for. BUILD is the folder for
# products. Runs in the build root.

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

passed=0
failed=0
nextest_version=0.9.99	# the newest for the root's compiler

cd "$top"
mkdir -p "$BUILD"

# One check that counts as one test.
#
# check NAME COMMAND…
check() {
	local name=$1
	shift
	say "$name"
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $name"
	fi
}

# A runner that prints its own counts, which PATTERN finds: "PASSED FAILED" a line.
#
# suite NAME PATTERN COMMAND…
suite() {
	local name=$1 pattern=$2 log=$BUILD/suite.log status=0 ok bad
	shift 2
	say "$name"
	"$@" 2>&1 | tee "$log" || status=$?
	read -r ok bad < <(sed 's/\x1b\[[0-9;]*m//g' "$log" | awk "$pattern"' END { print ok + 0, bad + 0 }')
	passed=$((passed + ok))
	failed=$((failed + bad))
	# A suite that failed without a failed test, or that ran none, has failed as a whole.
	if [ "$status" != 0 ] && [ "$bad" = 0 ] || [ $((ok + bad)) = 0 ]; then
		failed=$((failed + 1))
		echo "FAIL $name: exit code $status, $ok passed, $bad failed"
	fi
}

nextest() {
	(cd "$1" && shift && CARGO_TARGET_DIR=$BUILD/$1 && shift && export CARGO_TARGET_DIR &&
		cargo nextest run --locked --no-fail-fast --status-level fail --final-status-level fail "$@")
}

# shellcheck disable=SC2016
nextest_counts='/^ *Summary/ { for (i = 2; i <= NF; i++) {
	if ($i ~ /^passed/) ok += $(i - 1); if ($i ~ /^(failed|timed)/) bad += $(i - 1) } }'
# shellcheck disable=SC2016
libtest_counts='/^test result:/ { ok += $4; bad += $6 }'
# shellcheck disable=SC2016
board_counts='/^[0-9]+ passed, [0-9]+ failed$/ { ok += $1; bad += $3 }'

doc_tests() {
	(cd userspace && CARGO_TARGET_DIR=$BUILD/userspace cargo test --locked --all-features --doc)
}

# crate_clippy OPTION…
crate_clippy() {
	(cd userspace && CARGO_TARGET_DIR=$BUILD/userspace cargo clippy --quiet --locked -p axirq "$@" -- -D warnings)
}

features_alone() {
	local feature
	for feature in "" tokio gpio timer memory dma dma,tokio video video,tokio overlay embedded-hal embedded-hal,tokio microblaze gpiocdev,tokio; do
		crate_clippy --no-default-features --features "$feature" || return 1
	done
}

# No dependency is in the public API but those that are meant to be. rustdoc's JSON is not stable, but the root's compiler is.
public_api() {
	(cd userspace && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$BUILD/userspace-json cargo rustdoc --quiet --locked -p axirq --lib \
		--all-features -- -Zunstable-options --output-format json) &&
		tests/setup/public-api.py "$BUILD/userspace-json/doc/axirq.json" std core alloc futures_core embedded_hal embedded_hal_async
}

# All that runs on a 32-bit processor.
arm_clippy() {
	crate_clippy --target armv7-unknown-linux-gnueabihf --all-features &&
		(cd tests && CARGO_TARGET_DIR=$BUILD/tests cargo clippy --quiet --locked -p guest \
			--target armv7-unknown-linux-gnueabihf -- -D warnings)
}

# The root's compiler is the oldest that the crate asks for, so that whatever is built here shows it to be true.
oldest_compiler() {
	local stated root
	stated=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' userspace/Cargo.toml)
	root=$(rustc --version | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
	[ "$stated" = "$root" ] || { echo "the crate states Rust $stated and is built with $root"; return 1; }
}

# What a user's shell, man and udev look for is where they look.
installs() {
	local root=$BUILD/installed file
	rm -rf "$root"
	make userspace && make install-userspace DESTDIR="$root" PREFIX=/usr || return 1
	for file in bin/axirq lib/udev/rules.d/60-axirq.rules share/man/man1/axirq.1 share/man/man1/axirq-overlay-load.1 \
		share/bash-completion/completions/axirq share/zsh/site-functions/_axirq \
		share/fish/vendor_completions.d/axirq.fish; do
		[ -s "$root/usr/$file" ] || { echo "not installed: /usr/$file"; return 1; }
	done
	bash -n "$root/usr/share/bash-completion/completions/axirq"
}

PATH=$CARGO_HOME/bin:$PATH
if [ "$(cargo nextest --version 2>/dev/null | awk 'NR == 1 { print $2 }')" != "$nextest_version" ]; then
	lock cargo-nextest
	logged "building the test runner (cargo-nextest $nextest_version)" \
		cargo install --locked --force --profile dev --version "$nextest_version" cargo-nextest
fi

if [ -z "${TEST_FILTER:-}" ]; then
	suite "host tests: simulated PL, board, rooms of the driver" "$nextest_counts" nextest tests tests --workspace
	suite "host tests: crate and command line" "$nextest_counts" nextest userspace userspace --workspace --all-features
	suite "documentation examples" "$libtest_counts" doc_tests
	check "the documentation" make doc
	check "the cache of the set-up" tests/setup/cache-test.sh
	check "kernels and tools that modules cannot be built with" tests/setup/preflight-test.sh
	check "formatting and lints" make lint
	check "device-tree bindings and overlays" make bindings
	check "what is installed without a kernel" installs
	check "the udev rule" udevadm verify --no-summary userspace/udev/60-axirq.rules
	check "the crate with each feature alone, and with none" features_alone
	check "the crate and the board's tests on 32-bit Arm" arm_clippy
	check "the crate's public API" public_api
	check "the oldest compiler is the stated one" oldest_compiler
fi
for kernel in $KERNELS; do
	if [ "$kernel" = unbooted ]; then
		# Not in the loop's head, where its failure would be no cells.
		unbooted_names=$(tests/setup/unbooted.sh)
		for unbooted in $unbooted_names; do
			check "modules for a kernel that is not booted, $unbooted" tests/setup/unbooted.sh "$unbooted"
		done
		continue
	fi
	suite "the emulated board, kernel $kernel" "$board_counts" make board-test KERNEL="$kernel" TESTS="${TEST_FILTER:-}"
	if [ "$kernel" = zynq ] && [ -z "${TEST_FILTER:-}" ]; then
		check "a Zynq-7000 with mainline's tree of the ZC702" make zc702-test KERNEL=zynq
	fi
done

# A test that every kernel lacks something for is no test.
all_ran() {
	local missing
	# shellcheck disable=SC2046,SC2086
	missing=$(cat $(printf "$BUILD/outcomes-%s " ${KERNELS//unbooted/}) | awk '
		$1 == "skip" { skipped[$2] } $1 == "ran" { ran[$2] }
		END { for (name in skipped) if (!(name in ran)) print "     " name }')
	[ -z "$missing" ] || { echo "skipped on every kernel:"; echo "$missing"; return 1; }
}
if [ -z "${TEST_FILTER:-}" ] && [[ " $KERNELS " == *" stock "* && " $KERNELS " == *" lts "* && " $KERNELS " == *" debug "* ]]; then
	check "every board test ran on some kernel" all_ran
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
