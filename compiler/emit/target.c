/* The machine that code is made for. */
#include "compiler/emit/target.h"
#include "compiler/source/text.h"
#include "runtime/core/retort.h"
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

struct target {
  arena *arena;
  LLVMTargetMachineRef machine;
  const char *cpu, *features, *description;
  bool runnable, bf16, reproducible;
  int level; /* as in `cpus`; 0: another architecture */
  contraction_code contractions;
  const retort_cost *costs; /* of two codes, or NULL */
};

/* Names of LLVM's, and the level of the x86-64 psABI that each implements, or NEON: 64-bit ARM. LLVM has no way to ask
 * whether a name is one, and takes any. */
enum { NEON = 0 };
static const struct cpu {
  const char *name;
  int level;
} cpus[] = {
    {"x86-64", 1},         {"x86-64-v2", 2},      {"x86-64-v3", 3},      {"x86-64-v4", 4},     {"nehalem", 2},
    {"westmere", 2},       {"sandybridge", 2},    {"ivybridge", 2},      {"haswell", 3},       {"broadwell", 3},
    {"skylake", 3},        {"alderlake", 3},      {"skylake-avx512", 4}, {"cascadelake", 4},   {"cooperlake", 4},
    {"icelake-server", 4}, {"sapphirerapids", 4}, {"znver1", 3},         {"znver2", 3},        {"znver3", 3},
    {"znver4", 4},         {"cortex-a53", NEON},  {"cortex-a72", NEON},  {"cortex-a76", NEON}, {"neoverse-n1", NEON},
    {"neoverse-v1", NEON}, {"apple-m1", NEON},
};
enum { CPU_COUNT = sizeof cpus / sizeof *cpus };

static int host_level(void) {
#ifdef __x86_64__
  return __builtin_cpu_supports("x86-64-v4")   ? 4
         : __builtin_cpu_supports("x86-64-v3") ? 3
         : __builtin_cpu_supports("x86-64-v2") ? 2
                                               : 1;
#else
  return 0;
#endif
}

/* Those of them that have AVX512-BF16. */
static const char *const bf16_cpus[] = {"cooperlake", "sapphirerapids", "znver4"};

static bool has_bf16(const char *cpu) {
  for (size_t i = 0; i < sizeof bf16_cpus / sizeof *bf16_cpus; i++)
    if (!strcmp(bf16_cpus[i], cpu))
      return true;
  return false;
}

