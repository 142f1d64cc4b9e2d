# Moat: targets first; `make help` prints them.
include sources.mk

CC	?= gcc
BUILD	?= build
PREFIX	?= /usr/local
CPPFLAGS := -Iinclude -D_GNU_SOURCE
CFLAGS	?= -O2 -g
WARN	:= -std=gnu11 -Wall -Wextra -Werror -Wenum-conversion -Wno-unused-parameter -Wmissing-prototypes
ALLCFLAGS = $(WARN) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP
LIBS	:= -lbpf -lelf -lurcu-memb -lpthread

CORE	:= $(MOAT_JIT) $(MOAT_X86) $(MOAT_ARM64) $(MOAT_AUDIT)
RUNTIME	:= $(patsubst %.c,%.o,$(wildcard runtime/*.c runtime/*.S runtime/maps/*.c))
CLI	:= $(patsubst %.c,%.o,$(wildcard runtime/cli/*.c))
O	= $(addprefix $(BUILD)/,$(1))

all: $(BUILD)/libmoat.a $(BUILD)/libmoat.so $(BUILD)/moat	## library and command

help:	## this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALLCFLAGS) -c -o $@ $<

$(BUILD)/libmoat.a: $(call O,$(CORE) $(RUNTIME))
	$(AR) rcs $@ $^

$(BUILD)/libmoat.so: $(call O,$(CORE) $(RUNTIME))
	$(CC) -shared -Wl,-soname,libmoat.so.0 -o $@ $^ $(LIBS)

$(BUILD)/moat: $(call O,$(CLI)) $(BUILD)/libmoat.a
	$(CC) -o $@ $^ $(LIBS) -lcapstone -ljson-c -lpcap

clean:	## remove what was built
	rm -rf $(BUILD)

.PHONY: all help clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
