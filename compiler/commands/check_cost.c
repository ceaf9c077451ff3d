#include "compiler/commands/check_cost.h"
#include "compiler/commands/step_cost.h"
#include "compiler/commands/units.h"

/* ---- sizes ---- */

/* The longest sample of the set, or of all sets when it is -1. */
static int longest(const program *p, int set) {
  int length = 0;
  for (int i = 0; i < program_data_count(p); i++)
    if ((set < 0 || set == i) && program_data_at(p, i)->length > length)
      length = program_data_at(p, i)->length;
  return length ? length : 1;
}

static double parameter_count(const model_parameter *list, int count, bool only_trained) {
  double total = 0;
  for (int i = 0; i < count; i++) {
    double elements = list[i].trained || !only_trained;
    for (int k = 0; k < list[i].rank; k++)
      elements *= (double)list[i].sizes[k];
    total += elements;
  }
  return total;
}

static double parameter_bytes(const model_parameter *list, int count) {
  double total = 0;
  for (int i = 0; i < count; i++)
    total += (double)dtype_size(list[i].dtype) * parameter_count(&list[i], 1, false);
  return total;
}

/* ---- the tables ---- */

static void print_model(const check_costs *c, int index, text *to) {
  const program_model *m = program_model_at(c->program, index);
  arena *a = c->arena;
  text_add(to, "%-16s %12s %12s", m->name, count_text(a, parameter_count(m->parameters, m->parameter_count, true)),
           bytes_text(a, parameter_bytes(m->parameters, m->parameter_count)));
  if (c->forwards[index]) {
    step_cost one = step_cost_of(c->forwards[index], 1, longest(c->program, -1), c->threads, &c->switches);
    text_add(to, " %14s %12s", count_text(a, one.operations), bytes_text(a, one.weights + one.batch + one.workspace));
  }
  text_add(to, "\n");
}

static void print_models(const check_costs *c, text *to) {
  text_add(to, "%-16s %12s %12s %14s %12s\n", "model", "parameters", "size", "flops/sample", "peak memory");
  for (int i = 0; i < program_model_count(c->program); i++)
    print_model(c, i, to);
}

static void print_work(const check_costs *c, const program_stage *s, text *to) {
  const program *p = c->program;
  text_add(to, s->teacher_count ? "distill " : "train ");
  program_stage_models(p, s, to);
  text_add(to, " with %s, ", s->objective);
  if (s->steps)
    text_add(to, "%lld step%s", (long long)s->steps, s->steps == 1 ? "" : "s");
  else
    text_add(to, "%g epoch%s", s->epochs, s->epochs == 1 ? "" : "s");
  text_add(to, " of %s, batch %d", program_data_at(p, s->data)->name, s->batch);
  if (s->accumulate > 1)
    text_add(to, " in %d parts", s->accumulate);
  if (s->by_length > 0)
    text_add(to, " by length");
  if (s->optimizer)
    text_add(to, ", %s", s->optimizer);
}

/* Of a part, where batches are computed in parts: with the optimizer's state, which only the end of a step reads. */
static step_cost cost_of_stage(const check_costs *c, int index, int rows) {
  const program_stage *s = program_stage_at(c->program, index);
  const accumulation *parts = program_stage_parts(c->program, index);
  int length = longest(c->program, s->data);
  step_cost cost = step_cost_of(parts ? parts->part : c->stages[index], rows, length, c->threads, &c->switches);
  for (int i = 0; i < s->state_count && parts; i++) {
    double bytes = (double)dtype_size(s->states[i].dtype);
    for (int k = 0; k < s->states[i].rank; k++)
      bytes *= (double)s->states[i].sizes[k];
    cost.states += bytes;
  }
  return cost;
}

static void print_stage(const check_costs *c, int index, text *to) {
  const program_stage *s = program_stage_at(c->program, index);
  arena *a = c->arena;
  int rows = (s->batch + s->accumulate - 1) / s->accumulate;
  step_cost cost = cost_of_stage(c, index, rows);
  double peak = cost.weights + cost.states + cost.batch + cost.workspace;
  text_add(to, "%-16s %12s %12s %14s %12s\n", s->name, arena_print(a, "%d", cost.kernels),
           arena_print(a, "%d", cost.calls), count_text(a, cost.operations / rows), bytes_text(a, peak));
  text_add(to, "  ");
  print_work(c, s, to);
  text_add(to, s->term_count ? "\n  losses:" : "\n  no losses: it only updates");
  for (int i = 0; i < s->term_count; i++)
    text_add(to, "%s %s", i ? "," : "", s->terms[i].name);
  text_add(to, "\n  memory: weights %s, state %s, batch %s, workspace %s\n", bytes_text(a, cost.weights),
           bytes_text(a, cost.states), bytes_text(a, cost.batch), bytes_text(a, cost.workspace));
}

static void print_stages(const check_costs *c, text *to) {
  text_add(to, "\n%-16s %12s %12s %14s %12s\n", "stage", "kernels", "calls", "flops/sample", "peak memory");
  for (int i = 0; i < program_stage_count(c->program); i++)
    print_stage(c, i, to);
}

void print_costs(const check_costs *c, text *to) {
  if (program_model_count(c->program))
    print_models(c, to);
  if (program_stage_count(c->program))
    print_stages(c, to);
  if (program_model_count(c->program))
    text_add(to, "\nfor samples of %d, %d thread%s\n", longest(c->program, -1), c->threads, c->threads == 1 ? "" : "s");
}
