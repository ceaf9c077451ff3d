/* Graph text: one form, read back the same; refusals with their line; and the verifier on graphs that text cannot make.
 */
#include "compiler/graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const span nowhere = {0};

static int start(void **state) {
  *state = arena_create();
  return 0;
}

static int stop(void **state) {
  arena_destroy(*state);
  return 0;
}

static const char *const whole = "graph \"a name\" {\n"
                                 "  dim B\n"
                                 "  dim T of B lengths \"ids.lengths\"\n"
                                 "  %0 = input state f32[30522, 8] \"embeddings.weight\"\n"
                                 "  %1 = input data i32[B, T] \"ids\" as \"ids\"\n"
                                 "  %2 = gather f32[B, T, 8] %0 %1 @ models/nn.rt:12:5-12:30\n"
                                 "  %3 = constant f32[] -inf as \"x\\\"y\\\\\\x0a\" @ \"with space.rt\":1:2-3:4\n"
                                 "  %4 = constant f32[] 0.1\n"
                                 "  %5 = constant f32[] nan\n"
                                 "  %6 = constant f32[] -0\n"
                                 "  %7 = constant f32[] 1.1754943508222875e-38\n"
                                 "  %8 = pad f32[B, 2*T + 3, 8] %2 low [0, 1, 0] interior [0, 1, 0] high [0, 3, 0]\n"
                                 "  %9 = slice f32[B, 1, 4] %8 low [0, 2*T + 2, 0] step [1, 1, 2]\n"
                                 "  %10 = input data i64[2] \"key\"\n"
                                 "  %11 = random f32[B] %10 site 4294967295 \"layer.0.dropout\"\n"
                                 "  %12 = input weight f32[2] \"frozen.0\"\n"
                                 "  output \"loss\" %9\n"
                                 "  update \"embeddings.weight\" %0\n"
                                 "  prepare {\n"
                                 "    %0 = input weight f32[2] \"w\"\n"
                                 "    %1 = neg f32[2] %0\n"
                                 "    output \"frozen.0\" %1\n"
                                 "  }\n"
                                 "}\n";

static void text_reads_back(void **state) {
  const char *error;
  graph *g = graph_parse(*state, whole, strlen(whole), &error);
  if (!g)
    fail_msg("%s", error);
  assert_non_null(g->prepare);
  text t = {0};
  graph_print(g, true, &t);
  assert_string_equal(t.data, whole);
  text_free(&t);
  graph_print(g, false, &t);
  assert_null(strstr(t.data, "@"));
  text_free(&t);
}

static void comments_and_spaces_do_not_matter(void **state) {
  static const char *const loose = "# head\n\n graph  g{ # open\n\n dim  B\n%0=input data f32[ B,2 ]\"x\"#c\n"
                                   "\toutput\"y\"%0\r\n } # end\n\n# more";
  const char *error;
  graph *g = graph_parse(*state, loose, strlen(loose), &error);
  if (!g)
    fail_msg("%s", error);
  text t = {0};
  graph_print(g, false, &t);
  assert_string_equal(t.data, "graph g {\n  dim B\n  %0 = input data f32[B, 2] \"x\"\n  output \"y\" %0\n}\n");
  text_free(&t);
}

