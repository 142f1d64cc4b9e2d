#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The checker on isolated images as a running kernel dumps them: all are accepted, and none that was tampered with.
. /moat/suites/lib.sh
facts=/sys/kernel/debug/moat/images
dir=/sys/fs/bpf/dump
image=/tmp/image

is "net.core.bpf_moat" "$(sysctl -n net.core.bpf_moat)" basereg
is "rights of $facts" "$(stat -c %a $facts)" 400
[ -x /usr/sbin/moat ] || { bad "the command moat is not in this image"; total; exit 1; }

# fact KEY: of the program at hand, whose line is in /tmp/line.
fact() { tr ' ' '\n' </tmp/line | sed -n "s/^$1=//p"; }

# refused NAME MOAT-OPTIONS...: the checker says no, and where.
refused() {
	what=$1
	shift
	moat verify "$@" >/tmp/said 2>&1
	status=$?
	if [ $status = 1 ] && grep -q ': refused at 0x[0-9a-f]*: .' /tmp/said; then
		ok
		tampered=$((tampered + 1))
	else
		bad "$what: exit status $status: $(cat /tmp/said)"
	fi
}

# change FROM TO X86 ARM64: by expressions on its bytes as " 0f 1f", or its words as lines "1f2003d5".
change() {
	case $(uname -m) in
	x86_64)	od -An -v -tx1 "$1" | tr -d '\n' | sed -E "$3" ;;
	*)	xxd -p -c4 "$1" | sed -E "$4" ;;
	esac | xxd -r -p >"$2"
}

# Addresses that are truncated to 32 bits are no longer: lea r11d, [...] and mov r11d, ... become 64 bits wide;
# [x28, wN, uxtw] becomes [x28, xN].
widen() {
	change $image /tmp/wide 's/ 44 (8d [59][89a-f]|8b d[89a-f])/ 4c \1/g; s/ 45 (8d [59][89a-f]|8b d[89a-f])/ 4d \1/g
		s/ 41 (89 [cdef][3b])/ 49 \1/g; s/ 45 (89 [cdef][3b])/ 4d \1/g' 's/^([89].)4b([2367abef].[37bf]8)$/\16b\2/'
}

# They are formed wrongly: [r12 + r11] becomes [r12 + 2 * r11]; [x28, wN, uxtw] becomes [x27, wN, uxtw].
misplace() {
	change $image /tmp/misplaced 's/( 4[37bf] (0f )?.. [0-3][4c]) 1c/\1 5c/g' \
		's/^8(.4b[2367abef].[37bf]8)$/6\1/; s/^9(.4b[2367abef].[37bf]8)$/7\1/'
}

# other KEY...: these facts, but a little beside, in /tmp/wrong.
other() {
	cp /tmp/line /tmp/wrong
	for key; do
		sed -i -e "s/\( $key=0x[0-9a-f]*\)0 /\18 /" -e t -e "s/\( $key=0x[0-9a-f]*\)[1-9a-f] /\10 /" /tmp/wrong
	done
}

# tamper NAME: with the image and the facts that were accepted.
tamper() {
	# One object has many programs, and the emulator time enough for one.
	[ "$object" != "$last" ] || return
	last=$object
	misplace
	if ! cmp -s $image /tmp/misplaced; then
		refused "$1: addresses formed wrongly" --image /tmp/misplaced --kernel /tmp/line
	fi
	widen
	if cmp -s $image /tmp/wide; then
		:
	elif moat verify --image /tmp/wide --kernel /tmp/line >/tmp/said 2>&1; then
		# A register that has no more bits than that need not be truncated, and the checker sees that.
		echo "$1: does without truncation"
		harmless=$((harmless + 1))
	elif grep -q ': refused at 0x' /tmp/said; then
		wide=$((wide + 1))
	else
		bad "$1: addresses that are not truncated: $(cat /tmp/said)"
	fi
	other run
	refused "$1: a stub that calls something else" --image $image --kernel /tmp/wrong
	other domain
	refused "$1: a stub for another domain" --image $image --kernel /tmp/wrong
	if [ "$(fact slot)" != 0x0 ]; then
		other slot
		refused "$1: a stub with another run" --image $image --kernel /tmp/wrong
		other cpu_offset
		refused "$1: a stub that finds it elsewhere" --image $image --kernel /tmp/wrong
		for function in enter leave; do
			[ "$(fact $function)" != 0x0 ] || continue
			other $function
			refused "$1: a stub with another $function()" --image $image --kernel /tmp/wrong
		done
	fi
	if [ -n "$(fact sites)" ]; then
		other call tail packet
		refused "$1: calls of something else" --image $image --kernel /tmp/wrong
		sed 's/ sites=[^ ]*/ sites=/' /tmp/line >/tmp/wrong
		refused "$1: calls where there are none" --image $image --kernel /tmp/wrong
	fi
}

# unread NAME: what loads from the kernel's memory is refused where the kernel does not say that it may.
unread() {
	[ "$(fact probes)" = 0x1 ] || return
	sed 's/ probes=0x1/ probes=0x0/' /tmp/line >/tmp/wrong
	refused "$1: reads the kernel's memory" --image $image --kernel /tmp/wrong
	reading=$((reading + 1))
}

# check PIN: one program.
check() {
	id=$(bpftool prog show pinned "$1" | sed -n 's/^\([0-9]*\):.*/\1/p')
	name=$object:${1##*/}
	grep "^id=$id " $facts >/tmp/line || { bad "$name: $facts has no line of program $id"; return; }
	bpftool prog dump jited pinned "$1" file $image || { bad "$name: no dump"; return; }
	if moat verify --image $image --kernel $facts --id "$id" >/tmp/said 2>&1; then
		ok
		images=$((images + 1))
		unread "$name"
	else
		bad "$name: $(cat /tmp/said)"
		cat /tmp/line
		return
	fi
	tamper "$name"
}

images=0 reading=0 tampered=0 wide=0 harmless=0 last= before=$(grep -c . $facts)
for file in examples/*.bpf.o bench/*.bpf.o tests/kernel-vm/*.bpf.o; do
	object=${file%.bpf.o}
	object=${object#tests/kernel-vm/}
	mkdir -p $dir
	tests/kernel-vm/dump "$object" $dir >/tmp/log 2>&1 || bad "$object: $(cat /tmp/log)"
	while read -r skipped_because; do
		skip "${skipped_because#SKIP }"
	done </tmp/log
	for pin in "$dir"/*; do
		[ ! -e "$pin" ] || check "$pin"
	done
	rm -r $dir
done
echo "$images images accepted, $tampered changes refused, and $wide without truncation"
[ $reading -ge 4 ] && ok || bad "only $reading images that read the kernel's memory"
[ $images -ge 30 ] && ok || bad "only $images images"
[ $wide -ge 8 ] && [ $harmless -lt 3 ] && ok || bad "truncations: $wide needed, and $harmless harmless"
# A kernel frees programs a while after they were let go.
for second in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(grep -c . $facts)" = "$before" ] || sleep 1
done
is "programs that are told of afterwards" "$(grep -c . $facts)" "$before"
total
