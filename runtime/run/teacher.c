#include "runtime/run/teacher.h"
#include "runtime/run/interrupt.h"
#include <stdlib.h>
#include <string.h>

enum {
  WIDTH_STEP = 16, /* of computed rows; */
  GROUP_ROWS = 64  /* so many at once */
};
static const double say_seconds = 10;

struct teacher_outputs {
  binding *binding;
  const retort_signature *signature;
  const dataset *data;
  batcher *batches;
  int threads;
  int value_count;
  kept_value *values;
  int64_t fixed_width; /* 0: any will do */
  kept_rows *kept;     /* NULL: nothing is */
  unsigned char **fed; /* of each value: what the step reads */
  size_t *fed_room;
};

/* ---- making one ---- */

static int find_rows_dim(const retort_signature *s) {
  for (int i = 0; s->dim_names && i < s->dim_count; i++)
    if (strcmp(s->dim_names[i], "B") == 0)
      return i;
  return -1;
}

teacher_outputs *teacher_create(const callable *function, int set_count, weight_set *const *sets, const dataset *data,
                                int threads, failure *f) {
  const retort_signature *s = function->signature;
  teacher_outputs *t = memory_allocate(1, sizeof *t);
  *t = (teacher_outputs){.signature = s, .data = data, .threads = threads, .value_count = s->output_count};
  t->binding = binding_create(function, set_count, sets, threads, f);
  t->values = memory_allocate((size_t)s->output_count, sizeof *t->values);
  t->fed = memory_allocate((size_t)s->output_count, sizeof *t->fed);
  t->fed_room = memory_allocate((size_t)s->output_count, sizeof *t->fed_room);
  for (int i = 0; i < s->output_count && !f->text; i++)
    kept_value_of(&s->outputs[i], find_rows_dim(s), &t->values[i], f);
  if (f->text) {
    teacher_free(t);
    return NULL;
  }
  t->fixed_width = binding_width(t->binding);
  t->batches = batcher_create(data, GROUP_ROWS, t->fixed_width, false, 0);
  return t;
}

void teacher_free(teacher_outputs *t) {
  if (!t)
    return;
  for (int i = 0; i < t->value_count; i++)
    free(t->fed[i]);
  free(t->fed);
  free(t->fed_room);
  free(t->values);
  kept_rows_free(t->kept);
  batcher_free(t->batches);
  binding_free(t->binding);
  free(t);
}

int teacher_value_count(const teacher_outputs *t) {
  return t->value_count;
}

kept_value *teacher_value(teacher_outputs *t, int index) {
  return &t->values[index];
}

int64_t teacher_bytes(const teacher_outputs *t) {
  kept_rows *k = kept_rows_create(t->value_count, t->values, t->data->count, t->data->starts);
  int64_t bytes = kept_rows_bytes(k);
  kept_rows_free(k);
  return bytes;
}

/* ---- computing ---- */

typedef struct asked { /* a row that is asked for */
  int64_t width, row;
  int64_t place; /* among those that were asked for together */
} asked;

/* Takes over one computed row: all its values, filled up to `width`. */
typedef bool take_row(void *context, const asked *a, const binding *computed);

static int64_t length_of(const teacher_outputs *t, int64_t row) {
  return t->data->starts[row + 1] - t->data->starts[row];
}

static int64_t width_of(const teacher_outputs *t, int64_t row) {
  int64_t width = (length_of(t, row) + WIDTH_STEP - 1) / WIDTH_STEP * WIDTH_STEP;
  width = width < t->data->longest ? width : t->data->longest;
  return t->fixed_width ? t->fixed_width : width > 0 ? width : 1;
}

