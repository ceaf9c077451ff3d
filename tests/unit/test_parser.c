/* What text cases do not reach: spans, limits, independence of calls, expressions that print and parse back. */
#include "compiler/source/ast.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static file_syntax *parse(arena *a, const char *content, diagnostics *d) {
  return parse_file(a, source_from_text(a, "test.rt", content, strlen(content)), d);
}

static void covers(span where, int line, int column, int end_line, int end_column) {
  assert_int_equal(where.line, line);
  assert_int_equal(where.column, column);
  assert_int_equal(where.end_line, end_line);
  assert_int_equal(where.end_column, end_column);
}

static void nodes_have_spans(void **state) {
  (void)state;
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  file_syntax *f = parse(a,
                         "function f(x: f32[B, 2]) {\n"
                         "  let y = f(x[1:2], k: 3) @\n"
                         "    w.T\n"
                         "  return (y)\n"
                         "}\n",
                         d);
  assert_int_equal(diagnostics_error_count(d), 0);
  assert_int_equal(f->declaration_count, 1);
  const declaration *declared = f->declarations[0];
  covers(declared->where, 1, 1, 5, 2);
  covers(declared->name_where, 1, 10, 1, 11);
  const function_syntax *function = declared->function;
  covers(function->parameters[0].where, 1, 12, 1, 24);
  covers(function->parameters[0].type->where, 1, 15, 1, 24);
  covers(function->parameters[0].type->dimensions[1].where, 1, 22, 1, 23);
  const statement *let = function->body.items[0];
  covers(let->where, 2, 3, 3, 8);
  covers(let->name_where, 2, 7, 2, 8);
  covers(let->value->where, 2, 11, 3, 8);
  const expression *call = let->value->as.binary.left;
  covers(call->where, 2, 11, 2, 26);
  covers(call->as.call.arguments[0].value->as.index.items[0].where, 2, 15, 2, 18);
  covers(call->as.call.arguments[1].where, 2, 21, 2, 25);
  covers(let->value->as.binary.right->as.field.name_where, 3, 7, 3, 8);
  covers(function->body.items[1]->value->where, 4, 10, 4, 13); /* with its parentheses */
  arena_destroy(a);
}

static void reports_one(const char *content, const char *message) {
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  assert_non_null(parse(a, content, d));
  char *printed = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&printed, &length);
  diagnostics_print(d, to, false);
  fclose(to);
  assert_int_equal(diagnostics_error_count(d), 1);
  assert_non_null(strstr(printed, message));
  free(printed);
  arena_destroy(a);
}

static char *repeated(const char *before, const char *again, int count, const char *behind) {
  text t = {0};
  text_add(&t, "%s", before);
  for (int i = 0; i < count; i++)
    text_add(&t, "%s", again);
  text_add(&t, "%s", behind);
  return t.data;
}

/* Whatever walks the tree may recur: neither brackets nor chains get deep. */
static void depth_is_limited(void **state) {
  (void)state;
  static const char *const cases[][4] = {
      {"function f(x) = ", "(", "x\n", "nested too deeply"},
      {"function f(x) = ", "[", "x\n", "nested too deeply"},
      {"function f(x) = ", "-", "x\n", "nested too deeply"},
      {"function f(x) {\n", "if x {\n", "\n}\n", "nested too deeply"},
      {"function f(x) = x", " + x", "\n", "too many levels"},
      {"function f(x) = x", ".a", "\n", "too many levels"},
      {"function f(x) = x", " |> f", "\n", "too many levels"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *content = repeated(cases[i][0], cases[i][1], 20000, cases[i][2]);
    arena *a = arena_create();
    diagnostics *d = diagnostics_create(a);
    file_syntax *f = parse(a, content, d);
    assert_true(diagnostics_error_count(d) > 0);
    text printed = {0};
    ast_print(f, &printed);
    text_free(&printed);
    arena_destroy(a);
    free(content);
  }
  char *chain = repeated("function f(x) = x", " + x", 900, "\n");
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  parse(a, chain, d);
  assert_int_equal(diagnostics_error_count(d), 0);
  arena_destroy(a);
  free(chain);
  char *deep = repeated("function f(x) = x", " + x", 1001, "\n");
  reports_one(deep, "too many levels");
  free(deep);
}

/* Time in proportion to the text, whatever the brackets. */
static void hostile_texts_end(void **state) {
  (void)state;
  static const char *const pieces[] = {"(",    ")",  "[)",  "{",          "}", "({", "\"", "$",
                                       "\xff", "\n", "a\n", "module a\n", ";", "x.", "1e", "'"};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    char *content = repeated("", pieces[i], 100000, "");
    arena *a = arena_create();
    diagnostics *d = diagnostics_create(a);
    file_syntax *f = parse(a, content, d);
    text printed = {0};
    print_tokens(f->file, &printed);
    ast_print(f, &printed);
    text_free(&printed);
    arena_destroy(a);
    free(content);
  }
}

