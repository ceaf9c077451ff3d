/* The cut between a teacher and the step that reads what it gives: the methods of examples/ mean the same with it, by
 * the interpreter. What the teacher gives for a row is the same in a wider batch and among other rows, and zeros will
 * do behind a row's end. */
#include "compiler/check/program.h"
#include "compiler/passes/min_cut.h"
#include "compiler/passes/teacher.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 3, LONGEST = 5, VOCABULARY = 86, COUNT_MAX = 1 << 20 };
static const int64_t row_lengths[ROWS] = {5, 2, 4};

typedef struct batch_of { /* a batch: rows first … first + count - 1, filled up to `width` */
  int64_t first, count, width;
} batch_of;

static uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = (a + 1) * 0x9e3779b97f4a7c15u ^ (b + 7) * 0xc2b2ae3d27d4eb4fu;
  x ^= x >> 31;
  x *= 0x94d049bb133111ebu;
  return x ^ x >> 29;
}

static uint64_t hash_name(const char *name) {
  uint64_t h = 0;
  for (; *name; name++)
    h = mix(h, (uint64_t)(unsigned char)*name);
  return h;
}

static int64_t *bind(const graph *g, batch_of s) {
  int64_t *bindings = arena_array(g->arena, int64_t, dim_symbol_count(g->dims) + 1);
  for (int i = 0; i < dim_symbol_count(g->dims); i++)
    bindings[i] = dim_symbol_at(g->dims, i)->of ? s.width : s.count;
  return bindings;
}

/* A field of the batch at a row and a token; behind the row's end anything. */
static double field(const char *name, int64_t row, int64_t token) {
  bool padding = token >= row_lengths[row];
  if (strstr(name, ".lengths"))
    return (double)row_lengths[row];
  if (strcmp(name, "ids") == 0)
    return padding ? 3 : (double)(mix((uint64_t)row, (uint64_t)token) % VOCABULARY);
  if (strcmp(name, "types") == 0)
    return padding ? 1 : (double)(token % 2);
  return strcmp(name, "row") == 0 ? (double)row : strcmp(name, "label") == 0 ? (double)(row % 2) : 1;
}

/* Weights are small, the variances among them positive. */
static tensor_value make_input(const node *n, const int64_t *bindings, dim_table *t, batch_of s) {
  const char *name = n->attributes.input.name;
  tensor_value v = {.count = dim_evaluate(shape_elements(t, n->shape), bindings)};
  assert_true(v.count <= COUNT_MAX);
  v.data = calloc((size_t)v.count + 1, sizeof *v.data);
  bool of_batch = n->attributes.input.kind == INPUT_DATA && n->shape.rank > 0 && strcmp(name, "key") != 0;
  int64_t across = of_batch ? v.count / s.count : 1;
  for (int64_t i = 0; i < v.count; i++)
    v.data[i] = of_batch                                 ? field(name, s.first + i / across, i % across)
                : n->attributes.input.kind == INPUT_DATA ? 1
                                                         : (double)(mix(hash_name(name), (uint64_t)i) % 2001) * 1e-4 -
                                                               0.1 + (strstr(name, "LayerNorm.weight") ? 1 : 0);
  return v;
}

typedef struct evaluated {
  const graph *graph;
  tensor_value *values, *inputs;
} evaluated;

static bool is_padding(const node *n, const int64_t *sizes, int64_t index, batch_of s) {
  int64_t at[RANK_MAX];
  for (int i = n->shape.rank - 1; i >= 0; i--) {
    at[i] = index % sizes[i];
    index /= sizes[i];
  }
  for (int i = 1; i < n->shape.rank; i++) {
    const dim_symbol *symbol = dim_as_symbol(n->shape.dims[i]);
    if (symbol && symbol->of && at[i] >= row_lengths[s.first + at[0]])
      return true;
  }
  return false;
}

static void find_sizes(const graph *g, const node *n, batch_of s, int64_t *sizes) {
  const int64_t *bindings = bind(g, s);
  for (int i = 0; i < n->shape.rank; i++)
    sizes[i] = dim_evaluate(n->shape.dims[i], bindings);
}

static tensor_value without_padding(const evaluated *from, int output, batch_of s) {
  const node *n = from->graph->outputs[output].value;
  int64_t sizes[RANK_MAX];
  find_sizes(from->graph, n, s, sizes);
  tensor_value v = {.count = from->values[n->id].count};
  v.data = calloc((size_t)v.count + 1, sizeof *v.data);
  for (int64_t i = 0; i < v.count; i++)
    v.data[i] = is_padding(n, sizes, i, s) ? 0 : from->values[n->id].data[i];
  return v;
}

static evaluated evaluate(const graph *g, batch_of s, const evaluated *fed) {
  evaluated e = {.graph = g, .inputs = calloc((size_t)g->node_count + 1, sizeof *e.inputs)};
  const int64_t *bindings = bind(g, s);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_input)
      continue;
    bool given = false;
    for (int i = 0; fed && i < fed->graph->output_count && !given; i++)
      if ((given = strcmp(fed->graph->outputs[i].name, n->attributes.input.name) == 0))
        e.inputs[id] = without_padding(fed, i, s);
    if (!given)
      e.inputs[id] = make_input(n, bindings, g->dims, s);
  }
  e.values = graph_interpret(g, bindings, e.inputs, false);
  assert_non_null(e.values);
  return e;
}

static void release(evaluated *e) {
  for (int id = 0; id < e->graph->node_count; id++)
    free(e->inputs[id].data);
  free(e->inputs);
  interpret_free(e->graph, e->values);
}

