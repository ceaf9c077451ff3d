/* Names in declarations that nothing has elaborated: each must be bound around it, a member, a declaration or built in.
 * What a name means, and what shapes come of it, is found when something calls it. */
#include "compiler/check/experiment.h"
#include "compiler/check/tensor.h"

#include <string.h>

typedef struct names { /* visible here; inner ones last */
  elaborator *elaborator;
  const loaded_file *file;
  int count;
  const char **items;
} names;

static void add(names *n, const char *name) {
  if (name)
    arena_append(n->elaborator->arena, n->items, n->count, name);
}

static const char *const initializers[] = {"zeros", "ones", "constant", "normal", "uniform"};
enum { INITIALIZER_COUNT = 5 };

static bool is_known(const names *n, const char *name) {
  for (int i = n->count - 1; i >= 0; i--)
    if (strcmp(n->items[i], name) == 0)
      return true;
  const loaded_file *owner;
  return builtin_find(name) || strcmp(name, "training") == 0 || file_find(n->file, name, &owner);
}

static const char *nearest(const names *n, const char *name) {
  name_list all = {0};
  arena *a = n->elaborator->arena;
  for (int i = 0; i < n->count; i++)
    name_add(a, &all, n->items[i]);
  for (int f = -1; f < n->file->use_count; f++) {
    const loaded_file *file = f < 0 ? n->file : n->file->uses[f];
    for (int i = 0; file && i < file->syntax->declaration_count; i++)
      if (file->syntax->declarations[i]->name)
        name_add(a, &all, file->syntax->declarations[i]->name);
  }
  for (int i = 0; builtin_at(i); i++)
    name_add(a, &all, builtin_name(builtin_at(i)));
  return nearest_name(name, all.items, all.count);
}

static void check_name(const names *n, const char *name, span where) {
  if (is_known(n, name))
    return;
  diagnostic *d = elaborate_error(n->elaborator, where, "unknown name '%s'", name);
  const char *near = nearest(n, name);
  if (near)
    diagnostic_hint(d, "did you mean '%s'?", near);
}

static void check_expression(names *n, const expression *x);

static void check_index(names *n, const expression *x) {
  check_expression(n, x->as.index.object);
  for (int i = 0; i < x->as.index.count; i++) {
    const index_item *one = &x->as.index.items[i];
    check_expression(n, one->at);
    check_expression(n, one->start);
    check_expression(n, one->stop);
    check_expression(n, one->step);
  }
}

static void check_expression(names *n, const expression *x) {
  int outer = n->count;
  if (!x)
    return;
  switch (x->kind) {
  case EXPRESSION_INT:
  case EXPRESSION_REAL:
  case EXPRESSION_BOOL:
  case EXPRESSION_STRING:
    break;
  case EXPRESSION_NAME:
    check_name(n, x->as.name, x->where);
    break;
  case EXPRESSION_FIELD:
    check_expression(n, x->as.field.object);
    break;
  case EXPRESSION_CALL:
    check_expression(n, x->as.call.callee);
    for (int i = 0; i < x->as.call.count; i++)
      check_expression(n, x->as.call.arguments[i].value);
    break;
  case EXPRESSION_INDEX:
    check_index(n, x);
    break;
  case EXPRESSION_UNARY:
    check_expression(n, x->as.unary.operand);
    break;
  case EXPRESSION_BINARY:
    check_expression(n, x->as.binary.left);
    check_expression(n, x->as.binary.right);
    break;
  case EXPRESSION_CONDITIONAL:
    check_expression(n, x->as.conditional.condition);
    check_expression(n, x->as.conditional.then);
    check_expression(n, x->as.conditional.otherwise);
    break;
  case EXPRESSION_LIST:
    for (int i = 0; i < x->as.list.count; i++)
      check_expression(n, x->as.list.items[i]);
    break;
  case EXPRESSION_EACH:
    check_expression(n, x->as.each.range);
    add(n, x->as.each.name);
    check_expression(n, x->as.each.body);
    n->count = outer;
    break;
  case EXPRESSION_RANGE:
    check_expression(n, x->as.range.from);
    check_expression(n, x->as.range.to);
    break;
  }
}

