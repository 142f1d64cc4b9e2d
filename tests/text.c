/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Instructions and messages as text. */
#include "../jit/op.h"
#include "check.h"
#include "insns.h"

static char said[512];		/* the last line that was logged */

static void remember(void *arg, const char *text)
{
	snprintf(said, sizeof(said), "%s", text);
}

static const struct moat_log to_said = { .line = remember };

/* The right-hand sides are what the kernel's verifier log prints. */
static const struct {
	struct bpf_insn insn[2];
	const char *text;
} texts[] = {
	{ { INSN(0x07, 1, 0, 0, -5) },		"(07) r1 += -5" },
	{ { INSN(0x0f, 1, 2, 0, 0) },		"(0f) r1 += r2" },
	{ { INSN(0x04, 1, 0, 0, 5) },		"(04) w1 += 5" },
	{ { INSN(0x1c, 1, 10, 0, 0) },		"(1c) w1 -= w10" },
	{ { INSN(0x27, 1, 0, 0, 3) },		"(27) r1 *= 3" },
	{ { INSN(0x37, 1, 0, 0, 3) },		"(37) r1 /= 3" },
	{ { INSN(0x3f, 1, 2, 1, 0) },		"(3f) r1 s/= r2" },
	{ { INSN(0x94, 1, 0, 1, 3) },		"(94) w1 s%= 3" },
	{ { INSN(0x9f, 1, 2, 0, 0) },		"(9f) r1 %= r2" },
	{ { INSN(0x4f, 1, 2, 0, 0) },		"(4f) r1 |= r2" },
	{ { INSN(0x57, 1, 0, 0, 255) },		"(57) r1 &= 255" },
	{ { INSN(0xa7, 1, 0, 0, -1) },		"(a7) r1 ^= -1" },
	{ { INSN(0x67, 1, 0, 0, 32) },		"(67) r1 <<= 32" },
	{ { INSN(0x77, 1, 0, 0, 32) },		"(77) r1 >>= 32" },
	{ { INSN(0xcc, 1, 2, 0, 0) },		"(cc) w1 s>>= w2" },
	{ { INSN(0x87, 1, 0, 0, 0) },		"(87) r1 = -r1" },
	{ { INSN(0x84, 1, 0, 0, 0) },		"(84) w1 = -w1" },
	{ { INSN(0xb7, 0, 0, 0, 1) },		"(b7) r0 = 1" },
	{ { INSN(0xb4, 0, 0, 0, -1) },		"(b4) w0 = -1" },
	{ { INSN(0xbf, 6, 1, 0, 0) },		"(bf) r6 = r1" },
	{ { INSN(0xbf, 6, 1, 8, 0) },		"(bf) r6 = (s8)r1" },
	{ { INSN(0xbc, 6, 1, 16, 0) },		"(bc) w6 = (s16)w1" },
	{ { INSN(0xbf, 6, 1, 32, 0) },		"(bf) r6 = (s32)r1" },
	{ { INSN(0xd4, 1, 0, 0, 16) },		"(d4) r1 = le16 r1" },
	{ { INSN(0xdc, 1, 0, 0, 64) },		"(dc) r1 = be64 r1" },
	{ { INSN(0xd7, 1, 0, 0, 32) },		"(d7) r1 = bswap32 r1" },
	{ { INSN(0x61, 1, 2, 4, 0) },		"(61) r1 = *(u32 *)(r2 +4)" },
	{ { INSN(0x69, 1, 2, 0, 0) },		"(69) r1 = *(u16 *)(r2 +0)" },
	{ { INSN(0x71, 1, 2, -1, 0) },		"(71) r1 = *(u8 *)(r2 -1)" },
	{ { INSN(0x79, 1, 10, -8, 0) },		"(79) r1 = *(u64 *)(r10 -8)" },
	{ { INSN(0x81, 1, 2, 4, 0) },		"(81) r1 = *(s32 *)(r2 +4)" },
	{ { INSN(0x89, 1, 2, 4, 0) },		"(89) r1 = *(s16 *)(r2 +4)" },
	{ { INSN(0x91, 1, 2, 4, 0) },		"(91) r1 = *(s8 *)(r2 +4)" },
	{ { INSN(0x62, 1, 0, 4, -3) },		"(62) *(u32 *)(r1 +4) = -3" },
	{ { INSN(0x7a, 10, 0, -8, 0) },		"(7a) *(u64 *)(r10 -8) = 0" },
	{ { INSN(0x6b, 1, 2, 4, 0) },		"(6b) *(u16 *)(r1 +4) = r2" },
	{ { INSN(0x73, 1, 2, 4, 0) },		"(73) *(u8 *)(r1 +4) = r2" },
	{ { INSN(0xc3, 1, 2, 4, 0x00) },	"(c3) lock *(u32 *)(r1 +4) += r2" },
	{ { INSN(0xdb, 1, 2, 4, 0x40) },	"(db) lock *(u64 *)(r1 +4) |= r2" },
	{ { INSN(0xdb, 1, 2, 4, 0x50) },	"(db) lock *(u64 *)(r1 +4) &= r2" },
	{ { INSN(0xdb, 1, 2, 4, 0xa0) },	"(db) lock *(u64 *)(r1 +4) ^= r2" },
	{ { INSN(0xdb, 1, 2, 4, 0x01) },	"(db) r2 = atomic64_fetch_add((u64 *)(r1 +4), r2)" },
	{ { INSN(0xc3, 1, 2, 4, 0x41) },	"(c3) r2 = atomic_fetch_or((u32 *)(r1 +4), r2)" },
	{ { INSN(0xc3, 1, 2, 4, 0x51) },	"(c3) r2 = atomic_fetch_and((u32 *)(r1 +4), r2)" },
	{ { INSN(0xc3, 1, 2, 4, 0xa1) },	"(c3) r2 = atomic_fetch_xor((u32 *)(r1 +4), r2)" },
	{ { INSN(0xc3, 1, 2, 4, 0xe1) },	"(c3) r2 = atomic_xchg((u32 *)(r1 +4), r2)" },
	{ { INSN(0xdb, 1, 2, -4, 0xf1) },	"(db) r0 = atomic64_cmpxchg((u64 *)(r1 -4), r0, r2)" },
	{ { INSN(0x20, 0, 0, 0, 12) },		"(20) r0 = *(u32 *)skb[12]" },
	{ { INSN(0x50, 0, 3, 0, 12) },		"(50) r0 = *(u8 *)skb[r3 + 12]" },
	{ { INSN(0x18, 1, 0, 0, -2), INSN(0, 0, 0, 0, 1) }, "(18) r1 = 0x1fffffffe" },
	{ { INSN(0x18, 1, 1, 0, 3) },		"(18) r1 = map[id:3]" },
	{ { INSN(0x18, 1, 2, 0, 3), INSN(0, 0, 0, 0, 8) }, "(18) r1 = map[id:3][0]+8" },
	{ { INSN(0x18, 1, 4, 0, 3) },		"(18) r1 = subprog[+3]" },
	{ { INSN(0x05, 0, 0, 3, 0) },		"(05) goto pc+3" },
	{ { INSN(0x06, 0, 0, 0, -3) },		"(06) gotol pc-3" },
	{ { INSN(0x15, 1, 0, 3, -1) },		"(15) if r1 == 0xffffffff goto pc+3" },
	{ { INSN(0x5d, 1, 2, -3, 0) },		"(5d) if r1 != r2 goto pc-3" },
	{ { INSN(0x45, 1, 0, 3, 8) },		"(45) if r1 & 0x8 goto pc+3" },
	{ { INSN(0x25, 1, 0, 3, 8) },		"(25) if r1 > 0x8 goto pc+3" },
	{ { INSN(0x35, 1, 0, 3, 8) },		"(35) if r1 >= 0x8 goto pc+3" },
	{ { INSN(0xa6, 1, 0, 3, 8) },		"(a6) if w1 < 0x8 goto pc+3" },
	{ { INSN(0xb6, 1, 0, 3, 8) },		"(b6) if w1 <= 0x8 goto pc+3" },
	{ { INSN(0x6e, 1, 2, 3, 0) },		"(6e) if w1 s> w2 goto pc+3" },
	{ { INSN(0x7e, 1, 2, 3, 0) },		"(7e) if w1 s>= w2 goto pc+3" },
	{ { INSN(0xcd, 1, 2, 3, 0) },		"(cd) if r1 s< r2 goto pc+3" },
	{ { INSN(0xdd, 1, 2, 3, 0) },		"(dd) if r1 s<= r2 goto pc+3" },
	{ { INSN(0x85, 0, 0, 0, 1) },		"(85) call bpf_map_lookup_elem#1" },
	{ { INSN(0x85, 0, 0, 0, 99999) },	"(85) call unknown#99999" },
	{ { INSN(0x85, 0, 0, 0, -1) },		"(85) call unknown#-1" },
	{ { INSN(0x85, 0, 1, 0, 7) },		"(85) call pc+7" },
	{ { INSN(0x85, 0, 2, 0, 7) },		"(85) call kernel-function#7" },
	{ { INSN(0x95, 0, 0, 0, 0) },		"(95) exit" },
	{ { INSN(0x00, 0, 0, 0, 0) },		"(00) unknown instruction" },
	{ { INSN(0xe5, 0, 0, 0, 0) },		"(e5) unknown instruction" },
	{ { INSN(0x8d, 1, 0, 0, 0) },		"(8d) unknown instruction" },
	{ { INSN(0xdb, 1, 2, 4, 0x100) },	"(db) unknown instruction" },
};

