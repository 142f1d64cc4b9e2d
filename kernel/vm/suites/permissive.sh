#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Run a suite while programs that have no isolated form may run without isolation: permissive.sh COMMAND...
knob=/proc/sys/net/core/bpf_moat_permissive
echo 1 >$knob || exit 2
"$@"
status=$?
echo 0 >$knob
exit $status