static int by_width(const void *a, const void *b) {
  const asked *x = a, *y = b;
  if (x->width != y->width)
    return x->width < y->width ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

static bool compute_group(teacher_outputs *t, int64_t count, const asked *group, take_row *take, void *context,
                          failure *f) {
  int64_t rows[GROUP_ROWS] = {0};
  for (int64_t i = 0; i < count; i++)
    rows[i] = group[i].row;
  const batch *data = batcher_fill_rows(t->batches, rows, count, group[0].width);
  if (!binding_call(t->binding, data, &(step_values){.step = 1, .steps = 1}, f))
    return false;
  for (int64_t i = 0; i < count; i++) {
    asked one = group[i];
    one.row = i; /* in the group */
    if (!take(context, &one, t->binding))
      return false;
  }
  return true;
}

/* False after a failure, or when `take` wants no more, or (with `yielding`) after Ctrl-C. */
static bool compute(teacher_outputs *t, int64_t count, const int64_t *rows, take_row *take, void *context,
                    bool yielding, failure *f) {
  asked *all = memory_allocate((size_t)count, sizeof *all);
  for (int64_t i = 0; i < count; i++)
    all[i] = (asked){.width = width_of(t, rows[i]), .row = rows[i], .place = i};
  qsort(all, (size_t)count, sizeof *all, by_width);
  bool good = true;
  for (int64_t begin = 0, end; begin < count && good; begin = end) {
    end = begin + 1;
    while (end < count && end - begin < GROUP_ROWS && all[end].width == all[begin].width)
      end++;
    good = !(yielding && interrupt_requested()) && compute_group(t, end - begin, all + begin, take, context, f);
  }
  free(all);
  return good;
}

/* A value of a row in the group that was computed last. */
static const unsigned char *computed_row(const teacher_outputs *t, const binding *computed, int value, const asked *a) {
  const kept_value *v = &t->values[value];
  size_t bytes = (size_t)kept_elements(v, a->width) * retort_dtype_size(v->dtype);
  return (const unsigned char *)binding_output_at(computed, value) + (size_t)a->row * bytes;
}

/* ---- keeping ---- */

int64_t teacher_open(teacher_outputs *t, const char *folder, const kept_key *key, failure *wrong) {
  kept_rows_free(t->kept);
  t->kept = kept_rows_create(t->value_count, t->values, t->data->count, t->data->starts);
  kept_rows_open(t->kept, folder, key, wrong);
  int64_t there = 0;
  for (int i = 0; i < kept_rows_files(t->kept); i++) {
    int64_t first, count;
    kept_rows_range(t->kept, i, &first, &count);
    there += kept_rows_there(t->kept, i) ? count : 0;
  }
  return there;
}

typedef struct filling {
  teacher_outputs *teacher;
  int64_t first;
  size_t *offsets; /* of rows from the first one on */
  unsigned char *rows;
  kept_error error;
  failure *failure;
  progress *progress;
  const char *stage;
  double said;
  int64_t done;
} filling;

static bool keep_row(void *context, const asked *a, const binding *computed) {
  filling *l = context;
  const teacher_outputs *t = l->teacher;
  unsigned char *to = l->rows + l->offsets[a->place];
  int64_t length = length_of(t, l->first + a->place);
  for (int i = 0; i < t->value_count; i++) {
    if (!kept_write(&t->values[i], length, a->width, computed_row(t, computed, i, a), to, &l->error))
      return fail(l->failure, "'%s' has numbers beyond 65504, for which 16 bits have no place", t->values[i].name);
    to += kept_bytes(&t->values[i], length);
  }
  l->done++;
  double now = monotonic_seconds();
  if (now - l->said >= say_seconds) {
    progress_say(l->progress, "%s  teacher outputs: %lld of %lld rows", l->stage, (long long)l->done,
                 (long long)t->data->count);
    l->said = now;
  }
  return true;
}

static teacher_result fill_file(filling *l, int file, failure *f) {
  teacher_outputs *t = l->teacher;
  int64_t count;
  kept_rows_range(t->kept, file, &l->first, &count);
  int64_t *rows = memory_allocate((size_t)count, sizeof *rows);
  l->offsets = memory_allocate((size_t)count, sizeof *l->offsets);
  l->error = (kept_error){0};
  size_t bytes = 0;
  for (int64_t i = 0; i < count; i++) {
    rows[i] = l->first + i;
    l->offsets[i] = bytes;
    bytes += kept_rows_size(t->kept, rows[i]);
  }
  l->rows = memory_allocate(bytes, 1);
  failure broken = {0}; /* the function itself */
  teacher_result result = TEACHER_KEPT;
  if (!compute(t, count, rows, keep_row, l, true, &broken))
    result = f->text ? TEACHER_TOO_LARGE : broken.text ? TEACHER_NOT_KEPT : TEACHER_INTERRUPTED;
  else if (!kept_rows_write(t->kept, file, l->rows, &l->error, f))
    result = TEACHER_NOT_KEPT;
  if (broken.text)
    fail(f, "%s", broken.text);
  failure_free(&broken);
  free(l->rows);
  free(l->offsets);
  free(rows);
  return result;
}

void teacher_forget(teacher_outputs *t) {
  kept_rows_free(t->kept);
  t->kept = NULL;
}

teacher_result teacher_fill(teacher_outputs *t, progress *p, const char *stage, failure *f) {
  filling l = {.teacher = t, .failure = f, .progress = p, .stage = stage, .said = monotonic_seconds()};
  teacher_result result = TEACHER_KEPT;
  for (int i = 0; i < kept_rows_files(t->kept) && result == TEACHER_KEPT; i++) {
    int64_t first, count;
    kept_rows_range(t->kept, i, &first, &count);
    if (kept_rows_there(t->kept, i))
      l.done += count;
    else
      result = fill_file(&l, i, f);
  }
  if (result != TEACHER_KEPT)
    teacher_forget(t);
  return result;
}

kept_error teacher_error(const teacher_outputs *t) {
  return t->kept ? kept_rows_error(t->kept) : (kept_error){0};
}

/* ---- feeding steps ---- */

typedef struct feeding {
  const teacher_outputs *teacher;
  const batch *data;
  failure *failure;
} feeding;

static void reserve(teacher_outputs *t, const batch *data) {
  for (int i = 0; i < t->value_count; i++) {
    const kept_value *v = &t->values[i];
    size_t bytes = (size_t)(data->rows * kept_elements(v, data->width)) * retort_dtype_size(v->dtype);
    if (bytes <= t->fed_room[i])
      continue;
    free(t->fed[i]);
    t->fed[i] = memory_allocate_aligned(bytes, 1);
    t->fed_room[i] = bytes;
  }
}

static unsigned char *fed_row(const teacher_outputs *t, int value, int64_t row, int64_t width) {
  const kept_value *v = &t->values[value];
  return t->fed[value] + (size_t)(row * kept_elements(v, width)) * retort_dtype_size(v->dtype);
}

static void read_rows(void *context, int64_t begin, int64_t end, int64_t worker) {
  (void)worker;
  const feeding *g = context;
  const teacher_outputs *t = g->teacher;
  for (int64_t row = begin; row < end; row++) {
    const unsigned char *from = kept_rows_at(t->kept, g->data->indices[row]);
    int64_t length = g->data->lengths[row];
    for (int i = 0; i < t->value_count; i++) {
      kept_read(&t->values[i], length, g->data->width, from, fed_row(t, i, row, g->data->width));
      from += kept_bytes(&t->values[i], length);
    }
  }
}

/* As if it had been kept. */
static bool feed_row(void *context, const asked *a, const binding *computed) {
  const feeding *g = context;
  const teacher_outputs *t = g->teacher;
  int64_t length = g->data->lengths[a->place], width = g->data->width;
  for (int i = 0; i < t->value_count; i++) {
    const kept_value *v = &t->values[i];
    const unsigned char *from = computed_row(t, computed, i, a);
    unsigned char *to = fed_row(t, i, a->place, width);
    if (v->form == KEPT_WHOLE) {
      kept_copy(v, length, a->width, from, width, to);
      continue;
    }
    kept_error unused = {0};
    unsigned char *kept = memory_allocate(kept_bytes(v, length), 1);
    bool good = kept_write(v, length, a->width, from, kept, &unused);
    kept_read(v, length, width, kept, to);
    free(kept);
    if (!good)
      return fail(g->failure, "'%s' has numbers beyond 65504, for which 16 bits have no place", v->name);
  }
  return true;
}

bool teacher_feed(teacher_outputs *t, binding *step, const batch *data, failure *f) {
  reserve(t, data);
  feeding g = {t, data, f};
  if (t->kept)
    retort_parallel(read_rows, &g, data->rows, t->threads);
  else if (!compute(t, data->rows, data->indices, feed_row, &g, false, f))
    return false;
  for (int i = 0; i < t->value_count; i++)
    binding_feed(step, t->values[i].name, t->fed[i], data->rows * kept_elements(&t->values[i], data->width));
  return true;
}
