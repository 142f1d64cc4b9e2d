# SPDX-License-Identifier: GPL-2.0-only
# Read by the scripts of kernel/vm: what is where for ARCH (x86 or arm64), and how its programs are made and run.
#
# KERNELS holds linux-6.1 and kernel-ARCH, as kernel/build.sh leaves them; everything made here goes to KERNELS/vm-ARCH.
# VARIANT=debug: the kernel is that of kernel-ARCH-debug, and what depends on it has that name, too.
kernels=$(realpath -m "${KERNELS:-build}")
linux=$kernels/linux-6.1

# What the kernel says that it never says when all is well.
complaint='BUG:|WARNING:|Oops|[Gg]eneral protection|Unable to handle|possible (recursive|circular|irq)|circular locking'
complaint=$complaint'|detected stall|soft lockup|UBSAN|KASAN|Kernel panic|scheduling while|blocked for more|refcount_t|bad page'
complaint=$complaint'|Call [Tt]race|suspicious RCU|inconsistent lock|non-static key|held lock|kmemleak: [0-9]+ new|ODEBUG'

die() { echo "$0: $*" >&2; exit 1; }

# use ARCH: set the variables below.
use() {
	arch=$1
	case $arch in
	x86)	debian=amd64 cpu=x86_64 prefix=x86_64-linux-gnu- image=arch/x86/boot/bzImage ;;
	arm64)	debian=arm64 cpu=aarch64 prefix=aarch64-linux-gnu- image=arch/arm64/boot/Image ;;
	*)	die "ARCH is '$arch', not x86 or arm64" ;;
	esac
	variant=${VARIANT:+-$VARIANT}
	kernel=$kernels/kernel-$arch$variant
	image=$kernel/$image
	work=$kernels/vm-$arch
	root=$work/root
	initramfs=$work/image$variant.cpio
	mkdir -p "$work"
	[ -r "$image" ] || die "$image is missing: make kernel ARCH=$arch${VARIANT:+ VARIANT=$VARIANT}"
}
