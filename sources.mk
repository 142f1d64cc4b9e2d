# The one list of the core's objects, read by the Makefile and by the kernel's Kbuild.
MOAT_JIT   := jit/text.o jit/decode.o jit/decode_kernel.o jit/validate.o jit/plan.o jit/inline.o jit/blind.o jit/divisor.o jit/live.o jit/fuse.o jit/straight.o jit/layout.o jit/compile.o \
	      jit/check.o jit/check_state.o
MOAT_X86   := arch-x86/x64.o arch-x86/alu.o arch-x86/div.o arch-x86/mem.o arch-x86/branch.o arch-x86/call.o arch-x86/packet.o arch-x86/frame.o \
	      arch-x86/gate.o arch-x86/basereg.o arch-x86/kernel.o arch-x86/kframe.o arch-x86/arch.o \
	      arch-x86/check.o arch-x86/check_access.o arch-x86/check_work.o arch-x86/check_host.o arch-x86/check_gate.o \
	      arch-x86/check_decode.o arch-x86/check_group.o arch-x86/check_kernel.o \
	      arch-x86/check_probe.o
MOAT_ARM64 := arch-arm64/a64.o arch-arm64/alu.o arch-arm64/mem.o arch-arm64/branch.o arch-arm64/call.o arch-arm64/packet.o \
	      arch-arm64/frame.o arch-arm64/gate.o arch-arm64/basereg.o arch-arm64/kernel.o \
	      arch-arm64/kernel_call.o arch-arm64/stub.o arch-arm64/arch.o \
	      arch-arm64/check.o arch-arm64/check_access.o arch-arm64/check_work.o arch-arm64/check_host.o \
	      arch-arm64/check_call.o arch-arm64/check_gate.o arch-arm64/check_decode.o arch-arm64/check_fields.o \
	      arch-arm64/check_kernel.o arch-arm64/check_probe.o
MOAT_AUDIT := verifier-ext/range.o verifier-ext/range_alu.o verifier-ext/range_jump.o verifier-ext/state.o \
	      verifier-ext/step.o verifier-ext/follow.o verifier-ext/meet.o verifier-ext/analyze.o \
	      verifier-ext/proto.o verifier-ext/record.o
