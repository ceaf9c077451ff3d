/* Any bytes as a source file: errors or a tree; what is printed of an expression parses to what prints the same. */
#include "compiler/source/ast.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static void print_diagnostics(const diagnostics *d) {
  char *printed = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&printed, &length);
  if (!to)
    abort();
  diagnostics_print(d, to, true);
  fclose(to);
  if ((length == 0) != (diagnostics_error_count(d) == 0))
    abort();
  free(printed);
}

/* Expressions may be printed with other words than they were written in, but mean the same. */
static void reads_back(arena *a, const expression *e) {
  text first = {0}, second = {0};
  text_add(&first, "function f() = ");
  expression_print(e, &first);
  diagnostics *d = diagnostics_create(a);
  file_syntax *back = parse_file(a, source_from_text(a, "again", first.data, first.length), d);
  if (diagnostics_error_count(d) || back->declaration_count != 1) {
    fprintf(stderr, "fuzz_parser: does not read back: %s\n", first.data);
    diagnostics_print(d, stderr, false);
    abort();
  }
  text_add(&second, "function f() = ");
  expression_print(back->declarations[0]->function->value, &second);
  if (strcmp(first.data, second.data)) {
    fprintf(stderr, "fuzz_parser: reads back otherwise: %s\n%s\n", first.data, second.data);
    abort();
  }
  text_free(&first);
  text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size && memchr(data, 0, size)) /* source_read refuses such files */
    return 0;
  arena *a = arena_create();
  const source_file *file = source_from_text(a, "fuzz.rt", (const char *)data, size);
  diagnostics *d = diagnostics_create(a);
  file_syntax *syntax = parse_file(a, file, d);
  print_diagnostics(d);
  text printed = {0};
  print_tokens(file, &printed);
  ast_print(syntax, &printed);
  text_free(&printed);
  for (int i = 0; i < syntax->declaration_count && !diagnostics_error_count(d); i++)
    if (syntax->declarations[i]->kind == DECLARE_FUNCTION && syntax->declarations[i]->function->value)
      reads_back(a, syntax->declarations[i]->function->value);
  arena_destroy(a);
  return 0;
}
