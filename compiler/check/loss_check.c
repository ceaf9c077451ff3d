/* A loss that cannot move anything is an error: every loss, and every addend of one, must depend on a parameter that
 * the stage trains, through operations that carry a gradient. */
#include "compiler/check/experiment.h"
#include "compiler/grad/differentiate.h"

#include <string.h>

typedef struct checking {
  stage_build *build;
  const bool *reached;  /* by node: a gradient flows to something trained */
  const bool *variable; /* by node: depends on an input */
  const loss_addend *loss;
} checking;

/* By node: whether it depends on an input whose name starts with `prefix`. */
static bool *depends_on_inputs(const graph *g, const char *prefix) {
  bool *depends = arena_array(g->arena, bool, g->node_count);
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    depends[i] = n->op == OP_input && strncmp(n->attributes.input.name, prefix, strlen(prefix)) == 0;
    for (int k = 0; k < n->operand_count; k++)
      depends[i] = depends[i] || depends[n->operands[k]->id];
  }
  return depends;
}

/* The first of some models that n reads. */
static const model_record *model_read_by(const checking *c, const node *n, int count, const int *models) {
  for (int i = 0; i < count; i++) {
    const model_record *m = c->build->experiment->models[models[i]];
    const char *prefix = arena_print(c->build->graph->arena, "%s/", m->about.name);
    if (depends_on_inputs(c->build->graph, prefix)[n->id])
      return m;
  }
  return NULL;
}

static void explain(const checking *c, diagnostic *e, const node *n) {
  const program_stage *stage = &c->build->stage->about;
  const char *student = c->build->experiment->models[stage->students[0]]->about.name;
  const model_record *frozen = model_read_by(c, n, stage->teacher_count, stage->teachers);
  const model_record *trained = model_read_by(c, n, stage->student_count, stage->students);
  if (frozen)
    diagnostic_note(e, frozen->where, "'%s' is frozen in stage '%s'", frozen->about.name, stage->name);
  if (trained)
    diagnostic_hint(e, "'%s' is in it only behind stop_gradient or an operation without a gradient",
                    trained->about.name);
  else
    diagnostic_hint(e, "a value of the model being trained has to be in it, as '%s.result'", student);
}

/* Adds up: what n is a sum of must depend on something trained too. A constant may be added, and what is under an
 * explicit stop_gradient. True when all is well. */
static bool check_addends(const checking *c, const node *n) {
  if (!c->variable[n->id] || n->op == OP_stop_gradient)
    return true;
  if (!c->reached[n->id]) {
    elaborator *e = c->build->elaborator;
    span where = n->where.file ? n->where : c->loss->syntax->value->where;
    diagnostic *error = elaborate_error(
        e, where, "an addend of loss '%s' does not depend on any parameter being trained", c->loss->syntax->name);
    explain(c, error, n);
    diagnostic_hint(error, "if it is there only to be seen in the value, write stop_gradient(...)");
    elaborate_failed(e, error);
    return false;
  }
  bool good = true;
  switch ((int)n->op) {
  case OP_add:
  case OP_sub:
    for (int i = 0; i < 2; i++)
      good = check_addends(c, n->operands[i]) && good;
    return good;
  case OP_mul: /* by a number */
    for (int i = 0; i < 2; i++)
      if (!c->variable[n->operands[1 - i]->id])
        return check_addends(c, n->operands[i]);
    return true;
  case OP_div:
    return c->reached[n->operands[1]->id] || check_addends(c, n->operands[0]);
  case OP_neg:
  case OP_reduce_sum:
  case OP_reshape:
  case OP_expand:
    return check_addends(c, n->operands[0]);
  default:
    return true;
  }
}

/* Weights that sum to nothing. */
static bool check_weights(const stage_build *b) {
  for (int i = 0; i < b->loss_count; i++)
    if (!b->losses[i].weight_known || b->losses[i].weight != 0)
      return true;
  if (b->loss_count == 0)
    return true;
  const statement *first = b->losses[0].syntax;
  diagnostic *error = elaborate_error(
      b->elaborator, first->weight ? first->weight->where : first->where, "%s 0: stage '%s' would learn nothing",
      b->loss_count == 1 ? "the only loss has the weight" : "the weights of all losses are", b->stage->about.name);
  diagnostic_hint(error, "leave out what has the weight 0, and give the others more than that");
  elaborate_failed(b->elaborator, error);
  return false;
}

bool losses_check(stage_build *b) {
  checking c = {.build = b,
                .reached = gradient_reaches(b->graph, b->trained_count, b->trained),
                .variable = depends_on_inputs(b->graph, "")};
  bool good = check_weights(b);
  for (int i = 0; i < b->loss_count; i++) {
    c.loss = &b->losses[i];
    const node *n = c.loss->value;
    if (!c.reached[n->id]) {
      diagnostic *error =
          elaborate_error(b->elaborator, c.loss->syntax->name_where,
                          "loss '%s' does not depend on any parameter being trained", c.loss->syntax->name);
      explain(&c, error, n);
      elaborate_failed(b->elaborator, error);
      good = false;
    } else {
      good = check_addends(&c, n) && good;
    }
  }
  return good;
}