static void expect_near(const char *stage, const char *what, double x, double y) {
  if (!(fabs(x - y) <= 1e-11 * (1 + fabs(x))))
    fail_msg("%s, %s: %.17g is not %.17g", stage, what, x, y);
}

/* ---- a stage ---- */

static void compare_losses(const char *stage, const graph *joint, const teacher_cut *cut) {
  const batch_of all = {0, ROWS, LONGEST};
  evaluated whole = evaluate(joint, all, NULL), teacher = evaluate(cut->teacher, all, NULL);
  evaluated step = evaluate(cut->step, all, &teacher);
  assert_int_equal(step.graph->output_count, whole.graph->output_count);
  for (int i = 0; i < whole.graph->output_count; i++) {
    assert_string_equal(step.graph->outputs[i].name, whole.graph->outputs[i].name);
    double x = whole.values[whole.graph->outputs[i].value->id].data[0];
    assert_true(isfinite(x));
    expect_near(stage, whole.graph->outputs[i].name, x, step.values[step.graph->outputs[i].value->id].data[0]);
  }
  release(&whole);
  release(&teacher);
  release(&step);
}

/* What is real of row `row` in both, a batch of all rows and another one. */
static void compare_row(const char *stage, const evaluated *all, batch_of s, const evaluated *other, batch_of t,
                        int64_t row) {
  for (int k = 0; k < all->graph->output_count; k++) {
    const node *n = all->graph->outputs[k].value;
    int64_t wide[RANK_MAX], sizes[RANK_MAX], count = 1, wide_count = 1;
    find_sizes(all->graph, n, s, sizes);
    find_sizes(all->graph, n, t, wide);
    for (int i = 1; i < n->shape.rank; i++) {
      count *= sizes[i];
      wide_count *= wide[i];
    }
    for (int64_t i = 0; i < count; i++) {
      int64_t left = i, place = 0, step = 1;
      if (is_padding(n, sizes, (row - s.first) * count + i, s))
        continue;
      for (int axis = n->shape.rank - 1; axis > 0; axis--) {
        place += left % sizes[axis] * step;
        left /= sizes[axis];
        step *= wide[axis];
      }
      expect_near(stage, all->graph->outputs[k].name, all->values[n->id].data[(row - s.first) * count + i],
                  other->values[n->id].data[(row - t.first) * wide_count + place]);
    }
  }
}

static void compare_rows(const char *stage, const graph *teacher) {
  const batch_of all = {0, ROWS, LONGEST}, wide = {0, ROWS, LONGEST + 3};
  evaluated a = evaluate(teacher, all, NULL), w = evaluate(teacher, wide, NULL);
  for (int64_t row = 0; row < ROWS; row++) {
    const batch_of alone = {row, 1, row_lengths[row]};
    evaluated one = evaluate(teacher, alone, NULL);
    compare_row(stage, &a, all, &w, wide, row);
    compare_row(stage, &one, alone, &a, all, row);
    release(&one);
  }
  release(&a);
  release(&w);
}

static int check_file(const char *path) {
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  program *p = program_load(a, path, &(program_options){.models = "models"}, d);
  assert_non_null(p);
  int cut_stages = 0;
  for (int i = 0; i < program_stage_count(p); i++) {
    const program_stage *s = program_stage_at(p, i);
    if (s->teacher_count == 0 || !s->optimizer)
      continue;
    graph *joint = program_stage_graph(p, i, GRAPH_FORWARD, d);
    assert_non_null(joint);
    teacher_cut cut = teacher_cut_find(joint, 12);
    if (!cut.teacher)
      continue;
    cut_stages++;
    assert_null(graph_verify(cut.teacher));
    assert_null(graph_verify(cut.step));
    compare_losses(s->name, joint, &cut);
    compare_rows(s->name, cut.teacher);
  }
  assert_int_equal(diagnostics_error_count(d), 0);
  arena_destroy(a);
  return cut_stages;
}

static void methods_mean_the_same(void **state) {
  (void)state;
  assert_true(check_file("examples/methods.rt") >= 10);
  assert_int_equal(check_file("examples/demo.rt"), 2);
}

/* ---- the least cut ---- */

static void cuts_where_it_is_least(void **state) {
  (void)state;
  arena *a = arena_create();
  min_cut *c = min_cut_create(a, 6);
  /* 0 -> 2 -> 3 -> 1 and 0 -> 4 -> 5 -> 1, with a way across */
  min_cut_edge(c, 0, 2, 10);
  min_cut_edge(c, 2, 3, 4);
  min_cut_edge(c, 3, 1, 4);
  min_cut_edge(c, 0, 4, 3);
  min_cut_edge(c, 4, 5, MIN_CUT_UNBOUNDED);
  min_cut_edge(c, 5, 1, 9);
  min_cut_edge(c, 2, 5, 1);
  bool behind[6];
  min_cut_run(c, behind);
  assert_false(behind[0] || behind[2] || behind[3]); /* of 2-3 and 3-1 the later one */
  assert_true(behind[1] && behind[4] && behind[5]);
  arena_destroy(a);
}

static void unbounded_edges_stay(void **state) {
  (void)state;
  arena *a = arena_create();
  min_cut *c = min_cut_create(a, 4);
  min_cut_edge(c, 0, 2, MIN_CUT_UNBOUNDED);
  min_cut_edge(c, 2, 3, 1000);
  min_cut_edge(c, 3, 1, MIN_CUT_UNBOUNDED);
  min_cut_edge(c, 3, 2, MIN_CUT_UNBOUNDED); /* backwards: no flow */
  bool behind[4];
  min_cut_run(c, behind);
  assert_true(!behind[2] && behind[3]);
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cuts_where_it_is_least),
      cmocka_unit_test(unbounded_edges_stay),
      cmocka_unit_test(methods_mean_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
