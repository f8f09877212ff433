# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Every entry point. What needs tools runs in the build root (tests/setup), which the first run makes;
# AXIRQ_INSIDE tells that we are there. Products go to .build/, heavy ones to the cache.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := help

export AXIRQ_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/axirq

# What make help shows, in this order.
define HELP
make demo        boot the emulated board; buttons light LEDs through tokio futures, and you watch
make test        every test: host, emulated board; ends with "N passed, N failed"
make test-all    the same on every kernel and processor there is; hours, where the first run builds three more kernels
make board       a shell on the emulated board, modules and tools at hand; Ctrl-] shows its buttons and LEDs
make view        the same view in a terminal of its own: buttons to press, LEDs, interrupts that count
make kmod        the kernel modules, for the board's kernel
make kmod KDIR=/path/to/kernel/build [ARCH=arm64 CROSS_COMPILE=… CC=…]
                 the kernel modules for another kernel, with this host's own tools
make userspace   the crate and the command line tool, for the board; its manual and its completions
                 (ARCH=arm: for ARMv7, also with install and install-userspace)
make overlays    the device-tree overlays (.dtbo)
make install     KDIR=… [DESTDIR=…]: the modules, into the kernel's module folder, and all of install-userspace
make install-userspace [DESTDIR=…] [PREFIX=/usr/local]
                 the udev rule; the command, its manual and completions, if make userspace has built them
make lint        formatting and lints, user space and kernel
make bindings    the binding schema, and all overlays against it and the kernel's own
make doc         the crate's documentation, in .build/userspace/doc
make clean       remove what was built; the cache stays
make distclean   clean, and remove the cache ($(AXIRQ_CACHE))

KERNEL=name      with demo, board, kmod: the board's kernel; stock (Debian's newest, the default),
                 lts (6.12 as PetaLinux has it, with CONFIG_RUST), vendor (the same without, and
                 hardened), kcfi (vendor from clang, which checks calls by type), zynq (for 32-bit
                 Arm) or debug (the newest, with every check): built once; stock-32 is stock with
                 32-bit programs
KERNELS="names"  with test: on these kernels, one after the other; stock, lts and debug are the default;
                 unbooted builds and checks the modules for some more, which are prepared, not booted
TESTS=text       with test: only the board tests whose name contains the text
KEEP_LOGS=dir    with demo, test, board: keep the board's logs there
CONTROL=socket   with view: which board, if several run
endef
export HELP

.PHONY: help demo test test-all board view kmod userspace overlays install install-userspace lint bindings doc clean distclean
help:
	@echo "$$HELP"

KERNEL ?= stock
# Those of a plain make test fit into the time that CI has.
KERNELS ?= stock lts debug
test-all: KERNELS := stock stock-32 zynq vendor kcfi lts debug unbooted
export KERNELS

# What the board's processor is, and what programs are for.
machine := $(if $(filter zynq,$(KERNEL)),arm,arm64)
for_users := $(filter userspace install install-userspace,$(MAKECMDGOALS))
programs := $(if $(filter zynq %-32,$(KERNEL))$(if $(for_users),$(filter arm,$(ARCH))),arm,arm64)
target := $(if $(filter arm,$(programs)),armv7-unknown-linux-gnueabihf,aarch64-unknown-linux-gnu)

build := $(CURDIR)/.build
inside := demo test test-all board view userspace overlays lint bindings doc $(if $(KDIR),,kmod)

ifeq ($(AXIRQ_INSIDE),)

$(inside):
	@tests/setup/enter.sh env AXIRQ_INSIDE=1 $(MAKE) $@ KERNEL=$(KERNEL)

clean:
	rm -rf .build

distclean: clean
	rm -rf --one-file-system "$(AXIRQ_CACHE)"

else

