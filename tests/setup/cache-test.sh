#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Tests the cache's promises with a cache of its own: what is half made, interrupted, damaged or
# moved is never used, and two runs do not get in each other's way.

AXIRQ_CACHE=$(mktemp -d)
export AXIRQ_CACHE
trap 'rm -rf "$AXIRQ_CACHE"' EXIT

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

expect() {
	local wanted=$1 what=$2 got=whole
	shift 2
	"$@" || got=broken
	[ "$got" = "$wanted" ] || die "cache test: $what should be $wanted, and is $got"
}

entry=$cache/thing-1
mkdir -p "$entry/part"
expect broken "an entry without a stamp" is_whole "$entry"
echo one >"$entry/a"
echo two >"$entry/part/b"
stamp "$entry" a part/b
expect whole "a stamped entry" is_whole "$entry"

cp "$entry/a" "$cache/a"
echo other >"$entry/a"
expect broken "an entry with a changed file" is_whole "$entry"
: >"$entry/a"
expect broken "an entry with an emptied file" is_whole "$entry"
rm "$entry/a"
expect broken "an entry with a missing file" is_whole "$entry"
mv "$cache/a" "$entry/a"
expect whole "the entry mended" is_whole "$entry"

mv "$entry" "$cache/thing-2"
expect broken "an entry in another place than it was made for" is_whole "$cache/thing-2"
mv "$cache/thing-2" "$entry"

truncate -s 20 "$entry/.stamp"
expect broken "an entry with a cut stamp" is_whole "$entry"
: >"$entry/.stamp"
expect broken "an entry with an empty stamp" is_whole "$entry"

# A maker that is killed halfway leaves no stamp, and its lock is free.
maker() {
	lock "$cache/thing-3"
	mkdir -p "$cache/thing-3"
	echo half >"$cache/thing-3/a"
	echo started >"$cache/started"
	read -r _ <"$cache/never"
	stamp "$cache/thing-3" a
}
mkfifo "$cache/started" "$cache/never"
maker 2>/dev/null &
read -r _ <"$cache/started"
# A second run waits for the first.
expect broken "a lock that another run holds" flock --nonblock "$cache/locks/thing-3" true
kill -KILL $!
{ wait $! || true; } 2>/dev/null
expect broken "an entry whose maker was killed" is_whole "$cache/thing-3"
expect whole "the lock of a maker that was killed" timeout 10 flock "$cache/locks/thing-3" true

# Two runs that both find the entry missing: one makes it, the other uses it.
made() {
	lock "$cache/thing-4"
	is_whole "$cache/thing-4" && return
	mkdir -p "$cache/thing-4"
	echo "made" >>"$cache/thing-4-makers"
	sleep 0.5
	echo content >"$cache/thing-4/a"
	stamp "$cache/thing-4" a
}
(made) 2>/dev/null &
(made) 2>/dev/null &
wait
expect whole "an entry that two runs made" is_whole "$cache/thing-4"
[ "$(wc -l <"$cache/thing-4-makers")" = 1 ] || die "cache test: two runs made one entry"

# Of what is not in use, only old entries go, and none that another run is making.
for age in new old making; do
	mkdir -p "$cache/kind-$age"
	echo content >"$cache/kind-$age/a"
	stamp "$cache/kind-$age" a
done
touch -d '2 days ago' "$cache/kind-old/.stamp"
rm "$cache/kind-making/.stamp"
(
	flock 8
	drop_others kind "$cache/kind-mine"
) 8>"$cache/locks/kind-making"
for age in new making; do
	[ -e "$cache/kind-$age/a" ] || die "cache test: an entry that is $age was dropped"
done
[ ! -e "$cache/kind-old" ] || die "cache test: an old entry was not dropped"

# A failed step is told, with the end of its log.
! said=$( (logged "a step" sh -c 'echo reason; exit 3') 2>&1) || die "cache test: a failed step passed"
grep -q reason <<<"$said" && grep -q "a step failed" <<<"$said" || die "cache test: a failed step said: $said"
echo "cache test: passed"
