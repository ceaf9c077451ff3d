/* Functions of models/ against what they equal by their definitions. Each row is a function of the language without
 * parameters that gives a difference: it has to be 0. Numbers made elsewhere stand in tests/reference. */
#include "tests/unit/checked.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char source[] =
    "use nn, losses, outputs, encoders, relations, teachers, layer_maps, augmentation\n"
    "function data(rows: int, width: int, seed: real) {\n"
    "  return reshape(2 * sin(f32(iota(rows * width)) * 12.9898 + seed), [rows, width])\n"
    "}\n"
    "function off(a, b) = sum(abs(a - b))\n"
    "function other(got: list, wanted: list) {\n"
    "  if len(got) != len(wanted) { return 1 }\n"
    "  let sum_off = 0\n"
    "  for i in 0 .. len(got) { sum_off = sum_off + maximum(got[i] - wanted[i], wanted[i] - got[i]) }\n"
    "  return sum_off\n"
    "}\n"
    "function id_of_place(x, k: int) = argmax(where(places_down(x) == f32(k), 1.0, 0.0), axis: -1)\n"
    "function kept_classes(x, k: int) = i64(concat([id_of_place(x, j)[:, new] for j in 0 .. k], axis: 1))\n"
    /* the k best by themselves, or found in the logits */
    "function top() {\n"
    "  let t = data(5, 7, 0.3)\n"
    "  let s = data(5, 7, 1.9)\n"
    "  let kept = top_divergence(s, sorted_down(softmax(t))[:, :3], kept_classes(t, 3))\n"
    "  return off(kept, top_divergence_of(s, t, 3))\n"
    "}\n"
    "function top_all() = off(top_divergence_of(data(5, 7, 1.9), data(5, 7, 0.3), 6), kl_divergence(data(5, 7, 1.9), "
    "data(5, 7, 0.3)))\n"
    "function n_th() = off(largest(data(5, 7, 0.3), 3), sorted_down(data(5, 7, 0.3))[:, 2:3])\n"
    "function sorted() = off(sum(sorted_down(data(5, 7, 0.3)), axis: -1), sum(data(5, 7, 0.3), axis: -1))\n"
    "function equal_ones() = off(sorted_down(floor(f32(iota(6)) / 2)[new])[0], floor((5 - f32(iota(6))) / 2))\n"
    "function drawn_one() = f32(sum(abs(drawn_words(reshape(data(5, 14, 0.3), [5, 2, 7]), 1) - argmax(reshape(data(5, "
    "14, 0.3), [5, 2, 7]), axis: -1))))\n"
    "function drawn_among() {\n"
    "  let x = reshape(data(5, 14, 0.3), [5, 2, 7])\n"
    "  let picked = one_hot(drawn_words(x, 3), 7)\n"
    "  return sum(where(picked * f32(places_down(x)) > 2.5, 1.0, 0.0)) + off(sum(picked, axis: -1), 1.0)\n"
    "}\n"
    "function symmetric() = off(generalized_jsd(data(5, 7, 1.9), data(5, 7, 0.3)), generalized_jsd(data(5, 7, 0.3), "
    "data(5, 7, 1.9)))\n"
    "function one_teacher() = off(mean_teacher_divergence(data(5, 7, 1.9), [data(5, 7, 0.3)], 2.0), "
    "soft_label_divergence(data(5, 7, 1.9), data(5, 7, 0.3), 2.0))\n"
    "function by_rows() = off(mean(row_divergence(data(5, 7, 1.9), data(5, 7, 0.3), 2.0)), kl_divergence(data(5, 7, "
    "1.9), data(5, 7, 0.3), 2.0))\n"
    "function class_mean() = off(class_mean_divergence(data(5, 7, 1.9), data(5, 7, 0.3), 2.0) * 7, "
    "soft_label_divergence(data(5, 7, 1.9), data(5, 7, 0.3), 2.0))\n"
    "function same_entropy() = off(class_mean_soft_cross_entropy(data(5, 7, 1.9), data(5, 7, 0.3), 2.0) * 7, "
    "soft_cross_entropy(data(5, 7, 1.9), data(5, 7, 0.3), 2.0))\n"
    /* the Gaussian kernel of rows of length 1, of which the series is */
    "function gaussian(x) = exp(-0.4 * (2 - 2 * (unit(x) @ unit(x).T)))\n"
    "function taylor() = off(correlation_taylor(data(5, 7, 1.9), data(5, 6, 0.3), 0.4, 14), mse(gaussian(data(5, 7, "
    "1.9)), gaussian(data(5, 6, 0.3))))\n"
    "function own_heads() {\n"
    "  let s = reshape(data(6, 24, 1.9), [2, 3, 24])\n"
    "  let t = reshape(data(6, 48, 0.3), [2, 3, 48])\n"
    "  return off(multi_head_relation_kl(s, t, 4), value_relation_kl(split_heads(s, 4), split_heads(t, 4)))\n"
    "}\n"
    "function remembered() {\n"
    "  let memory = unit(data(4, 6, 1.9))\n"
    "  let row = i64(iota(2) * 2)\n"
    "  let e = data(2, 6, 0.3)\n"
    "  let got = moved(memory, e, row, 0.5)\n"
    "  return off(got[1], memory[1]) + off(got[3], memory[3]) + off(got[::2], unit(0.5 * memory[::2] + 0.5 * "
    "unit(e)))\n"
    "}\n"
    "function weighted() {\n"
    "  let s = [data(3, 4, 0.1), data(3, 4, 0.2)]\n"
    "  let t = [data(3, 4, 0.3), data(3, 4, 0.4), data(3, 4, 0.5)]\n"
    "  let all_equal = 0.0\n"
    "  for i in 0 .. 2 { for j in 0 .. 3 { all_equal = all_equal + mse(s[i], t[j]) / 6 } }\n"
    "  return off(weighted_layers(s, t, data(2, 3, 0.0) * 0), all_equal)\n"
    "}\n"
    "function epochs() = off(by_epoch(f32(0), [3, 2, 1]), 3) + off(by_epoch(f32(1.5), [3, 2, 1]), 2) + "
    "off(by_epoch(f32(9), [3, 2, 1]), 1)\n"
    "function line() = off(linear_change(f32(1), f32(5), 8.0, 2.0), 8.0) + off(linear_change(f32(5), f32(5), 8.0, "
    "2.0), 2.0) + off(linear_change(f32(3), f32(5), 8.0, 2.0), 5.0)\n"
    "function maps() {\n"
    "  let uniform = other(uniform_layers(2, 4), [1, 3]) + other(uniform_layers(4, 12), [2, 5, 8, 11])\n"
    "  let ends = other(last_layers(2, 5), [3, 4]) + other(first_layers(2, 5), [0, 1])\n"
    "  let skip = other(skip_layers(6, 12), [0, 2, 4, 6, 8, 10])\n"
    "  let inner = other(inner_layers(5, 11), [1, 3, 5, 7, 9]) + other(inner_layers(2, 11), [3, 7])\n"
    "  let given = other(chosen_layers([2, 0], last_layers, 2, 5), [2, 0])\n"
    "  return uniform + ends + skip + inner + given + other(chosen_layers([], last_layers, 2, 5), [3, 4])\n"
    "}\n";

