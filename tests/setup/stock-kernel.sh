#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Fetches the newest stock Debian arm64 kernel with CONFIG_RUST=y, makes a build tree with its Rust
# metadata (which Debian does not package), and prints the folder (see kernel.sh).
#
# Runs in the build root (enter.sh).

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

entry=$cache/stock-$( (cat "$setup/stock-kernel.sh" && tools) | key)
lock "$entry"
if is_whole "$entry"; then
	echo "$entry"
	exit
fi
rm -rf --one-file-system "$entry"
mkdir -p "$entry/download"
cd "$entry/download"

fetch() {
	apt-get -o APT::Sandbox::User=root download "$@"
}

# The version of a package that apt would take.
candidate() {
	apt-cache policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# Releases with a headers package, newest first.
releases() {
	apt-cache search --names-only '^linux-headers-[0-9.]+[^ ]*-arm64$' |
		sed -nE 's/^linux-headers-([0-9.]+[^ -]*-arm64) .*/\1/p' | sort -rV
}

# Whether the kernel of a release can be used; leaves its unpacked headers in headers/.
usable() {
	local release=$1 version
	version=$(candidate "linux-headers-$release:arm64")
	source_package=linux-source-$(echo "$release" | cut -d. -f1,2)
	[ -n "$version" ] && [ "$(candidate "$source_package")" = "$version" ] || return 1
	rm -rf headers
	fetch "linux-headers-$release:arm64=$version" || return 1
	dpkg-deb -x "linux-headers-$release"_*.deb headers
	config=headers/usr/src/linux-headers-$release/.config
	grep -qx 'CONFIG_RUST=y' "$config" && grep -qx 'CONFIG_OF_OVERLAY=y' "$config" || return 1
	# Rust metadata can be made again only by the compiler that made the kernel.
	grep -qF "CONFIG_RUSTC_VERSION_TEXT=\"$(rustc --version)" "$config" || return 1
	compiler=$(sed -nE 's/^CONFIG_CC_VERSION_TEXT="([^ "]+) .*/\1/p' "$config")
	command -v "$compiler" >/dev/null || return 1
	kernel_version=$version
}

choose() {
	for release in $(releases); do
		if usable "$release"; then
			return
		fi
	done
	die "no Debian arm64 kernel with CONFIG_RUST=y was built by this $(rustc --version)"
}

logged "reading package lists" apt-get update
say "choosing the newest stock arm64 kernel with CONFIG_RUST=y …"
choose 2>&1 >choose.log || { cat choose.log >&2; exit 1; }
say "kernel $release ($kernel_version)"

image=linux-binary-$release
[ -n "$(candidate "$image:arm64")" ] || image=linux-image-$release
modules=linux-modules-$release
[ -n "$(candidate "$modules:arm64")" ] || modules=$image
download_kernel() {
	# shellcheck disable=SC2046
	fetch "$source_package=$kernel_version" busybox-static:arm64 \
		$(printf '%s:arm64=%s\n' "$image" "$kernel_version" "$modules" "$kernel_version" | sort -u)
}
logged "downloading kernel, modules and source" download_kernel

unpack() {
	dpkg-deb -x busybox-static_*.deb busybox
	cp "$(find busybox -type f -path '*bin/busybox')" "$entry/busybox"
	dpkg-deb -x "$image"_*.deb image
	cp "$(find image -type f -name 'vmlinuz*' | head -n 1)" "$entry/vmlinuz"
	mkdir -p "$entry/modules" wanted
	dpkg-deb --fsys-tarfile "$modules"_*.deb |
		tar x -C wanted --wildcards '*/fs/configfs/configfs.ko*'
	find wanted -name '*.ko*' -exec cp {} "$entry/modules/" \;
	find "$entry/modules" -name '*.xz' -exec unxz {} +
	find "$entry/modules" -name '*.zst' -exec unzstd --rm {} +
	mkdir "$entry/source"
	dpkg-deb --fsys-tarfile "$source_package"_*.deb | tar xO --wildcards '*/linux-source-*.tar.xz' |
		tar xJ -C "$entry/source" --strip-components=1
}
logged "unpacking" unpack

cat >"$entry/make-args" <<-END
	ARCH=arm64
	CROSS_COMPILE=aarch64-linux-gnu-
	CC=$compiler
END
echo "$release" >"$entry/release"
mkdir "$entry/build"
cp "$config" "$entry/build/.config"
cp "headers/usr/src/linux-headers-$release/Module.symvers" "$entry/symvers"

prepare() {
	local args
	mapfile -t args <"$entry/make-args"
	make -C "$entry/source" O="$entry/build" -j"$(nproc)" "${args[@]}" KERNELRELEASE="$release" \
		olddefconfig prepare modules_prepare
	cp "$entry/symvers" "$entry/build/Module.symvers"
}
logged "making the kernel's Rust metadata" prepare
# Another configuration would be another kernel: struct module alone differs by its options. The
# vDSO for 32-bit programs goes with its compiler, which is not needed here; no structure has it.
options() {
	grep '^CONFIG_' "$1" | grep -v 'COMPAT_VDSO='
}
diff <(options "$config") <(options "$entry/build/.config") >changed.log || {
	cat changed.log >&2
	die "the kernel's configuration changed while it was prepared: the tools are not those it was built with"
}

cd "$entry"
rm -rf download symvers
stamp "$entry" vmlinuz busybox release make-args build/Module.symvers build/.config \
	build/rust/libkernel.rmeta build/rust/libcore.rmeta build/include/generated/utsrelease.h modules/*.ko
drop_others stock "$entry"
echo "$entry"