static void refusals_name_their_line(void **state) {
  static const char *const refused[][2] = {
      {"", "line 1: expected 'graph'"},
      {"graph g {\n", "line 2: expected a node, dim, output, update, prepare or '}'"},
      {"graph g {\n}\nx", "line 3: text behind the graph"},
      {"graph g {\n  %1 = constant f32[] 1\n}", "line 2: expected %0"},
      {"graph g {\n  %0 = neg f32[] %0\n}", "line 2: %0 is used before it is there"},
      {"graph g {\n  %0 = nag f32[] 1\n}", "line 2: unknown operation 'nag'"},
      {"graph g {\n  %0 = constant f64[] 1\n}", "line 2: expected an element type"},
      {"graph g {\n  %0 = constant f32[B] 1\n}", "line 2: unknown dim 'B'"},
      {"graph g {\n  %0 = constant f32[99999999999999999999] 1\n}", "line 2: expected a size"},
      {"graph g {\n  %99999999999999999999 = constant f32[] 1\n}", "line 2: a number is out of range"},
      {"graph g {\n  %0 = constant f32[] 1 2\n}", "line 2: expected the end of the line"},
      {"graph g {\n  %0 = constant f32[]\n}", "line 2: expected a number"},
      {"graph g {\n  dim B\n  dim B\n}", "line 3: dim 'B' is there twice"},
      {"graph g {\n  dim T of B lengths \"l\"\n}", "line 2: unknown dim 'B'"},
      {"graph g {\n  dim B\n  dim T of 2*B lengths \"l\"\n}",
       "line 3: 'T' is ragged over something that is no dim's name"},
      {"graph g {\n  %0 = input data f32[] \"x\n\"\n}", "line 2: a string is not closed, or has an unknown escape"},
      {"graph g {\n  %0 = input data f32[] \"x\\q\"\n}", "line 2: a string is not closed, or has an unknown escape"},
      {"graph g {\n  %0 = input some f32[] \"x\"\n}", "line 2: expected data, weight or state"},
      {"graph g {\n  output \"x\" %0\n}", "line 2: %0 is used before it is there"},
      {"graph g {\n  %0 = constant f32[] 1\n  update \"x\" %0\n}", "line 4: \"x\" is updated, but is no input"},
      {"graph g {\n  prepare {\n  prepare {\n  }\n  }\n}", "line 3: 'prepare' is there twice"},
      {"graph g {\n  %0 = input data f32[] \"x\"\n  %1 = input data f32[] \"x\"\n}", "two inputs are called \"x\""},
      {"graph g {\n  %0 = constant f32[] 1\n  output \"x\" %0\n  output \"x\" %0\n}", "two outputs are called \"x\""},
      {"graph g {\n  %0 = input data f32[] \"x\"\n  update \"x\" %0\n}", "update \"x\" is of no state"},
      {"graph g {\n  %0 = input state f32[] \"x\"\n  update \"x\" %0\n  update \"x\" %0\n}", "\"x\" is updated twice"},
      {"graph g {\n  %0 = input state f32[] \"x\"\n  %1 = constant f32[2] 1\n  update \"x\" %1\n}",
       "update \"x\" is f32[2], the state f32"},
      {"graph g {\n  dim B\n  dim T of B lengths \"l\"\n  %0 = input data i32[T] \"l\"\n}",
       "\"l\" is i32[T], but holds the lengths of T: one i32 for each row"},
      {"graph g {\n  %0 = input data f32[] \"w\"\n  prepare {\n  %0 = constant f32[] 1\n  output \"w\" %0\n  }\n}",
       "prepare: \"w\" is f32, but the input is no weight of that type"},
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    const char *error;
    if (graph_parse(*state, refused[i][0], strlen(refused[i][0]), &error))
      fail_msg("accepted: %s", refused[i][0]);
    assert_string_equal(error, refused[i][1]);
  }
  const char *error;
  assert_null(graph_parse(*state, "graph g {\0\n}", 12, &error));
  assert_string_equal(error, "line 1: expected the end of the line");
}

/* ---- the verifier ---- */

typedef struct small {
  graph *graph;
  node *x, *y, *sum;
} small;

static small small_graph(arena *a) {
  dim_table *t = dim_table_create(a);
  small s = {.graph = graph_create(a, t, "g")};
  shape three = {1, {dim_constant(t, 3)}};
  s.x = graph_input(s.graph, INPUT_STATE, "x", DTYPE_F32, three, nowhere);
  s.y = graph_input(s.graph, INPUT_DATA, "y", DTYPE_F32, three, nowhere);
  s.sum = graph_binary(s.graph, OP_add, s.x, s.y, nowhere);
  graph_output_add(s.graph, "sum", s.sum);
  graph_update_add(s.graph, s.x, s.sum);
  return s;
}