static bool host_has_bf16(void) {
#ifdef __x86_64__
  return host_level() >= 4 && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

static const char *copy_message(arena *a, char *message) {
  const char *copy = arena_print(a, "%s", message ? message : "unknown error of LLVM");
  LLVMDisposeMessage(message);
  return copy;
}

static bool choose_cpu(target *t, arena *a, const char *cpu, const char **error) {
  if (!cpu || !strcmp(cpu, "native")) {
    t->cpu = copy_message(a, LLVMGetHostCPUName());
    t->features = copy_message(a, LLVMGetHostCPUFeatures());
    t->runnable = true;
    t->level = host_level();
    t->bf16 = host_has_bf16();
    return true;
  }
  for (int i = 0; i < CPU_COUNT; i++)
    if (!strcmp(cpus[i].name, cpu)) {
      t->cpu = cpus[i].name;
      t->features = "";
      t->bf16 = has_bf16(cpu);
      t->level = cpus[i].level;
      t->runnable = t->level > NEON && t->level <= host_level() && (!t->bf16 || host_has_bf16());
      return true;
    }
  text known = {0};
  for (int i = 0; i < CPU_COUNT; i++)
    text_add(&known, "%s %s", i ? "," : "", cpus[i].name);
  *error = arena_print(a, "unknown CPU '%s'; known are native,%s", cpu, known.data);
  text_free(&known);
  return false;
}

/* The host's triple, or one of Linux on the other architecture. To be disposed of. */
static char *find_triple(const target *t) {
  if ((t->level > NEON) == (host_level() > NEON))
    return LLVMGetDefaultTargetTriple();
  LLVMInitializeAllTargetInfos();
  LLVMInitializeAllTargets();
  LLVMInitializeAllTargetMCs();
  LLVMInitializeAllAsmPrinters();
  return LLVMCreateMessage(t->level > NEON ? "x86_64-pc-linux-gnu" : "aarch64-unknown-linux-gnu");
}

target *target_create(arena *a, const char *cpu, const char **error) {
  target *t = arena_new(a, target);
  if (!choose_cpu(t, a, cpu, error))
    return NULL;
  if (LLVMInitializeNativeTarget() || LLVMInitializeNativeAsmPrinter()) {
    *error = "LLVM has no code generator for this machine";
    return NULL;
  }
  char *triple = find_triple(t), *message = NULL;
  LLVMTargetRef found;
  if (LLVMGetTargetFromTriple(triple, &found, &message)) {
    LLVMDisposeMessage(triple);
    *error = copy_message(a, message);
    return NULL;
  }
  t->machine = LLVMCreateTargetMachine(found, triple, t->cpu, t->features, LLVMCodeGenLevelDefault, LLVMRelocPIC,
                                       LLVMCodeModelDefault);
  t->description = arena_print(a, "%s %s %s", triple, t->cpu, t->features);
  t->arena = a;
  LLVMDisposeMessage(triple);
  return t;
}

void target_destroy(target *t) {
  if (t)
    LLVMDisposeTargetMachine(t->machine);
}

static const char *const contractions_names[] = {
    [CONTRACTIONS_AUTO] = "auto", [CONTRACTIONS_EMITTED] = "emitted", [CONTRACTIONS_LIBRARY] = "blas"};

bool contractions_read(const char *word, contraction_code *found) {
  for (int i = CONTRACTIONS_AUTO; i <= CONTRACTIONS_LIBRARY; i++)
    if (!strcmp(word, contractions_names[i])) {
      *found = (contraction_code)i;
      return true;
    }
  return false;
}

const char *contractions_name(contraction_code by) {
  return contractions_names[by];
}

void target_set_contractions(target *t, contraction_code by) {
  t->contractions = by;
}

void target_set_reproducible(target *t, bool reproducible) {
  t->reproducible = reproducible;
}

bool target_reproducible(const target *t) {
  return t->reproducible;
}

contraction_code target_contractions(const target *t) {
  if (t->reproducible)
    return CONTRACTIONS_EMITTED;
  bool is_measured = t->level >= 4 || t->costs;
  return t->contractions == CONTRACTIONS_AUTO && !is_measured ? CONTRACTIONS_LIBRARY : t->contractions;
}

void target_set_costs(target *t, const retort_cost *costs) {
  t->costs = costs;
}

const retort_cost *target_costs(const target *t) {
  return t->contractions == CONTRACTIONS_AUTO && !t->reproducible ? t->costs : NULL;
}

int target_vector_floats(const target *t) {
  return t->level >= 4 ? 16 : t->level == 3 ? 8 : 4;
}

int target_vector_registers(const target *t) {
  return t->level >= 4 || t->level == NEON ? 32 : 16;
}

bool target_multiplies_bf16(const target *t) {
  return t->bf16;
}

const char *target_describe(const target *t) {
  const retort_cost *c = target_costs(t);
  text costs = {0};
  for (int i = 0; c && i < 2; i++)
    text_add(&costs, " %a %a %a %a %a %a", c[i].call, c[i].multiply, c[i].right, c[i].left, c[i].result, c[i].unit);
  const char *described =
      arena_print(t->arena, "%s contractions %s%s%s%s", t->description, contractions_names[t->contractions],
                  t->reproducible ? " reproducible" : "", c ? " costs" : "", c ? costs.data : "");
  text_free(&costs);
  return described;
}

bool target_is_runnable(const target *t) {
  return t->runnable;
}

void target_set_module(const target *t, LLVMModuleRef module) {
  char *triple = LLVMGetTargetMachineTriple(t->machine);
  LLVMSetTarget(module, triple);
  LLVMDisposeMessage(triple);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(t->machine);
  LLVMSetModuleDataLayout(module, layout);
  LLVMDisposeTargetData(layout);
}

static void add_attribute(LLVMValueRef function, const char *name, const char *value) {
  LLVMContextRef context = LLVMGetTypeContext(LLVMTypeOf(function));
  LLVMAttributeRef attribute =
      LLVMCreateStringAttribute(context, name, (unsigned)strlen(name), value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute);
}

void target_set_function(const target *t, LLVMValueRef function) {
  add_attribute(function, "target-cpu", t->cpu);
  add_attribute(function, "target-features", t->features);
  /* LLVM takes half of AVX-512's width by default, for the sake of early CPUs that slowed down. */
  add_attribute(function, "prefer-vector-width", "512");
  LLVMContextRef context = LLVMGetTypeContext(LLVMTypeOf(function));
  unsigned kind = LLVMGetEnumAttributeKindForName("nounwind", strlen("nounwind"));
  LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                          LLVMCreateEnumAttribute(context, kind, 0));
}

/* Kernels come as loops that are guarded and rotated already, so that a few passes do what default<O2> does for them,
 * in a third of the time: scalars out of memory, invariants out of loops, vectors, and what those leave behind. */
static const char pipeline[] =
    "function(sroa,early-cse,simplifycfg,instcombine<no-verify-fixpoint>,loop-mssa(licm),loop-vectorize,"
    "instcombine<no-verify-fixpoint>,simplifycfg,early-cse,loop-mssa(licm))";

const char *target_optimize(const target *t, arena *a, LLVMModuleRef module) {
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMPassBuilderOptionsSetLoopVectorization(options, true);
  LLVMPassBuilderOptionsSetLoopInterleaving(options, true);
  LLVMPassBuilderOptionsSetLoopUnrolling(options, true);
  LLVMErrorRef failure = LLVMRunPasses(module, pipeline, t->machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (!failure)
    return NULL;
  char *message = LLVMGetErrorMessage(failure);
  const char *copy = arena_print(a, "%s", message);
  LLVMDisposeErrorMessage(message);
  return copy;
}

const char *target_generate(const target *t, arena *a, LLVMModuleRef module, target_form form,
                            LLVMMemoryBufferRef *bytes) {
  char *message = NULL;
  LLVMCodeGenFileType type = form == TARGET_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
  return LLVMTargetMachineEmitToMemoryBuffer(t->machine, module, type, &message, bytes) ? copy_message(a, message)
                                                                                        : NULL;
}
