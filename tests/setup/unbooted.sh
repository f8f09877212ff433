#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the modules for a kernel that no board boots, as users do, and looks at what came out: unbooted.sh NAME.
# Without a name it prints those there are: VERSION-ARCH-RUST-COMPILER, each with the options of its booted relatives.
#
# The kernel is configured and prepared, not built. What it exports is read from its source, so that the modules
# lack nothing of that version; whether a configuration has it all is seen only where one boots.
#
# Runs in the build root (enter.sh). BUILD is the folder for products.

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

names=(
	6.12-arm64-rust-clang
	6.12-arm-norust-clang
	newest-arm64-norust-gcc
	newest-arm64-norust-clang
	newest-arm64-norust-kcfi
	newest-arm-norust-gcc
	newest-arm-norust-clang
	newest-arm-rust-gcc
	newest-arm-rust-clang
)
name=${1:-}
[ -n "$name" ] || { printf '%s\n' "${names[@]}"; exit; }
[[ " ${names[*]} " == *" $name "* ]] || die "unbooted.sh: no kernel named '$name': there are ${names[*]}"
IFS=- read -r version arch rust compiler <<<"$name"

package=${version/6.12/linux-source-6.12}
case $arch-$rust in
arm64-rust) fragments=(board.config rust.config petalinux.config) ;;
arm64-norust) fragments=(board.config petalinux.config hardened.config) ;;
arm-rust) fragments=(board.config rust.config zynq.config) ;;
arm-norust) fragments=(board.config zynq.config) ;;
esac
case $arch-$compiler in
arm64-gcc) make_args=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc-14) ;;
arm-gcc) make_args=(ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf- CC=arm-linux-gnueabihf-gcc-14) ;;
*-clang) make_args=(ARCH="$arch" LLVM=1) ;;
*-kcfi) make_args=(ARCH="$arch" LLVM=1) && fragments+=(kcfi.config) ;;
esac
# Who builds a kernel without Rust has no rustc, and its configuration shows it.
no_rust=()
[ "$rust" = rust ] || no_rust=(RUSTC=false BINDGEN=false)

# Clang's own name of kCFI is gone from newer kernels, and so is what nobody turned off. The kernel's crates do not go with
# the kind of symbol versions that the vendor has on ARMv7.
options() {
	local renamed='' dropped='^$'
	[ "$version" != newest ] || renamed='s/^CONFIG_CFI_CLANG=/CONFIG_CFI=/' dropped='^CONFIG_PROC_SYSCTL='
	[ "$arch-$rust" != arm-rust ] || dropped="$dropped|^CONFIG_MODVERSIONS="
	cat "${fragments[@]/#/$top/tests/configs/}" | sed "$renamed" | grep -vE "$dropped"
}

source=$("$setup/linux-source.sh" "$package")
recipe() {
	declare -p make_args source
	options
	sed -n '/^# How it is prepared/,/^# What users type/p' "$setup/unbooted.sh"
	tools
}
entry=$cache/prepared-$name-$(recipe | key)

# How it is prepared, which counts for the key.
kernel_make() {
	make -C "$source" O="$entry/build" -j"$(nproc)" "${make_args[@]}" ${no_rust[@]+"${no_rust[@]}"} "$@"
}

prepare() {
	kernel_make tinyconfig
	options >"$entry/options"
	(cd "$entry/build" && "$source/scripts/kconfig/merge_config.sh" -m -O . .config "$entry/options")
	kernel_make olddefconfig
	local lost
	lost=$(grep '^CONFIG_' "$entry/options" | grep -vxFf "$entry/build/.config" || true)
	[ -z "$lost" ] || { echo "this kernel cannot have: $lost"; return 1; }
	kernel_make modules_prepare
}

# Every symbol that the source, or the kernel's crates, give to modules, in the form of a built kernel's list.
exports() {
	(cd "$source" && grep -rhoE --include='*.[chS]' '\bEXPORT_[A-Z_]*SYMBOL[A-Z_]*\(\w+' \
		"arch/$arch" drivers/{base,clk,irqchip,of} fs kernel lib mm)
	[ "$arch-$rust" != arm64-rust ] || cat "$entry"/build/rust/exports_*_generated.h
}

lock "$entry"
if ! is_whole "$entry"; then
	rm -rf --one-file-system "$entry"
	mkdir -p "$entry/build"
	logged "kernel $name: preparing" prepare
	exports | sed -nE 's/.*SYMBOL[A-Z_]*\((\w+).*/\1/p' | sort -u |
		awk '{ print "0x00000000\t" $1 "\tvmlinux\tEXPORT_SYMBOL_GPL\t" }' >"$entry/build/Module.symvers"
	stamp "$entry" build/Module.symvers build/.config build/include/config/auto.conf \
		build/include/config/kernel.release build/include/generated/utsrelease.h
	drop_others "prepared-$name" "$entry"
fi

# What users type.
modules=$BUILD/unbooted/$name
mkdir -p "$modules"
make -C "$top" kmod AXIRQ_INSIDE='' KDIR="$entry/build" kmod_build="$modules" "${make_args[@]}" >"$modules/log" 2>&1 || {
	tail -n 30 "$modules/log" >&2
	die "no modules for $name"
}
! grep -iE 'warning|error:' "$modules/log" || die "the modules for $name are built with warnings"

# On 32-bit Arm the kernel's crates are of no use.
how="stand-alone core for"
[ "$arch-$rust" != arm64-rust ] || how="kernel crate of"
grep "^axirq: $how Linux .* $arch," "$modules/log" || die "make kmod does not say that the modules for $name are built by \"$how …\""

release=$(cat "$entry/build/include/config/kernel.release")
for module in axirq axirq_overlay; do
	[[ "$(modinfo -F vermagic "$modules/$module.ko") " == "$release "*" mod_unload "* ]] ||
		die "$module.ko for $name has another version than $release"
done
# What such a check panics with; the compiler proves some unnecessary, not all.
grep -qaE 'attempt to (add|subtract|multiply) with overflow|panic_const_(add|sub|mul)_overflow' "$modules/axirq.ko" ||
	die "axirq.ko for $name does not check for overflows"

if [ "$compiler" = kcfi ]; then
	mkdir -p "$modules/callbacks"
	cp "$setup/callbacks.c" "$modules/callbacks/"
	echo "obj-m := callbacks.o" >"$modules/callbacks/Kbuild"
	make -C "$entry/build" M="$modules/callbacks" "${make_args[@]}" callbacks.o >"$modules/log" 2>&1 ||
		{ cat "$modules/log" >&2; die "the types of callbacks cannot be told for $name"; }
	"$setup/callbacks.py" "$modules/callbacks/callbacks.o" "$modules"/axirq.ko "$modules"/axirq_overlay.ko
fi
