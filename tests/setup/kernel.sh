#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Gets a kernel for the board, and prints its folder: kernel.sh NAME
#
#   stock   Debian's newest arm64 kernel with CONFIG_RUST=y, as packaged
#   lts     Linux 6.12 as PetaLinux 2025.x configures it, with CONFIG_RUST, built with gcc
#   vendor  the same without CONFIG_RUST, as PetaLinux ships it, and hardened
#   kcfi    the same as vendor, built with clang, which checks indirect calls
#   zynq    Linux 6.12 for 32-bit Arm as the vendor configures it for Zynq-7000, without CONFIG_RUST
#   debug   the newest Linux there is, with everything that finds a driver's mistakes, built with clang
#
# In the folder:
#
#   vmlinuz      the kernel's image
#   modules/     modules of its own that the board needs to boot (configfs)
#   extra/       modules of its own that tests load
#   busybox      the guest's shell and tools, static
#   build/       what KDIR is for this kernel
#   make-args    what make needs besides, one a line
#   release      uname -r
#
# Runs in the build root (enter.sh).

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

case ${1:-} in
stock)
	exec "$setup/stock-kernel.sh"
	;;
lts | vendor | kcfi | zynq | debug)
	exec "$setup/built-kernel.sh" "$1"
	;;
*)
	die "no kernel named '${1:-}': there are stock, lts, vendor, kcfi, zynq and debug"
	;;
esac
