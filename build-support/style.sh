#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Check the style of the sources: always the small rules below, and checkpatch.pl where one is found.
set -u
cd "$(dirname "$0")/.." || exit 2
status=0
report() { status=1; printf '%s\n' "$@"; }

mapfile -t sources < <(git ls-files '*.c' '*.h' '*.S')
mapfile -t all < <(git ls-files '*.c' '*.h' '*.S' '*.sh' '*.py' '*.inc' Makefile '*.mk')
for file in "${sources[@]}"; do
	head -n 1 "$file" | grep -q 'SPDX-License-Identifier' || report "$file:1: no SPDX line"
	awk -v f="$file" '
		/^{/ { start = NR }
		/^}/ { if (start && NR - start > 60) print f ":" start ": function of " NR - start " lines"; start = 0 }
		{ s = $0; gsub(/\t/, "        ", s); if (length(s) > 120) print f ":" NR ": " length(s) " columns" }
		/^        / { print f ":" NR ": spaces for a tab" }' "$file" | grep . && status=1
done
grep -nE '[[:blank:]]+$' "${all[@]}" && report "trailing white space"

checkpatch=${CHECKPATCH:-$(find /usr/src /usr/lib -path '*/scripts/checkpatch.pl' 2>/dev/null | head -n 1)}
if [ -n "$checkpatch" ]; then
	# X-macros and tables of initialisers are known false alarms.
	"$checkpatch" --no-tree --strict --terse --show-types --max-line-length=120 \
		--ignore COMPLEX_MACRO,BRACKET_SPACE,MACRO_ARG_REUSE,SPDX_LICENSE_TAG,C99_COMMENTS,FILE_PATH_CHANGES,MACRO_WITH_FLOW_CONTROL \
		-f "${sources[@]}" || status=1
else
	echo "no checkpatch.pl here (it is in linux-source; CHECKPATCH=path names one): only the small rules were checked"
fi
exit $status
