#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command in the build root, in the current folder: enter.sh [--root DIR] COMMAND…
#
# The checkout and the cache have the same paths inside as outside. Mounts and processes have
# namespaces of their own: whatever way the command ends, nothing of it is left.

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --root ]; then
	root=$2
	shift 2
else
	root=$("$setup/root.sh")
fi
[ $# -gt 0 ] || die "enter.sh: no command"

export AXIRQ_CACHE=$cache CARGO_HOME=$cache/cargo
mkdir -p "$CARGO_HOME"
# A host that is told where its crates come from tells the root.
if [ -f "$HOME/.cargo/config.toml" ] && [ ! -e "$CARGO_HOME/config.toml" ]; then
	cp "$HOME/.cargo/config.toml" "$CARGO_HOME/config.toml"
fi
[ "$root" != / ] || exec "$@"

need_root "entering the build root"
export root top cache
export where=$PWD
# A process namespace's first process takes signals only if it handles them; bash does, and
# --kill-child ends the rest with it.
exec unshare --mount --pid --fork --kill-child --propagation private -- bash -c '
	set -e
	for folder in "$top" "$cache"; do
		mkdir -p "$root$folder"
		mount --rbind "$folder" "$root$folder"
	done
	mount --rbind /dev "$root/dev"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	# Sockets there can be reached from another terminal.
	mount --bind /tmp "$root/tmp"
	mkdir -p "$root/run"
	for file in /etc/resolv.conf /etc/hosts; do
		[ -s "$file" ] || continue
		[ -e "$root$file" ] || : >"$root$file"
		mount --bind "$(readlink -f "$file")" "$root$file"
	done
	# Beside the file of the root, which its own package manager replaces.
	if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
		: >>"$root/run/host-ca-certificates.crt"
		mount --bind "$(readlink -f /etc/ssl/certs/ca-certificates.crt)" "$root/run/host-ca-certificates.crt"
		export SSL_CERT_FILE=/run/host-ca-certificates.crt CARGO_HTTP_CAINFO=/run/host-ca-certificates.crt
	fi
	cd "$root"
	exec chroot . /usr/bin/env -u BASH_ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LC_ALL=C.UTF-8 bash -c '\''cd "$1" && shift && exec "$@"'\'' enter "$where" "$@"
' enter "$@"
