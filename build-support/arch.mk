# For which architecture: ARCH=x86 | arm64, read by the Makefile.  Not given: this machine's, and `check` runs both.
# arm64 on another machine is built with a cross compiler and a sysroot, and its programs are run by an emulator.
.DEFAULT_GOAL := all
HOST	:= $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86)
# What `check` runs; each name is a do_NAME of tests/run.sh.
NATIVE	:= build programs cli demo install
PARTS	:= $(NATIVE) $(if $(filter arm64,$(HOST)),,kcheck) fuzz asan $(if $(filter arm64,$(HOST)),,check-vm)
PARTS	+= $(if $(ARCH)$(filter arm64,$(HOST)),,arm64) $(if $(filter x86,$(HOST)),kernel-x86 $(if $(ARCH),,kernel-arm64))
ARCH	?= $(HOST)

ifneq ($(ARCH),$(HOST))
ifneq ($(ARCH),arm64)
$(error ARCH=$(ARCH): this machine builds $(HOST)$(if $(filter x86,$(HOST)), and arm64))
endif
BUILD	?= build/arm64$(if $(DEBUG),/debug)
SYSROOT	:= $(abspath $(BUILD))/sysroot
RUNNER	:= $(abspath $(BUILD))/emulator -L $(SYSROOT)
CC	:= aarch64-linux-gnu-gcc --sysroot=$(SYSROOT)
AR	:= aarch64-linux-gnu-ar
PARTS	:= arm64 kernel-arm64
# What everything that is compiled needs first, and commands that run the programs as if they were native.
CROSS	:= $(SYSROOT)/.stamp $(BUILD)/emulator
MORE	:= $(addprefix $(BUILD)/run/,moat embed)

$(SYSROOT)/.stamp: build-support/sysroot.sh
	build-support/sysroot.sh arm64 $(SYSROOT) && touch $@

$(BUILD)/emulator: build-support/emulator.sh
	build-support/emulator.sh $@

$(BUILD)/run/%: $(BUILD)/% | $(CROSS)
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec %s %s "$$@"\n' "$(RUNNER)" $(abspath $<) >$@ && chmod 755 $@

$(BUILD)/run/embed: $(BUILD)/run/examples/embed
	@cp $< $@
endif
