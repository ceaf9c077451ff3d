#include "runtime/run/binding.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct binding {
  callable function;
  int threads;
  const void **weights;
  void **states;
  const void **inputs;
  void **outputs;
  int64_t *output_counts, *output_capacities;
  int64_t *fed_counts; /* of each input that is fed: its elements */
  int64_t *dims;
  void *workspace;
  size_t workspace_size;
  float step, steps, epoch;
  int64_t key[2];
};

static int64_t tensor_size(const binding *b, const retort_tensor *t, int axis) {
  return retort_size_evaluate(&t->dims[axis], b->dims, b->function.signature->dim_count, b->threads);
}

/* ---- weights ---- */

static bool agrees(const binding *b, const retort_tensor *t, const weight *w) {
  bool same = t->dtype == (int32_t)w->dtype && t->rank == w->rank;
  for (int i = 0; same && i < t->rank; i++)
    same = tensor_size(b, t, i) == w->sizes[i];
  return same;
}

static void *find_data(const binding *b, const retort_tensor *t, int set_count, weight_set *const *sets, failure *f) {
  for (int i = 0; i < set_count; i++) {
    const weight *w = weight_set_find(sets[i], t->name);
    if (w && agrees(b, t, w))
      return w->data;
    if (w) {
      fail(f, "%s: the weight '%s' has another shape or type than the function expects", b->function.signature->name,
           t->name);
      return NULL;
    }
  }
  if (f->text)
    failure_add(f, ", '%s'", t->name);
  else
    fail(f, "%s: nothing is known under the name '%s'", b->function.signature->name, t->name);
  return NULL;
}

/* ---- batches ---- */

typedef enum {
  FIELD_IDS,
  FIELD_TYPES,
  FIELD_LABEL,
  FIELD_LENGTHS,
  FIELD_ROW,
  FIELD_STEP,
  FIELD_STEPS,
  FIELD_EPOCH,
  FIELD_KEY,
  FIELD_TARGET,
  FIELD_CLASS_WEIGHT,
  FIELD_FED, /* no field of the batch */
  FIELD_NONE
} field_kind;

static const char fed_prefix[] = "teacher.";

static field_kind field_by_name(const char *name) {
  static const char *const names[] = {"ids",   "types", "label", NULL,     "row",         "step",
                                      "steps", "epoch", "key",   "target", "class_weight"};
  const char *dot = strrchr(name, '.');
  if (strncmp(name, fed_prefix, sizeof fed_prefix - 1) == 0)
    return FIELD_FED;
  if (dot && strcmp(dot, ".lengths") == 0)
    return FIELD_LENGTHS;
  for (int i = 0; i < FIELD_FED; i++)
    if (names[i] && strcmp(names[i], name) == 0)
      return (field_kind)i;
  return FIELD_NONE;
}

static bool check_input(const binding *b, const retort_tensor *t, failure *f) {
  static const struct {
    retort_dtype dtype;
    int rank;
  } expected[] = {
      [FIELD_IDS] = {RETORT_I32, 2},     [FIELD_TYPES] = {RETORT_I32, 2},        [FIELD_LABEL] = {RETORT_I32, 1},
      [FIELD_LENGTHS] = {RETORT_I32, 1}, [FIELD_ROW] = {RETORT_I64, 1},          [FIELD_STEP] = {RETORT_F32, 0},
      [FIELD_STEPS] = {RETORT_F32, 0},   [FIELD_EPOCH] = {RETORT_F32, 0},        [FIELD_KEY] = {RETORT_I64, 1},
      [FIELD_TARGET] = {RETORT_F32, 1},  [FIELD_CLASS_WEIGHT] = {RETORT_F32, 1},
  };
  field_kind kind = field_by_name(t->name);
  if (kind == FIELD_FED)
    return true;
  if (kind == FIELD_NONE)
    return fail(f, "%s: the input '%s' is no field of a batch (ids, types, label, row, target, class_weight)",
                b->function.signature->name, t->name);
  if (t->dtype != (int32_t)expected[kind].dtype || t->rank != expected[kind].rank)
    return fail(f, "%s: the input '%s' has another type than the batch's field: %s of rank %d",
                b->function.signature->name, t->name,
                expected[kind].dtype == RETORT_I32   ? "i32"
                : expected[kind].dtype == RETORT_I64 ? "i64"
                                                     : "f32",
                expected[kind].rank);
  return true;
}

