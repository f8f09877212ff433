#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Fetches the source of a kernel that several kernels are built from, and prints its folder:
# linux-source.sh PACKAGE, where newest is Debian's newest.
#
# Runs in the build root (enter.sh).

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

package=$1
entry=$cache/source-$package-$(key <"$setup/linux-source.sh")
lock "$entry"
if is_whole "$entry"; then
	echo "$entry"
	exit
fi
rm -rf --one-file-system "$entry"
mkdir -p "$entry"

fetch() {
	apt-get update
	if [ "$package" = newest ]; then
		package=$(apt-cache search --names-only '^linux-source-[0-9.]+$' | awk '{ print $1 }' | sort -V | tail -n 1)
	fi
	cd "$entry"
	apt-get -o APT::Sandbox::User=root download "$package"
	dpkg-deb --fsys-tarfile "$package"_*.deb | tar xO --wildcards '*/linux-source-*.tar.xz' |
		tar xJ --strip-components=1
	rm "$package"_*.deb
}

logged "fetching the source of Linux (${package#linux-source-})" fetch
stamp "$entry" Makefile Kconfig scripts/Makefile.build
drop_others "source-$package" "$entry"
echo "$entry"
