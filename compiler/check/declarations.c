/* Checks of declarations that hold whether or not an experiment uses them: names of members and parameters, arity. */
#include "compiler/check/experiment.h"

#include <string.h>

static void check_parameters(program *p, int count, const parameter_syntax *parameters) {
  for (int i = 0; i < count; i++)
    for (int k = 0; k < i; k++)
      if (strcmp(parameters[i].name, parameters[k].name) == 0) {
        diagnostic *e = diagnostic_error(p->elaborator->diagnostics, parameters[i].where,
                                         "two parameters are called '%s'", parameters[i].name);
        diagnostic_note(e, parameters[k].where, "the other one is here");
      }
}

/* The first member of that name outside of conditions, whose branches may declare the same. */
static void check_members(program *p, const member_list *members) {
  for (int i = 0; i < members->count; i++) {
    const member *m = members->items[i];
    if (m->kind == MEMBER_FUNCTION)
      check_parameters(p, m->function->parameter_count, m->function->parameters);
    check_members(p, &m->body);
    check_members(p, &m->otherwise);
    for (int k = 0; k < i && m->name && m->kind != MEMBER_FOR && m->kind != MEMBER_STATEMENT; k++) {
      const member *other = members->items[k];
      if (!other->name || other->kind == MEMBER_FOR || other->kind == MEMBER_STATEMENT ||
          strcmp(other->name, m->name) != 0)
        continue;
      diagnostic *e = elaborate_error(p->elaborator, m->name_where, "'%s' is declared twice", m->name);
      diagnostic_note(e, other->name_where, "the other one is here");
      break;
    }
  }
}

void check_declarations(program *p) {
  for (int f = 0; f < p->file_count; f++) {
    const file_syntax *file = p->files[f]->syntax;
    for (int i = 0; i < file->declaration_count; i++) {
      const declaration *d = file->declarations[i];
      check_parameters(p, d->parameter_count, d->parameters);
      if (d->kind == DECLARE_FUNCTION)
        check_parameters(p, d->function->parameter_count, d->function->parameters);
      else
        check_members(p, &d->members);
    }
  }
}
