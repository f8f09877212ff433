#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes src/uapi/bindings.rs from the module's header, on stdout; with --check, compares it with the
# file in the tree instead. Written with bindgen 0.71.1 (Debian 13: apt install bindgen).
set -eu

here=$(dirname "$0")
header=$here/../../kmod/uapi/axirq.h
checked_in=$here/src/uapi/bindings.rs

generate() {
	# The fallback lets clang work out the _IOR and _IOW macros, which bindgen's own evaluator cannot;
	# its scratch files would otherwise land in the working directory.
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	bindgen "$header" --use-core --disable-header-comment --no-doc-comments \
		--formatter prettyplease --clang-macro-fallback --clang-macro-fallback-build-dir "$scratch" \
		--allowlist-type 'axirq_.*' --allowlist-var 'AXIRQ_.*' \
		--raw-line '// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note' \
		--raw-line '// Made by bindgen.sh from kmod/uapi/axirq.h; do not edit.'
}

case "${1-}" in
'')
	generate
	;;
--check)
	generate | diff -u "$checked_in" - || {
		echo "src/uapi/bindings.rs is stale: run userspace/axirq/bindgen.sh >userspace/axirq/src/uapi/bindings.rs" >&2
		exit 1
	}
	;;
*)
	echo "usage: $0 [--check]" >&2
	exit 2
	;;
esac
