/* The constants from which retort_step_run runs the step: retort.h's structures, member by member. */
#include "compiler/emit/emitter.h"
#include "compiler/emit/size.h"
#include "compiler/emit/workspace.h"
#include "runtime/core/retort.h"
#include <string.h>

typedef struct tables {
  emitter *e;
  LLVMTypeRef size, tensor, buffer, condition, plan, signature, slot, call, step; /* retort_NAME */
} tables;

static LLVMTypeRef structure(emitter *e, int count, LLVMTypeRef *members) {
  return LLVMStructTypeInContext(e->context, members, (unsigned)count, false);
}
#define STRUCTURE(e, ...) \
  structure(e, (int)(sizeof((LLVMTypeRef[]){__VA_ARGS__}) / sizeof(LLVMTypeRef)), (LLVMTypeRef[]){__VA_ARGS__})

static void start_tables(tables *t, emitter *e) {
  LLVMTypeRef p = e->type_pointer, i32 = e->type_i32, i64 = e->type_i64;
  t->e = e;
  t->size = STRUCTURE(e, i32, p);
  t->tensor = STRUCTURE(e, p, i32, i32, p);
  t->buffer = STRUCTURE(e, t->size, i32, i32);
  t->condition = STRUCTURE(e, t->size, i64, i64, p);
  t->plan = STRUCTURE(e, i32, i32, p, i64, i64, i32, i32, p);
  t->signature = STRUCTURE(e, p, i32, i32, i32, i32, i32, p, p, p, p, p, p, p);
  t->slot = STRUCTURE(e, i32, i32);
  t->call = STRUCTURE(e, p, p, p, p);
  t->step = STRUCTURE(e, p, i32, i32, i32, p, p, p);
}

/* ---- constants ---- */

static LLVMValueRef constant_i32(emitter *e, int64_t number) {
  return LLVMConstInt(e->type_i32, (unsigned long long)number, true);
}

static LLVMValueRef constant_structure(LLVMTypeRef type, LLVMValueRef *members) {
  return LLVMConstNamedStruct(type, members, LLVMCountStructElementTypes(type));
}
#define CONSTANT(type, ...) constant_structure(type, (LLVMValueRef[]){__VA_ARGS__})

/* A private constant with that content; its address. */
static LLVMValueRef constant_global(emitter *e, LLVMValueRef content, const char *name) {
  LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(content), name);
  LLVMSetInitializer(global, content);
  LLVMSetGlobalConstant(global, true);
  LLVMSetLinkage(global, LLVMPrivateLinkage);
  return global;
}

static LLVMValueRef constant_array(emitter *e, LLVMTypeRef type, LLVMValueRef *items, int count, const char *name) {
  if (!count)
    return LLVMConstNull(e->type_pointer);
  return constant_global(e, LLVMConstArray2(type, items, (uint64_t)count), name);
}

static LLVMValueRef constant_string(emitter *e, const char *string) {
  if (!string)
    return LLVMConstNull(e->type_pointer);
  return constant_global(e, LLVMConstStringInContext2(e->context, string, strlen(string), false), "text");
}

/* ---- sizes ---- */

static LLVMValueRef constant_code(tables *t, const retort_size *size) {
  emitter *e = t->e;
  LLVMValueRef *items = arena_array(e->arena, LLVMValueRef, 2 * size->count);
  for (int i = 0; i < 2 * size->count; i++)
    items[i] = emitter_integer(e, size->code[i]);
  return CONSTANT(t->size, constant_i32(e, size->count),
                  constant_array(e, e->type_i64, items, 2 * size->count, "size"));
}

static LLVMValueRef constant_size(tables *t, const dim *d, bool per_thread) {
  retort_size size = size_of_dim(t->e->arena, d, per_thread, dim_symbol_count(t->e->step->dims));
  return constant_code(t, &size);
}

/* ---- the signature ---- */

static LLVMValueRef constant_tensors(tables *t, const step_tensor *tensors, int count) {
  emitter *e = t->e;
  LLVMValueRef *items = arena_array(e->arena, LLVMValueRef, count + 1), dims[RANK_MAX];
  for (int i = 0; i < count; i++) {
    const step_tensor *of = &tensors[i];
    for (int axis = 0; axis < of->shape.rank; axis++)
      dims[axis] = constant_size(t, of->shape.dims[axis], false);
    items[i] = CONSTANT(t->tensor, constant_string(e, of->name), constant_i32(e, of->dtype),
                        constant_i32(e, of->shape.rank), constant_array(e, t->size, dims, of->shape.rank, "dims"));
  }
  return constant_array(e, t->tensor, items, count, "tensors");
}

