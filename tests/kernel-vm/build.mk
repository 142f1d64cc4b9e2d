# Programs that run inside a VM against its kernel's JIT, and the BPF objects that they load; read by the Makefile.
KVM_MAINS := $(shell grep -ls '^int main' tests/kernel-vm/*.c)
KVM_NAMES := $(basename $(notdir $(KVM_MAINS)))
KVM_HELPERS := $(call objects,$(filter-out $(KVM_MAINS) %-plugin.c %.bpf.c,$(wildcard tests/kernel-vm/*.c)) tests/gen*.c tests/interp.c)
KVM_BPF	:= $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/kernel-vm/*.bpf.c examples/*.bpf.c bench/*.bpf.c))

kernel-vm: $(call in,$(KVM_NAMES:%=tests/kernel-vm/%)) $(KVM_BPF)	## build what runs in the kernel's VM

kernel-compare: $(BUILD)/.deps-kernel-vm	## stock JIT and Moat in one kernel: bench/KERNEL-ARCH.md
	@$(MAKE) --no-print-directory -s kernel-vm
	@BUILD=$(BUILD) tests/kernel-vm/compare.sh $(ARCH) bench/KERNEL-$(ARCH).md

kernel-compare-basereg: $(BUILD)/.deps-kernel-vm	## what isolation costs in a kernel: bench/KERNEL-basereg-ARCH.md
	@$(MAKE) --no-print-directory -s kernel-vm
	@BUILD=$(BUILD) tests/kernel-vm/parts.sh $(ARCH) bench/KERNEL-basereg-$(ARCH).md

$(BUILD)/tests/kernel-vm/helpers.a: $(KVM_HELPERS)
	@mkdir -p $(@D) && rm -f $@
	$(AR) rcs $@ $^

# Static: the VM's image need not know what they are linked with.
$(BUILD)/tests/kernel-vm/%: $(BUILD)/tests/kernel-vm/%.o $(BUILD)/tests/kernel-vm/helpers.a
	$(LINK) -static -o $@ $^ -lbpf -lelf -lz -lpthread

.PHONY: kernel-vm kernel-compare kernel-compare-basereg