/* A name that is bound anywhere in a block is known in all of it: which branch runs is known only in a call. */
static void add_bound(names *n, const block *b) {
  for (int i = 0; i < b->count; i++) {
    const statement *s = b->items[i];
    if (s->kind == STATEMENT_BIND || s->kind == STATEMENT_LET || s->kind == STATEMENT_TAP || s->kind == STATEMENT_FOR)
      add(n, s->name);
    add_bound(n, &s->body);
    add_bound(n, &s->otherwise);
  }
}

static void check_block(names *n, const block *b) {
  for (int i = 0; i < b->count; i++) {
    const statement *s = b->items[i];
    check_expression(n, s->target);
    check_expression(n, s->value);
    check_expression(n, s->weight);
    check_block(n, &s->body);
    check_block(n, &s->otherwise);
  }
}

/* Names that a type binds, and those that it can only read (`2 * n`). */
static void check_type(names *n, const type_syntax *t) {
  for (int i = 0; t && i < t->dimension_count; i++) {
    const type_dimension *d = &t->dimensions[i];
    if (d->ellipsis)
      add(n, d->name);
    else if (d->size->kind == EXPRESSION_NAME)
      add(n, d->size->as.name);
  }
  for (int i = 0; t && i < t->dimension_count; i++)
    if (!t->dimensions[i].ellipsis)
      check_expression(n, t->dimensions[i].size);
}

static void check_parameters(names *n, int count, const parameter_syntax *parameters) {
  for (int i = 0; i < count; i++) {
    check_expression(n, parameters[i].default_value);
    add(n, parameters[i].name);
  }
  for (int i = 0; i < count; i++)
    check_type(n, parameters[i].type);
}

static void check_function(names *n, const function_syntax *f) {
  int outer = n->count;
  check_parameters(n, f->parameter_count, f->parameters);
  check_type(n, f->result);
  add_bound(n, &f->body);
  check_expression(n, f->value);
  check_block(n, &f->body);
  n->count = outer;
}

static void add_members(names *n, const member_list *members) {
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    add(n, m->name);
    if (m->kind == MEMBER_STATEMENT) {
      statement *one[] = {m->statement};
      add_bound(n, &(block){.count = 1, .items = one});
    }
    add_members(n, &m->body);
    add_members(n, &m->otherwise);
  }
}

static void check_members(names *n, const member_list *members) {
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    int outer = n->count;
    bool initial = m->kind == MEMBER_PARAM || m->kind == MEMBER_BUFFER || m->kind == MEMBER_STATE;
    for (int k = 0; k < INITIALIZER_COUNT && initial; k++)
      add(n, initializers[k]);
    check_expression(n, m->range);
    if (m->kind == MEMBER_SUBMODULE || m->kind == MEMBER_FOR)
      add(n, m->variable);
    for (int k = 0; m->type && k < m->type->dimension_count; k++)
      check_expression(n, m->type->dimensions[k].size);
    check_expression(n, m->value);
    if (m->function)
      check_function(n, m->function);
    if (m->statement) {
      statement *one[] = {m->statement};
      check_block(n, &(block){.count = 1, .items = one});
    }
    check_members(n, &m->body);
    check_members(n, &m->otherwise);
    n->count = outer;
  }
}

void check_names(program *p, const loaded_file *file) {
  names n = {.elaborator = p->elaborator, .file = file};
  for (int i = 0; i < file->syntax->declaration_count; i++) {
    const declaration *d = file->syntax->declarations[i];
    n.count = 0;
    if (d->kind == DECLARE_FUNCTION)
      check_function(&n, d->function);
    if (d->kind == DECLARE_FUNCTION || d->kind == DECLARE_EXPERIMENT)
      continue;
    check_parameters(&n, d->parameter_count, d->parameters);
    add_members(&n, &d->members);
    check_members(&n, &d->members);
  }
}
