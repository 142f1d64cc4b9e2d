/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sweep of the A64 encoder: each call makes a word here and a line of
 * assembler, and one llvm-mc turns all lines into words to compare with.
 */
#include <stdlib.h>

#include "../arch-arm64/a64.h"
#include "../tests/check.h"
#include "oracle_a64.h"
#include "sweep_a64.h"

#define MAX_WORDS	100000

static FILE *source;
static u32 *ours, nr;

__printf(2, 3) static void expect(u32 word, const char *fmt, ...)
{
	va_list ap;

	if (nr == MAX_WORDS)
		return;
	ours[nr++] = word;
	va_start(ap, fmt);
	vfprintf(source, fmt, ap);
	va_end(ap);
	fputc('\n', source);
}

/* Names of registers; 31 is SP or zero. */
static const char *name(u32 r, bool wide, bool sp)
{
	static char text[8][8];
	static u32 turn;
	char *to = text[turn++ % 8];

	if (r == 31)
		strcpy(to, sp ? wide ? "sp" : "wsp" : wide ? "xzr" : "wzr");
	else
		sprintf(to, "%c%u", wide ? 'x' : 'w', r);
	return to;
}

#define R(r)	name(r, sf, false)
#define R_SP(r)	name(r, sf, true)
#define X_SP(r)	name(r, true, true)

/* Three registers of which each takes all values, in many combinations. */
struct regs { u32 d, n, m; };

static struct regs regs(u32 i)
{
	return (struct regs){ i & 31, (i * 7 + i / 32 * 5 + 3) & 31, (i * 13 + i / 32 * 11 + 6) & 31 };
}

static void registers(void)
{
	static const struct { enum a64_rrr op; const char *name; } row[] = {
		{ A64_AND, "and" }, { A64_BIC, "bic" }, { A64_ORR, "orr" }, { A64_ORN, "orn" }, { A64_EOR, "eor" },
		{ A64_ANDS, "ands" }, { A64_ADD, "add" }, { A64_ADDS, "adds" }, { A64_SUB, "sub" }, { A64_SUBS, "subs" },
		{ A64_UDIV, "udiv" }, { A64_SDIV, "sdiv" }, { A64_LSLV, "lsl" }, { A64_LSRV, "lsr" }, { A64_ASRV, "asr" },
	};
	u32 i, k, sf;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		for (k = 0; k < 256; k++) {
			enum a64_size size = (sf = k & 1) ? A64_X : A64_W;
			struct regs r = regs(k / 2);
			u32 by = k % (sf ? 64 : 32);

			expect(a64_rrr(row[i].op, size, r.d, r.n, r.m), "%s %s, %s, %s", row[i].name, R(r.d), R(r.n),
			       R(r.m));
			if (i < 10)
				expect(a64_rrr_lsl(row[i].op, size, r.d, r.n, r.m, by), "%s %s, %s, %s, lsl #%u",
				       row[i].name, R(r.d), R(r.n), R(r.m), by);
		}
}

static void multiply(void)
{
	static const char *const cond[] = {
		"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le",
	};
	u32 k, sf;

	for (k = 0; k < 512; k++) {
		enum a64_size size = (sf = k & 1) ? A64_X : A64_W;
		struct regs r = regs(k / 2);
		u32 a = (k / 2 * 3 + 1) & 31;

		expect(a64_rrrr(A64_MADD, size, r.d, r.n, r.m, a), "madd %s, %s, %s, %s", R(r.d), R(r.n), R(r.m), R(a));
		expect(a64_rrrr(A64_MSUB, size, r.d, r.n, r.m, a), "msub %s, %s, %s, %s", R(r.d), R(r.n), R(r.m), R(a));
		expect(a64_csel(size, r.d, r.n, r.m, k % 14), "csel %s, %s, %s, %s", R(r.d), R(r.n), R(r.m),
		       cond[k % 14]);
		expect(a64_bcond(k % 14, 4 * ((s32)k - 256)), "b.%s #%d", cond[k % 14], 4 * ((s32)k - 256));
	}
}

