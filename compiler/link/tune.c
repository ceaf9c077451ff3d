/* What contractions cost on this machine. */
#include "compiler/link/tune.h"
#include "compiler/emit/emit.h"
#include "compiler/link/cache.h"
#include "compiler/link/jit.h"
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- measuring ---- */

static const int64_t shapes[][3] = {{4, 64, 64},     {8, 312, 312},   {16, 768, 768}, {32, 128, 128},  {32, 312, 312},
                                    {32, 1200, 312}, {64, 64, 64},    {64, 16, 64},   {64, 8, 64},     {64, 2, 312},
                                    {128, 128, 26},  {128, 26, 128},  {128, 128, 64}, {128, 64, 128},  {128, 312, 16},
                                    {128, 312, 8},   {128, 312, 312}, {128, 16, 768}, {128, 768, 312}, {256, 128, 512},
                                    {256, 24, 24},   {512, 48, 768},  {512, 768, 64}, {512, 256, 256}, {512, 8, 512}};
enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes, MEASURE_RUNS = 5, NUMBERS_MAX = 1024 * 1024 };
static const double seconds_least = 2e-4; /* of one measurement, so that a clock can tell */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *allocate(size_t bytes) {
  void *data = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!data)
    exit(EXIT_MEMORY);
  return data;
}

typedef struct workbench {
  const retort_tiles *tiles;
  void *packing;
  float *a, *b, *c;
} workbench;

static void contract(const workbench *w, const int64_t *s, int by_library) {
  int64_t m = s[0], n = s[1], k = s[2];
  if (by_library)
    retort_sgemm(0, 1, m, n, k, 1, w->a, k, w->b, k, 0, w->c, n, 1);
  else
    retort_contract(w->tiles, w->packing, 0, RETORT_TRANSPOSED, m, n, k, 1, w->a, k, w->b, k, 0, w->c, n, 1);
}

/* The least of several runs: other work on the machine can only add. */
static double measure(const workbench *w, const int64_t *sizes, int by_library) {
  double best = 0;
  int64_t times = 1;
  for (int run = 0; run < MEASURE_RUNS; run++) {
    double begin = now();
    for (int64_t i = 0; i < times; i++)
      contract(w, sizes, by_library);
    double all = now() - begin, one = all / (double)times;
    if (all < seconds_least && times < 1000000) {
      times *= 2;
      run--; /* too short to count */
      continue;
    }
    best = best == 0 || one < best ? one : best;
  }
  return best;
}

/* ---- fitting ---- */

enum { TERMS = 5, SWEEPS = 20000, UNIT_MAX = 32 };

static void terms_of(const tune_measurement *m, double unit_columns, double *terms) {
  for (int i = 0; i < TERMS; i++) {
    const double one[TERMS] = {[0] = i == 0, [1] = i == 1, [2] = i == 2, [3] = i == 3, [4] = i == 4};
    const retort_cost unit = {one[0], one[1], one[2], one[3], one[4], unit_columns};
    terms[i] = retort_cost_of(&unit, m->m, m->n, m->k);
  }
}

/* Least squares of relative errors under x >= 0, by descent along one term after the other; the problem is convex. */
static retort_cost fit_unit(const tune_measurement *measured, int count, int by, double unit) {
  double product[TERMS][TERMS] = {0}, wanted[TERMS] = {0}, x[TERMS] = {0};
  for (int i = 0; i < count; i++) {
    double terms[TERMS], scale = 1 / (measured[i].seconds[by] * 1e9);
    terms_of(&measured[i], unit, terms);
    for (int j = 0; j < TERMS; j++) {
      wanted[j] += terms[j] * scale;
      for (int k = 0; k < TERMS; k++)
        product[j][k] += terms[j] * scale * terms[k] * scale;
    }
  }
  for (int sweep = 0; sweep < SWEEPS; sweep++)
    for (int j = 0; j < TERMS; j++) {
      double rest = wanted[j];
      for (int k = 0; k < TERMS; k++)
        rest -= k == j ? 0 : product[j][k] * x[k];
      x[j] = rest > 0 ? rest / product[j][j] : 0;
    }
  return (retort_cost){x[0], x[1], x[2], x[3], x[4], unit};
}

static retort_cost fit(const tune_measurement *measured, int count, int by) {
  retort_cost best = {0};
  double least = -1;
  for (int unit = 1; unit <= UNIT_MAX; unit *= 2) {
    retort_cost found = fit_unit(measured, count, by, unit);
    double error = 0;
    for (int i = 0; i < count; i++) {
      const tune_measurement *m = &measured[i];
      double off = retort_cost_of(&found, m->m, m->n, m->k) / (m->seconds[by] * 1e9) - 1;
      error += off * off;
    }
    if (least < 0 || error < least) {
      least = error;
      best = found;
    }
  }
  return best;
}

static void measure_all(arena *a, const retort_tiles *tiles, tune_result *result) {
  workbench w = {.tiles = tiles,
                 .packing = allocate(RETORT_PACKING_BYTES),
                 .a = allocate(NUMBERS_MAX * sizeof(float)),
                 .b = allocate(NUMBERS_MAX * sizeof(float)),
                 .c = allocate(NUMBERS_MAX * sizeof(float))};
  for (int i = 0; i < NUMBERS_MAX; i++)
    w.a[i] = w.b[i] = (float)(i % 7) - 3;
  result->count = SHAPE_COUNT;
  result->measured = arena_array(a, tune_measurement, SHAPE_COUNT);
  for (int i = 0; i < SHAPE_COUNT; i++) {
    tune_measurement *m = &result->measured[i];
    *m = (tune_measurement){.m = shapes[i][0], .n = shapes[i][1], .k = shapes[i][2]};
    for (int by = 0; by < 2; by++)
      m->seconds[by] = measure(&w, shapes[i], by);
  }
  for (int by = 0; by < 2; by++)
    result->costs[by] = fit(result->measured, result->count, by);
  free(w.packing);
  free(w.a);
  free(w.b);
  free(w.c);
}