static void check_texts(void)
{
	char text[MOAT_TEXT];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK(!strcmp(moat_text(text, texts[i].insn, 2), texts[i].text), "'%s', not '%s'", text,
		      texts[i].text);
}

/* Does the text of @insn end inside its room? */
static bool text_fits(const struct bpf_insn *insn)
{
	char text[MOAT_TEXT + 8];

	memset(text, 'x', sizeof(text));
	moat_text(text, insn, 1);
	return memchr(text, '\0', MOAT_TEXT) && text[MOAT_TEXT] == 'x';
}

/* Whatever the fields are; the second half is read only if it is there. */
static void check_text_room(void)
{
	static const s16 offs[] = { 0, INT16_MIN, INT16_MAX };
	static const s32 imms[] = { 0, INT32_MIN, INT32_MAX, BPF_XOR | BPF_FETCH, BPF_CMPXCHG };
	unsigned int code, k, src;
	int bad;

	for (code = 0; code < 256; code++) {
		for (bad = 0, src = 0; src < 16; src++)
			for (k = 0; k < ARRAY_SIZE(offs) * ARRAY_SIZE(imms); k++) {
				struct bpf_insn insn = INSN(code, 15, src, offs[k % 3], imms[k / 3]);

				bad += !text_fits(&insn);
			}
		CHECK(bad == 0, "%d texts of %02x end outside", bad, code);
	}
}

static void check_log(void)
{
	char longer[1000];

	memset(longer, 'y', sizeof(longer));
	longer[999] = '\0';
	moat_logf(&to_said, "%s", longer);
	CHECK(strlen(said) > 100 && strlen(said) < 512 && strspn(said, "y") == strlen(said), "'%s'", said);
	moat_logf(NULL, "nowhere");
	moat_logf(&(struct moat_log){ NULL, NULL }, "nowhere");
	moat_logf(&to_said, "%d and %s", 1, "two");
	CHECK(!strcmp(said, "1 and two"), "'%s'", said);
}

int main(void)
{
	check_texts();
	check_text_room();
	check_log();
	return check_done();
}
