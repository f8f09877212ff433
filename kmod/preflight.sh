#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Looks at a kernel's build folder and at the tools before anything is built: preflight.sh KDIR, with
# ARCH, CROSS_COMPILE, CC, LLVM, RUSTC, BINDGEN and RUST_LIB_SRC in the environment, as make has them.
#
# Says in one line how the modules will be built, or why they cannot be and what to do.

set -euo pipefail

# Those that the modules were built with for every kernel that has no crates of its own.
oldest_rustc=85
newest_rustc=96

kdir=$1

refuse() {
	echo "axirq: $*" >&2
	exit 1
}

# Whether the kernel has an option; what kbuild reads.
has() {
	grep -qx "CONFIG_$1=[ym]" "$kdir/include/config/auto.conf"
}

# Whether a command, which may have arguments, is there.
is_command() {
	command -v "${1%% *}" >/dev/null
}

[ -e "$kdir/Makefile" ] && [ -e "$kdir/.config" ] ||
	refuse "KDIR=$kdir is no kernel build folder: it needs Makefile and .config"
version_header=$kdir/include/generated/uapi/linux/version.h
[ -e "$version_header" ] && [ -e "$kdir/include/config/auto.conf" ] ||
	refuse "KDIR=$kdir is not prepared for modules: run make modules_prepare there, if it is a kernel's"
[ -e "$kdir/Module.symvers" ] ||
	refuse "KDIR=$kdir has no Module.symvers: build that kernel, or copy it from its headers"

number() {
	sed -nE "s/^#define LINUX_VERSION_$1 ([0-9]+)$/\1/p" "$version_header"
}
major=$(number MAJOR)
patchlevel=$(number PATCHLEVEL)
version=$major.$patchlevel.$(number SUBLEVEL)
[ $((major * 1000 + patchlevel)) -ge 6012 ] || refuse "Linux $version is too old: it has to be 6.12 or newer"

if has ARM64; then
	arch=arm64 machine=aarch64
elif has ARM; then
	arch=arm machine=arm
	has CPU_V7 && ! has CPU_V6 && ! has CPU_V6K ||
		refuse "this kernel is for Arm CPUs other than ARMv7 (CONFIG_CPU_V7): only those and arm64 are supported"
else
	arch=$(has X86 && echo x86 || echo another architecture)
	refuse "KDIR=$kdir is configured for $arch: only arm64 and arm are supported"
fi
asked=${ARCH:-$(uname -m | sed 's/aarch64/arm64/; s/armv.*/arm/; s/x86_64/x86/')}
[ "$asked" = $arch ] ||
	refuse "KDIR=$kdir is configured for $arch, and make builds for $asked: add ARCH=$arch and CROSS_COMPILE=…"
! has CPU_BIG_ENDIAN || refuse "this kernel is big-endian, which the driver has never been tried on"
has MODULES || refuse "this kernel has no modules (CONFIG_MODULES)"
has OF || refuse "this kernel has no device trees (CONFIG_OF)"

case ${LLVM:-} in
"") cc=${CC:-${CROSS_COMPILE:-}gcc} ;;
/*) cc=${CC:-${LLVM%/}/clang} ;;
-*) cc=${CC:-clang$LLVM} ;;
*) cc=${CC:-clang} ;;
esac
is_command "$cc" || refuse "no C compiler $cc: install it, or say CC=… or CROSS_COMPILE=…"
# shellcheck disable=SC2086
if [[ $($cc --version) == *clang* ]]; then
	has CC_IS_CLANG || refuse "this kernel was built with gcc, and $cc is clang: say CC=…"
else
	has CC_IS_GCC || refuse "this kernel was built with clang, and $cc is not: add LLVM=1"
	[[ $($cc -dumpmachine) == $machine* ]] ||
		refuse "$cc is no compiler for $arch, but for $($cc -dumpmachine): say CROSS_COMPILE=… or CC=…"
fi

bindgen=${BINDGEN:-bindgen}
is_command "$bindgen" || refuse "no $bindgen: install bindgen (cargo install bindgen-cli), or say BINDGEN=…"
probe=$(mktemp --suffix .h)
trap 'rm -f "$probe"' EXIT
echo "int axirq;" >"$probe"
said=$($bindgen "$probe" 2>&1) && [[ $said == *axirq* ]] ||
	refuse "$bindgen does not work; it may miss libclang: ${said%%$'\n'*}"

rustc=${RUSTC:-rustc}
is_command "$rustc" || refuse "no $rustc: install rustc, or say RUSTC=…"
rustc_text=$($rustc --version)
rustc_version=$(cut -d' ' -f2 <<<"$rustc_text")
# On 32-bit Arm the kernel's own core panics where it divides 64-bit integers.
if has RUST && [ $arch != arm ]; then
	built_with=$(sed -nE 's/^CONFIG_RUSTC_VERSION_TEXT="?([^"]*)"?$/\1/p' "$kdir/include/config/auto.conf")
	[ "$rustc_text" = "$built_with" ] ||
		refuse "this kernel's crates were built with $built_with, and $rustc is $rustc_text: say RUSTC=…"
	[ -e "$kdir/rust/libkernel.rmeta" ] ||
		refuse "KDIR=$kdir lacks the kernel's crates (rust/libkernel.rmeta): run make prepare in the kernel's source, with O=$kdir"
	how="kernel crate of Linux $version $arch, rustc $rustc_version"
else
	minor=$(cut -d. -f2 <<<"$rustc_version")
	[[ $rustc_version == 1.* ]] && [ "$minor" -ge $oldest_rustc ] ||
		refuse "rustc $rustc_version is too old: install 1.$oldest_rustc to 1.$newest_rustc, or say RUSTC=…"
	[ "$minor" -le $newest_rustc ] ||
		refuse "rustc $rustc_version is too new to be known to work: install 1.$oldest_rustc to 1.$newest_rustc, or say RUSTC=…"
	library=${RUST_LIB_SRC:-$($rustc --print sysroot)/lib/rustlib/src/rust/library}
	[ -e "$library/core/src/lib.rs" ] ||
		refuse "no sources of rustc's core in $library: install rust-src (rustup component add rust-src), or say RUST_LIB_SRC=…"
	! has RANDSTRUCT || refuse "this kernel shuffles its structures (CONFIG_RANDSTRUCT), which bindgen cannot follow"
	! has KASAN_SW_TAGS || refuse "this kernel tags pointers in software (CONFIG_KASAN_SW_TAGS), which Rust code breaks"
	if has CFI_CLANG || has CFI; then
		[ $arch != arm ] || refuse "this kernel checks the types of calls (kCFI), which rustc does not know on 32-bit Arm"
		has CFI_ICALL_NORMALIZE_INTEGERS ||
			refuse "this kernel checks the types of calls (kCFI) in C's way alone: build it with CONFIG_CFI_ICALL_NORMALIZE_INTEGERS"
	fi
	how="stand-alone core for Linux $version $arch, $(has RUST || echo "without CONFIG_RUST, ")rustc $rustc_version"
fi
{ has OF_OVERLAY && has CONFIGFS_FS; } || how+=", without axirq_overlay.ko (CONFIG_OF_OVERLAY, CONFIG_CONFIGFS_FS)"
echo "axirq: $how"
