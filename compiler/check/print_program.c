/* Typed modules as text: `show --stage=typed`. */
#include "compiler/check/experiment.h"

#include <string.h>

static void print_expression(text *to, const expression *x) {
  if (x)
    expression_print(x, to);
}

static void print_type(text *to, const type_syntax *t) {
  static const char *const names[] = {
      [TYPE_INT] = "int",   [TYPE_REAL] = "real",         [TYPE_BOOL] = "bool",     [TYPE_STRING] = "string",
      [TYPE_LIST] = "list", [TYPE_FUNCTION] = "function", [TYPE_MODULE] = "module", [TYPE_ANY] = ""};
  if (t->kind != TYPE_TENSOR) {
    text_add(to, "%s", t->kind == TYPE_MODULE && t->name ? t->name : names[t->kind]);
    return;
  }
  text_add(to, "%s", t->name);
  if (!t->has_dimensions)
    return;
  text_add(to, "[");
  for (int i = 0; i < t->dimension_count; i++) {
    const type_dimension *d = &t->dimensions[i];
    text_add(to, "%s", i ? ", " : "");
    if (d->ellipsis)
      text_add(to, "%s...", d->name ? d->name : "");
    else
      print_expression(to, d->size);
    if (d->ragged)
      text_add(to, " of %s", d->ragged);
  }
  text_add(to, "]");
}

static void print_function(text *to, const function_syntax *f, const char *indent) {
  text_add(to, "%sfunction %s(", indent, f->name);
  for (int i = 0; i < f->parameter_count; i++) {
    const parameter_syntax *parameter = &f->parameters[i];
    text_add(to, "%s%s", i ? ", " : "", parameter->name);
    if (parameter->type->kind != TYPE_ANY) {
      text_add(to, ": ");
      print_type(to, parameter->type);
    }
    if (parameter->default_value) {
      text_add(to, " = ");
      print_expression(to, parameter->default_value);
    }
  }
  text_add(to, ")");
  if (f->result) {
    text_add(to, " -> ");
    print_type(to, f->result);
  }
  text_add(to, "\n");
}

static void print_parameter(text *to, const model_parameter *m, const char *name) {
  text_add(to, "    %s %s: %s[", m->trained ? "param" : "buffer", name, dtype_name(m->dtype));
  for (int i = 0; i < m->rank; i++)
    text_add(to, "%s%lld", i ? ", " : "", (long long)m->sizes[i]);
  text_add(to, "]");
  switch (m->initial) {
  case INITIAL_ZEROS:
    text_add(to, " = zeros\n");
    break;
  case INITIAL_ONES:
    text_add(to, " = ones\n");
    break;
  case INITIAL_CONSTANT:
    text_add(to, " = constant(%g)\n", m->initial_a);
    break;
  case INITIAL_NORMAL:
    text_add(to, " = normal(std: %g, mean: %g)\n", m->initial_a, m->initial_b);
    break;
  case INITIAL_UNIFORM:
    text_add(to, " = uniform(low: %g, high: %g)\n", m->initial_a, m->initial_b);
    break;
  }
}

static void print_members(text *to, const instance *self, const member_list *members) {
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    if (m->kind == MEMBER_FUNCTION && instance_function(self, m->name) == m->function)
      print_function(to, m->function, "    ");
    print_members(to, self, &m->body);
    print_members(to, self, &m->otherwise);
  }
}

typedef struct printing {
  text *to;
  const instance_root *root;
} printing;

static void print_instance(instance *i, void *context) {
  const printing *p = context;
  text_add(p->to, "  %s: %s\n", *i->path ? i->path : "(top)", i->module->declaration->name);
  size_t length = strlen(i->path);
  for (int k = 0; k < p->root->parameter_count; k++) {
    const instance_parameter *parameter = p->root->parameters[k];
    if (parameter->owner == i)
      print_parameter(p->to, &parameter->about, parameter->about.path + length + (length > 0));
  }
  print_members(p->to, i, &i->module->declaration->members);
}

static void print_stage(const program *p, const stage_record *s, text *to) {
  const program_stage *about = &s->about;
  text_add(to, "stage %s: ", about->name);
  program_stage_models(p, about, to);
  text_add(to, " with %s, ", about->objective);
  if (about->optimizer)
    text_add(to, "%s, ", about->optimizer);
  if (about->epochs > 0)
    text_add(to, "epochs %g, ", about->epochs);
  else
    text_add(to, "steps %lld, ", (long long)about->steps);
  text_add(to, "batch %d\n", about->batch);
  for (int i = 0; i < about->term_count; i++)
    text_add(to, "  loss %s\n", about->terms[i].name);
  for (int i = 0; i < about->fit_count; i++)
    print_parameter(to, &about->fit[i], about->fit[i].path);
}

void program_print(const program *p, text *to) {
  for (int f = 0; f < p->file_count; f++) {
    const file_syntax *file = p->files[f]->syntax;
    for (int i = 0; i < file->declaration_count && p->files[f] == p->file; i++)
      if (file->declarations[i]->kind == DECLARE_FUNCTION)
        print_function(to, file->declarations[i]->function, "");
  }
  const experiment *x = p->experiment;
  if (!x)
    return;
  for (int i = 0; i < x->model_count; i++) {
    const model_record *m = x->models[i];
    if (!m->root)
      continue;
    text_add(to, "model %s: %s\n", m->about.name, m->about.module);
    printing context = {.to = to, .root = m->root};
    instance_walk(m->root->top, print_instance, &context);
  }
  for (int i = 0; i < x->stage_count; i++)
    if (x->stages[i]->models_known && x->stages[i]->about.objective)
      print_stage(p, x->stages[i], to);
}
