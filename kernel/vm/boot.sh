#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Boot the test kernel in QEMU: boot.sh [-i] ARCH INITRD SECONDS CONSOLE [PARAMETER]...
#
# stdout is what the machine writes to its result port (/dev/hvc0); the kernel's messages go to the file CONSOLE.
# PARAMETERs are added to the kernel's command line.  -i: interactive, everything on this terminal.  QEMU_OPTIONS and
# MOAT_VM_CPU (a CPU model) change the machine.  Exit status: QEMU's, or 124 when SECONDS are over.
set -eu
. "$(dirname "$0")/env.sh"
interactive=
[ "${1-}" != -i ] || { interactive=1; shift; }
[ $# -ge 4 ] || { sed -n '3s/^[^:]*: /usage: /p' "$0" >&2; exit 2; }
use "$1"
initrd=$2 seconds=$3 console=$4
shift 4
level=loglevel=5

case $arch in
# QEMU 7.2 gets the flags of CMPXCHG16B wrong when two CPUs run at once, and the kernel's allocator panics.
x86)	machine="-cpu ${MOAT_VM_CPU:-max,+pks,-cx16}" serial=ttyS0
	# Linux counts ticks for a while at boot and panics when the host was too busy to make them.
	level="$level no_timer_check" ;;
# Pointer authentication by QEMU's own hash: the architecture's takes most of the time.
arm64)	machine="-M virt,virtualization=on -cpu ${MOAT_VM_CPU:-max,pauth-impdef=on}" serial=ttyAMA0 ;;
esac
machine="$machine -accel tcg,thread=${MOAT_VM_THREADS:-multi} -smp ${MOAT_VM_CPUS:-2} -m ${MOAT_VM_MEMORY:-3072} -nodefaults -no-reboot"
machine="$machine -display none -nic none ${QEMU_OPTIONS-}"
if [ -n "$interactive" ]; then
	set -- $machine -serial mon:stdio -kernel "$image" -initrd "$initrd" -append "console=$serial panic=-1 $level $*"
	exec timeout --foreground "$seconds" "qemu-system-$cpu" "$@"
fi
set -- $machine -serial "file:$console" -device virtio-serial-pci -chardev stdio,id=results,signal=off \
	-device virtconsole,chardev=results -kernel "$image" -initrd "$initrd" \
	-append "console=$serial panic=-1 oops=panic panic_on_warn=0 log_buf_len=8M $level $*"
exec timeout -k 10 "$seconds" "qemu-system-$cpu" "$@" </dev/null
