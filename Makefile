# Retort. `make` builds build/retort; see README.md for the rest.
BUILD ?= build
CC ?= gcc
PREFIX ?= /usr/local
LLVM_CONFIG ?= llvm-config-19
OPTIMIZE ?= -O2 -g
SANITIZE ?=

LLVM_CPPFLAGS := $(shell $(LLVM_CONFIG) --cppflags 2>/dev/null)
WARNINGS = -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DRETORT_MODELS='"$(PREFIX)/share/retort/models"' $(LLVM_CPPFLAGS)
CFLAGS += -std=c17 $(OPTIMIZE) -fopenmp $(WARNINGS) $(SANITIZE)
LDFLAGS += -fopenmp $(SANITIZE)
CORE_LIBS = -lopenblas -lm
RUNTIME_LIBS = -ljansson -lutf8proc -lxxhash -lz -lzstd -lprotobuf-c $(CORE_LIBS)
LLVM_LIBS := $(shell $(LLVM_CONFIG) --ldflags --libs --link-shared 2>/dev/null)

CORE = $(wildcard runtime/core/*.c)
RUNTIME = $(wildcard runtime/data/*.c runtime/run/*.c)
COMPILER = $(filter-out compiler/main.c, $(wildcard compiler/*.c compiler/*/*.c))
GENERATED = $(patsubst grammar/%,$(BUILD)/grammar/%.c,$(basename $(wildcard grammar/parser.y grammar/lexer.l)))
object = $(patsubst %.c,$(BUILD)/%.o,$(1))

CORE_LIB = $(BUILD)/libretort-core.a
RUNTIME_LIB = $(BUILD)/libretort-runtime.a
COMPILER_LIB = $(BUILD)/libretort-compiler.a
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))

all: $(BUILD)/retort
libs: $(CORE_LIB) $(RUNTIME_LIB) $(COMPILER_LIB)

$(BUILD)/retort: $(call object,$(wildcard compiler/main.c)) $(COMPILER_LIB) $(RUNTIME_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LLVM_LIBS) $(RUNTIME_LIBS)

$(CORE_LIB): $(call object,$(CORE))
$(RUNTIME_LIB): $(call object,$(RUNTIME)) $(BUILD)/runtime/run/event.pb-c.o
$(COMPILER_LIB): $(call object,$(COMPILER)) $(patsubst %.c,%.o,$(GENERATED))
%.a:
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/grammar/parser.c: grammar/parser.y
	@mkdir -p $(@D)
	bison -Werror -Wcounterexamples --header=$(@:.c=.h) -o $@ $<
$(BUILD)/grammar/lexer.c: grammar/lexer.l $(BUILD)/grammar/parser.c
	@mkdir -p $(@D)
	flex --header-file=$(@:.c=.h) -o $@ $<
$(BUILD)/grammar/%.h: $(BUILD)/grammar/%.c ;
$(BUILD)/grammar/%.o: $(BUILD)/grammar/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-conversion -Wno-switch-enum -Wno-unused-function -MMD -MP -c -o $@ $<

