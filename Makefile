# Moat: targets first; `make help` prints them.
include sources.mk build-support/arch.mk

CC	:= $(if $(filter default,$(origin CC)),gcc,$(CC))
# Two configurations beside the plain one: DEBUG=1, SAN=1 (address and undefined-behaviour sanitizers).
BUILD	?= build$(if $(SAN),/san)$(if $(DEBUG),/debug)
PREFIX	?= /usr/local
CFLAGS	?= $(if $(DEBUG)$(SAN),-O1,-O2) -g
SANITIZE = $(if $(SAN),-fsanitize=$(SAN:1=address,undefined) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
WARN	:= -std=gnu11 -Wall -Wextra -Werror -Wenum-conversion -Wno-unused-parameter -Wno-missing-field-initializers -Wmissing-prototypes
ALLCFLAGS = $(WARN) -Iinclude -D_GNU_SOURCE $(if $(DEBUG)$(SAN),-DMOAT_DEBUG_BUILD) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -fPIC -fvisibility=hidden -MMD -MP
LINK	= $(CC) $(SANITIZE) $(LDFLAGS)
LIBS	:= -lbpf -lelf -lurcu-memb -lpthread
BPFFLAGS := -target bpf -O2 -g -mcpu=v3 -fdebug-compilation-dir=. -Wall -Werror -I/usr/include/$(shell uname -m)-linux-gnu

in	= $(addprefix $(BUILD)/,$(1))
objects	= $(call in,$(patsubst %,%.o,$(basename $(wildcard $(1)))))
LIB	:= $(call in,$(MOAT_JIT) $(MOAT_X86) $(MOAT_ARM64) $(MOAT_AUDIT)) $(call objects,runtime/*.c runtime/maps/*.c)
CLI	:= $(call objects,runtime/cli/*.c)
# A test program is a file with a main(); the other files of the test folders are helpers that each program may take from.
MAINS	:= $(shell grep -ls '^int main' tests/*.c disasm-tests/*.c)
TESTS	:= $(filter-out $(if $(filter arm64,$(ARCH)),split),$(basename $(notdir $(MAINS))))
FUZZERS	:= $(basename $(notdir $(wildcard tests/fuzz_*.c)))
HELPERS	:= $(call objects,$(filter-out $(MAINS) tests/fuzz_%,$(wildcard tests/*.c disasm-tests/*.c)))
BPF	:= $(patsubst %.c,$(BUILD)/%.o,$(wildcard examples/*.bpf.c tests/objects/*.bpf.c))
MORE	+= $(call in,$(if $(wildcard examples/embed.c),examples/embed) $(if $(wildcard examples/capture.py),examples/traffic.pcap))
RUN	= BUILD=$(BUILD) ARM64=$(BUILD)$(if $(CROSS),,/arm64) TESTS="$(TESTS)" FUZZERS="$(FUZZERS)" tests/run.sh

all: $(call in,libmoat.a libmoat.so moat)	## library and command

demo: $(BUILD)/.deps-demo	## examples: the firewall and the hostile program in each mode
	@$(MAKE) --no-print-directory -s all examples
	@BUILD=$(BUILD) MOAT=$(BUILD)/$(if $(CROSS),run/)moat EMBED=$(BUILD)/$(if $(CROSS),run,examples)/embed tests/demo.sh

check: $(BUILD)/.deps-check	## every test, of both architectures unless ARCH says one; ends with "N passed, N failed"
	@$(RUN) $(PARTS)

check-vm asan fuzz kcheck: $(BUILD)/.deps-check	## one part of check: PKU in a VM, sanitizers, fuzzers, kernel's flags
	@$(RUN) $(if $(filter check-vm,$@),build) $@

kernel:		## Linux 6.1 with Moat as its JIT, in build/kernel-ARCH: ARCH=x86 | arm64; VARIANT=debug
	@kernel/build.sh $(ARCH)

bench: $(BUILD)/.deps-demo	## speed, as ratios (table and JSON)
	@$(MAKE) --no-print-directory -s all examples
	@BUILD=$(BUILD) bench/run.sh

bench-check: $(BUILD)/bench/check	## speed of the image checker (table)
	@$<

bench-counts: $(BUILD)/.deps-demo	## instructions that arm64 code executes, basereg over none (table and JSON)
	@ARM=$(BUILD)$(if $(CROSS),,/arm64) OUT=$(BUILD)/bench bench/count-arm64.sh

examples: $(BPF) $(MORE)	## BPF objects, capture and embedding host of examples/

tests: $(call in,$(TESTS:%=tests/%)) $(BPF)	## build the test programs

bless: $(BUILD)/tests/golden	## rewrite the expected code of disasm-tests/golden, to be reviewed
	@$< --bless
attacks-table: $(call in,tests/history) $(BUILD)/.deps-check	## rewrite docs/attacks.md by what attacks do, in a VM those on PKU
	@$(RUNNER) $< --update && $(if $(CROSS),:,BUILD=$(BUILD) tests/vm/attacks-table.sh)
style:	## checkpatch where there is one
	@build-support/style.sh
help:	## this list
	@grep -hE '^[a-z][a-z -]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 32

clean:	## remove what was built
	rm -rf $(BUILD)

$(BUILD)/.deps-%: build-support/deps.sh
	@build-support/deps.sh $* && mkdir -p $(@D) && touch $@

$(BUILD)/%.o: %.c | $(CROSS)
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) -c -o $@ $<

$(BUILD)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	clang $(BPFFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libmoat.a: $(LIB)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/libmoat.so: $(LIB)
	$(LINK) -shared -Wl,-soname,libmoat.so.0 -o $@ $^ $(LIBS)

$(BUILD)/moat: $(CLI) $(BUILD)/libmoat.a
	$(LINK) -o $@ $^ $(LIBS) -lcapstone -ljson-c -lpcap

$(BUILD)/tests/helpers.a: $(HELPERS)
	@mkdir -p $(@D) && rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/examples/embed $(FUZZERS:%=$(BUILD)/tests/%): %: %.o $(BUILD)/libmoat.a
	$(LINK) -o $@ $^ $(LIBS)
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/tests/helpers.a $(BUILD)/libmoat.a
	$(LINK) -o $@ $^ $(LIBS) -lcapstone
$(BUILD)/tests/%: $(BUILD)/disasm-tests/%.o $(BUILD)/tests/helpers.a $(BUILD)/libmoat.a
	$(LINK) -o $@ $^ $(LIBS) -lcapstone
$(BUILD)/bench/check: $(BUILD)/bench/check.o $(BUILD)/tests/helpers.a $(BUILD)/libmoat.a
	$(LINK) -o $@ $^ $(LIBS) -lcapstone
$(BUILD)/examples/traffic.pcap: examples/capture.py
	@mkdir -p $(@D)
	python3 $< $@

include tests/kernel-vm/build.mk kernel/vm/targets.mk
-include install.mk
.PHONY: all demo check attacks-table check-vm asan fuzz kcheck kernel bench bench-check bench-counts examples tests bless style help clean
.SECONDARY:
-include $(shell find $(BUILD) \( -name sysroot -o -path "$(BUILD)/linux-*" -o -path "$(BUILD)/kernel-*" -o -path "$(BUILD)/vm-*" \) -prune -o -name "*.d" -type f -print 2>/dev/null)