binding *binding_create(const callable *function, int set_count, weight_set *const *sets, int threads, failure *f) {
  const retort_signature *s = function->signature;
  binding *b = memory_allocate(1, sizeof *b);
  b->function = *function;
  b->threads = threads;
  b->dims = memory_allocate((size_t)s->dim_count, sizeof *b->dims);
  for (int i = 0; i < s->dim_count; i++)
    b->dims[i] = 1; /* one that no input has, of a function that reads no batch, stays so */
  b->weights = memory_allocate((size_t)s->weight_count, sizeof *b->weights);
  b->states = memory_allocate((size_t)s->state_count, sizeof *b->states);
  b->inputs = memory_allocate((size_t)s->input_count, sizeof *b->inputs);
  b->fed_counts = memory_allocate((size_t)s->input_count, sizeof *b->fed_counts);
  b->outputs = memory_allocate((size_t)s->output_count, sizeof *b->outputs);
  b->output_counts = memory_allocate((size_t)s->output_count, sizeof *b->output_counts);
  b->output_capacities = memory_allocate((size_t)s->output_count, sizeof *b->output_capacities);
  for (int i = 0; i < s->weight_count; i++)
    b->weights[i] = find_data(b, &s->weights[i], set_count, sets, f);
  for (int i = 0; i < s->state_count; i++)
    b->states[i] = find_data(b, &s->states[i], set_count, sets, f);
  for (int i = 0; i < s->input_count && !f->text; i++)
    check_input(b, &s->inputs[i], f);
  int status = !f->text && function->prepare ? function->prepare(function->context, b->weights) : RETORT_OK;
  if (status != RETORT_OK)
    fail(f, "%s: preparing its weights gave error %d", s->name, status);
  if (!f->text)
    return b;
  binding_free(b);
  return NULL;
}

void binding_free(binding *b) {
  if (!b)
    return;
  for (int i = 0; i < b->function.signature->output_count; i++)
    free(b->outputs[i]);
  free(b->dims);
  free(b->weights);
  free(b->states);
  free(b->inputs);
  free(b->fed_counts);
  free(b->outputs);
  free(b->output_counts);
  free(b->output_capacities);
  free(b->workspace);
  free(b);
}

int64_t binding_width(const binding *b) {
  const retort_signature *s = b->function.signature;
  for (int i = 0; i < s->input_count; i++) {
    const retort_tensor *t = &s->inputs[i];
    field_kind kind = field_by_name(t->name);
    if ((kind == FIELD_IDS || kind == FIELD_TYPES) && t->dims[1].count == 1 &&
        t->dims[1].code[0] == RETORT_SIZE_CONSTANT)
      return t->dims[1].code[1];
  }
  return 0;
}

/* A dimension that an input has alone is bound by the batch; every other size must then agree with it. */
static bool bind_dims(binding *b, const batch *data, failure *f) {
  const retort_signature *s = b->function.signature;
  for (int i = 0; s->dim_names && i < s->dim_count; i++) /* sizes may be used where no field is read */
    if (strcmp(s->dim_names[i], "B") == 0)
      b->dims[i] = data->rows;
    else if (strcmp(s->dim_names[i], "T") == 0)
      b->dims[i] = data->width;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < s->input_count; i++) {
      const retort_tensor *t = &s->inputs[i];
      if (field_by_name(t->name) == FIELD_FED)
        continue;
      const int64_t sizes[2] = {field_by_name(t->name) == FIELD_KEY ? 2 : data->rows, data->width};
      for (int k = 0; k < t->rank; k++) {
        const retort_size *size = &t->dims[k];
        if (pass == 0 && size->count == 1 && size->code[0] == RETORT_SIZE_DIM && size->code[1] < s->dim_count)
          b->dims[size->code[1]] = sizes[k];
        if (pass == 1 && tensor_size(b, t, k) != sizes[k])
          return fail(f, "%s: the input '%s' has %lld in dimension %d, the function expects %lld", s->name, t->name,
                      (long long)sizes[k], k, (long long)tensor_size(b, t, k));
      }
    }
  return true;
}