# TensorBoard's messages.
$(BUILD)/runtime/run/event.pb-c.c: runtime/run/event.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=runtime/run --c_out=$(@D) $<
$(BUILD)/runtime/run/event.pb-c.h: $(BUILD)/runtime/run/event.pb-c.c ;
$(BUILD)/runtime/run/event.pb-c.o: $(BUILD)/runtime/run/event.pb-c.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/runtime/run/events.o $(BUILD)/tests/unit/test_events.o: | $(BUILD)/runtime/run/event.pb-c.c

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(call object,$(wildcard compiler/source/*.c)): | $(GENERATED)

# What several unit tests share: every file of tests/unit that is no test itself.
UNIT_SHARED = $(call object,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_SHARED) $(COMPILER_LIB) $(RUNTIME_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LLVM_LIBS) $(RUNTIME_LIBS) -lcmocka

REFERENCE = $(BUILD)/tests/reference/reference
$(REFERENCE): $(call object,$(wildcard tests/reference/*.c)) $(COMPILER_LIB) $(RUNTIME_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LLVM_LIBS) $(RUNTIME_LIBS)
MATRIX = $(BUILD)/tests/matrix/random_graphs
$(MATRIX): $(call object,$(wildcard tests/matrix/*.c)) $(UNIT_SHARED) $(COMPILER_LIB) $(RUNTIME_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LLVM_LIBS) $(RUNTIME_LIBS) -lcmocka
BENCH = $(BUILD)/tests/bench/bench
$(BENCH): $(call object,$(wildcard tests/bench/*.c)) $(COMPILER_LIB) $(RUNTIME_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LLVM_LIBS) $(RUNTIME_LIBS)

# Fuzz targets: tests/fuzz/fuzz_NAME.c with tests/fuzz/corpus/NAME. The driver does not watch itself.
FUZZ = $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
COVERAGE = -fsanitize-coverage=trace-pc
$(BUILD)/tests/fuzz/fuzz.o: override SANITIZE := $(filter-out $(COVERAGE),$(SANITIZE))
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/fuzz.o $(COMPILER_LIB) $(RUNTIME_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LLVM_LIBS) $(RUNTIME_LIBS)

# A product: a model's object, its header and a C program, linked without LLVM.
DEPLOY = $(BUILD)/deploy/deploy
$(DEPLOY): examples/deploy.c examples/demo.rt $(BUILD)/retort $(CORE_LIB)
	@mkdir -p $(@D)
	$(BUILD)/retort build examples/demo.rt --model student -o $(@D)/student
	$(CC) -std=c17 -O2 -Wall -Wextra -Werror -I$(@D) -Iruntime/core -o $@ $< $(@D)/student.o $(CORE_LIB) -fopenmp $(CORE_LIBS) $(SANITIZE)

deploy: $(DEPLOY)
fuzz-programs: $(FUZZ)
unit-programs: $(UNIT)
reference-program: $(REFERENCE)
matrix-program: $(MATRIX)
unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done

# ---- what a person types ----

packages:
	@.ci/install

# The main job on embedded data: a teacher, a student that learns from labels alone, a student that is distilled; with
# three seeds, to see that what distillation gains is no accident.
demo: packages
	@$(MAKE) -s -j2 all
	@rm -rf $(BUILD)/demo
	$(BUILD)/retort experiment examples/demo.rt --seeds 3 --out $(BUILD)/demo

# The report is looked at in a browser.
test:
	@.ci/install chromium python3-numpy
	@tests/run

# Reference vectors and 2,000 random graphs with each pass and fusion switched off, for several processors.
test-matrix: packages
	@tests/matrix/run

bench: packages
	@$(MAKE) -s -j2 all $(BENCH)
	$(BENCH) $(BUILD)/bench.json

# Beside PyTorch and ONNX Runtime, which it installs: build/bench-peers.json and a chart of it. `bench-peers-table` puts what
# was measured into the README. PEERS="--only infer --runs 3": some of the rows, as peers.py has it.
PEERS =
bench-peers: packages
	@tests/bench/install_peers $(BUILD)
	@$(MAKE) -s -j2 all $(BENCH)
	/usr/bin/python3 tests/bench/peers.py $(PEERS) $(BUILD)
	/usr/bin/python3 tests/bench/peers_page.py chart $(BUILD)/bench-peers.json $(BUILD)/bench-peers.svg

bench-peers-table:
	python3 tests/bench/peers_page.py chart $(BUILD)/bench-peers.json tests/bench/peers.svg
	python3 tests/bench/peers_page.py table $(BUILD)/bench-peers.json README.md

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/retort/models
	install -m 755 $(BUILD)/retort $(DESTDIR)$(PREFIX)/bin/retort
	install -m 644 $(CORE_LIB) $(DESTDIR)$(PREFIX)/lib/libretort-core.a
	install -m 644 runtime/core/retort.h $(DESTDIR)$(PREFIX)/include/retort.h
	install -m 644 models/*.rt $(DESTDIR)$(PREFIX)/share/retort/models/

check-sanitize: packages
	@tests/run sanitize

# Each target for SECONDS, from SEED, two at a time; an input that fails is left in build/fuzz/NAME.crash.
SECONDS = 60
SEED = 1
FUZZ_SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -Wno-error $(COVERAGE)
FUZZ_NAMES = $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_ONE = $(BUILD)/fuzz/tests/fuzz/fuzz_NAME $(SECONDS) $(SEED) tests/fuzz/corpus/NAME $(BUILD)/fuzz/NAME.crash
fuzz:
	@$(MAKE) -s -j2 BUILD=$(BUILD)/fuzz OPTIMIZE="-O1 -g" SANITIZE="$(FUZZ_SANITIZE)" fuzz-programs
	@rm -f $(FUZZ_NAMES:%=$(BUILD)/fuzz/%.good)
	@printf '%s\n' $(FUZZ_NAMES) | xargs -P 2 -I NAME sh -c '$(FUZZ_ONE) && touch $(BUILD)/fuzz/NAME.good'; \
	  good=$$(ls $(FUZZ_NAMES:%=$(BUILD)/fuzz/%.good) 2>/dev/null | wc -l); bad=$$(($(words $(FUZZ_NAMES)) - good)); \
	  echo "$$good passed, $$bad failed"; [ $$bad = 0 ]

SOURCES = $(wildcard compiler/*.[ch] compiler/*/*.[ch] runtime/*/*.[ch] tests/*/*.[ch] examples/*.c)
format:
	clang-format -i $(SOURCES)
check-format:
	clang-format --dry-run -Werror $(SOURCES)

clean:
	rm -rf $(BUILD)

.PHONY: all libs deploy test-matrix matrix-program fuzz fuzz-programs unit unit-programs reference-program packages demo test bench bench-peers bench-peers-table install check-sanitize format check-format clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
