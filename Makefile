# Concur. `make` builds the libraries, `make test` tests them, `make help` lists the rest.
# Everything built goes under build/<variant>/; what a target needs, tools/deps installs.

VERSION   = 0.1.0
SOVERSION = 0

# ---- Where `make install` puts things ----------------------------------------------------------
PREFIX     = /usr/local
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR     = $(PREFIX)/share/man
DESTDIR    =

# ---- Variants: `make V=clang` builds into build/clang, and so on -------------------------------
V        = gcc
VARIANTS = gcc clang asan tsan valgrind cov bench fuzz
ifeq (,$(filter $(V),$(VARIANTS)))
$(error V=$(V) is no variant: choose one of $(VARIANTS))
endif
# How tests are run: criterion, or plain (see tests/lib/t.h). Sanitizers need plain.
MODE = criterion
B    = build/$(V)
# ONLY=name picks test programs, fuzz harnesses or benchmark rows by a part of their name.
ONLY =
JOBS = $(shell nproc)

CC       = gcc
CLANG    = clang
CPPFLAGS =
CFLAGS   =
LDFLAGS  =

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wundef -Wcast-qual -Wpointer-arith -Wwrite-strings -Wvla \
           -Wformat=2 -Wimplicit-fallthrough $(ERROR)
# WERROR=1: not under sanitizers and coverage, whose code makes gcc warn of what is not so.
ERROR    = $(if $(WERROR),$(if $(filter gcc clang,$(V)),-Werror))
HARDEN   = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
SANITIZE = -fno-omit-frame-pointer -fno-sanitize-recover=all

VARIANT_gcc      = -O2 -g $(HARDEN)
VARIANT_clang    = -O2 -g
VARIANT_asan     = -O1 -g -fsanitize=address,undefined $(SANITIZE)
VARIANT_tsan     = -O1 -g -fsanitize=thread $(SANITIZE)
VARIANT_valgrind = -O1 -g -DT_NO_FILL
VARIANT_cov      = -O0 -g --coverage
VARIANT_bench    = -O3 -g -flto=auto -ffat-lto-objects
VARIANT_fuzz     = -O1 -g -fsanitize=fuzzer-no-link,address,undefined $(SANITIZE)
ifneq (,$(filter $(V),clang fuzz))
override CC = $(CLANG)
endif

COMPILE = $(CC) -std=c11 $(WARNINGS) -fno-common -fvisibility=hidden -fPIC $(VARIANT_$(V)) -I. \
          $(CPPFLAGS) $(CFLAGS) -MMD -MP -c
LINK    = $(CC) $(VARIANT_$(V)) $(CFLAGS) $(LDFLAGS)
LDLIBS  = -lxxhash -lsodium
# VERBOSE=1 shows the commands in full.
Q = $(if $(VERBOSE),,@)
say = @printf '  %-7s %s\n' '$(1)' '$(2)'