const char *tune_measure(arena *a, tune_result *result) {
  const char *wrong = NULL;
  target *t = target_create(a, NULL, &wrong);
  if (!t)
    return wrong;
  target_set_contractions(t, CONTRACTIONS_EMITTED);
  text object = {0};
  static const char symbol[] = "tiles_to_measure";
  wrong = emit_tiles_alone(a, t, symbol, &object);
  linked_object *linked = wrong ? NULL : jit_link(a, object.data, object.length, &wrong);
  const retort_tiles *tiles = linked ? jit_symbol(linked, a, symbol, &wrong) : NULL;
  if (tiles)
    measure_all(a, tiles, result);
  jit_unlink(linked);
  text_free(&object);
  target_destroy(t);
  return wrong;
}

/* ---- the file ----
 *   retort contractions 1
 *   CPU and features, the library and its kernels
 *   tiles CALL MULTIPLY RIGHT LEFT RESULT UNIT
 *   library CALL MULTIPLY RIGHT LEFT RESULT UNIT
 *   sum HASH        of everything before
 * Numbers are hexadecimal, so that they come back as they were. */

static const char head[] = "retort contractions 1\n";

static const char *machine(arena *a) {
  const char *wrong = NULL;
  target *t = target_create(a, NULL, &wrong);
  const char *described = t ? target_describe(t) : wrong;
  target_destroy(t);
  return arena_print(a, "%s, %s, %s", described, openblas_get_config(), openblas_get_corename());
}

const char *tune_path(arena *a, const char *folder) {
  const char *about = machine(a);
  return arena_print(a, "%s/contractions-%016llx.costs", folder, (unsigned long long)XXH3_64bits(about, strlen(about)));
}

static void print_file(arena *a, const retort_cost *costs, text *to) {
  text_add(to, "%s%s\n", head, machine(a));
  for (int i = 0; i < 2; i++) {
    const retort_cost *c = &costs[i];
    text_add(to, "%s %a %a %a %a %a %g\n", i ? "library" : "tiles", c->call, c->multiply, c->right, c->left, c->result,
             c->unit);
  }
  text_add(to, "sum %016llx\n", (unsigned long long)XXH3_64bits(to->data, to->length));
}

static bool parse_costs(const char *content, retort_cost *costs) {
  static const char *const names[] = {"\ntiles ", "\nlibrary "};
  for (int i = 0; i < 2; i++) {
    const char *at = strstr(content, names[i]);
    double *numbers[] = {&costs[i].call, &costs[i].multiply, &costs[i].right,
                         &costs[i].left, &costs[i].result,   &costs[i].unit};
    char *end = at ? (char *)(uintptr_t)at + strlen(names[i]) : NULL;
    for (int k = 0; k <= TERMS; k++) {
      char *start = end;
      if (!start)
        return false;
      *numbers[k] = strtod(start, &end);
      if (end == start || !(*numbers[k] >= 0) || *numbers[k] > 1e12)
        return false;
    }
    if (costs[i].unit < 1)
      return false;
  }
  return true;
}

const retort_cost *tune_read(arena *a, const char *folder) {
  FILE *file = fopen(tune_path(a, folder), "rb");
  if (!file)
    return NULL;
  char content[4096];
  size_t length = fread(content, 1, sizeof content - 1, file);
  fclose(file);
  content[length] = 0;
  retort_cost *costs = arena_array(a, retort_cost, 2);
  if (strlen(content) != length || strncmp(content, head, sizeof head - 1) != 0 || !parse_costs(content, costs))
    return NULL;
  text whole = {0}; /* what this machine would have written with these costs, sum and all */
  print_file(a, costs, &whole);
  bool sound = whole.length == length && memcmp(whole.data, content, length) == 0;
  text_free(&whole);
  return sound ? costs : NULL;
}

void tune_write(arena *a, const char *folder, const retort_cost *costs, bool replace) {
  const char *path = tune_path(a, folder), *temporary = arena_print(a, "%s.%ld", path, (long)getpid());
  cache_make_folder(folder);
  FILE *file = fopen(temporary, "wb");
  if (!file)
    return;
  text content = {0};
  print_file(a, costs, &content);
  bool good = fwrite(content.data, 1, content.length, file) == content.length;
  good = fclose(file) == 0 && good;
  text_free(&content);
  if (good && replace)
    good = rename(temporary, path) == 0;
  else if (good && link(temporary, path) != 0 && !tune_read(a, folder)) /* what is there is not sound */
    good = rename(temporary, path) == 0;
  if (!good || !replace)
    remove(temporary);
}

const retort_cost *tune_find(arena *a, const char *folder) {
  const retort_cost *kept = tune_read(a, folder);
  tune_result made;
  if (kept)
    return kept;
  cache_make_folder(folder);
  if (access(folder, W_OK) != 0 || tune_measure(a, &made) != NULL)
    return NULL;
  tune_write(a, folder, made.costs, false);
  return tune_read(a, folder); /* if another process was first, its costs */
}
