#include "runtime/data/safetensors.h"
#include "runtime/run/weights.h"
#include "tests/bench/bound.h"
#include <stdlib.h>
#include <string.h>

/* ---- weights ---- */

static bool is_of(const char *input, const char *model) {
  size_t length = strlen(model);
  return strncmp(input, model, length) == 0 && input[length] == '/' && !strstr(input, "/state/");
}

/* The signature's tensors of one model, as the runtime describes them. `values` are the places of their numbers. */
static int describe(const retort_tensor *tensors, void *const *data, int count, const char *model, weight *to,
                    void **values) {
  int found = 0;
  for (int i = 0; i < count; i++) {
    if (!is_of(tensors[i].name, model))
      continue;
    weight w = {.path = tensors[i].name + strlen(model) + 1,
                .input = tensors[i].name,
                .dtype = tensors[i].dtype,
                .rank = tensors[i].rank};
    for (int k = 0; k < w.rank; k++)
      w.sizes[k] = retort_size_evaluate(&tensors[i].dims[k], NULL, 0, 1);
    values[found] = data[i];
    to[found++] = w;
  }
  return found;
}

static bool load_model(bound *b, const char *folder, const char *model, failure *f) {
  const retort_signature *s = executable_signature(b->executable);
  size_t room = (size_t)(s->weight_count + s->state_count);
  weight *described = memory_allocate(room, sizeof *described);
  void **values = memory_allocate(room, sizeof *values);
  int count = describe(s->weights, (void *const *)b->call.weights, s->weight_count, model, described, values);
  count += describe(s->states, b->call.states, s->state_count, model, described + count, values + count);
  weight_set *set = weight_set_create(count, described);
  char *path = memory_print("%s/%s.safetensors", folder, model), *extra = NULL;
  bool good = weight_set_load(set, path, &extra, f);
  for (int i = 0; i < count && good; i++)
    memcpy(values[i], set->items[i].data,
           (size_t)weight_count(&set->items[i]) * retort_dtype_size(set->items[i].dtype));
  free(extra);
  free(path);
  weight_set_free(set);
  free(values);
  free(described);
  return good;
}

static bool load_models(bound *b, const char *folder, const retort_tensor *tensors, int count, failure *f) {
  char last[64] = "";
  for (int i = 0; i < count; i++) {
    size_t length = strcspn(tensors[i].name, "/");
    if (strstr(tensors[i].name, "/state/") || length >= sizeof last ||
        (strncmp(last, tensors[i].name, length) == 0 && !last[length]))
      continue;
    memcpy(last, tensors[i].name, length);
    last[length] = 0;
    if (!load_model(b, folder, last, f))
      return false;
  }
  return true;
}

bool bound_load(bound *b, const char *folder, failure *f) {
  const retort_signature *s = executable_signature(b->executable);
  return load_models(b, folder, s->weights, s->weight_count, f) && load_models(b, folder, s->states, s->state_count, f);
}

/* ---- inputs ---- */

bool bound_read_sizes(const char *path, work *w, failure *f) {
  safetensors *file = safetensors_open(path, f);
  const safetensor *ids = file ? safetensors_find(file, "ids") : NULL;
  bool good = ids && ids->rank == 2;
  if (good) {
    w->rows = (int)ids->sizes[0];
    w->length = (int)ids->sizes[1];
  } else if (file) {
    fail(f, "%s: no ids of two dimensions", path);
  }
  safetensors_close(file);
  return good;
}

bool bound_read_inputs(bound *b, const char *path, failure *f) {
  const retort_signature *s = executable_signature(b->executable);
  safetensors *file = safetensors_open(path, f);
  for (int i = 0; file && i < s->input_count; i++) {
    const safetensor *t = safetensors_find(file, s->inputs[i].name);
    int64_t count = 1;
    for (int k = 0; k < s->inputs[i].rank; k++)
      count *= retort_size_evaluate(&s->inputs[i].dims[k], b->dims, s->dim_count, 1);
    if (!t)
      continue;
    if (t->dtype != SAFETENSORS_I32 || s->inputs[i].dtype != RETORT_I32 || safetensor_count(t) != count)
      fail(f, "%s: %s is not the step's", path, t->name);
    else
      memcpy((void *)b->call.inputs[i], t->data, (size_t)count * sizeof(int32_t));
  }
  safetensors_close(file);
  if (f->text)
    return false;
  retort_bind_sums(s, b->call.inputs, b->dims);
  return true;
}

/* ---- outputs of the teacher ---- */

static void copy_outputs(bound *to, const bound *from) {
  const retort_signature *made = executable_signature(from->executable), *read = executable_signature(to->executable);
  for (int i = 0; i < made->output_count; i++)
    for (int k = 0; k < read->input_count; k++) {
      if (strcmp(made->outputs[i].name, read->inputs[k].name) != 0)
        continue;
      int64_t count = 1;
      for (int d = 0; d < read->inputs[k].rank; d++)
        count *= retort_size_evaluate(&read->inputs[k].dims[d], to->dims, read->dim_count, 1);
      memcpy((void *)to->call.inputs[k], from->call.outputs[i],
             (size_t)count * retort_dtype_size(read->inputs[k].dtype));
    }
}

bool bound_feed(bound *b, const work *w, const graph *teacher, const bench_options *options, const char *weights,
                const char *inputs, failure *f) {
  const char *error = NULL;
  bound t = {.executable = executable_create(teacher, &options->compile, &error)};
  if (!t.executable)
    return fail(f, "%s", error);
  bound_make(&t, w, options->threads);
  bool good = bound_load(&t, weights, f) && bound_read_inputs(&t, inputs, f);
  if (good && executable_call(t.executable, &t.call) != RETORT_OK)
    good = fail(f, "the teacher cannot be called");
  if (good)
    copy_outputs(b, &t);
  bound_free(&t);
  executable_destroy(t.executable);
  return good;
}
