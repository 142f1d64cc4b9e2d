# Targets of the kernel's test VM, read by the Makefile.  kernel/build.sh puts the kernels into build/.
# VARIANT=debug: that kernel, with all that watches for mistakes.
kernel-check: kernel $(BUILD)/.deps-kernel-vm	## boot it in QEMU and run its suites; ends with "N passed, N failed"; SUITES= chooses
	@$(MAKE) --no-print-directory -s all kernel-vm
	@BUILD=$(BUILD) kernel/vm/check.sh $(ARCH) $(SUITES)

kernel-shell: kernel $(BUILD)/.deps-kernel-vm	## a shell in that machine; BOOT= is added to the kernel's command line
	@$(MAKE) --no-print-directory -s all kernel-vm
	@BUILD=$(BUILD) kernel/vm/shell.sh $(ARCH) $(BOOT)

kernel-stress: kernel $(BUILD)/.deps-kernel-vm	## isolated programs under stress, PIECES= of SECONDS= each; rows of build/stress-ARCH.txt
	@$(MAKE) --no-print-directory -s all kernel-vm
	@BUILD=$(BUILD) kernel/vm/stress.sh $(ARCH) $(or $(PIECES),12) $(or $(SECONDS),600)

.PHONY: kernel-check kernel-shell kernel-stress