static void immediates(void)
{
	static const struct { enum a64_rri op; const char *name; bool sp; } row[] = {
		{ A64_ADDI, "add", true }, { A64_ADDSI, "adds", false }, { A64_SUBI, "sub", true },
		{ A64_SUBSI, "subs", false },
	};
	static const u32 imm[] = { 0, 1, 0x7ff, 0x800, 0xfff, 0x1000, 0x7ff000, 0xabc000, 0xfff000 };
	u32 i, k, v, sf;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		for (v = 0; v < ARRAY_SIZE(imm); v++)
			for (k = 0; k < 64; k++) {
				enum a64_size size = (sf = k & 1) ? A64_X : A64_W;
				struct regs r = regs(k / 2);

				expect(a64_rri(row[i].op, size, r.d, r.n, imm[v]), "%s %s, %s, #%u", row[i].name,
				       name(r.d, sf, row[i].sp), R_SP(r.n), imm[v]);
			}
}

static void logical(void)
{
	static const struct { enum a64_rrl op; const char *name; bool sp; } row[] = {
		{ A64_ANDI, "and", true }, { A64_ORRI, "orr", true }, { A64_EORI, "eor", true },
		{ A64_ANDSI, "ands", false },
	};
	u32 i, bits, ones, sf;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		for (bits = 2; bits <= 64; bits *= 2)
			for (ones = 1; ones < bits; ones++)
				for (sf = bits == 64; sf < 2; sf++) {
					u32 at = ones * 5 % bits, k;
					u64 v = ~0ull >> (64 - ones);
					struct regs r = regs(ones * 3 + i);

					v = at ? v << at | v >> (bits - at) : v;
					v &= ~0ull >> (64 - bits);
					for (k = bits; k < 64; k *= 2)
						v |= v << k;
					if (!sf)
						v = (u32)v;
					expect(a64_rrl(row[i].op, sf ? A64_X : A64_W, r.d, r.n, v), "%s %s, %s, #0x%llx",
					       row[i].name, name(r.d, sf, row[i].sp), R(r.n), (unsigned long long)v);
				}
}

static void wide(void)
{
	static const struct { enum a64_ri op; const char *name; } row[] = {
		{ A64_MOVN, "movn" }, { A64_MOVZ, "movz" }, { A64_MOVK, "movk" },
	};
	u32 i, r, shift, sf;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		for (r = 0; r < 32; r++)
			for (sf = 0; sf < 2; sf++)
				for (shift = 0; shift < (sf ? 64 : 32); shift += 16) {
					u32 imm = (r * 2113 + shift * 77) & 0xffff;

					expect(a64_ri(row[i].op, sf ? A64_X : A64_W, r, imm, shift), "%s %s, #%u, lsl #%u",
					       row[i].name, R(r), imm, shift);
				}
}

static void shifts(void)
{
	u32 by, sf;

	for (sf = 0; sf < 2; sf++)
		for (by = 0; by < (sf ? 64 : 32); by++) {
			enum a64_size size = sf ? A64_X : A64_W;
			struct regs r = regs(by * 5 + sf);

			expect(a64_lsl(size, r.d, r.n, by), "lsl %s, %s, #%u", R(r.d), R(r.n), by);
			expect(a64_lsr(size, r.d, r.n, by), "lsr %s, %s, #%u", R(r.d), R(r.n), by);
			expect(a64_asr(size, r.d, r.n, by), "asr %s, %s, #%u", R(r.d), R(r.n), by);
			expect(a64_ror(size, r.d, r.n, by), "ror %s, %s, #%u", R(r.d), R(r.n), by);
			expect(a64_bits(A64_SBFM, size, r.d, r.n, by, r.m), "sbfm %s, %s, #%u, #%u", R(r.d), R(r.n), by, r.m);
			expect(a64_bits(A64_UBFM, size, r.d, r.n, r.m, by), "ubfm %s, %s, #%u, #%u", R(r.d), R(r.n), r.m, by);
			expect(a64_rr(A64_REV16, size, r.d, r.n), "rev16 %s, %s", R(r.d), R(r.n));
			expect(a64_rr(sf ? A64_REV_X : A64_REV_W, size, r.d, r.n), "rev %s, %s", R(r.d), R(r.n));
		}
}

