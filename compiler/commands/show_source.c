#include "compiler/commands/show.h"
#include "compiler/source/ast.h"

static const source_file *read_file(const show_options *o, arena *a, int *status) {
  const char *error;
  const source_file *file = source_read(a, o->file, &error);
  if (!file)
    *status = show_failed(o, STATUS_INPUT_WRONG, "%s", error);
  return file;
}

int show_tokens(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const source_file *file = read_file(o, a, &status);
  if (file)
    print_tokens(file, to);
  return status;
}

int show_ast(const show_options *o, arena *a, text *to) {
  int status = STATUS_DONE;
  const source_file *file = read_file(o, a, &status);
  if (!file)
    return status;
  diagnostics *d = diagnostics_create(a);
  ast_print(parse_file(a, file, d), to);
  return report_errors(d);
}
