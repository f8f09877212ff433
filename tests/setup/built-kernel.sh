#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the kernel lts or debug, and prints its folder (see kernel.sh): built-kernel.sh NAME
#
# Runs in the build root (enter.sh).

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

name=${1:-}
configs=$top/tests/configs
case $name in
lts)
	source_package=linux-source-6.12
	fragments=(board.config petalinux.config)
	make_args=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc-14)
	;;
debug)
	source_package=newest
	fragments=(board.config debug.config)
	make_args=(ARCH=arm64 LLVM=1)
	;;
*)
	die "built-kernel.sh: no kernel named '$name': there are lts and debug"
	;;
esac

entry=$cache/built-$name-$( (cat "$setup/built-kernel.sh" "${fragments[@]/#/$configs/}" && tools) | key)
lock "$entry"
if is_whole "$entry"; then
	echo "$entry"
	exit
fi
rm -rf --one-file-system "$entry"
mkdir -p "$entry/download" "$entry/build" "$entry/source" "$entry/modules" "$entry/extra"

fetch() {
	apt-get update
	if [ "$source_package" = newest ]; then
		source_package=$(apt-cache search --names-only '^linux-source-[0-9.]+$' | awk '{ print $1 }' | sort -V | tail -n 1)
	fi
	cd "$entry/download"
	apt-get -o APT::Sandbox::User=root download "$source_package" busybox-static:arm64
	dpkg-deb -x busybox-static_*.deb busybox
	cp "$(find busybox -type f -path '*bin/busybox')" "$entry/busybox"
	dpkg-deb --fsys-tarfile "$source_package"_*.deb | tar xO --wildcards '*/linux-source-*.tar.xz' |
		tar xJ -C "$entry/source" --strip-components=1
}

kernel_make() {
	make -C "$entry/source" O="$entry/build" -j"$(nproc)" "${make_args[@]}" "$@"
}

configure() {
	kernel_make tinyconfig
	(cd "$entry/build" && "$entry/source/scripts/kconfig/merge_config.sh" -m -O . .config "${fragments[@]/#/$configs/}")
	kernel_make olddefconfig
}

# What was asked for and is not there: an option renamed, or one whose dependencies are not met.
missing() {
	local line option
	cat "${fragments[@]/#/$configs/}" | grep -E '^(CONFIG_|# CONFIG_)' | while read -r line; do
		case $line in
		"# "*)
			option=${line#\# }
			option=${option%% *}
			! grep -q "^$option=" "$entry/build/.config" || echo "$line"
			;;
		*)
			grep -qxF "$line" "$entry/build/.config" || echo "$line"
			;;
		esac
	done
}

logged "kernel $name: fetching its source" fetch
logged "kernel $name: configuring" configure
lost=$(missing)
[ -z "$lost" ] || die "kernel $name cannot have: ${lost//$'\n'/, }"
logged "kernel $name: building (some ten minutes on two cores)" kernel_make Image modules

cp "$entry/build/arch/arm64/boot/Image" "$entry/vmlinuz"
find "$entry/build" -name '*.ko' -exec cp {} "$entry/extra/" \;
cp "$entry/build/include/config/kernel.release" "$entry/release"
printf '%s\n' "${make_args[@]}" >"$entry/make-args"
rm -rf "$entry/download"
cd "$entry"
stamp "$entry" vmlinuz busybox release make-args build/Module.symvers build/.config build/rust/libkernel.rmeta \
	build/rust/libcore.rmeta build/include/generated/utsrelease.h extra/*.ko
drop_others "built-$name" "$entry"
echo "$entry"
