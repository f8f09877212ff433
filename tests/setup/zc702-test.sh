#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Tests the modules on a Zynq-7000: QEMU's machine with mainline's own tree of the board ZC702, the kernel
# zynq, no simulated fabric. zc702-test.sh KERNEL MODULES PROGRAMS, each a folder. Runs in the build root.
#
# An overlay brings a timer of the processor as an IP core, wired to the GIC, and an AXI INTC in the on-chip
# memory, as far as memory can pass for one. The timer interrupts; all comes, works and goes.

# shellcheck source=tests/setup/lib.sh
. "$(dirname "$0")/lib.sh"

kernel=$1 modules=$2 programs=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

trees=$kernel/source/arch/arm/boot/dts/xilinx
cpp -nostdinc -undef -D__DTS__ -x assembler-with-cpp -P -I "$kernel/source/include" -I "$trees" \
	"$trees/zynq-zc702.dts" "$work/zc702.dts"
# -q: what dtc has to say is about mainline's tree. It, and overlays for it, have labels.
dtc -q -@ -O dtb -o "$work/zc702.dtb" "$work/zc702.dts"

mkdir -p "$work"/root/{bin,dev,proc,sys,lib}
dtc -@ -O dtb -o "$work/root/lib/pl.dtbo" - <<'END'
/dts-v1/;
/plugin/;

&amba {
	#address-cells = <1>;
	#size-cells = <1>;

	ttc_1: ttc@f8002000 {
		compatible = "axirq,ip-core";
		reg = <0xf8002000 0x1000>;
		interrupt-parent = <&intc>;
		interrupts = <0 37 4>, <0 38 4>, <0 39 4>;
		interrupt-names = "counter0", "counter1", "counter2";
		clocks = <&clkc 6>;
	};

	axi_intc_0: interrupt-controller@fffc0000 {
		compatible = "xlnx,axi-intc-4.1", "xlnx,xps-intc-1.00.a";
		reg = <0xfffc0000 0x1000>;
		clocks = <&clkc 15>;
		interrupt-controller;
		#interrupt-cells = <2>;
		interrupt-parent = <&intc>;
		interrupts = <0 29 4>;
		xlnx,kind-of-intr = <0x0>;
		xlnx,num-intr-inputs = <0x4>;
	};
};
END

cp "$kernel/busybox" "$programs/axirq" "$work/root/bin/"
cp "$modules"/axirq.ko "$modules"/axirq_overlay.ko "$work/root/lib/"
cat >"$work/root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t configfs configfs /sys/kernel/config
overlay=/sys/kernel/config/device-tree/overlays/pl
intc=/dev/axirq/axi_intc_0

# All is there, and two of the timer's interrupts arrive. It counts to its interval's end (0x24), says so (0x54,
# which reading clears) if it may (0x60), and stops or begins anew (0x0c).
try() {
	mkdir $overlay && cat /lib/pl.dtbo >$overlay/dtbo && grep -qx applied $overlay/status || return
	for second in 1 2 3 4 5 6 7 8 9 10; do
		[ -e $intc/3 ] && [ -e /dev/axirq/ttc_1/regs ] && break
		sleep 1
	done
	axirq list || return
	[ -e $intc/3 ] && [ ! -e $intc/4 ] || return
	for round in 1 2; do
		axirq wait --timeout 60 ttc_1/counter0 &
		until grep -qx armed '/sys/class/axirq/ttc_1!counter0/state'; do sleep 1; done
		devmem 0xf8002024 32 0xfff && devmem 0xf8002060 32 1 && devmem 0xf800200c 32 0x12 || return
		wait $! || return
		devmem 0xf800200c 32 1 && devmem 0xf8002054 32 || return
	done
	# It has stopped.
	! axirq wait --timeout 1 ttc_1/counter0 || return
	grep -q axi_intc_0 /proc/interrupts && grep -q 'f8002000.* : axirq' /proc/iomem || return
	rmdir $overlay
	[ ! -e /dev/axirq ] && ! grep -q axi /proc/interrupts
}

# What was loaded is unloaded, and comes again.
again() {
	insmod /lib/axirq_overlay.ko || return
	for round in 1 2; do
		insmod /lib/axirq.ko && try && rmmod axirq || return
	done
	rmmod axirq_overlay && [ ! -d /sys/module/axirq ] && [ ! -d ${overlay%/*} ]
}
again && echo "zc702: all well"
dmesg | grep -E 'axirq|BUG|WARNING: CPU|Call trace|Oops' | sed 's/^/kernel: /'
reboot -f
END
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio --quiet -o -H newc) >"$work/initramfs"

timeout 300 qemu-system-arm -M xilinx-zynq-a9 -m 1024 -nodefaults -display none -net none -no-reboot \
	-kernel "$kernel/vmlinuz" -dtb "$work/zc702.dtb" -initrd "$work/initramfs" \
	-append "console=ttyPS0 panic=-1 oops=panic quiet" -serial null -serial stdio \
	</dev/null >"$work/log" 2>&1 || true
tr -d '\r' <"$work/log" >"$work/said"
grep -qx "zc702: all well" "$work/said" && ! grep -qE '^kernel: .*(BUG|WARNING|Call trace|Oops)' "$work/said" || {
	cat "$work/said"
	die "the modules do not work on a Zynq-7000"
}