static const void *input_data(const binding *b, field_kind kind, const batch *data) {
  switch (kind) {
  case FIELD_IDS:
    return data->ids;
  case FIELD_TYPES:
    return data->types;
  case FIELD_LABEL:
    return data->labels;
  case FIELD_TARGET:
    return data->targets;
  case FIELD_CLASS_WEIGHT:
    return data->class_weights;
  case FIELD_LENGTHS:
    return data->lengths;
  case FIELD_ROW:
    return data->indices;
  case FIELD_EPOCH:
    return &b->epoch;
  case FIELD_STEP:
    return &b->step;
  case FIELD_STEPS:
    return &b->steps;
  case FIELD_KEY:
    return b->key;
  case FIELD_FED:
  case FIELD_NONE:
    break;
  }
  return NULL;
}

void binding_feed(binding *b, const char *name, const void *data, int64_t count) {
  const retort_signature *s = b->function.signature;
  for (int i = 0; i < s->input_count; i++)
    if (strcmp(s->inputs[i].name, name) == 0) {
      b->inputs[i] = data;
      b->fed_counts[i] = count;
    }
}

static int64_t tensor_count(const binding *b, const retort_tensor *t) {
  int64_t count = 1;
  for (int i = 0; i < t->rank; i++)
    count *= tensor_size(b, t, i);
  return count;
}

static bool set_inputs(binding *b, const batch *data, failure *f) {
  const retort_signature *s = b->function.signature;
  for (int i = 0; i < s->input_count; i++) {
    const retort_tensor *t = &s->inputs[i];
    field_kind kind = field_by_name(t->name);
    if (kind != FIELD_FED)
      b->inputs[i] = input_data(b, kind, data);
    else if (!b->inputs[i] || b->fed_counts[i] != tensor_count(b, t))
      return fail(f, "%s: the input '%s' was given %lld elements, the function expects %lld", s->name, t->name,
                  (long long)b->fed_counts[i], (long long)tensor_count(b, t));
  }
  return true;
}

static void reserve_outputs(binding *b) {
  const retort_signature *s = b->function.signature;
  for (int i = 0; i < s->output_count; i++) {
    const retort_tensor *t = &s->outputs[i];
    b->output_counts[i] = tensor_count(b, t);
    if (b->output_counts[i] > b->output_capacities[i]) {
      free(b->outputs[i]);
      b->outputs[i] = memory_allocate_aligned((size_t)b->output_counts[i], retort_dtype_size((retort_dtype)t->dtype));
      b->output_capacities[i] = b->output_counts[i];
    }
  }
}

static void reserve_workspace(binding *b, size_t size) {
  if (size <= b->workspace_size)
    return;
  free(b->workspace);
  b->workspace = NULL;
  b->workspace = memory_allocate_aligned(size, 1);
  b->workspace_size = size;
}

bool binding_call(binding *b, const batch *data, const step_values *values, failure *f) {
  const retort_signature *s = b->function.signature;
  if (!bind_dims(b, data, f))
    return false;
  b->step = (float)values->step;
  b->steps = (float)values->steps;
  b->epoch = (float)values->epoch;
  b->key[0] = (int64_t)values->seed;
  b->key[1] = values->step | values->part << 32;
  if (!set_inputs(b, data, f))
    return false;
  retort_bind_sums(s, b->inputs, b->dims);
  int64_t found;
  const retort_condition *broken = s->plan ? retort_broken_condition(s->plan, b->dims, &found) : NULL;
  if (broken) {
    f->of_input = true;
    return fail(f, "%s, found %lld", broken->message, (long long)found);
  }
  reserve_outputs(b);
  reserve_workspace(b, b->function.workspace_size(b->function.context, b->dims, b->threads));
  const retort_call call = {.weights = b->weights,
                            .inputs = b->inputs,
                            .outputs = b->outputs,
                            .states = b->states,
                            .dims = b->dims,
                            .workspace = b->workspace,
                            .workspace_size = b->workspace_size,
                            .threads = b->threads};
  int status = b->function.call(b->function.context, &call);
  return status == RETORT_OK ? true : fail(f, "%s: the emitted function returned error %d", s->name, status);
}

const float *binding_output(const binding *b, const char *name, int64_t *count) {
  const retort_signature *s = b->function.signature;
  for (int i = 0; i < s->output_count; i++)
    if (s->outputs[i].dtype == RETORT_F32 && strcmp(s->outputs[i].name, name) == 0) {
      *count = b->output_counts[i];
      return b->outputs[i];
    }
  return NULL;
}

const void *binding_output_at(const binding *b, int index) {
  return b->outputs[index];
}

size_t binding_workspace_size(const binding *b) {
  return b->workspace_size;
}