static void is_zero(const char *function) {
  checked c = checked_open(source);
  graph *g = program_plain_function_graph(c.program, function, 0, NULL, c.diagnostics);
  if (!g || diagnostics_error_count(c.diagnostics)) {
    char *messages = checked_messages(&c);
    print_message("%s", messages);
    free(messages);
    fail_msg("'%s' does not compile", function);
  }
  const double key[] = {3, 1};
  tensor_value *values = checked_evaluate(g, (named_size[]){{NULL, 0}}, (named_values[]){{"key", key}, {NULL, NULL}});
  double got = values[checked_output(g, "result")->value->id].data[0];
  interpret_free(g, values);
  checked_close(&c);
  if (!(fabs(got) < 1e-9))
    fail_msg("'%s' gives %.3g, not 0", function, got);
}

#define ROW(name)                         \
  static void test_##name(void **state) { \
    (void)state;                          \
    is_zero(#name);                       \
  }
#define ROWS        \
  ROW(top)          \
  ROW(top_all)      \
  ROW(n_th)         \
  ROW(sorted)       \
  ROW(equal_ones)   \
  ROW(drawn_one)    \
  ROW(drawn_among)  \
  ROW(symmetric)    \
  ROW(one_teacher)  \
  ROW(by_rows)      \
  ROW(class_mean)   \
  ROW(same_entropy) \
  ROW(taylor)       \
  ROW(own_heads)    \
  ROW(remembered)   \
  ROW(weighted)     \
  ROW(epochs)       \
  ROW(line)         \
  ROW(maps)
ROWS
#undef ROW

    int
    main(void) {
#define ROW(name) cmocka_unit_test(test_##name),
  const struct CMUnitTest tests[] = {ROWS};
#undef ROW
  return cmocka_run_group_tests(tests, NULL, NULL);
}