# Before everything else is built, so that its progress is seen. Empty if it failed.
ifneq ($(filter demo board board-test zc702-test kmod lint bindings kmod-clippy,$(MAKECMDGOALS)),)
kernel := $(shell tests/setup/kernel.sh $(KERNEL:-32=))
ifeq ($(kernel),)
$(error no kernel: see above)
endif
KDIR := $(kernel)/build
kernel_args := $(shell cat $(kernel)/make-args)
endif

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER := aarch64-linux-gnu-gcc-14
# One file a program, whatever the guest's C library.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS := -C target-feature=+crt-static
export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER := arm-linux-gnueabihf-gcc-14
# io-uring has structures of 64-bit machines, which are the kernel's on all.
export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_RUSTFLAGS := -C target-feature=+crt-static \
	--cfg io_uring_skip_arch_check
user_cargo := cd userspace && CARGO_TARGET_DIR=$(build)/userspace cargo
test_cargo := cd tests && CARGO_TARGET_DIR=$(build)/tests cargo

host_programs := $(build)/tests/debug
guest_programs := $(build)/guest$(if $(filter arm,$(programs)),-arm)
# Where each shell looks, below share/.
completions := bash:bash-completion/completions/axirq zsh:zsh/site-functions/_axirq fish:fish/vendor_completions.d/axirq.fish
examples := $(basename $(notdir $(wildcard userspace/axirq/examples/*.rs)))

.PHONY: tools guest programs
# The simulated PL and the board's runner.
tools:
	@$(test_cargo) build --locked -p plsim -p board

# The guest's programs, gathered in one folder.
guest: programs
	@$(test_cargo) build --locked --target $(target) -p guest
	@mkdir -p $(guest_programs)
	@cp -u $(build)/userspace/$(target)/release/axirq \
		$(addprefix $(build)/userspace/$(target)/release/examples/,$(examples)) \
		$(addprefix $(build)/tests/$(target)/debug/,init syscount guest-tests) $(guest_programs)

programs:
	@$(user_cargo) build --locked --release --target $(target) --bins --examples --features axirq/dma,axirq/microblaze,axirq/video

# The command tells itself what it takes; one that runs here does.
userspace: programs
	@$(user_cargo) build --quiet --locked -p axirq-cli
	@rm -rf $(build)/share
	@$(build)/userspace/debug/axirq man $(build)/share/man/man1
	@for place in $(completions); do \
		mkdir -p $$(dirname $(build)/share/$${place#*:}) && \
		$(build)/userspace/debug/axirq completions $${place%%:*} >$(build)/share/$${place#*:}; \
	done

overlays:
	@mkdir -p $(build)/overlays
	@for source in dts/*.dtso dts/tests/*.dtso; do \
		dtc -@ -W no-unit_address_vs_reg -I dts -O dtb -o $(build)/overlays/$$(basename $$source .dtso).dtbo $$source; \
	done

# The board, ready to boot. Tests need more of a fabric than one would like to look at.
design = $(if $(filter board-test,$@),tests,demo)
board_command = $(host_programs)/board --machine $(machine) --kernel $(kernel)/vmlinuz --plsim $(host_programs)/plsim \
	--design tests/plsim/designs/$(design).toml --guest-bin $(guest_programs) \
	--modules $(kmod_build)/axirq.ko,$(kmod_build)/axirq_overlay.ko \
	$(addprefix --boot-modules ,$(wildcard $(kernel)/modules/*.ko)) \
	$(addprefix --extra-modules ,$(wildcard $(kernel)/extra/*.ko)) \
	--overlays $(build)/overlays --busybox $(kernel)/busybox $(if $(KEEP_LOGS),--logs $(KEEP_LOGS)) $(append)
# One kernel that makes no links between consumers and controllers by itself: the driver has to.
append = $(if $(filter debug,$(KERNEL)),--append fw_devlink=off)

demo: kmod tools guest overlays
	@$(board_command) demo

board: kmod tools guest overlays
	@$(board_command) shell --say-plsim "tests/setup/enter.sh .build/tests/debug/plsim" --say-view "make view"

# The view of a board that runs already, with the tools as they are: nothing is built over a running board.
view:
	@test -e $(host_programs)/board-view || \
		{ echo "axirq: start a board first, in another terminal: make board" >&2; exit 1; }
	@$(host_programs)/board-view $(if $(CONTROL),--control $(CONTROL))

test test-all:
	@TEST_FILTER="$(TESTS)" BUILD=$(build) tests/setup/test.sh

.PHONY: board-test zc702-test
# The board's tests on one kernel.
board-test: kmod tools guest overlays
	@$(board_command) test --filter "$(TESTS)" --outcomes $(build)/outcomes-$(KERNEL)

# The modules on another board, a Zynq-7000 with its own tree.
zc702-test: kmod guest
	@tests/setup/zc702-test.sh $(kernel) $(kmod_build) $(guest_programs)

lint:
	@$(user_cargo) fmt --all --check
	@$(test_cargo) fmt --all --check
	@$(user_cargo) clippy --locked --all-targets --all-features -- -D warnings
	@$(test_cargo) clippy --locked --all-targets -- -D warnings
	@rustfmt --edition 2021 --check kmod/axirq_main.rs kmod/overlay_main.rs \
		kmod/standin/lib.rs kmod/standin/compiler_builtins.rs
	@rm -rf $(build)/kmod-clippy
	@$(MAKE) kmod-clippy kmod_build=$(build)/kmod-clippy

bindings:
	@tests/setup/bindings.sh $(kernel)/source

doc:
	@export RUSTDOCFLAGS="-D warnings"; $(user_cargo) doc --locked --no-deps --all-features

endif

# The modules are built in a folder of their own, one a kernel, from links to the sources: kernels
# older than 6.13 know no other way to build one source for several of them.
kmod_build ?= $(build)/kmod$(if $(KDIR),-$(shell echo $(KDIR) | sha256sum | cut -c1-12))
kernel_make = $(MAKE) -C $(KDIR) M=$(kmod_build) $(kernel_args)

# Another root than / is one for all that is installed, whichever name of the two it is given by.
DESTDIR := $(or $(DESTDIR),$(INSTALL_MOD_PATH))
export INSTALL_MOD_PATH := $(or $(INSTALL_MOD_PATH),$(DESTDIR))

PREFIX ?= /usr/local
command := $(build)/userspace/$(target)/release/axirq
install-userspace:
	@install -D -m 644 userspace/udev/60-axirq.rules $(DESTDIR)/usr/lib/udev/rules.d/60-axirq.rules
	@if [ -e $(command) ] && [ -e $(build)/share ]; then \
		install -D -m 755 $(command) $(DESTDIR)$(PREFIX)/bin/axirq; \
		find $(build)/share -type f -printf '%P\n' | while read -r file; do \
			install -D -m 644 $(build)/share/$$file $(DESTDIR)$(PREFIX)/share/$$file; \
		done; \
	else \
		echo "axirq: the command is not built: make userspace, then install again for it"; \
	fi

ifneq ($(KDIR),)
.PHONY: kmod-sources kmod-clippy
kmod-sources:
	@env $(kernel_args) kmod/preflight.sh "$(KDIR)"
	@mkdir -p $(kmod_build)
	@for source in Kbuild $$(find kmod \( -name Kbuild -o -name bindgen_parameters -o -name '*.rs' -o -name '*.[ch]' \) \
			! -name 'bindings_*.rs' ! -name '*.mod.c'); do \
		mkdir -p $(kmod_build)/$$(dirname $$source) && ln -sf $(CURDIR)/$$source $(kmod_build)/$$source; \
	done
	@find $(kmod_build) -xtype l -delete

kmod: kmod-sources
	@$(kernel_make) modules
	@cp -u $(kmod_build)/kmod/*.ko $(kmod_build)/

# Warnings are errors here; the build itself leaves them to the kernel's configuration.
kmod-clippy: kmod-sources
	@$(kernel_make) CLIPPY=1 modules 2>&1 | tee $(kmod_build)/clippy.log
	@! grep -E '^(warning|error)' $(kmod_build)/clippy.log

install: kmod install-userspace
	@$(kernel_make) modules_install
	@echo "axirq: now run depmod and modprobe axirq; 60-axirq.rules tells how to hand cells to a group"
else
install:
	@echo "axirq: name the kernel: make install KDIR=/lib/modules/\$$(uname -r)/build" >&2; exit 1
endif
