#include "compiler/source/ast.h"
#include "compiler/source/number.h"

/* The tree as S-expressions: a line a declaration, member, statement or item, indented by depth; expressions as they
 * could have been written. */

static void indent(text *to, int depth) {
  text_add(to, "%*s", depth * 2, "");
}

static void add_type(const type_syntax *type, text *to) {
  static const char *const names[] = {
      [TYPE_ANY] = "any",   [TYPE_INT] = "int",           [TYPE_REAL] = "real",     [TYPE_BOOL] = "bool",
      [TYPE_LIST] = "list", [TYPE_FUNCTION] = "function", [TYPE_STRING] = "string", [TYPE_MODULE] = "module",
  };
  if (type->kind != TYPE_TENSOR) {
    text_add(to, "%s", type->name ? type->name : names[type->kind]);
    return;
  }
  text_add(to, "%s[", type->name);
  for (int i = 0; i < type->dimension_count; i++) {
    const type_dimension *d = &type->dimensions[i];
    text_add(to, i ? ", " : "");
    if (d->ellipsis)
      text_add(to, "%s...", d->name ? d->name : "");
    else
      expression_print(d->size, to);
    if (d->ragged)
      text_add(to, " of %s", d->ragged);
  }
  text_add(to, "]");
}

/* ` key expression` */
static void add_value(const char *key, const expression *value, text *to) {
  if (!value)
    return;
  text_add(to, " (%s ", key);
  expression_print(value, to);
  text_add(to, ")");
}

static void add_parameters(int count, const parameter_syntax *parameters, text *to) {
  text_add(to, " (");
  for (int i = 0; i < count; i++) {
    text_add(to, "%s(%s", i ? " " : "", parameters[i].name);
    if (parameters[i].type->kind != TYPE_ANY) {
      text_add(to, ": ");
      add_type(parameters[i].type, to);
    }
    if (parameters[i].default_value) {
      text_add(to, " = ");
      expression_print(parameters[i].default_value, to);
    }
    text_add(to, ")");
  }
  text_add(to, ")");
}

/* ---- statements ---- */

static void add_block(const block *b, int depth, text *to);

static void add_statement(const statement *s, int depth, text *to) {
  static const char *const heads[] = {
      [STATEMENT_BIND] = "bind",     [STATEMENT_LET] = "let",   [STATEMENT_TAP] = "tap",
      [STATEMENT_UPDATE] = "update", [STATEMENT_LOSS] = "loss", [STATEMENT_RETURN] = "return",
      [STATEMENT_IF] = "if",         [STATEMENT_FOR] = "for",   [STATEMENT_EXPRESSION] = "call",
  };
  indent(to, depth);
  text_add(to, "(%s", heads[s->kind]);
  if (s->name)
    text_add(to, " %s", s->name);
  if (s->target) {
    text_add(to, " ");
    expression_print(s->target, to);
  }
  if (s->value) {
    text_add(to, " ");
    expression_print(s->value, to);
  }
  add_value("weight", s->weight, to);
  add_block(&s->body, depth + 1, to);
  if (s->otherwise.count) {
    text_add(to, "\n");
    indent(to, depth + 1);
    text_add(to, "(else");
    add_block(&s->otherwise, depth + 2, to);
    text_add(to, ")");
  }
  text_add(to, ")");
}

static void add_block(const block *b, int depth, text *to) {
  for (int i = 0; i < b->count; i++) {
    text_add(to, "\n");
    add_statement(b->items[i], depth, to);
  }
}

/* ---- members ---- */

static void add_function(const function_syntax *f, int depth, text *to) {
  indent(to, depth);
  text_add(to, "(function %s", f->name);
  add_parameters(f->parameter_count, f->parameters, to);
  if (f->result) {
    text_add(to, " -> ");
    add_type(f->result, to);
  }
  if (f->value) {
    text_add(to, "\n");
    indent(to, depth + 1);
    text_add(to, "(return ");
    expression_print(f->value, to);
    text_add(to, ")");
  }
  add_block(&f->body, depth + 1, to);
  text_add(to, ")");
}

static void add_members(const member_list *members, int depth, text *to);

