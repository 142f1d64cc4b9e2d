/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the programs of faults.bpf.c fault. */
#ifndef MOAT_KERNEL_VM_FAULTS_H
#define MOAT_KERNEL_VM_FAULTS_H

enum { FAULT_NONE, FAULT_NOT_MAPPED, FAULT_READ_ONLY, FAULT_MISALIGNED, NR_FAULT_WAYS };

#endif