static const struct { enum a64_mem op; const char *name, *unscaled; bool wide; u8 scale; } access_row[] = {
	{ A64_STRB, "strb", "sturb", false, 0 }, { A64_STRH, "strh", "sturh", false, 1 },
	{ A64_STR_W, "str", "stur", false, 2 }, { A64_STR_X, "str", "stur", true, 3 },
	{ A64_LDRB, "ldrb", "ldurb", false, 0 }, { A64_LDRH, "ldrh", "ldurh", false, 1 },
	{ A64_LDR_W, "ldr", "ldur", false, 2 }, { A64_LDR_X, "ldr", "ldur", true, 3 },
	{ A64_LDRSB, "ldrsb", "ldursb", true, 0 }, { A64_LDRSH, "ldrsh", "ldursh", true, 1 },
	{ A64_LDRSW, "ldrsw", "ldursw", true, 2 },
};

/* Each offset around the bounds of both forms: encoded as it must be, or refused. */
static void accesses(void)
{
	u32 i, k, refused = 0, taken = 0, sf;
	s32 off;

	for (i = 0; i < ARRAY_SIZE(access_row); i++) {
		sf = access_row[i].wide;
		for (k = 0; k < 32; k++) {
			struct regs r = regs(k);

			expect(a64_mem_uxtw(access_row[i].op, r.d, r.n, r.m), "%s %s, [%s, %s, uxtw]", access_row[i].name,
			       R(r.d), X_SP(r.n), name(r.m, false, false));
		}
		for (off = -300; off < 33000; off += off < 300 ? 1 : 127) {
			struct regs r = regs(off + 300);
			u32 word = a64_mem(access_row[i].op, r.d, r.n, off);
			bool scaled = off >= 0 && off % (1 << access_row[i].scale) == 0 &&
				      off >> access_row[i].scale < 4096;

			if (!scaled && (off < -256 || off > 255)) {
				refused += word == A64_BAD;
				taken += word != A64_BAD;
				continue;
			}
			expect(word, "%s %s, [%s, #%d]", scaled ? access_row[i].name : access_row[i].unscaled, R(r.d),
			       X_SP(r.n), off);
		}
	}
	CHECK(!taken && refused > 1000, "%u offsets out of reach are not refused, %u are", taken, refused);
}

static void pairs(void)
{
	s32 off;

	for (off = -512; off <= 504; off += 8) {
		u32 a = (off / 8) & 15, b = 16 + ((off / 8 * 3) & 15), n = off & 16 ? 31 : 15 - a;
		const char *base;

		if (n == a)
			n = 31;
		base = name(n, true, true);
		expect(a64_pair(A64_STP, a, b, n, off), "stp x%u, %s, [%s, #%d]", a, name(b, true, false), base, off);
		expect(a64_pair(A64_LDP, a, b, n, off), "ldp x%u, %s, [%s, #%d]", a, name(b, true, false), base, off);
		expect(a64_pair(A64_STP_PRE, a, b, n, off), "stp x%u, %s, [%s, #%d]!", a, name(b, true, false), base, off);
		expect(a64_pair(A64_LDP_POST, a, b, n, off), "ldp x%u, %s, [%s], #%d", a, name(b, true, false), base, off);
	}
}