static void emit_signature(tables *t, const char *symbol, LLVMValueRef plan) {
  emitter *e = t->e;
  const step *s = e->step;
  int dim_count = dim_symbol_count(s->dims);
  LLVMValueRef *names = arena_array(e->arena, LLVMValueRef, dim_count + 1);
  LLVMValueRef *sums = arena_array(e->arena, LLVMValueRef, dim_count + 1);
  for (int i = 0; i < dim_count; i++) {
    const dim_symbol *size = dim_symbol_at(s->dims, i);
    names[i] = constant_string(e, size->name);
    sums[i] = size->sum ? constant_string(e, size->sum) : LLVMConstNull(e->type_pointer);
  }
  LLVMValueRef content =
      CONSTANT(t->signature, constant_string(e, s->name), constant_i32(e, dim_count), constant_i32(e, s->weight_count),
               constant_i32(e, s->input_count), constant_i32(e, s->output_count), constant_i32(e, s->state_count),
               constant_array(e, e->type_pointer, names, dim_count, "names"),
               constant_array(e, e->type_pointer, sums, dim_count, "sums"),
               constant_tensors(t, s->weights, s->weight_count), constant_tensors(t, s->inputs, s->input_count),
               constant_tensors(t, s->outputs, s->output_count), constant_tensors(t, s->states, s->state_count), plan);
  LLVMValueRef global = constant_global(e, content, arena_print(e->arena, "%s_signature", symbol));
  LLVMSetLinkage(global, LLVMExternalLinkage);
}

/* ---- the plan, the calls ---- */

typedef struct size_list { /* distinct sizes that calls give to kernels */
  int count;
  LLVMValueRef *sizes;
  const dim **dims;
} size_list;

static int place_size(tables *t, size_list *list, const dim *d) {
  for (int i = 0; i < list->count; i++)
    if (list->dims[i] == d)
      return i;
  int count = list->count;
  arena_append(t->e->arena, list->sizes, count, constant_size(t, d, false));
  arena_append(t->e->arena, list->dims, list->count, d);
  return list->count - 1;
}

static int number_of_kernel(const step *s, const kernel *k) {
  int number = 0;
  while (s->kernels[number] != k)
    number++;
  return number;
}

static LLVMValueRef constant_call(tables *t, const step_call *call, size_list *sizes, LLVMValueRef const *kernels) {
  emitter *e = t->e;
  const kernel *k = call->kernel;
  LLVMValueRef *buffers = arena_array(e->arena, LLVMValueRef, k->buffer_count + 1);
  LLVMValueRef *of_sizes = arena_array(e->arena, LLVMValueRef, k->size_count + 1);
  for (int i = 0; i < k->buffer_count; i++)
    buffers[i] = constant_i32(e, call->buffers[i]);
  for (int i = 0; i < k->size_count; i++)
    of_sizes[i] = constant_i32(e, place_size(t, sizes, call->sizes[i]));
  return CONSTANT(t->call, kernels[number_of_kernel(e->step, k)],
                  constant_array(e, e->type_i32, buffers, k->buffer_count, "buffers"),
                  constant_array(e, e->type_i32, of_sizes, k->size_count, "sizes"), constant_string(e, call->reason));
}

static retort_memory memory_of(buffer_kind kind) {
  switch (kind) {
  case BUFFER_WEIGHT:
    return RETORT_WEIGHT;
  case BUFFER_INPUT:
    return RETORT_INPUT;
  case BUFFER_OUTPUT:
    return RETORT_OUTPUT;
  case BUFFER_STATE:
    return RETORT_STATE;
  case BUFFER_WORKSPACE:
    break;
  }
  return RETORT_WORKSPACE;
}

