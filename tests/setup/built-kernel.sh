#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the kernel lts, vendor, kcfi, zynq or debug, and prints its folder (see kernel.sh): built-kernel.sh NAME
#
# Runs in the build root (enter.sh).

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

name=${1:-}
configs=$top/tests/configs
case $name in
lts)
	package=linux-source-6.12
	fragments=(board.config rust.config petalinux.config)
	make_args=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc-14)
	;;
vendor)
	package=linux-source-6.12
	fragments=(board.config petalinux.config hardened.config)
	make_args=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc-14)
	;;
kcfi)
	package=linux-source-6.12
	fragments=(board.config petalinux.config hardened.config kcfi.config)
	make_args=(ARCH=arm64 LLVM=1)
	;;
zynq)
	package=linux-source-6.12
	fragments=(board.config zynq.config)
	make_args=(ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf- CC=arm-linux-gnueabihf-gcc-14)
	;;
debug)
	package=newest
	fragments=(board.config rust.config debug.config)
	make_args=(ARCH=arm64 LLVM=1)
	;;
*)
	die "built-kernel.sh: no kernel named '$name': there are lts, vendor, kcfi, zynq and debug"
	;;
esac

# From here on it is the same for every kernel: what is above counts for the key as far as it is chosen.
case ${make_args[0]} in
ARCH=arm64) image=arch/arm64/boot/Image debian=arm64 ;;
ARCH=arm) image=arch/arm/boot/zImage debian=armhf ;;
esac
# Who builds a kernel without Rust has no rustc, and its configuration shows it.
no_rust=()
[[ " ${fragments[*]} " == *" rust.config "* ]] || no_rust=(RUSTC=false BINDGEN=false)

source=$("$setup/linux-source.sh" "$package")
recipe() {
	declare -p package make_args source
	cat "${fragments[@]/#/$configs/}"
	sed -n '/^# From here on/,$p' "$setup/built-kernel.sh"
	tools
}
entry=$cache/built-$name-$(recipe | key)
lock "$entry"
if is_whole "$entry"; then
	echo "$entry"
	exit
fi
rm -rf --one-file-system "$entry"
mkdir -p "$entry/download" "$entry/build" "$entry/modules" "$entry/extra"
ln -s "$source" "$entry/source"

fetch() {
	apt-get update
	cd "$entry/download"
	apt-get -o APT::Sandbox::User=root download "busybox-static:$debian"
	dpkg-deb -x busybox-static_*.deb busybox
	cp "$(find busybox -type f -path '*bin/busybox')" "$entry/busybox"
}

kernel_make() {
	make -C "$source" O="$entry/build" -j"$(nproc)" "${make_args[@]}" ${no_rust[@]+"${no_rust[@]}"} "$@"
}

configure() {
	kernel_make tinyconfig
	(cd "$entry/build" && "$source/scripts/kconfig/merge_config.sh" -m -O . .config "${fragments[@]/#/$configs/}")
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

logged "kernel $name: fetching its shell" fetch
logged "kernel $name: configuring" configure
lost=$(missing)
[ -z "$lost" ] || die "kernel $name cannot have: ${lost//$'\n'/, }"
logged "kernel $name: building (some ten minutes on two cores)" kernel_make "${image##*/}" modules

cp "$entry/build/$image" "$entry/vmlinuz"
find "$entry/build" -name '*.ko' -exec cp {} "$entry/extra/" \;
cp "$entry/build/include/config/kernel.release" "$entry/release"
printf '%s\n' "${make_args[@]}" >"$entry/make-args"
rm -rf "$entry/download"
cd "$entry"
rust=
[ "${#no_rust[@]}" != 0 ] || rust="build/rust/libkernel.rmeta build/rust/libcore.rmeta"
# shellcheck disable=SC2086
stamp "$entry" vmlinuz busybox release make-args build/Module.symvers build/.config $rust \
	build/include/generated/utsrelease.h extra/*.ko
drop_others "built-$name" "$entry"
echo "$entry"
