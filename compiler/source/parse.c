#include "compiler/source/parse.h"

int parser_lex(PARSER_STYPE *value, PARSER_LTYPE *where, parser *p) {
  while (p->next_problem < p->tokens.problem_count && p->tokens.problems[p->next_problem].before <= p->next) {
    p->problem = p->next;
    const token_problem *problem = &p->tokens.problems[p->next_problem++];
    diagnostic *e = diagnostic_error(p->diagnostics, problem->where, "%s", problem->message);
    if (problem->opened.file)
      diagnostic_note(e, problem->opened, "this '{' is not closed");
    if (problem->hint)
      diagnostic_hint(e, "%s", problem->hint);
  }
  p->last = p->next;
  const token *t = &p->tokens.items[p->next];
  if (p->next < p->tokens.count - 1)
    p->next++;
  if (t->kind == TOKEN_INT)
    value->integer = t->value.integer;
  else if (t->kind == TOKEN_REAL)
    value->real = t->value.real;
  else
    value->name = t->value.name;
  *where = t->where;
  return t->kind;
}

void parser_error(const PARSER_LTYPE *where, parser *p, const char *message) {
  (void)message; /* «memory exhausted»: the stack's limit, whose growth is its only need of memory */
  diagnostic *e = diagnostic_error(p->diagnostics, *where, "this is nested too deeply");
  diagnostic_hint(e, "give inner parts names of their own");
}

span span_behind(span where) {
  where.line = where.end_line;
  where.column = where.end_column;
  return where;
}

void parser_use(parser *p, span where, const char *name) {
  use_syntax use = {where, name};
  arena_append(p->arena, p->result->uses, p->result->use_count, use);
}

void parser_declare(parser *p, declaration *d) {
  if (d)
    arena_append(p->arena, p->result->declarations, p->result->declaration_count, d);
}

void empty_stage(parser *p, span where) {
  diagnostic_error(p->diagnostics, where, "expected 'train' or 'distill', found '}'");
}

file_syntax *parse_file(arena *a, const source_file *file, diagnostics *d) {
  parser p = {
      .arena = a, .diagnostics = d, .tokens = read_tokens(a, file), .problem = -1, .result = arena_new(a, file_syntax)};
  p.result->file = file;
  parser_parse(&p);
  return p.result;
}