static void verifier_finds_damage(void **state) {
  small s = small_graph(*state);
  assert_null(graph_verify(s.graph));

  s = small_graph(*state);
  s.sum->operands[1] = s.sum;
  assert_string_equal(graph_verify(s.graph), "%2: operand 1 is no node before it");
  s = small_graph(*state);
  s.sum->operands[1] = small_graph(*state).y;
  assert_string_equal(graph_verify(s.graph), "%2: operand 1 is no node before it");
  s = small_graph(*state);
  s.sum->dtype = DTYPE_I32;
  assert_string_equal(graph_verify(s.graph), "%2: 'add' gives f32[3], not i32[3]");
  s = small_graph(*state);
  s.sum->shape.dims[0] = dim_constant(s.graph->dims, 4);
  assert_string_equal(graph_verify(s.graph), "%2: 'add' gives f32[3], not f32[4]");
  s = small_graph(*state);
  s.sum->operand_count = 1;
  assert_string_equal(graph_verify(s.graph), "%2: 'add' takes 2 operands, not 1");
  s = small_graph(*state);
  s.y->shape.rank = 9;
  assert_string_equal(graph_verify(s.graph), "%1: rank 9 is not between 0 and 8");
  s = small_graph(*state);
  s.y->id = 7;
  assert_string_equal(graph_verify(s.graph), "%7 stands at position 1");
  s = small_graph(*state);
  s.graph->outputs[0].value = small_graph(*state).x;
  assert_string_equal(graph_verify(s.graph), "output 0 has no value");
  s = small_graph(*state);
  s.graph->outputs[1].state = s.y;
  assert_string_equal(graph_verify(s.graph), "update \"x\" is of no state");
  s = small_graph(*state);
  node_attributes whole_axis = {.slice = {.low = {dim_constant(s.graph->dims, 0)}, .step = {1}}};
  node *slice = graph_add(s.graph, OP_slice, 1, &s.x, &whole_axis, DTYPE_F32, &s.x->shape, nowhere);
  assert_null(graph_verify(s.graph));
  slice->attributes.slice.low[0] = NULL;
  assert_string_equal(graph_verify(s.graph), "%3: 'slice' does not say where axis 0 begins");
}

/* ---- rewriting ---- */

static node *negate_instead(void *context, graph *to, const node *old, node **operands) {
  *(int *)context += 1;
  if (old->op == OP_add)
    return graph_unary(to, OP_neg, operands[0], old->where);
  return graph_copy_node(to, old, operands);
}

static void rewriting_maps_operands_and_outputs(void **state) {
  small s = small_graph(*state);
  s.x->name = "a name";
  int calls = 0;
  bool keep[3] = {true, false, true};
  graph *g = graph_rewrite(s.graph, keep, negate_instead, &calls);
  assert_null(graph_verify(g));
  assert_int_equal(calls, 2);
  assert_int_equal(g->node_count, 2);
  assert_string_equal(g->nodes[0]->name, "a name");
  assert_int_equal(g->nodes[1]->op, OP_neg);
  assert_ptr_equal(g->outputs[0].value, g->nodes[1]);
  assert_ptr_equal(g->outputs[1].state, g->nodes[0]);
  assert_ptr_equal(g->outputs[1].value, g->nodes[1]);
}

static void twenty_thousand_nodes_are_quick(void **state) {
  dim_table *t = dim_table_create(*state);
  graph *g = graph_create(*state, t, "long");
  shape s = {3, {dim_named(t, "B"), dim_named(t, "T"), dim_constant(t, 256)}};
  node *x = graph_input(g, INPUT_DATA, "x", DTYPE_F32, s, nowhere);
  for (int i = 0; i < 20000; i++)
    x = graph_binary(g, i & 1 ? OP_mul : OP_add, x, x, nowhere);
  graph_output_add(g, "x", x);
  text t1 = {0}, t2 = {0};
  graph_print(g, true, &t1);
  const char *error;
  graph *back = graph_parse(*state, t1.data, t1.length, &error);
  assert_non_null(back);
  graph_print(back, true, &t2);
  assert_string_equal(t1.data, t2.data);
  text_free(&t1);
  text_free(&t2);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
  const struct CMUnitTest tests[] = {
      TEST(text_reads_back),       TEST(comments_and_spaces_do_not_matter),   TEST(refusals_name_their_line),
      TEST(verifier_finds_damage), TEST(rewriting_maps_operands_and_outputs), TEST(twenty_thousand_nodes_are_quick),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