static void atomics(void)
{
	static const struct { enum a64_lse op; const char *name; } row[] = {
		{ A64_LDADD, "ldadd" }, { A64_LDCLR, "ldclr" }, { A64_LDEOR, "ldeor" }, { A64_LDSET, "ldset" },
		{ A64_LDADDAL, "ldaddal" }, { A64_LDCLRAL, "ldclral" }, { A64_LDEORAL, "ldeoral" },
		{ A64_LDSETAL, "ldsetal" }, { A64_SWPAL, "swpal" }, { A64_CASAL, "casal" },
	};
	u32 i, k, sf;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		for (k = 0; k < 128; k++) {
			struct regs r = regs(k / 2);

			sf = k & 1;
			expect(a64_lse(row[i].op, sf ? A64_X : A64_W, r.d, r.n, r.m), "%s %s, %s, [%s]", row[i].name, R(r.d),
			       R(r.n), X_SP(r.m));
		}
	for (k = 0; k < 64; k++) {
		u32 t = k / 2, n = (t + 5) & 31, s = (t + 9) & 31;
		enum a64_size size = (sf = k & 1) ? A64_X : A64_W;

		expect(a64_excl(A64_LDXR, size, A64_ZR, t, n), "ldxr %s, [%s]", R(t), X_SP(n));
		expect(a64_excl(A64_STXR, size, s, t, n), "stxr %s, %s, [%s]", name(s, false, false), R(t), X_SP(n));
		expect(a64_excl(A64_STLXR, size, s, t, n), "stlxr %s, %s, [%s]", name(s, false, false), R(t), X_SP(n));
		expect(a64_add_uxtw(t, n, s), "add %s, %s, %s, uxtw", X_SP(t), X_SP(n), name(s, false, false));
	}
}

static void branches(void)
{
	u32 k, sf;

	for (k = 0; k < 27; k++) {
		s32 sign = k & 1 ? -1 : 1, off = sign * (4 << k / 2), far = sign * (4 << (k < 25 ? k : 24));

		for (sf = 0; sf < 2; sf++) {
			expect(a64_cb(A64_CBZ, sf ? A64_X : A64_W, k, off), "cbz %s, #%d", R(k), off);
			expect(a64_cb(A64_CBNZ, sf ? A64_X : A64_W, 31 - k, off), "cbnz %s, #%d", R(31 - k), off);
		}
		expect(a64_branch(A64_B, far), "b #%d", far);
		expect(a64_branch(A64_BL, far), "bl #%d", far);
		expect(a64_adr(k, off + (s32)k % 4), "adr x%u, #%d", k, off + (s32)k % 4);
		expect(a64_adrp(k, (s64)off * 4096), "adrp x%u, #%lld", k, (long long)off * 4096);
	}
	for (k = 0; k < 31; k++) {
		expect(a64_jump(A64_BR, k), "br x%u", k);
		expect(a64_jump(A64_BLR, k), "blr x%u", k);
		expect(a64_jump(A64_RET, k), "ret x%u", k);
		expect(a64_msr(A64_POR_EL0, k), "msr S3_3_C10_C2_4, x%u", k);
		expect(a64_mrs(A64_POR_EL1, k), "mrs x%u, S3_0_C10_C2_4", k);
		expect(a64_exception(A64_HVC, k * 2113 & 0xffff), "hvc #%u", k * 2113 & 0xffff);
		expect(a64_exception(A64_BRK, k * 999 & 0xffff), "brk #%u", k * 999 & 0xffff);
	}
}

static void compare(void)
{
	u32 *theirs = calloc(MAX_WORDS, sizeof(*theirs)), n = oracle_a64_assemble(source, theirs, MAX_WORDS), i;
	u32 wrong = 0;
	char line[200];

	CHECK(n == nr && nr < MAX_WORDS, "llvm-mc assembled %u of %u lines", n, nr);
	rewind(source);
	for (i = 0; i < n && fgets(line, sizeof(line), source); i++) {
		line[strcspn(line, "\n")] = 0;
		if (ours[i] != theirs[i] && wrong++ < 5)
			CHECK(false, "%s: %08x, not %08x", line, ours[i], theirs[i]);
	}
	CHECK(n == nr && !wrong, "%u of %u instructions differ", wrong, nr);
	free(theirs);
}

void sweep_a64(void)
{
	source = tmpfile();
	ours = calloc(MAX_WORDS, sizeof(*ours));
	if (!CHECK(source && ours, "no memory"))
		return;
	registers();
	multiply();
	immediates();
	logical();
	wide();
	shifts();
	accesses();
	pairs();
	atomics();
	branches();
	compare();
	free(ours);
	fclose(source);
}