static void calls_do_not_meet(void **state) {
  (void)state;
  arena *a = arena_create();
  diagnostics *bad = diagnostics_create(a), *good = diagnostics_create(a);
  parse(a, "module (((\n{", bad);
  file_syntax *f = parse(a, "function f(x) = x\n", good);
  assert_true(diagnostics_error_count(bad) > 0);
  assert_int_equal(diagnostics_error_count(good), 0);
  assert_int_equal(f->declaration_count, 1);
  assert_int_equal(parse(a, "", good)->declaration_count, 0);
  assert_int_equal(parse(a, "# only a comment", good)->declaration_count, 0);
  assert_int_equal(parse(a, "use a", good)->use_count, 1);
  assert_int_equal(diagnostics_error_count(good), 0);
  arena_destroy(a);
}

/* ---- random expressions print and parse back ---- */

typedef struct writer {
  uint32_t random;
  text out;
} writer;

static uint32_t draw(writer *w, uint32_t limit) {
  w->random = w->random * 1664525u + 1013904223u;
  return (w->random >> 8) % limit;
}

static void write_expression(writer *w, int depth) {
  static const char *const operators[] = {" + ",  " - ", " * ",  " / ",  " // ", " % ",  " @ ",   " ** ", " < ",
                                          " <= ", " > ", " >= ", " == ", " != ", " .. ", " and ", " or ", " |> "};
  static const char *const leaves[] = {"x", "12", "0.25", "1e-3", "true", "\"s\"", "weight", "[]", "f()", "new"};
  uint32_t choice = depth ? draw(w, 12) : 11;
  if (choice < 5) { /* in parentheses, so that any operator may follow */
    text_add(&w->out, "(");
    write_expression(w, depth - 1);
    text_add(&w->out, ")%s(", operators[draw(w, 18)]);
    write_expression(w, depth - 1);
    text_add(&w->out, ")");
  } else if (choice == 5) {
    text_add(&w->out, draw(w, 2) ? "-(" : "not (");
    write_expression(w, depth - 1);
    text_add(&w->out, ")");
  } else if (choice == 6) {
    text_add(&w->out, "if ");
    write_expression(w, depth - 1);
    text_add(&w->out, " then ");
    write_expression(w, depth - 1);
    text_add(&w->out, " else ");
    write_expression(w, depth - 1);
  } else if (choice == 7) {
    text_add(&w->out, "(");
    write_expression(w, depth - 1);
    text_add(&w->out, draw(w, 2) ? ").T" : ")[:, 1:2, ::3, ..., new]");
  } else if (choice == 8) {
    text_add(&w->out, "f(");
    write_expression(w, depth - 1);
    text_add(&w->out, ", for: ");
    write_expression(w, depth - 1);
    text_add(&w->out, ")");
  } else if (choice == 9) {
    text_add(&w->out, "[");
    write_expression(w, depth - 1);
    text_add(&w->out, draw(w, 2) ? " for i in x]" : ", 2]");
  } else {
    text_add(&w->out, "%s", leaves[draw(w, 10)]);
  }
}

static char *print_parsed(const char *content) {
  arena *a = arena_create();
  diagnostics *d = diagnostics_create(a);
  file_syntax *f = parse(a, content, d);
  if (diagnostics_error_count(d))
    diagnostics_print(d, stderr, false);
  assert_int_equal(diagnostics_error_count(d), 0);
  text t = {0};
  text_add(&t, "function f() = ");
  expression_print(f->declarations[0]->function->value, &t);
  arena_destroy(a);
  return t.data;
}

static void expressions_read_back(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 2000; i++) {
    writer w = {.random = i};
    text_add(&w.out, "function f() = ");
    write_expression(&w, (int)(i % 5));
    char *once = print_parsed(w.out.data), *twice = print_parsed(once);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
    text_free(&w.out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nodes_have_spans),  cmocka_unit_test(depth_is_limited),      cmocka_unit_test(hostile_texts_end),
      cmocka_unit_test(calls_do_not_meet), cmocka_unit_test(expressions_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
