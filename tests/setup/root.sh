#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes the build root, a Debian with every tool the project needs, and prints its folder. A host that
# is that Debian already serves as its own: the folder is / then.

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

entry=$cache/root-$( (cat "$setup/root.sh" "$setup/packages" && echo "$suite") | key)

host_is_root() {
	# shellcheck source=/dev/null
	[ "${AXIRQ_CHROOT:-auto}" != always ] && (. /etc/os-release && [ "${ID:-}" = debian ] &&
		[ "${VERSION_CODENAME:-}" = "$suite" ] && [ "$(dpkg --print-architecture)" = amd64 ])
}

# Packages of one kind: "", "backports", "arm64" or "armhf".
packages() {
	awk -v kind="$1" '!/^#/ && NF && $2 == kind { print $1 (kind ~ /^arm/ ? ":" kind : "") }' "$setup/packages"
}

# Runs in the root, or on the host that is one.
install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	dpkg --add-architecture arm64
	dpkg --add-architecture armhf
	apt-get update
	# shellcheck disable=SC2046
	apt-get install -y --no-install-recommends $(packages "") $(packages arm64) $(packages armhf)
	# shellcheck disable=SC2046
	apt-get install -y --no-install-recommends -t "$suite-backports" $(packages backports)
	apt-get clean
}

enable_backports() {
	local uri
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" | head -n 1)
	[ -n "$uri" ] || die "apt of the build root names no archive of $suite"
	cat >/etc/apt/sources.list.d/axirq-backports.sources <<-END
		Types: deb
		URIs: $uri
		Suites: $suite-backports
		Components: main
		Architectures: amd64 arm64
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	END
}

# The steps that run inside, called again by enter.sh.
case ${1:-} in
inside)
	apt-get update
	enable_backports
	install_packages
	exit
	;;
esac

if host_is_root; then
	stamp_dir=$cache/host-root-${entry##*-}
	lock "$stamp_dir"
	if ! is_whole "$stamp_dir"; then
		need_root "installing the build tools"
		mkdir -p "$stamp_dir"
		logged "installing the build tools" bash "$0" inside
		cp /var/lib/dpkg/arch "$stamp_dir/arch"
		stamp "$stamp_dir" arch
	fi
	echo /
	exit
fi

need_root "the build root"
lock "$entry"
if is_whole "$entry"; then
	echo "$entry"
	exit
fi

if ! command -v debootstrap >/dev/null; then
	command -v apt-get >/dev/null || die "debootstrap is missing: install it with this system's package manager"
	logged "installing debootstrap" sh -c 'apt-get update && apt-get install -y debootstrap debian-archive-keyring'
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || die "$keyring is missing: install the package debian-archive-keyring"
# An older debootstrap does not know the suite by name, but all of Debian's are made alike.
source=()
if [ -n "${AXIRQ_DEBIAN_MIRROR:-}" ]; then
	source=("$AXIRQ_DEBIAN_MIRROR")
elif [ ! -e "/usr/share/debootstrap/scripts/$suite" ]; then
	source=("$(sed -nE 's/^DEF_MIRROR="(.*)"/\1/p' "$(command -v debootstrap)")")
fi
[ ${#source[@]} = 0 ] || source+=(/usr/share/debootstrap/scripts/sid)

rm -rf --one-file-system "$entry"
mkdir -p "$entry"
logged "debootstrap of Debian $suite" \
	debootstrap --variant=minbase --keyring="$keyring" "$suite" "$entry" ${source[@]+"${source[@]}"}
logged "installing compilers, QEMU and tools" "$setup/enter.sh" --root "$entry" bash "$setup/root.sh" inside
stamp "$entry" usr/bin/qemu-system-aarch64 usr/bin/cargo usr/bin/rustc usr/bin/bindgen usr/bin/dtc \
	usr/bin/make usr/bin/aarch64-linux-gnu-gcc-14 usr/bin/dt-validate usr/bin/udevadm var/lib/dpkg/status
drop_others root "$entry"
echo "$entry"
