# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What the set-up scripts share: messages, progress, and the cache.
#
# An entry of the cache is a folder with a stamp in it. The stamp is written last and lists checksums
# of what counts, so an entry that is half made, was interrupted, or was damaged since is never
# used: it is removed and made again. Whoever makes or checks an entry holds its lock.

set -euo pipefail

setup=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$setup/../.." && pwd)
cache=${AXIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/axirq}
# What the entries of the cache are made from, besides their own scripts.
suite=trixie

say() {
	printf '==> %s\n' "$*" >&2
}

die() {
	printf 'axirq: %s\n' "$*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || die "$1 needs root: run it as 'sudo -E make …'"
}

# Runs a command with its output in a log. A terminal shows the newest line in place; elsewhere a
# line every ten seconds says that it goes on. A failure shows the end of the log.
#
# logged LABEL COMMAND…
logged() {
	local label=$1 log pid start=$SECONDS shown=$SECONDS line
	shift
	mkdir -p "$cache/logs"
	log=$(mktemp "$cache/logs/${label//[^a-zA-Z0-9]/-}.XXXXXX")
	say "$label …"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.5
		if [ -t 2 ]; then
			line=$(tail -n 1 "$log" | tr -dc '[:print:]')
			printf '\r\033[K    %4d s  %s' $((SECONDS - start)) "${line:0:$((${COLUMNS:-80} - 14))}" >&2
		elif [ $((SECONDS - shown)) -ge 10 ]; then
			shown=$SECONDS
			printf '    %4d s  %s\n' $((SECONDS - start)) \
				"$(tail -n 1 "$log" | tr -dc '[:print:]' | cut -c1-100)" >&2
		fi
	done
	[ -t 2 ] && printf '\r\033[K' >&2
	if ! wait "$pid"; then
		tail -n 30 "$log" >&2
		die "$label failed; the whole log is $log"
	fi
	rm -f "$log"
	say "$label: done in $((SECONDS - start)) s"
}

# Holds the lock of an entry until the shell ends.
#
# lock ENTRY
lock() {
	mkdir -p "$cache/locks" || die "cannot write $cache: set AXIRQ_CACHE to a folder of yours"
	exec 9>"$cache/locks/$(basename "$1")"
	if ! flock --nonblock 9; then
		say "waiting: another run is setting up $(basename "$1")"
		flock 9
	fi
}

# Whether an entry is whole. It knows its own place: what is in it holds absolute paths. The stamp's
# time tells when the entry was last asked for.
#
# is_whole ENTRY
is_whole() {
	[ -f "$1/.stamp" ] && [ "$(head -n 1 "$1/.stamp")" = "$1" ] &&
		(cd "$1" && tail -n +2 .stamp | sha256sum --check --strict --status 2>/dev/null) &&
		touch "$1/.stamp"
}

# Marks an entry as whole.
#
# stamp ENTRY FILE…
stamp() {
	local entry=$1
	shift
	(
		cd "$entry"
		printf '%s\n' "$entry"
		sha256sum "$@"
	) >"$entry/.stamp.new"
	sync "$entry/.stamp.new"
	mv "$entry/.stamp.new" "$entry/.stamp"
}

# A key made from everything on standard input.
key() {
	sha256sum | cut -c1-12
}

# What kernels are built with, for their keys.
tools() {
	rustc --version
	bindgen --version
	clang --version | sed -n 1p
	aarch64-linux-gnu-gcc-14 --version | sed -n 1p
}

# Makes the entries of the same kind go that nobody has asked for since yesterday: another checkout may
# be using its own, or be making it.
#
# drop_others KIND ENTRY
drop_others() {
	local other
	for other in "$cache/$1"-*; do
		[ "$other" != "$2" ] && [ -d "$other" ] || continue
		[ -z "$(find "$other/.stamp" -mtime -1 2>/dev/null)" ] || continue
		flock --nonblock "$cache/locks/$(basename "$other")" rm -rf --one-file-system "$other" || true
	done
}