# ---- What there is -----------------------------------------------------------------------------
LAWS_SRC    := $(wildcard crdt/laws/*.c)
# libcrdt_codec has zstd if its header is there; ZSTD= builds without.
HASH        := \#
ZSTD        := $(shell echo '$(HASH)include <zstd.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo yes)
CODEC_ALL   := $(wildcard crdt/codec/*.c)
CODEC_SRC   := $(if $(ZSTD),$(CODEC_ALL),$(filter-out %/zstd.c,$(CODEC_ALL)))
CRDT_SRC    := $(filter-out $(LAWS_SRC) $(CODEC_ALL),$(wildcard crdt/*.c crdt/*/*.c))
HEADERS     := $(wildcard crdt/*.h crdt/*.def)
NNG_SRC     := $(wildcard gossip/nng.c gossip/nng_*.c)
GOSSIP_SRC  := $(filter-out $(NNG_SRC),$(wildcard gossip/*.c gossip/core/*.c))
GOSSIP_H    := $(filter-out %_impl.h,$(wildcard gossip/*.h))
PROTO       := $(wildcard gossip/gossip.proto)
SIM_SRC     := $(wildcard sim/*.c)
# What the simulator judges by: the oracles of the law tests.
ORACLE_SRC  := $(wildcard tests/laws/lib/oracle*.c tests/laws/lib/line.c)
MAN_PAGES   := $(wildcard docs/man/*.3)
SUPPORT_SRC := $(wildcard tests/lib/*.c)
LAWLIB_SRC  := $(wildcard tests/laws/lib/*.c)
CLUSTER_SRC := $(wildcard tests/gossip/lib/*.c)
NODE_SRC    := $(wildcard node/*.c)
NODELIB_SRC := $(wildcard tests/node/lib/*.c)
EDIT_SRC    := $(wildcard edit/*.c)
EDITLIB_SRC := $(wildcard tests/edit/lib/*.c)
WIRELIB_SRC := $(wildcard tests/wire/lib/*.c)
NNGLIB_SRC  := $(wildcard tests/nng/lib/*.c)
TEST_SRC    := $(wildcard tests/unit/*.c tests/laws/*.c tests/golden/*.c tests/wire/*.c tests/node/*.c tests/edit/*.c \
               $(if $(wildcard gossip/core/peers.c),tests/gossip/*.c tests/sim/*.c) tests/nng/*.c)
CANARY_SRC  := $(wildcard tests/canary/*.c)
EXAMPLE_SRC := $(wildcard examples/*.c)
STORY_SRC   := $(wildcard examples/scenarios/*.c)
HARNESS_SRC := $(wildcard fuzz/*_fuzz.c)
FUZZLIB_SRC := $(filter-out fuzz/standalone.c $(HARNESS_SRC),$(wildcard fuzz/*.c))
BENCH_SRC   := $(wildcard bench/*.c)
TRACE_SRC   := $(wildcard $(addprefix bench/traces/,trace.c model.c generate.c))
C_FILES     := $(wildcard $(foreach d,crdt crdt/* gossip gossip/* node edit demo demo/* sim tests/* tests/*/lib fuzz bench \
               bench/* examples examples/* tools,$(d)/*.c $(d)/*.h))

OBJ       = $(B)/obj
CRDT_A    = $(B)/libcrdt.a
CRDT_SO   = $(B)/libcrdt.so.$(SOVERSION)
# The law kit has its library once it has sources.
LAWS_A    = $(if $(LAWS_SRC),$(B)/libcrdt_laws.a)
LAWS_SO   = $(if $(LAWS_SRC),$(B)/libcrdt_laws.so.$(SOVERSION))
CODEC_A   = $(B)/libcrdt_codec.a
CODEC_SO  = $(B)/libcrdt_codec.so.$(SOVERSION)
# The replication engine likewise.
GOSSIP_A  = $(if $(GOSSIP_SRC),$(B)/libgossip.a)
GOSSIP_SO = $(if $(and $(wildcard gossip/core/peers.c),$(wildcard gossip/wire.c)),$(B)/libgossip.so.$(SOVERSION))
# Its transport over NNG, a library of its own: programs link $(NNG_A) $(NNG_LIBS). Tests link NNG
# statically: Criterion brings libnanomsg, whose nn_* symbols libnng has, too.
NNG_A      = $(B)/libgossip_nng.a
NNG_SO     = $(B)/libgossip_nng.so.$(SOVERSION)
NNG_LIBS   = -lnng -lmbedx509 -lmbedcrypto -pthread
NNG_STATIC = -Wl,--exclude-libs,libnng.a -l:libnng.a -lmbedtls -lmbedx509 -lmbedcrypto -pthread

only = $(if $(ONLY),$(foreach f,$(1),$(if $(findstring $(ONLY),$(f)),$(f))),$(1))

# ---- Libraries ---------------------------------------------------------------------------------
.PHONY: all
all: $(B)/concurd $(CRDT_A) $(CRDT_SO) $(LAWS_A) $(LAWS_SO) $(CODEC_A) $(CODEC_SO) $(GOSSIP_A) $(GOSSIP_SO) \
    $(NNG_A) $(NNG_SO)

CODEC_OBJ = $(CODEC_SRC:%.c=$(OBJ)/%.o)
CODEC_LIBS = -llz4 $(if $(ZSTD),-lzstd)
$(OBJ)/crdt/codec/%.o: override CPPFLAGS += $(if $(ZSTD),-DCRDT_WITH_ZSTD)
$(OBJ)/crdt/codec/table.o: $(B)/codec.list
CRDT_OBJ = $(CRDT_SRC:%.c=$(OBJ)/%.o)
LAWS_OBJ = $(LAWS_SRC:%.c=$(OBJ)/%.o)
# protoc writes gossip.pb-c.[ch] under $(GEN); gossip/wire.c alone includes it.
GEN          = build/gen
PROTO_H      = $(PROTO:%.proto=$(GEN)/%.pb-c.h)
PROTO_OBJ    = $(PROTO:%.proto=$(OBJ)/%.pb-c.o)
GOSSIP_OBJ   = $(GOSSIP_SRC:%.c=$(OBJ)/%.o) $(PROTO_OBJ)
NNG_OBJ      = $(NNG_SRC:%.c=$(OBJ)/%.o)
GOSSIP_LIBS  = $(if $(PROTO),-lprotobuf-c)
$(GEN)/%.pb-c.h: %.proto | deps-build
	$(call say,PROTO,$<)
	@mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(GEN) $<
# Generated code: without our warnings, and its asserts print.
$(OBJ)/%.pb-c.o: $(GEN)/%.pb-c.h Makefile
	$(call say,CC,$(<:.h=.c))
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -w -DNDEBUG -fvisibility=hidden -fPIC $(VARIANT_$(V)) -I$(GEN) $(CPPFLAGS) $(CFLAGS) \
	    -c -o $@ $(<:.h=.c)
$(OBJ)/gossip/wire.o: $(PROTO_H)
$(OBJ)/gossip/wire.o: CPPFLAGS += -isystem $(GEN)

$(OBJ)/%.o: %.c Makefile | deps-build
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -o $@ $<

# The list of objects is a prerequisite, so that a source that goes away leaves the library too.
# `ar q`, not `ar r`: two objects may have the same name in different folders.
$(CRDT_A): $(CRDT_OBJ) $(B)/crdt.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar qcs $@ $(CRDT_OBJ)
$(B)/libcrdt_laws.a: $(LAWS_OBJ) $(B)/laws.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar qcs $@ $(LAWS_OBJ)
$(B)/libgossip.a: $(GOSSIP_OBJ) $(B)/gossip.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar qcs $@ $(GOSSIP_OBJ)

$(CODEC_A): $(CODEC_OBJ) $(B)/codec.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar qcs $@ $(CODEC_OBJ)
$(NNG_A): $(NNG_OBJ) $(B)/nng.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar qcs $@ $(NNG_OBJ)

NO_UNDEFINED = $(if $(filter $(V),gcc clang),-Wl$(comma)-z$(comma)defs)
comma := ,
$(CRDT_SO): $(CRDT_OBJ) $(B)/crdt.list
	$(call say,LD,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(@F) $(NO_UNDEFINED) -o $@ $(CRDT_OBJ) $(LDLIBS)
	@ln -sf $(@F) $(@:.$(SOVERSION)=)
$(B)/libcrdt_laws.so.$(SOVERSION): $(LAWS_OBJ) $(B)/laws.list $(CRDT_SO)
	$(call say,LD,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(@F) $(NO_UNDEFINED) -o $@ $(LAWS_OBJ) -L$(B) -lcrdt
	@ln -sf $(@F) $(@:.$(SOVERSION)=)

$(CODEC_SO): $(CODEC_OBJ) $(B)/codec.list $(CRDT_SO)
	$(call say,LD,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(@F) $(NO_UNDEFINED) -o $@ $(CODEC_OBJ) -L$(B) -lcrdt \
	    $(CODEC_LIBS)
	@ln -sf $(@F) $(@:.$(SOVERSION)=)
$(B)/libgossip.so.$(SOVERSION): $(GOSSIP_OBJ) $(B)/gossip.list $(CRDT_SO)
	$(call say,LD,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(@F) $(NO_UNDEFINED) -o $@ $(GOSSIP_OBJ) -L$(B) -lcrdt \
	    $(GOSSIP_LIBS) $(LDLIBS)
	@ln -sf $(@F) $(@:.$(SOVERSION)=)
$(NNG_SO): $(NNG_OBJ) $(B)/nng.list $(CRDT_SO)
	$(call say,LD,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(@F) $(NO_UNDEFINED) -o $@ $(NNG_OBJ) -L$(B) -lcrdt $(NNG_LIBS)
	@ln -sf $(@F) $(@:.$(SOVERSION)=)

$(B)/crdt.list: FORCE
	@mkdir -p $(@D); echo '$(CRDT_OBJ)' | cmp -s - $@ || echo '$(CRDT_OBJ)' >$@
$(B)/laws.list: FORCE
	@mkdir -p $(@D); echo '$(LAWS_OBJ)' | cmp -s - $@ || echo '$(LAWS_OBJ)' >$@
$(B)/codec.list: FORCE
	@mkdir -p $(@D); echo '$(CODEC_OBJ)' | cmp -s - $@ || echo '$(CODEC_OBJ)' >$@
$(B)/gossip.list: FORCE
	@mkdir -p $(@D); echo '$(GOSSIP_OBJ)' | cmp -s - $@ || echo '$(GOSSIP_OBJ)' >$@
$(B)/nng.list: FORCE
	@mkdir -p $(@D); echo '$(NNG_OBJ)' | cmp -s - $@ || echo '$(NNG_OBJ)' >$@
.PHONY: FORCE
FORCE:

# ---- The node ----------------------------------------------------------------------------------
NODE_A   = $(B)/libnode.a
NODE_OBJ = $(patsubst %.c,$(OBJ)/%.o,$(filter-out node/main.c,$(NODE_SRC)))
$(OBJ)/node/%.o: override CPPFLAGS += -D_GNU_SOURCE -DNODE_VERSION='"$(VERSION)"'
$(NODE_A): $(NODE_OBJ) $(B)/node.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar qcs $@ $(NODE_OBJ)
$(B)/node.list: FORCE
	@mkdir -p $(@D); echo '$(NODE_OBJ)' | cmp -s - $@ || echo '$(NODE_OBJ)' >$@
$(B)/concurd: $(OBJ)/node/main.o $(NODE_A) $(NNG_A) $(GOSSIP_A) $(CRDT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(NNG_LIBS) $(GOSSIP_LIBS) -luv -lm $(LDLIBS)

# Five real nodes, clients, partitions, kill -9, for CHAOS_SECONDS.
.PHONY: chaos run-chaos
CHAOS_SECONDS = 300
chaos: | deps-node
	@$(MAKE) --no-print-directory run-chaos
run-chaos: $(B)/concur-chaos $(B)/concurd
	$(B)/concur-chaos --seconds $(CHAOS_SECONDS) $(if $(SEED),--seed $(SEED))
$(B)/concur-chaos: $(OBJ)/tests/chaos/main.o $(NODELIB_SRC:%.c=$(OBJ)/%.o)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lhiredis
$(OBJ)/tests/chaos/main.o $(NODELIB_SRC:%.c=$(OBJ)/%.o) $(EDITLIB_SRC:%.c=$(OBJ)/%.o): | deps-node

# ---- The demonstration: five nodes, a cut, agreement; make demo ARGS="--once --topology ring" ----
.PHONY: demo run-demo
DEMO_OBJ = $(patsubst %.c,$(OBJ)/%.o,$(wildcard demo/*.c))
$(DEMO_OBJ): CPPFLAGS += -D_GNU_SOURCE
$(DEMO_OBJ): | deps-demo
demo: | deps-demo
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS)) run-demo
run-demo: $(B)/concur-demo $(B)/concurd
	@$(B)/concur-demo $(ARGS)
$(B)/concur-demo: $(DEMO_OBJ) $(NODELIB_SRC:%.c=$(OBJ)/%.o)
	$(call say,LD,$@)
	$(Q)$(LINK) -pthread -o $@ $^ -lhiredis

# ---- The editor: a text of a node, in a terminal: docs/EDIT.md -----------------------------------
.PHONY: edit demo-edit run-demo-edit
EDIT_A    = $(B)/libedit.a
EDIT_OBJ  = $(patsubst %.c,$(OBJ)/%.o,$(filter-out edit/main.c,$(EDIT_SRC)))
EDIT_LIBS = -lhiredis -lncursesw -ltinfo
$(OBJ)/edit/%.o: override CPPFLAGS += -D_GNU_SOURCE -DNCURSES_WIDECHAR=1
$(EDIT_OBJ) $(OBJ)/edit/main.o: | deps-edit
$(EDIT_A): $(EDIT_OBJ) $(B)/edit.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar qcs $@ $(EDIT_OBJ)
$(B)/edit.list: FORCE
	@mkdir -p $(@D); echo '$(EDIT_OBJ)' | cmp -s - $@ || echo '$(EDIT_OBJ)' >$@
edit: $(B)/concur-edit
$(B)/concur-edit: $(OBJ)/edit/main.o $(EDIT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(EDIT_LIBS)

# Two people in one text, a cut, a node that dies: played, and printed. ARGS=--slow to watch.
demo-edit: | deps-edit deps-demo
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS)) run-demo-edit
run-demo-edit: $(B)/concur-edit-demo
	@$(B)/concur-edit-demo $(ARGS)
$(OBJ)/demo/edit/main.o: override CPPFLAGS += -D_GNU_SOURCE
$(OBJ)/demo/edit/main.o: | deps-demo
$(B)/concur-edit-demo: $(OBJ)/demo/edit/main.o $(EDITLIB_SRC:%.c=$(OBJ)/%.o) $(NODELIB_SRC:%.c=$(OBJ)/%.o) \
    | $(B)/concurd $(B)/concur-edit
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lhiredis -lutil

# ---- Dependencies: tools/deps, once per checkout and target -------------------------------------
DEPS_TARGETS = build node demo edit bench-node test lint sanitize format fuzz bench coverage clang clients install-check traces peers redis
.PHONY: $(DEPS_TARGETS:%=deps-%)
$(DEPS_TARGETS:%=deps-%): deps-%: build/.deps/%
$(DEPS_TARGETS:%=build/.deps/%): build/.deps/%: tools/deps
	@tools/deps $*
	@mkdir -p $(@D); touch $@
ifeq ($(V),clang)
deps-build: build/.deps/clang
endif

# ---- Tests: each file one program, in $(B)/criterion/ or $(B)/plain/ ----------------------------
TEST_OBJ     = $(B)/$(MODE)/obj
SUPPORT_OBJ  = $(SUPPORT_SRC:%.c=$(TEST_OBJ)/%.o)
LAWLIB_OBJ   = $(LAWLIB_SRC:%.c=$(TEST_OBJ)/%.o)
CLUSTER_OBJ  = $(CLUSTER_SRC:%.c=$(TEST_OBJ)/%.o)
NNGLIB_OBJ   = $(NNGLIB_SRC:%.c=$(TEST_OBJ)/%.o)
WIRELIB_OBJ  = $(WIRELIB_SRC:%.c=$(TEST_OBJ)/%.o)
# SKIP=suite/program... leaves some out.
TEST_BIN     = $(patsubst tests/%.c,$(B)/$(MODE)/%,$(filter-out $(SKIP:%=tests/%.c),$(call only,$(TEST_SRC))))
ALL_TEST_BIN = $(patsubst tests/%.c,$(B)/$(MODE)/%,$(TEST_SRC) $(CANARY_SRC))
.SECONDARY:

$(B)/criterion/obj/%.o: %.c Makefile | deps-test
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -o $@ $<
$(B)/plain/obj/%.o: %.c Makefile | deps-build
	$(call say,CC,$< (plain))
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -DT_PLAIN -o $@ $<

$(filter $(B)/$(MODE)/laws/%,$(ALL_TEST_BIN)): $(LAWLIB_OBJ)
$(filter $(B)/$(MODE)/gossip/%,$(ALL_TEST_BIN)): $(CLUSTER_OBJ)
$(filter $(B)/$(MODE)/wire/%,$(ALL_TEST_BIN)): $(WIRELIB_OBJ)
# Tests that replay recorded or generated histories.
$(filter %/unit/traces_test,$(ALL_TEST_BIN)): $(TRACE_SRC:%.c=$(TEST_OBJ)/%.o)
$(filter %/unit/codec_test,$(ALL_TEST_BIN)): $(CODEC_A)
$(filter %/unit/codec_test,$(ALL_TEST_BIN)): private override LDLIBS += $(CODEC_LIBS)
# One asks the C library for its doubles.
$(filter %/unit/binary_test,$(ALL_TEST_BIN)): private override LDLIBS += -lm
# Tests of the engine link it, and no network; those of the simulator link that, too.
NNG_TESTS    := $(filter $(B)/$(MODE)/nng/%,$(ALL_TEST_BIN))
GOSSIP_TESTS := $(filter $(B)/$(MODE)/wire/% $(B)/$(MODE)/gossip/% $(B)/$(MODE)/sim/%,$(ALL_TEST_BIN)) \
                $(NNG_TESTS)
SIM_OBJ       = $(patsubst %.c,$(TEST_OBJ)/%.o,$(filter-out sim/main.c,$(SIM_SRC)) $(ORACLE_SRC))
$(GOSSIP_TESTS): $(GOSSIP_A)
$(GOSSIP_TESTS): private LDLIBS += $(GOSSIP_LIBS)
$(filter $(B)/$(MODE)/sim/%,$(ALL_TEST_BIN)): $(SIM_OBJ)
$(NNG_TESTS): $(NNGLIB_OBJ) $(NNG_A)
$(NNG_TESTS): private LDLIBS += $(NNG_STATIC)
# The disk that breaks.
$(filter $(B)/$(MODE)/gossip/%,$(ALL_TEST_BIN)): $(TEST_OBJ)/sim/files.o
# Those of the node link its pure parts, and run the rest as a process.
NODE_TESTS := $(filter $(B)/$(MODE)/node/%,$(ALL_TEST_BIN))
$(NODE_TESTS): $(NODE_A) $(NODELIB_SRC:%.c=$(OBJ)/%.o) | $(B)/concurd
$(NODE_TESTS): private LDLIBS += -lhiredis -lm
# Those of the editor link its pure parts, and run it, and nodes, as processes.
$(EDITLIB_SRC:%.c=$(OBJ)/%.o) $(TEST_OBJ)/tests/edit/%.o: override CPPFLAGS += -D_GNU_SOURCE
EDIT_TESTS := $(filter $(B)/$(MODE)/edit/%,$(ALL_TEST_BIN))
$(EDIT_TESTS): $(EDIT_A) $(EDITLIB_SRC:%.c=$(OBJ)/%.o) $(NODELIB_SRC:%.c=$(OBJ)/%.o) | $(B)/concurd $(B)/concur-edit \
    $(B)/concur-edit-demo
$(EDIT_TESTS): private LDLIBS += $(EDIT_LIBS) -lutil
# One runs an example as processes.
$(filter %/gossip/maelstrom_test,$(ALL_TEST_BIN)): $(B)/examples/maelstrom
$(filter %/gossip/maelstrom_test,$(ALL_TEST_BIN)): private LDLIBS += -ljansson
$(ALL_TEST_BIN): $(B)/$(MODE)/%: $(TEST_OBJ)/tests/%.o $(SUPPORT_OBJ) $(LAWS_A) $(CRDT_A)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(filter %/libgossip_nng.a %/libgossip.a,$^) \
	    $(filter-out %/libgossip_nng.a %/libgossip.a,$(filter %.a,$^)) $(LDLIBS) \
	    $(if $(filter criterion,$(MODE)),-lcriterion) -pthread

# What the runner is given: programs, example:PROGRAM and scenario:PROGRAM (output compared),
# replay:HARNESS (corpus).
# Those that need nodes or peers are run by tests/node/examples_test.
PEER_EXAMPLES = examples/client_hiredis.c examples/counter_service.c
EXAMPLE_ITEMS = $(patsubst examples/%.c,example:$(B)/examples/%, \
                $(call only,$(filter-out $(PEER_EXAMPLES),$(EXAMPLE_SRC))))
SCENARIO_SRC   = $(filter-out $(patsubst %,examples/scenarios/%.c,tell hospital_ward hospital_look), \
                 $(STORY_SRC))
SCENARIO_ITEMS = $(patsubst %.c,scenario:$(B)/%,$(call only,$(SCENARIO_SRC)))
REPLAY_ITEMS  = $(patsubst fuzz/%.c,replay:$(B)/fuzz/%,$(call only,$(HARNESS_SRC)))
RUN           = tools/run-tests -j $(JOBS)

.PHONY: test examples fuzz-replay soak canary run-tests run-all-tests run-law-tests run-canary
test: run-all-tests
run-all-tests: $(TEST_BIN) $(EXAMPLE_ITEMS:example:%=%) $(SCENARIO_ITEMS:scenario:%=%) \
    $(REPLAY_ITEMS:replay:%=%)
	@$(RUN) $(SCENARIO_ITEMS) $(EXAMPLE_ITEMS) $(REPLAY_ITEMS) $(TEST_BIN)
run-tests: $(TEST_BIN)
	@$(RUN) $(TEST_BIN)
run-canary: $(B)/$(MODE)/canary/$(CANARY)
	@$(RUN) $<

# Writes the golden vectors of the wire format anew: only for a change of the format, reviewed.
.PHONY: golden-update
golden-update:
	@mkdir -p tests/golden/wire
	@$(MAKE) --no-print-directory MODE=plain $(B)/plain/wire/golden_test
	@GOLDEN_UPDATE=1 $(B)/plain/wire/golden_test

# The law tests at full length: a million triples per type, the larger small scope; shows the counts.
SOAK_SHOW = ^[a-z_]+: (all )?[0-9]+ (triples|histories).* s$$
soak:
	@CRDT_SOAK=1 TEST_TIMEOUT=86400 RUN_SHOW='$(SOAK_SHOW)' $(MAKE) --no-print-directory MODE=plain \
	    run-law-tests
run-law-tests: $(filter $(B)/$(MODE)/laws/%,$(TEST_BIN))
	@$(RUN) $(filter $(B)/$(MODE)/laws/%,$(TEST_BIN))

# Shows that each fault the tests are to find is found, by the configuration meant to find it.
canary: | deps-test deps-sanitize
	@+tools/check-canaries

# The same scripts to redis-server and to concurd, in RESP2 and RESP3: the replies are equal. ONLY=sets
.PHONY: compare-redis
compare-redis: $(B)/concurd | deps-redis
	@tools/compare-redis --node $< $(call only,$(wildcard tests/node/replies/*.txt))

# What people's clients print with redis-server and with concurd, in each protocol they speak: the
# same. ONLY=ioredis; npm and Go packages come to build/clients.
.PHONY: test-clients
test-clients: $(B)/concurd | deps-clients
	@tools/test-clients --node $< $(if $(ONLY),--only '$(ONLY)')

# ---- Examples: against the public headers and the shared libraries only, warnings are errors ----
PUBLIC      = build/include
EXAMPLE_BIN = $(EXAMPLE_SRC:%.c=$(B)/%)
examples: $(patsubst example:%,%,$(EXAMPLE_ITEMS))
	@$(RUN) $(EXAMPLE_ITEMS)
$(PUBLIC)/%: %
	@mkdir -p $(@D); cp $< $@
$(EXAMPLE_BIN): $(B)/examples/%: examples/%.c $(patsubst %,$(PUBLIC)/%,$(HEADERS) $(GOSSIP_H)) \
    $(CRDT_SO) $(LAWS_SO) $(GOSSIP_SO)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -Wall -Wextra -Wpedantic -Werror $(VARIANT_$(V)) -I$(PUBLIC) $(CPPFLAGS) \
	    $(CFLAGS) $(LDFLAGS) -o $@ $< -L$(B) -Wl,--as-needed $(if $(GOSSIP_SRC),-lgossip) \
	    $(if $(LAWS_SRC),-lcrdt_laws) -lcrdt $(EXAMPLE_LIBS) -Wl,-rpath,$(abspath $(B))
$(B)/examples/types $(B)/examples/scores: examples/ways.h
$(B)/examples/maelstrom: EXAMPLE_LIBS = -ljansson
$(B)/examples/client_hiredis: EXAMPLE_LIBS = -lhiredis
$(B)/examples/client_hiredis: | deps-node
$(B)/examples/counter_service: EXAMPLE_LIBS = -lgossip_nng $(NNG_LIBS)
$(B)/examples/counter_service: $(NNG_SO)
$(filter %/node/examples_test,$(ALL_TEST_BIN)): $(PEER_EXAMPLES:%.c=$(B)/%)
$(B)/examples/embed_nng: $(NNG_SO)
$(B)/examples/embed_nng: EXAMPLE_LIBS = -lgossip_nng $(NNG_LIBS)

# ---- Scenarios: stories whose claims are checked; docs/SCENARIOS.md shows what they print ---------
.PHONY: scenarios scenarios-update
SCENARIO_BIN = $(SCENARIO_SRC:%.c=$(B)/%)
scenarios: $(SCENARIO_ITEMS:scenario:%=%)
	@tools/scenarios show $^
scenarios-update: $(SCENARIO_ITEMS:scenario:%=%)
	@tools/scenarios write $^
$(filter %/hospital,$(SCENARIO_BIN)): $(TEST_OBJ)/examples/scenarios/hospital_ward.o \
    $(TEST_OBJ)/examples/scenarios/hospital_look.o
$(SCENARIO_BIN): $(B)/examples/scenarios/%: $(TEST_OBJ)/examples/scenarios/%.o \
    $(TEST_OBJ)/examples/scenarios/tell.o $(NODELIB_SRC:%.c=$(OBJ)/%.o) $(SIM_OBJ) $(GOSSIP_A) $(LAWS_A) \
    $(CRDT_A) | $(B)/concurd
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ -lhiredis $(GOSSIP_LIBS) $(LDLIBS)

# ---- The simulator -----------------------------------------------------------------------------
# sim-test: 60 s of random worlds, and scenarios (part of `make test`). soak-sim: 10^5 worlds on two
# cores. sim-72h: two sides, three days and a million operations apart. mutants: each seeded bug is
# found. SIM_SECONDS, SIM_SEED, SIM_SEEDS change how long and where.
.PHONY: sim sim-test soak-sim sim-72h mutants run-soak-sim run-sim-72h
SIM_SEEDS   = 100000
SIM_SEED    = 1
SIM_TESTS = $(filter $(B)/$(MODE)/sim/%,$(TEST_BIN))
sim: $(B)/concur-sim
$(B)/concur-sim: $(patsubst %.c,$(B)/plain/obj/%.o,$(SIM_SRC) $(ORACLE_SRC)) $(GOSSIP_A) $(LAWS_A) \
    $(CRDT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(GOSSIP_LIBS) $(LDLIBS)
sim-test: $(SIM_TESTS)
	@$(RUN) $(SIM_TESTS)
soak-sim:
	@$(MAKE) --no-print-directory V=bench run-soak-sim
run-soak-sim: $(B)/concur-sim
	$(B)/concur-sim --seeds $(SIM_SEEDS) --seed $(SIM_SEED) --jobs $(JOBS)
sim-72h:
	@$(MAKE) --no-print-directory V=bench run-sim-72h
run-sim-72h: $(B)/concur-sim
	$(B)/concur-sim --offline 72h --ops 1000000
mutants: | deps-build
	@tools/mutants
.PHONY: mutant-objects
mutant-objects: $(patsubst %.c,$(B)/plain/obj/%.o,$(ORACLE_SRC) $(SIM_SRC) $(SUPPORT_SRC) \
    $(CLUSTER_SRC) $(wildcard tests/sim/*.c tests/gossip/*.c))

# ---- Fuzzing -----------------------------------------------------------------------------------
# fuzz-replay runs the harnesses over fuzz/corpus, without libFuzzer. `make fuzz T=60 ONLY=decode`
# searches with it: new inputs go to build/fuzz/corpus, what crashes to build/fuzz/crashes.
T           = 60
HARNESS_BIN = $(HARNESS_SRC:%.c=$(B)/%)
FUZZ_OBJ    = $(patsubst %.c,$(B)/plain/obj/%.o,sim/files.c $(FUZZLIB_SRC) $(LAWLIB_SRC) $(WIRELIB_SRC) \
              $(filter-out tests/lib/main.c,$(SUPPORT_SRC)))
FUZZ_DRIVER = $(if $(filter fuzz,$(V)),,$(B)/plain/obj/fuzz/standalone.o)
$(HARNESS_BIN): $(B)/fuzz/%: $(B)/plain/obj/fuzz/%.o $(FUZZ_DRIVER) $(FUZZ_OBJ) $(NODE_A) $(GOSSIP_A) \
    $(LAWS_A) $(CRDT_A)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(if $(filter fuzz,$(V)),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) \
	    $(filter %.a,$^) $(GOSSIP_LIBS) $(LDLIBS)
$(filter %/resp_fuzz %/config_fuzz,$(HARNESS_BIN)): private LDLIBS += -lm

fuzz-replay:
	@$(MAKE) --no-print-directory run-replay
	@$(ASAN_ENV) $(MAKE) --no-print-directory V=asan run-replay
.PHONY: run-replay fuzz fuzz-corpus fuzz-programs
run-replay: $(patsubst replay:%,%,$(REPLAY_ITEMS))
	@$(RUN) $(REPLAY_ITEMS)
fuzz: | deps-fuzz
	@$(MAKE) --no-print-directory V=fuzz fuzz-programs
	@tools/fuzz $(T) $(patsubst fuzz/%.c,build/fuzz/fuzz/%,$(call only,$(HARNESS_SRC)))
# Writes the seeds anew, from real histories; what searches found stays.
fuzz-corpus: $(firstword $(HARNESS_BIN))
	$< --make-corpus fuzz/corpus
fuzz-programs: $(patsubst %.c,$(B)/%,$(call only,$(HARNESS_SRC)))

# ---- Sanitizers: the plain runner, see tests/lib/t.h --------------------------------------------
ASAN_ENV = ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:strict_string_checks=1 \
           UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
VALGRIND = valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=all
.PHONY: sanitize sanitize-asan sanitize-tsan sanitize-valgrind
sanitize:
	@$(MAKE) --no-print-directory sanitize-asan
	@$(MAKE) --no-print-directory sanitize-tsan
	@$(MAKE) --no-print-directory sanitize-valgrind
# Law tests read CRDT_TRIPLES (random triples per type) and CRDT_SCOPE (operations in the exhaustive
# small scope). SUITE: what is run; the canaries go this way, too. TSan and valgrind leave out what does
# the same again and again, by one thread, and is run at length under ASan; TSan is slow with disks.
AGAIN = gossip/disk_random_test sim/seeds_test sim/topology_test unit/decode_memory_test
sanitize-asan:
	@CRDT_TRIPLES=2000 CRDT_SCOPE=4 $(ASAN_ENV) \
	    $(MAKE) --no-print-directory V=asan MODE=plain $(or $(SUITE),run-all-tests)
sanitize-tsan:
	@CRDT_TRIPLES=200 CRDT_SCOPE=2 TSAN_OPTIONS=halt_on_error=1:suppressions=$(CURDIR)/tests/nng/lib/tsan.supp \
	    RUN_WRAP=tools/no-aslr \
	    $(MAKE) --no-print-directory V=tsan MODE=plain SKIP='$(AGAIN) gossip/disk_test' $(or $(SUITE),run-tests)
sanitize-valgrind: | deps-sanitize
	@CRDT_TRIPLES=200 CRDT_SCOPE=2 RUN_WRAP='$(VALGRIND)' \
	    $(MAKE) --no-print-directory V=valgrind MODE=plain SKIP='$(AGAIN)' $(or $(SUITE),run-tests)

# ---- Benchmarks --------------------------------------------------------------------------------
.PHONY: bench run-bench
bench:
	@$(MAKE) --no-print-directory V=bench run-bench
run-bench: $(B)/bench
	@$(B)/bench $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json)
$(B)/bench: $(patsubst %.c,$(B)/plain/obj/%.o,$(BENCH_SRC)) $(GOSSIP_A) $(CRDT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(GOSSIP_LIBS) $(LDLIBS)

# What the replication engine costs.
.PHONY: bench-gossip run-bench-gossip
bench-gossip:
	@$(MAKE) --no-print-directory V=bench run-bench-gossip
run-bench-gossip: $(B)/bench-gossip
	@$(B)/bench-gossip $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json)
$(B)/bench-gossip: $(patsubst %.c,$(B)/plain/obj/%.o,bench/kit.c bench/rows.c $(wildcard bench/gossip/*.c)) \
    $(GOSSIP_A) $(CRDT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(GOSSIP_LIBS) $(LDLIBS)

# concurd beside redis-server.
.PHONY: bench-node run-bench-node
bench-node: | deps-bench-node
	@$(MAKE) --no-print-directory V=bench run-bench-node
run-bench-node: $(B)/bench-node $(B)/concurd
	@$(B)/bench-node $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json)
$(B)/bench-node: $(patsubst %.c,$(OBJ)/%.o,$(wildcard bench/node/*.c) $(NODELIB_SRC))
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lhiredis
$(OBJ)/bench/node/%.o: | deps-node

# What its transport over NNG costs.
.PHONY: bench-nng run-bench-nng
bench-nng:
	@$(MAKE) --no-print-directory V=bench run-bench-nng
run-bench-nng: $(B)/bench-nng
	@$(B)/bench-nng
$(B)/bench-nng: $(B)/plain/obj/bench/nng/main.o $(NNG_A) $(CRDT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(NNG_LIBS) $(LDLIBS)

# Editing histories: bench/traces/README.md. The data is optional, and converted once.
DATA     = $(or $(CONCUR_DATA),$(wildcard ../shared/data))
JSON_DIR = $(if $(DATA),$(DATA)/traces)
TRACES  := $(patsubst $(JSON_DIR)/%.json.gz,build/traces/%.trace,$(wildcard $(JSON_DIR)/*.json.gz))
ifneq (,$(filter %/friendsforever.trace,$(TRACES)))
TRACES  += build/traces/friendsforever-x25.trace
endif
TRACES_SRC = bench/kit.c bench/rows.c $(filter-out bench/traces/convert.c,$(wildcard bench/traces/*.c))
ORDERS = 20
.PHONY: bench-traces bench-peers traces-orders run-bench-traces run-growth run-orders traces
bench-traces: | deps-traces
	@$(MAKE) --no-print-directory V=bench $(if $(SIZES),run-growth,run-bench-traces)
traces-orders: | deps-traces
	@$(MAKE) --no-print-directory V=bench run-orders
bench-peers: | deps-peers
	@$(MAKE) --no-print-directory V=bench build/bench/traces traces
	@bench/peers/run $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json) $(TRACES)
run-bench-traces: $(B)/traces $(TRACES)
	@$(if $(TRACES),,echo 'bench-traces: CONCUR_DATA names no data, there is no ../shared/data' >&2)
	@$(B)/traces $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json) $(TRACES)
run-orders: $(B)/traces $(TRACES)
	@$(B)/traces --orders $(ORDERS) $(call only,$(TRACES))
run-growth: $(B)/traces | deps-sanitize
	@bench/traces/growth $(B)/traces $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json)
traces: $(TRACES)
$(B)/traces: $(TRACES_SRC:%.c=$(B)/plain/obj/%.o) $(CODEC_A) $(CRDT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(LDLIBS) $(CODEC_LIBS)
$(B)/convert: $(OBJ)/bench/traces/convert.o $(OBJ)/bench/traces/trace.o
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -ljansson -lz
$(OBJ)/bench/traces/convert.o: | deps-traces
build/traces/%.trace: $(JSON_DIR)/%.json.gz bench/traces/convert.c | $(B)/convert
	$(call say,CONVERT,$@)
	@mkdir -p $(@D)
	$(Q)$(B)/convert $< $@.new && mv $@.new $@
build/traces/friendsforever-x25.trace: $(JSON_DIR)/friendsforever.json.gz bench/traces/convert.c \
    | $(B)/convert
	$(call say,CONVERT,$@)
	@mkdir -p $(@D)
	$(Q)$(B)/convert --chain 25 $< $@.new && mv $@.new $@

# Do the benchmarks work? Each with sizes that measure nothing, and without goals; that beside
# redis-server is only made. From the objects of the usual build, but for their own.
SMOKE      = $(B)/smoke
SMOKE_OBJ  = $(patsubst %.c,$(SMOKE)/obj/%.o,$(1))
SMOKE_BINS = $(addprefix $(SMOKE)/,bench bench-gossip bench-nng traces)
.PHONY: bench-smoke
bench-smoke: $(SMOKE_BINS) $(B)/bench-node
	@tools/bench-smoke $(SMOKE)
$(SMOKE)/obj/%.o: %.c Makefile | deps-build
	$(call say,CC,$< (smoke))
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -DBENCH_SMOKE -o $@ $<
$(SMOKE)/bench: $(call SMOKE_OBJ,$(BENCH_SRC)) $(GOSSIP_A) $(CRDT_A)
$(SMOKE)/bench-gossip: $(call SMOKE_OBJ,bench/kit.c bench/rows.c $(wildcard bench/gossip/*.c)) \
    $(GOSSIP_A) $(CRDT_A)
$(SMOKE)/bench-nng: $(call SMOKE_OBJ,bench/nng/main.c) $(NNG_A) $(CRDT_A)
$(SMOKE)/traces: $(call SMOKE_OBJ,$(TRACES_SRC)) $(CODEC_A) $(CRDT_A)
$(SMOKE_BINS):
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(NNG_LIBS) $(GOSSIP_LIBS) $(LDLIBS) $(CODEC_LIBS)

# ---- Coverage of crdt/ -------------------------------------------------------------------------
# By the tests of crdt/ and the replays of fuzz/. Fails below the goals, unless
# COVERAGE_REPORT_ONLY=1. Uncovered places: build/cov/uncovered.txt.
COVERAGE_LINES    = 95
COVERAGE_BRANCHES = 90
COVERAGE_BIN = $(filter $(B)/$(MODE)/unit/% $(B)/$(MODE)/laws/%,$(TEST_BIN))
.PHONY: coverage run-coverage-tests
coverage: | deps-coverage
	@find build/cov -name '*.gcda' -delete 2>/dev/null || :
	@CRDT_TRIPLES=2000 CRDT_SCOPE=4 $(MAKE) --no-print-directory V=cov MODE=plain \
	    run-coverage-tests
	@tools/coverage build/cov $(COVERAGE_LINES) $(COVERAGE_BRANCHES)
run-coverage-tests: $(COVERAGE_BIN) $(REPLAY_ITEMS:replay:%=%)
	@$(RUN) $(REPLAY_ITEMS) $(COVERAGE_BIN)

# ---- Lint --------------------------------------------------------------------------------------
LINTS = layers symbols headers tidy format cppcheck docs
.PHONY: lint $(LINTS:%=lint-%)
lint:
	@$(MAKE) --no-print-directory -k $(LINTS:%=lint-%) && echo 'lint: clean'
lint-layers:
	@tools/check-layers
lint-symbols: all
	@tools/check-symbols $(B)
lint-headers: | deps-lint
	@tools/check-headers
lint-tidy:
	@tools/tidy
lint-format: | deps-lint
	@$(MAKE) --no-print-directory format-check
lint-cppcheck: | deps-lint
	@tools/run-cppcheck $(B)/cppcheck
lint-docs: $(if $(wildcard tools/types_doc.c),$(B)/types_doc)
	@tools/check-readme
	@if [ -x "$<" ] && ! "$<" | diff -u docs/TYPES.md - ; then \
	    echo 'docs/TYPES.md is not what the operation tables say: run `make docs`, commit it' >&2; \
	    exit 1; \
	fi

CLANG_FORMAT = clang-format-14
.PHONY: format format-check
format: | deps-format
	@$(CLANG_FORMAT) -i $(C_FILES)
format-check: | deps-format
	@$(CLANG_FORMAT) --dry-run -Werror $(C_FILES) || \
	    { echo 'format: the lines above are not formatted: run `make format`' >&2; exit 1; }

# ---- Documentation -----------------------------------------------------------------------------
.PHONY: docs
docs: $(B)/types_doc
	@mkdir -p docs
	$(Q)$(B)/types_doc >docs/TYPES.md.new && mv docs/TYPES.md.new docs/TYPES.md
$(B)/types_doc: $(OBJ)/tools/types_doc.o $(CRDT_A)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(LDLIBS)

# ---- Install -----------------------------------------------------------------------------------
INSTALLED_LIBS = crdt $(if $(LAWS_SRC),crdt_laws) crdt_codec $(if $(GOSSIP_SO),gossip) gossip_nng
.PHONY: install uninstall install-check
# Installs into an empty folder, and compiles and runs an example against what is there.
install-check: all | deps-install-check
	@+tools/install-check
install: all
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/crdt \
	    $(DESTDIR)$(INCLUDEDIR)/gossip $(DESTDIR)$(MANDIR)/man3
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/crdt
	install -m 644 $(GOSSIP_H) $(DESTDIR)$(INCLUDEDIR)/gossip
	install -m 644 $(MAN_PAGES) $(DESTDIR)$(MANDIR)/man3
	@set -e; for lib in $(INSTALLED_LIBS); do \
	    set -x; \
	    install -m 644 $(B)/lib$$lib.a $(DESTDIR)$(LIBDIR); \
	    install -m 755 $(B)/lib$$lib.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/lib$$lib.so.$(VERSION); \
	    ln -sf lib$$lib.so.$(VERSION) $(DESTDIR)$(LIBDIR)/lib$$lib.so.$(SOVERSION); \
	    ln -sf lib$$lib.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/lib$$lib.so; \
	    sed -e 's|@CODECS@|liblz4$(if $(ZSTD), libzstd)|' -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	        -e 's|@VERSION@|$(VERSION)|' tools/$$lib.pc.in \
	        >$(DESTDIR)$(LIBDIR)/pkgconfig/$$lib.pc; \
	    { set +x; } 2>/dev/null; \
	done
	@[ -n '$(DESTDIR)' ] || ldconfig 2>/dev/null || \
	    echo 'install: run ldconfig as root if programs do not find libcrdt.so.$(SOVERSION)'
uninstall:
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(HEADERS) $(GOSSIP_H)) \
	    $(MAN_PAGES:docs/man/%=$(DESTDIR)$(MANDIR)/man3/%)
	@set -ex; for lib in crdt crdt_laws crdt_codec gossip gossip_nng; do \
	    rm -f $(DESTDIR)$(LIBDIR)/lib$$lib.a $(DESTDIR)$(LIBDIR)/lib$$lib.so \
	        $(DESTDIR)$(LIBDIR)/lib$$lib.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/lib$$lib.so.$(VERSION) \
	        $(DESTDIR)$(LIBDIR)/pkgconfig/$$lib.pc; \
	done
	@rmdir $(DESTDIR)$(INCLUDEDIR)/crdt $(DESTDIR)$(INCLUDEDIR)/gossip 2>/dev/null || :

# ---- Housekeeping ------------------------------------------------------------------------------
.PHONY: clean help
clean:
	rm -rf build

help:
	@echo 'make             libcrdt, its codecs and the law kit, static and shared, in $(B)/'
	@echo 'make test        tests, examples, fuzz corpus; ONLY=name picks; ends in "N passed, N failed"'
	@echo 'make demo        five nodes, a cut, agreement; ARGS="--once --topology ring", --help'
	@echo 'make edit        concur-edit, an editor of texts of a node: docs/EDIT.md'
	@echo 'make demo-edit   two people in one text, a cut, agreement: what both see'
	@echo 'make golden-update  write tests/golden/ anew, after a change of a byte format'
	@echo 'make lint        layers, symbols, headers, tidy, format, cppcheck, generated docs'
	@echo 'make sanitize    the tests under ASan+UBSan+LSan, TSan, valgrind (also sanitize-asan, ...)'
	@echo 'make compare-redis  the replies of concurd beside those of redis-server; ONLY='
	@echo 'make test-clients  redis-cli, redis-py, hiredis, node-redis, ioredis, go-redis; ONLY='
	@echo 'make canary      shows that leaks, overflows, races and so on are found'
	@echo 'make soak        the law tests at full length'
	@echo 'make sim         concur-sim, a world in virtual time: build/gcc/concur-sim --help'
	@echo 'make sim-test    60 s of random worlds, and scenarios; make soak-sim: 10^5 of them'
	@echo 'make sim-72h     two sides, three days and a million operations apart'
	@echo 'make mutants     shows that each seeded bug in sim/mutants is found'
	@echo 'make scenarios   stories of what is lost and kept: docs/SCENARIOS.md; scenarios-update writes it'
	@echo 'make examples    examples/, their output compared'
	@echo 'make fuzz        search T=60 seconds per harness; ONLY=name'
	@echo 'make fuzz-corpus write the seed inputs in fuzz/corpus/ anew'
	@echo 'make fuzz-replay the corpus under gcc and under ASan'
	@echo 'make bench       benchmarks; ONLY=orset filters, JSON=1 for one JSON line per row'
	@echo 'make bench-smoke  whether the benchmarks work; measures nothing'
	@echo 'make bench-nng   a request and its reply over NNG, between two processes'
	@echo 'make bench-traces  recorded editing histories; ONLY=, JSON=1, SIZES=1: growth with size'
	@echo 'make traces-orders the same histories in random orders (ORDERS=20) of every delivery; ONLY='
	@echo 'make bench-peers   the same beside other libraries (installs Rust, node and them); ONLY='
	@echo 'make coverage    line and branch coverage of crdt/'
	@echo 'make format      clang-format all; format-check only looks'
	@echo 'make docs        write docs/TYPES.md from the operation tables'
	@echo 'make install     PREFIX=/usr/local DESTDIR= ; also uninstall'
	@echo 'make clean       remove build/'
	@echo 'Variables: V=$(VARIANTS)'
	@echo '           WERROR=1 VERBOSE=1 JOBS=n CFLAGS= LDFLAGS=, DEPS=skip to install nothing'

-include $(shell find $(B) -name '*.d' 2>/dev/null)
