#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Checks the binding schema of dts/bindings with its example, and every overlay of dts against it and
# the kernel's own bindings: bindings.sh KERNEL-SOURCE. Runs in the build root.
#
# A checker that is silent because it looks at nothing would pass: so trees that are wrong on purpose
# are checked as well, and have to be refused.

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

# Overlays that a schema can tell to be wrong. Others of dts/tests are right by themselves, and wrong
# on this board or as odd as the vendor's tools leave them.
wrong="no-inputs no-kind no-reg odd-ips timer-without-interrupt too-many-inputs wrong-ips zero-inputs"
# As the vendor's generators write them, which give clocks a place on the bus and channels an address that
# nobody reads.
vendor_options="-W no-unit_address_vs_reg -W no-simple_bus_reg"
# For a tree that is not this one.
foreign="unknown-label"

# The vendor's generator puts a compatible of its own before the kernel's, and writes more properties
# than the kernel's bindings know. Anything else that they object to is a mistake.
more="'(clock-frequency|clock-names|interrupt-names|xlnx,[a-z0-9-]+)'"
# Details, on lines of their own, are left out.
objections() {
	sed "s|^$work/||" | grep -vE \
		-e "compatible:0: 'xlnx,(axi-intc-4\.1|axi-gpio-2\.0)' (was|is not one of)|compatible:0: 'xlnx,xps-intc-1\.00\.a' was expected" \
		-e "compatible: \['xlnx,(axi-intc-4\.1', 'xlnx,xps-intc|axi-gpio-2\.0', 'xlnx,xps-gpio)-1\.00\.a'\] is too long" \
		-e ": ($more(, )?)+ do(es)? not match any of the regexes" \
		-e "\(($more(, )?)+ (was|were) unexpected\)" \
		-e ": amba-pl \(simple-bus\): \\\$nodename" \
		-e "^vendor-[a-z]+\.dtb: axi \(simple-bus\): (afi0|clocking0|misc_clk_1): 'ranges' is a required property" \
		-e ": zynqmp-clk \(fixed-clock\): #clock-cells" \
		-e "^[[:space:]]"
}

source=$1
kernel_bindings=$source/Documentation/devicetree/bindings
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
complain() {
	echo "$*"
	bad=1
}

# Compiles a tree; whatever dtc says is a fault.
#
# compile SOURCE TARGET [OPTION…]
compile() {
	local from=$1 to=$2 said
	shift 2
	said=$(dtc -O dtb "$@" -o "$to" "$from" 2>&1) && [ -z "$said" ] || complain "$(basename "$from"): $said"
}

cd "$top/dts"
said=$(dt-doc-validate bindings/*.yaml 2>&1) && [ -z "$said" ] || complain "$said"
dt-mk-schema -j bindings "$kernel_bindings"/vendor-prefixes.yaml \
	"$kernel_bindings"/interrupt-controller/xlnx,intc.yaml \
	"$kernel_bindings"/gpio/xlnx,gpio-xilinx.yaml \
	"$kernel_bindings"/timer/xlnx,xps-timer.yaml >"$work/schema.json"

for schema in bindings/*.yaml; do
	example=$work/example-$(basename "$schema" .yaml)
	dt-extract-example "$schema" >"$example.in"
	cpp -nostdinc -undef -x assembler-with-cpp -P -I "$source/include" "$example.in" "$example.dts"
	# Its references lead out of it, as in any example; dt-extract-example stands in for them.
	compile "$example.dts" "$example.dtb" -q
done
compile bindings/refused.dts "$work/refused.dtb" -q

# The board's tree without what QEMU has to say: an overlay is checked where it belongs, so that
# references have cells.
cat >"$work/qemu-virt.dts" <<-END
	/ {
		compatible = "linux,dummy-virt";
		model = "board";
		#address-cells = <2>;
		#size-cells = <2>;

		intc@8000000 {
			compatible = "arm,cortex-a15-gic";
			reg = <0x0 0x8000000 0x0 0x10000>, <0x0 0x8010000 0x0 0x10000>;
			#address-cells = <2>;
			#size-cells = <2>;
			interrupt-controller;
			#interrupt-cells = <3>;
		};
	};
END
compile board-base.dts "$work/base.dtb" -@ -i "$work"
overlays=()
for overlay in *.dtso tests/*.dtso; do
	name=$(basename "$overlay" .dtso)
	options=
	case $name in vendor-*) options=$vendor_options ;; esac
	# shellcheck disable=SC2086
	compile "$overlay" "$work/$name.dtbo" -@ $options
	case " $foreign " in *" $name "*) continue ;; esac
	fdtoverlay -i "$work/base.dtb" -o "$work/$name.dtb" "$work/$name.dtbo"
	# Once more in its place, where dtc knows what kind of bus its nodes are on.
	# shellcheck disable=SC2086
	case " $wrong " in *" $name "*) ;; *) compile "$work/$name.dtb" /dev/null -I dtb $options ;; esac
	overlays+=("$name")
done

dt-validate -s "$work/schema.json" "$work"/*.dtb >"$work/all" 2>&1 || true
objections <"$work/all" >"$work/said" || true
for name in "${overlays[@]}"; do
	case " $wrong " in
	*" $name "*) grep -q "^$name.dtb: " "$work/said" || complain "$name.dtso is wrong, and was not refused" ;;
	*) ! grep "^$name.dtb: " "$work/said" || complain "$name.dtso was refused" ;;
	esac
done
! grep "^example-" "$work/said" || complain "a schema's own example was refused"
! grep "^base.dtb: " "$work/said" || complain "the board's tree was refused"
faults=$(grep -oE '\bcore(@[0-9a-f]+)? \{' bindings/refused.dts | sed 's/ {//')
for fault in $faults; do
	grep -qE "^refused.dtb: $fault \(" "$work/said" || complain "$fault of refused.dts was not refused"
done
# What belongs to nobody, such as a checker that broke down.
! grep -vE '^[a-z0-9,-]+\.dtb: ' "$work/said" || complain "dt-validate said what is not of a tree"
[ "$bad" = 0 ] || die "device trees and bindings do not agree"
echo "bindings: ${#overlays[@]} overlays, $(wc -w <<<"$faults") faults refused"
