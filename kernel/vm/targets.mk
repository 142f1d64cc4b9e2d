# Targets of the kernel's test VM, read by the Makefile.  kernel/build.sh puts the kernels into build/.
kernel-check: kernel $(BUILD)/.deps-kernel-vm	## boot it in QEMU and run its suites; ends with "N passed, N failed"; SUITES= chooses
	@$(MAKE) --no-print-directory -s all kernel-vm
	@BUILD=$(BUILD) kernel/vm/check.sh $(ARCH) $(SUITES)

kernel-shell: kernel $(BUILD)/.deps-kernel-vm	## a shell in that machine; BOOT= is added to the kernel's command line
	@$(MAKE) --no-print-directory -s all kernel-vm
	@BUILD=$(BUILD) kernel/vm/shell.sh $(ARCH) $(BOOT)

.PHONY: kernel-check kernel-shell
