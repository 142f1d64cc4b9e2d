// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `moat verify --kernel` must be told of an image: debugfs, moat/images.
 *
 * The checker takes nothing from the bytes that it checks.  Where the image
 * runs, what it may call and what the kernel expects in front of it and behind
 * it are facts of this kernel.
 */
#include <linux/seq_file.h>
#include "domain.h"
#include "facts.h"
#include "jit/arch.h"

static void show_number(struct seq_file *s, const char *key, u64 value)
{
	seq_printf(s, " %s=0x%llx", key, value);
}

/* Where helpers enter: only functions that are passed to them. */
static void show_callbacks(struct seq_file *s, const struct moat *jit)
{
	u32 i;

	for (i = 0; i < jit->nr_func; i++)
		if (jit->func[i].is_callback && jit->func[i].start)
			show_number(s, "entry", jit->func_entry[i]);
}

/* Calls out of the image, in the order of the code: numbers of helpers; -1: a packet load. */
static void show_sites(struct seq_file *s, const struct moat *jit)
{
	u32 i;

	seq_puts(s, " sites=");
	for (i = 0; i < jit->nr_site; i++)
		seq_printf(s, "%s%d", i ? "," : "", jit->site[i].helper);
}

/* Where the code ends, which something may stand behind that is not reached from it. */
static u32 code_end(const struct moat *jit)
{
	return jit->traps_at + jit->nr_trap * jit->arch->trap_bytes;
}

/* What stands behind the text is not in the dumps that the kernel makes. */
static void show_behind(struct seq_file *s, const struct moat_domain *d)
{
	u32 i;

	seq_puts(s, " behind=");
	for (i = d->jit.text_bytes; i < d->jit.bytes; i++)
		seq_printf(s, "%02x", d->image[i]);
}

static void show_host(struct seq_file *s, const struct moat_domain *d)
{
	const struct moat_options *opt = &d->opt;
	const struct moat_kernel *k = &d->kernel;

	show_number(s, "run", k->run);
	show_number(s, "domain", k->domain);
	show_number(s, "slot", k->slot);
	show_number(s, "cpu_offset", k->cpu_offset);
	show_number(s, "enter", k->enter);
	show_number(s, "leave", k->leave);
	show_number(s, "call", opt->call);
	show_number(s, "tail", opt->tail);
	show_number(s, "packet", opt->packet);
	show_number(s, "return_thunk", k->return_thunk);
	show_number(s, "int3_after_ret", k->int3_after_ret);
	show_number(s, "dummy_tramp", k->dummy_tramp);
	show_number(s, "probes", k->probes);
	show_number(s, "probe_limit", k->probe_limit);
	show_number(s, "pads", !!(opt->cpu & opt->arch->pads));
	show_number(s, "signs", !!(opt->cpu & opt->arch->signs));
}

void moat_show_image(struct seq_file *s, const struct moat_domain *d)
{
	const struct bpf_prog_aux *aux = d->aux;
	u32 id = READ_ONCE(aux->id);

	/* A program gets its number when its image is finished, and loses it before the image goes. */
	if (!id)
		return;
	seq_printf(s, "id=%u tag=%*phN name=%s arch=%s isolation=basereg", id, BPF_TAG_SIZE, d->tag,
		   d->name[0] ? d->name : "-", IS_ENABLED(CONFIG_X86_64) ? "x86" : "arm64");
	show_number(s, "address", (unsigned long)d->image);
	show_number(s, "bytes", d->jit.text_bytes);
	show_number(s, "code", code_end(&d->jit));
	show_number(s, "main", d->jit.entry);
	show_number(s, "args", d->opt.entry_args);
	show_host(s, d);
	show_callbacks(s, &d->jit);
	show_sites(s, &d->jit);
	show_behind(s, d);
	seq_putc(s, '\n');
}