static void add_member(const member *m, int depth, text *to) {
  static const char *const heads[] = {
      [MEMBER_PARAM] = "param",         [MEMBER_BUFFER] = "buffer", [MEMBER_STATE] = "state", [MEMBER_LET] = "let",
      [MEMBER_SUBMODULE] = "submodule", [MEMBER_FUNCTION] = "",     [MEMBER_IF] = "if",       [MEMBER_FOR] = "for",
      [MEMBER_STATEMENT] = "",
  };
  if (m->kind == MEMBER_FUNCTION || m->kind == MEMBER_STATEMENT) {
    if (m->function)
      add_function(m->function, depth, to);
    else
      add_statement(m->statement, depth, to);
    return;
  }
  indent(to, depth);
  text_add(to, "(%s", heads[m->kind]);
  if (m->name)
    text_add(to, " %s", m->name);
  if (m->type) {
    text_add(to, " ");
    add_type(m->type, to);
  }
  if (m->value) {
    text_add(to, " ");
    expression_print(m->value, to);
  }
  if (m->kind == MEMBER_SUBMODULE && m->variable) {
    text_add(to, " (for %s ", m->variable);
    expression_print(m->range, to);
    text_add(to, ")");
  }
  add_members(&m->body, depth + 1, to);
  if (m->otherwise.count) {
    text_add(to, "\n");
    indent(to, depth + 1);
    text_add(to, "(else");
    add_members(&m->otherwise, depth + 2, to);
    text_add(to, ")");
  }
  text_add(to, ")");
}

static void add_members(const member_list *members, int depth, text *to) {
  for (int i = 0; i < members->count; i++) {
    text_add(to, "\n");
    add_member(members->items[i], depth, to);
  }
}

/* ---- experiments ---- */

static void add_names(const char *key, int count, const named *names, text *to) {
  text_add(to, " (%s", key);
  for (int i = 0; i < count; i++) {
    text_add(to, " %s", names[i].name);
    if (names[i].label) {
      text_add(to, " as ");
      text_add_quoted(to, names[i].label);
    }
  }
  text_add(to, ")");
}

static void add_stage(const item *i, int depth, text *to) {
  text_add(to, i->teacher_count ? " (distill" : " (train");
  for (int t = 0; t < i->teacher_count; t++)
    text_add(to, " %s", i->teachers[t].name);
  for (int s = 0; s < i->student_count; s++)
    text_add(to, "%s %s", s == 0 && i->teacher_count + i->student_count > 2 && i->teacher_count ? " ->" : "",
             i->students[s].name);
  text_add(to, ")");
  add_value("with", i->objective, to);
  for (int s = 0; s < i->setting_count; s++) {
    text_add(to, "\n");
    indent(to, depth + 1);
    text_add(to, "(setting %s ", i->settings[s].name);
    expression_print(i->settings[s].value, to);
    if (i->settings[s].on.name)
      text_add(to, " (on %s)", i->settings[s].on.name);
    text_add(to, ")");
  }
}

static void add_item(const item *i, int depth, text *to);

static void add_items(int count, item *const *items, int depth, text *to) {
  for (int i = 0; i < count; i++) {
    text_add(to, "\n");
    add_item(items[i], depth, to);
  }
}

static void add_item(const item *i, int depth, text *to) {
  static const char *const heads[] = {
      [ITEM_LET] = "let",           [ITEM_DATA] = "data",     [ITEM_MODEL] = "model", [ITEM_STAGE] = "stage",
      [ITEM_EVALUATE] = "evaluate", [ITEM_EXPORT] = "export", [ITEM_IF] = "if",
  };
  indent(to, depth);
  text_add(to, "(%s", heads[i->kind]);
  if (i->name)
    text_add(to, " %s", i->name);
  if (i->name_count)
    add_names(i->kind == ITEM_DATA ? "sets" : "models", i->name_count, i->names, to);
  if (i->value) {
    text_add(to, " ");
    expression_print(i->value, to);
  }
  if (i->kind == ITEM_EVALUATE) {
    add_names("on", 1, &i->on, to);
    add_names("with", i->metric_count, i->metrics, to);
  }
  if (i->kind == ITEM_STAGE)
    add_stage(i, depth, to);
  add_items(i->body_count, i->body, depth + 1, to);
  if (i->otherwise_count) {
    text_add(to, "\n");
    indent(to, depth);
    text_add(to, " else");
    add_items(i->otherwise_count, i->otherwise, depth + 1, to);
  }
  text_add(to, ")");
}

static void add_declaration(const declaration *d, text *to) {
  static const char *const heads[] = {
      [DECLARE_MODULE] = "module",       [DECLARE_FUNCTION] = "function",     [DECLARE_OBJECTIVE] = "objective",
      [DECLARE_OPTIMIZER] = "optimizer", [DECLARE_EXPERIMENT] = "experiment",
  };
  if (d->kind == DECLARE_FUNCTION) {
    add_function(d->function, 0, to);
    text_add(to, "\n");
    return;
  }
  text_add(to, "(%s %s", heads[d->kind], d->name);
  if (d->kind != DECLARE_EXPERIMENT)
    add_parameters(d->parameter_count, d->parameters, to);
  add_members(&d->members, 1, to);
  add_items(d->item_count, d->items, 1, to);
  text_add(to, ")\n");
}

void ast_print(const file_syntax *file, text *to) {
  for (int i = 0; i < file->use_count; i++)
    text_add(to, "(use %s)\n", file->uses[i].name);
  for (int i = 0; i < file->declaration_count; i++)
    add_declaration(file->declarations[i], to);
}
