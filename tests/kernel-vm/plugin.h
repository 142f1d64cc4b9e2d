/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of QEMU's plugin interface, version 1, that our plugins use: Debian has no package of its header. */
#ifndef MOAT_KERNEL_VM_PLUGIN_H
#define MOAT_KERNEL_VM_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT	__attribute__((visibility("default")))
typedef uint64_t plugin_id;
enum inline_op { ADD_U64 };
enum registers { NO_REGISTERS };
typedef void trans_fn(plugin_id id, void *tb);
typedef void exec_fn(unsigned int vcpu, void *user);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, trans_fn *fn);
void qemu_plugin_register_vcpu_tb_exec_cb(void *tb, exec_fn *fn, enum registers flags, void *user);
void qemu_plugin_register_vcpu_insn_exec_cb(void *insn, exec_fn *fn, enum registers flags, void *user);
void qemu_plugin_register_vcpu_insn_exec_inline(void *insn, enum inline_op op, void *to, uint64_t imm);
size_t qemu_plugin_tb_n_insns(const void *tb);
uint64_t qemu_plugin_tb_vaddr(const void *tb);
void *qemu_plugin_tb_get_insn(const void *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const void *insn);
const void *qemu_plugin_insn_data(const void *insn);
size_t qemu_plugin_insn_size(const void *insn);
void qemu_plugin_outs(const char *text);
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

#endif
