# Installation: `make install [PREFIX=/usr/local] [LIBDIR=...] [DESTDIR=...]`, read by the Makefile.
PREFIX	 ?= /usr/local
BINDIR	 ?= $(PREFIX)/bin
LIBDIR	 ?= $(PREFIX)/lib
INCDIR	 ?= $(PREFIX)/include
MANDIR	 ?= $(PREFIX)/share/man
INSTALL	 ?= install
VERSION	 := $(shell sed -n 's/^\#define MOAT_VERSION.*"\(.*\)"/\1/p' include/moat/moat.h)
SONAME	 := libmoat.so.0
PUBLIC	 := $(wildcard include/moat/*.h)
D	  = $(DESTDIR)

install: $(BUILD)/libmoat.a $(BUILD)/libmoat.so $(BUILD)/moat	## library, headers, command and man page into PREFIX
	$(INSTALL) -d $(D)$(BINDIR) $(D)$(LIBDIR)/pkgconfig $(D)$(INCDIR)/moat $(D)$(MANDIR)/man1
	$(INSTALL) -m 755 $(BUILD)/moat $(D)$(BINDIR)/moat
	$(INSTALL) -m 644 $(BUILD)/libmoat.a $(D)$(LIBDIR)/libmoat.a
	$(INSTALL) -m 644 $(BUILD)/libmoat.so $(D)$(LIBDIR)/libmoat.so.$(VERSION)
	ln -sf libmoat.so.$(VERSION) $(D)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(D)$(LIBDIR)/libmoat.so
	$(INSTALL) -m 644 $(PUBLIC) $(D)$(INCDIR)/moat
	$(INSTALL) -m 644 docs/moat.1 $(D)$(MANDIR)/man1/moat.1
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCDIR@|$(INCDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' libmoat.pc.in > $(D)$(LIBDIR)/pkgconfig/libmoat.pc
	chmod 644 $(D)$(LIBDIR)/pkgconfig/libmoat.pc

uninstall:	## take out what install put there
	rm -f $(D)$(BINDIR)/moat $(D)$(MANDIR)/man1/moat.1 $(D)$(LIBDIR)/pkgconfig/libmoat.pc
	rm -f $(addprefix $(D)$(LIBDIR)/,libmoat.a libmoat.so $(SONAME) libmoat.so.$(VERSION))
	rm -f $(addprefix $(D)$(INCDIR)/moat/,$(notdir $(PUBLIC)))
	-rmdir $(D)$(INCDIR)/moat 2>/dev/null

.PHONY: install uninstall
