#include "compiler/source/ast.h"
#include "compiler/source/tokens.h"
#include "grammar/parser.h"
#include <string.h>

static const char *kind_name(int kind) {
  if (kind >= TOKEN_USE && kind <= TOKEN_EXPORT)
    return "keyword";
  switch (kind) {
  case TOKEN_NAME:
    return "name";
  case TOKEN_FUNCTION_NAME:
    return "function";
  case TOKEN_INT:
    return "int";
  case TOKEN_REAL:
    return "real";
  case TOKEN_STRING:
    return "string";
  case TOKEN_END:
    return "end";
  default:
    return "symbol";
  }
}

void print_tokens(const source_file *file, text *to) {
  arena *a = arena_create();
  token_list tokens = read_tokens(a, file);
  const char *line = file->text;
  for (int i = 0, problem = 0, number = 1; i < tokens.count; i++) {
    const token *t = &tokens.items[i];
    for (; problem < tokens.problem_count && tokens.problems[problem].before <= i; problem++)
      text_add(to, "%d:%d problem %s\n", tokens.problems[problem].where.line, tokens.problems[problem].where.column,
               tokens.problems[problem].message);
    if (!t->kind)
      break;
    for (; number < t->where.line; number++)
      line = strchr(line, '\n') + 1;
    text_add(to, "%d:%d %s", t->where.line, t->where.column, kind_name(t->kind));
    const char *written = line + t->where.column - 1;
    if (t->kind == '}' && *written != '}')
      text_add(to, " } (missing)");
    else if (t->kind != TOKEN_END)
      text_add(to, " %.*s", t->where.end_column - t->where.column, written);
    text_add(to, "\n");
  }
  arena_destroy(a);
}
