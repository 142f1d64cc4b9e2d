#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make install into an empty place, a program built against it by pkg-config alone, make uninstall.
set -u
cd "$(dirname "$0")/.." || exit 2
build=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dest=$work/dest
passed=0 failed=0
check() {	# check WHAT COMMAND...
	local what=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $what"
		sed 's/^/    /' "$work/out"
	fi
}
absent() { ! find "$dest" ! -type d | grep .; }
mk() { make --no-print-directory -s BUILD="$build" DESTDIR="$dest" PREFIX=/usr/local LIBDIR=/usr/local/lib "$@"; }

check "make install" mk install
for file in bin/moat lib/libmoat.a lib/libmoat.so lib/pkgconfig/libmoat.pc include/moat/moat.h include/moat/audit.h \
	include/moat/isolation.h share/man/man1/moat.1; do
	check "installs $file" test -s "$dest/usr/local/$file" -o -s "$dest/usr/local/$file.gz"
done
check "installs nothing outside PREFIX" test -z "$(find "$dest" ! -type d ! -path "$dest/usr/local/*")"
check "no path of the build in libmoat.pc" sh -c "! grep -n '$work\|$PWD' '$dest/usr/local/lib/pkgconfig/libmoat.pc'"

cat >"$work/use.c" <<'EOF'
#include <stdio.h>
#include <moat/moat.h>
int main(void)
{
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 42 }, { .code = BPF_JMP | BPF_EXIT } };
	MOAT_OPEN_OPTS(open_opts, .mode = MOAT_MODE_BASEREG);
	MOAT_RUN_OPTS(run_opts);
	struct moat_object *obj = moat_object__open_insns(insns, 2, &open_opts);
	int err = !obj || moat_object__load(obj) || moat_program__run_opts(moat_object__next_program(obj, NULL), &run_opts);

	printf("%s %d %llu\n", moat_version(), err, (unsigned long long)run_opts.retval);
	moat_object__close(obj);
	return err || run_opts.retval != 42;
}
EOF
export PKG_CONFIG_PATH=$dest/usr/local/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest
pc() { pkg-config "$@" libmoat; }
check "pkg-config knows the version" test "$(pc --modversion)" = "$(sed -n 's/^#define MOAT_VERSION.*"\(.*\)"/\1/p' include/moat/moat.h)"
check "builds with the shared library" sh -c "gcc -Wall -Werror -pedantic $(pc --cflags) -o $work/shared $work/use.c $(pc --libs)"
check "runs with the shared library" env LD_LIBRARY_PATH="$dest/usr/local/lib" "$work/shared"
check "the shared library is used" sh -c "LD_LIBRARY_PATH=$dest/usr/local/lib ldd $work/shared | grep libmoat.so"
check "builds with the static library" sh -c \
	"gcc -Wall $(pc --cflags) -o $work/static $work/use.c $dest/usr/local/lib/libmoat.a $(pc --static --libs | sed 's/-lmoat//')"
check "runs with the static library" "$work/static"
check "the header is good C++" sh -c "! command -v g++ || echo '#include <moat/moat.h>' | g++ -Wall -Werror $(pc --cflags) -x c++ -fsyntax-only -"
check "exports moat_* and nothing else" sh -c \
	"! nm -D --defined-only $dest/usr/local/lib/libmoat.so | awk '{ print \$3 }' | grep -v '^moat_'"
check "the installed command works" sh -c "$dest/usr/local/bin/moat --version"
check "make uninstall" mk uninstall
check "nothing is left" absent
echo "$passed passed, $failed failed"
[ $failed = 0 ]