static LLVMValueRef constant_slots(tables *t) {
  emitter *e = t->e;
  const step *s = e->step;
  LLVMValueRef *items = arena_array(e->arena, LLVMValueRef, s->buffer_count + 1);
  for (int i = 0; i < s->buffer_count; i++)
    items[i] = CONSTANT(t->slot, constant_i32(e, memory_of(s->buffers[i].kind)), constant_i32(e, s->buffers[i].slot));
  return constant_array(e, t->slot, items, s->buffer_count, "slots");
}

/* A preparation has none of its own. */
static LLVMValueRef constant_conditions(tables *t, int32_t *count) {
  emitter *e = t->e;
  const retort_condition *conditions = conditions_of_dims(e->arena, e->step->dims, count);
  if (e->step->is_preparation)
    *count = 0;
  LLVMValueRef *items = arena_array(e->arena, LLVMValueRef, *count + 1);
  for (int i = 0; i < *count; i++)
    items[i] = CONSTANT(t->condition, constant_code(t, &conditions[i].size), emitter_integer(e, conditions[i].least),
                        emitter_integer(e, conditions[i].sign), constant_string(e, conditions[i].message));
  return constant_array(e, t->condition, items, *count, "conditions");
}

static LLVMValueRef constant_plan(tables *t, int size_count) {
  emitter *e = t->e;
  const step *s = e->step;
  LLVMValueRef *items = arena_array(e->arena, LLVMValueRef, s->workspace_count + 1);
  for (int i = 0; i < s->workspace_count; i++) {
    const step_workspace *w = &s->workspace[i];
    items[i] = CONSTANT(t->buffer, constant_size(t, w->bytes, w->per_thread), constant_i32(e, w->first),
                        constant_i32(e, w->last));
  }
  int64_t scratch = (int64_t)sizeof(void *) * s->buffer_count + (int64_t)sizeof(int64_t) * size_count;
  int32_t condition_count = 0;
  LLVMValueRef conditions = constant_conditions(t, &condition_count);
  LLVMValueRef plan =
      CONSTANT(t->plan, constant_i32(e, dim_symbol_count(s->dims)), constant_i32(e, s->workspace_count),
               constant_array(e, t->buffer, items, s->workspace_count, "buffers"), emitter_integer(e, scratch),
               emitter_integer(e, (int64_t)scratch_per_thread(s)), constant_i32(e, condition_count),
               constant_i32(e, target_reproducible(e->target) ? RETORT_PARTS : 0), conditions);
  return constant_global(e, plan, "plan");
}

/* int symbol(const retort_call *call) { return retort_step_run(&step, call); } */
static void emit_entry(tables *t, const char *symbol, LLVMValueRef step_constant) {
  emitter *e = t->e;
  LLVMTypeRef p = e->type_pointer;
  LLVMTypeRef type = LLVMFunctionType(e->type_i32, &p, 1, false);
  LLVMValueRef entry = LLVMAddFunction(e->module, symbol, type);
  target_set_function(e->target, entry);
  LLVMSetCurrentDebugLocation2(e->builder, NULL);
  LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, entry, "entry"));
  LLVMValueRef arguments[] = {step_constant, LLVMGetParam(entry, 0)};
  LLVMBuildRet(e->builder, LLVMBuildCall2(e->builder, e->type_run, e->run, arguments, 2, ""));
}

void emit_tables(emitter *e, const char *symbol, LLVMValueRef const *kernels) {
  tables t;
  start_tables(&t, e);
  const step *s = e->step;
  size_list sizes = {0};
  LLVMValueRef *calls = arena_array(e->arena, LLVMValueRef, s->call_count + 1);
  for (int i = 0; i < s->call_count; i++)
    calls[i] = constant_call(&t, &s->calls[i], &sizes, kernels);
  LLVMValueRef plan = constant_plan(&t, sizes.count);
  LLVMValueRef content = CONSTANT(t.step, plan, constant_i32(e, s->buffer_count), constant_i32(e, sizes.count),
                                  constant_i32(e, s->call_count), constant_slots(&t),
                                  constant_array(e, t.size, sizes.sizes, sizes.count, "sizes"),
                                  constant_array(e, t.call, calls, s->call_count, "calls"));
  LLVMValueRef table = constant_global(e, content, arena_print(e->arena, "%s_step", symbol));
  LLVMSetLinkage(table, LLVMExternalLinkage);
  emit_entry(&t, symbol, table);
  emit_signature(&t, symbol, plan);
}
