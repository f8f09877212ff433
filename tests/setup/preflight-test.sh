#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Tests what make kmod says of a kernel and of tools that it cannot build with: one line, before
# anything is built. Kernels and tools are made up.

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tools"

# tool NAME: a program that answers each option with the variable of that name.
tool() {
	cat >"$work/tools/$1" <<-'END'
		#!/bin/sh
		case $1 in
		--version) echo "$version" ;;
		--print) echo "$sysroot" ;;
		-dumpmachine) echo "$machine" ;;
		*.h) [ -n "$libclang" ] && echo "pub static mut axirq: c_int;" || { echo "no libclang" >&2; exit 1; } ;;
		esac
	END
	# What it is by default.
	sed -i "2i : \"\${version=$2}\" \"\${sysroot=$work/sysroot}\" \"\${machine=$3}\" \"\${libclang=y}\"" "$work/tools/$1"
	chmod +x "$work/tools/$1"
}

# Everything in order: a kernel with the given options, and the tools for it.
#
# fresh VERSION OPTION…
fresh() {
	local version=$1 option
	shift
	rm -rf "$work/kernel" "$work/sysroot"
	mkdir -p "$work"/kernel/include/{config,generated/uapi/linux} "$work/kernel/rust" \
		"$work/sysroot/lib/rustlib/src/rust/library/core/src"
	cd "$work/kernel"
	touch Makefile .config Module.symvers rust/libkernel.rmeta \
		"$work/sysroot/lib/rustlib/src/rust/library/core/src/lib.rs"
	for option in MODULES OF OF_OVERLAY CONFIGFS_FS CC_IS_GCC "$@"; do
		echo "CONFIG_${option%%=*}=$([[ $option == *=* ]] && echo "${option#*=}" || echo y)"
	done >include/config/auto.conf
	cat >include/generated/uapi/linux/version.h <<-END
		#define LINUX_VERSION_MAJOR ${version%%.*}
		#define LINUX_VERSION_PATCHLEVEL $(cut -d. -f2 <<<"$version")
		#define LINUX_VERSION_SUBLEVEL 4
	END
	tool rustc "rustc 1.85.1 (4eb161250 2025-03-15)" any
	tool bindgen "bindgen 0.71.1" any
	tool aarch64-linux-gnu-gcc "gcc 14.2.0" aarch64-linux-gnu
	tool x86_64-linux-gnu-gcc "gcc 14.2.0" x86_64-linux-gnu
	tool arm-linux-gnueabihf-gcc "gcc 14.2.0" arm-linux-gnueabihf
	tool clang "clang version 19.1.7" aarch64-linux-gnu
	given=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
}

preflight() {
	env -i PATH="$work/tools:/usr/bin:/bin" "${given[@]}" "$top/kmod/preflight.sh" "$work/kernel" "$@" 2>&1
}

# says NAME PATTERN STATUS
says() {
	local said status=0
	said=$(preflight) || status=$?
	[[ $said == $2 ]] || die "preflight test: $1: said '$said'"
	[ "$(wc -l <<<"$said")" = 1 ] || die "preflight test: $1: more than a line: '$said'"
	[ "$status" = "$3" ] || die "preflight test: $1: exit code $status"
	count=$((count + 1))
}
accepted() { says "$1" "axirq: $2" 0; }
refused() { says "$1" "axirq: $2" 1; }
count=0

rust=(RUST 'RUSTC_VERSION_TEXT="rustc 1.85.1 (4eb161250 2025-03-15)"')

# What can be built.
fresh 7.3 ARM64 "${rust[@]}"
accepted "a kernel with Rust" "kernel crate of Linux 7.3.4 arm64, rustc 1.85.1"
fresh 6.12 ARM64
accepted "a kernel without Rust" "stand-alone core for Linux 6.12.4 arm64, without CONFIG_RUST, rustc 1.85.1"
fresh 8.0 ARM64
accepted "a kernel of the future" "stand-alone core for Linux 8.0.4 *"
fresh 6.12 ARM64 RANDSTRUCT_NONE CFI_CLANG CFI_ICALL_NORMALIZE_INTEGERS
accepted "a kernel that checks calls in a way for both languages" "stand-alone core *"
fresh 6.12 ARM64
tool rustc "rustc 1.96.0 (abc 2026-05-25)" any
accepted "the newest rustc" "stand-alone core *rustc 1.96.0"
fresh 6.12 ARM CPU_V7
given=(ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf-)
accepted "a 32-bit kernel" "stand-alone core for Linux 6.12.4 arm, without CONFIG_RUST, rustc 1.85.1"
fresh 7.3 ARM CPU_V7 "${rust[@]}"
given=(ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf-)
accepted "a 32-bit kernel with Rust" "stand-alone core for Linux 7.3.4 arm, rustc 1.85.1"
fresh 6.12 ARM64
sed -i '/_OF_OVERLAY=/d' include/config/auto.conf
accepted "a kernel without overlays" "stand-alone core *, without axirq_overlay.ko (*)"

# Folders.
fresh 6.12 ARM64
rm Makefile
refused "a folder without a Makefile" "KDIR=* is no kernel build folder: it needs Makefile and .config"
fresh 6.12 ARM64
rm .config
refused "a source that was never configured" "KDIR=* is no kernel build folder: it needs Makefile and .config"
cd "$work"
rm -rf kernel
refused "no folder at all" "KDIR=* is no kernel build folder: it needs Makefile and .config"
fresh 6.12 ARM64
rm -r include
refused "another project's folder" "KDIR=* is not prepared for modules: run make modules_prepare there*"
fresh 6.12 ARM64
rm Module.symvers
refused "a kernel that was never built" "KDIR=* has no Module.symvers: build that kernel*"

# Kernels.
fresh 6.11 ARM64
refused "an old kernel" "Linux 6.11.4 is too old: it has to be 6.12 or newer"
fresh 5.15 ARM64
refused "an older kernel" "Linux 5.15.4 is too old: it has to be 6.12 or newer"
fresh 6.12 X86
refused "a PC's kernel" "KDIR=* is configured for x86: only arm64 and arm are supported"
fresh 6.12 RISCV
refused "a kernel for something else" "KDIR=* is configured for another architecture: only arm64 and arm are supported"
fresh 6.12 ARM CPU_V7
refused "arm64 for a 32-bit kernel" "KDIR=* is configured for arm, and make builds for arm64: add ARCH=arm *"
fresh 6.12 ARM CPU_V6 CPU_V7
refused "a kernel for older CPUs" "this kernel is for Arm CPUs other than ARMv7*"
fresh 6.12 ARM64
given=(ARCH=x86_64 CROSS_COMPILE=aarch64-linux-gnu-)
refused "another ARCH" "KDIR=* is configured for arm64, and make builds for x86_64: add ARCH=arm64 *"
fresh 6.12 ARM64 CPU_BIG_ENDIAN
refused "a big-endian kernel" "this kernel is big-endian*"
fresh 6.12 ARM64
sed -i /_MODULES=/d include/config/auto.conf
refused "a kernel without modules" "this kernel has no modules (CONFIG_MODULES)"
fresh 6.12 ARM64
sed -i /_OF=/d include/config/auto.conf
refused "a kernel without device trees" "this kernel has no device trees (CONFIG_OF)"
fresh 6.12 ARM64 RANDSTRUCT
refused "shuffled structures" "this kernel shuffles its structures (CONFIG_RANDSTRUCT)*"
fresh 6.12 ARM64 KASAN_SW_TAGS
refused "tagged pointers" "this kernel tags pointers in software (CONFIG_KASAN_SW_TAGS)*"
for option in CFI_CLANG CFI; do
	fresh 6.12 ARM64 $option
	refused "calls checked in C's way ($option)" "this kernel checks the types of calls (kCFI)*: build it with CONFIG_CFI_ICALL_NORMALIZE_INTEGERS"
done
fresh 6.12 ARM CPU_V7 CFI_CLANG CFI_ICALL_NORMALIZE_INTEGERS
given=(ARCH=arm CROSS_COMPILE=arm-linux-gnueabihf-)
refused "calls checked on a 32-bit kernel" "this kernel checks the types of calls (kCFI), which rustc does not know on 32-bit Arm"
fresh 7.3 ARM64 "${rust[@]}"
rm rust/libkernel.rmeta
refused "headers without the kernel's crates" "KDIR=* lacks the kernel's crates (rust/libkernel.rmeta)*"

# Tools.
fresh 6.12 ARM64
rm "$work/tools/aarch64-linux-gnu-gcc"
refused "no C compiler" "no C compiler aarch64-linux-gnu-gcc: install it*"
fresh 6.12 ARM64
given=(ARCH=arm64 CROSS_COMPILE=x86_64-linux-gnu-)
refused "a C compiler for something else" "x86_64-linux-gnu-gcc is no compiler for arm64, but for x86_64-linux-gnu: *"
fresh 6.12 ARM64
given=(ARCH=arm64 LLVM=1)
refused "clang for a kernel of gcc's" "this kernel was built with gcc, and clang is clang: say CC=*"
fresh 6.12 ARM64 CC_IS_CLANG
sed -i /_GCC=/d include/config/auto.conf
refused "gcc for a kernel of clang's" "this kernel was built with clang, and aarch64-linux-gnu-gcc is not: add LLVM=1"
given=(ARCH=arm64 LLVM=1)
accepted "clang for a kernel of clang's" "stand-alone core *"
fresh 6.12 ARM64
given+=(BINDGEN=no-bindgen)
refused "no bindgen" "no no-bindgen: install bindgen*"
fresh 6.12 ARM64
given+=(libclang=)
refused "a bindgen without libclang" "bindgen does not work; it may miss libclang: no libclang"
fresh 6.12 ARM64
given+=(RUSTC=no-rustc)
refused "no rustc" "no no-rustc: install rustc, or say RUSTC=*"
fresh 6.12 ARM64
tool rustc "rustc 1.84.1 (abc 2025-01-27)" any
refused "an old rustc" "rustc 1.84.1 is too old: install 1.85 to 1.96, or say RUSTC=*"
tool rustc "rustc 1.97.0 (abc 2026-07-06)" any
refused "a rustc of the future" "rustc 1.97.0 is too new to be known to work: install 1.85 to 1.96, or say RUSTC=*"
fresh 6.12 ARM64
rm -r "$work/sysroot"
refused "no sources of core" "no sources of rustc's core in $work/sysroot/*: install rust-src *"
fresh 7.3 ARM64 "${rust[@]}"
tool rustc "rustc 1.86.0 (05f9846f8 2025-03-31)" any
refused "another rustc than the kernel's crates" "this kernel's crates were built with rustc 1.85.1 *, and rustc is rustc 1.86.0 *: say RUSTC=*"

# It is what make asks first.
fresh 6.11 ARM64
cd "$top"
! said=$(AXIRQ_INSIDE='' make -s kmod KDIR="$work/kernel" kmod_build="$work/built" 2>&1) ||
	die "preflight test: make built modules for an old kernel"
[[ $said == *"Linux 6.11.4 is too old"* ]] || die "preflight test: make said '$said'"
[ ! -e "$work/built" ] || die "preflight test: make began to build"
echo "preflight test: $count kernels and tools"
