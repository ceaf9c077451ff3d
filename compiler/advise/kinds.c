#include "compiler/advise/kinds.h"

#include <math.h>
#include <string.h>

typedef struct reading {
  kind *kinds; /* by node, those before this one */
  const unsigned char *depends;
} reading;

typedef kind kind_rule(const reading *r, const node *n);

static kind anything(const node *n) {
  return (kind){.source = n, .temperature = 1, .axis = -1, .mass = NAN};
}

static const kind *kind_at(const reading *r, const node *n, int operand) {
  return &r->kinds[n->operands[operand]->id];
}

/* The same value, whatever was odd about the operand's operation. */
static kind same(const reading *r, const node *n, int operand) {
  kind k = *kind_at(r, n, operand);
  k.odd = ODD_NOTHING;
  return k;
}

static bool scores(const kind *k) {
  return k->form == FORM_ANYTHING || k->form == FORM_LOGITS || k->form == FORM_PROBABILITIES;
}

static bool same_origin(const kind *a, const kind *b) {
  return a->source == b->source && a->temperature == b->temperature;
}

bool constant_everywhere(const node *n, double *number) {
  while (n->op == OP_expand || n->op == OP_reshape || n->op == OP_permute || n->op == OP_cast)
    n = n->operands[0];
  *number = n->op == OP_constant ? n->attributes.number : 0;
  return n->op == OP_constant;
}

/* One number for all elements that is known only when it runs. */
static bool is_scalar(const node *n) {
  while (n->op == OP_expand || n->op == OP_reshape)
    n = n->operands[0];
  for (int i = 0; i < n->shape.rank; i++) {
    int64_t size;
    if (!dim_is_constant(n->shape.dims[i], &size) || size != 1)
      return false;
  }
  return true;
}

/* ---- movement ---- */

/* Where the axis of x lies in n, whose elements are in the same order; -1: it is merged or split. */
static int moved_axis(const node *x, const node *n, int axis) {
  int before = 0; /* axes of x in front that are not 1 */
  int64_t size;
  for (int i = 0; i < axis; i++)
    before += !(dim_is_constant(x->shape.dims[i], &size) && size == 1);
  bool one = dim_is_constant(x->shape.dims[axis], &size) && size == 1;
  for (int i = 0; i < n->shape.rank; i++) {
    bool unit = dim_is_constant(n->shape.dims[i], &size) && size == 1;
    if (before == 0 && !unit && !one)
      return n->shape.dims[i] == x->shape.dims[axis] ? i : -1;
    if (before == 0 && one)
      return i;
    before -= !unit;
  }
  return -1;
}

static kind without_axis(kind k, const node *n) {
  bool needed = k.form == FORM_PROBABILITIES || k.form == FORM_LOG_PROBABILITIES || k.form == FORM_PLACES;
  if (k.axis < 0 && needed)
    return anything(n);
  return k;
}

static kind kind_of_reshape(const reading *r, const node *n) {
  kind k = same(r, n, 0);
  k.axis = k.axis < 0 ? -1 : moved_axis(n->operands[0], n, k.axis);
  return without_axis(k, n);
}

static kind kind_of_permute(const reading *r, const node *n) {
  kind k = same(r, n, 0);
  for (int i = 0, axis = k.axis; i < n->attributes.axes.count && axis >= 0; i++)
    if (n->attributes.axes.axis[i] == axis)
      k.axis = i;
  return k;
}

static kind kind_of_expand(const reading *r, const node *n) {
  return same(r, n, 0);
}

/* Some of the classes are no distribution; other rows are one of their own. */
static kind kind_of_slice(const reading *r, const node *n) {
  kind k = same(r, n, 0);
  if (k.axis >= 0 && n->shape.dims[k.axis] != n->operands[0]->shape.dims[k.axis])
    k = anything(n);
  if (k.form == FORM_LOGITS || k.form == FORM_PROBABILITIES || k.form == FORM_LOG_PROBABILITIES)
    k.source = n;
  else
    k = anything(n);
  return k;
}

static kind kind_of_iota(const reading *r, const node *n) {
  (void)r;
  kind k = anything(n);
  k.form = FORM_PLACES;
  k.axis = n->attributes.axes.axis[0];
  return k;
}

static kind kind_of_cast(const reading *r, const node *n) {
  return same(r, n, 0);
}

/* One true value along the axis of places: a one-hot row. */
static kind kind_of_equal(const reading *r, const node *n) {
  const kind *a = kind_at(r, n, 0), *b = kind_at(r, n, 1);
  kind k = anything(n);
  if ((a->form == FORM_PLACES) == (b->form == FORM_PLACES))
    return k;
  k.form = FORM_PROBABILITIES;
  k.axis = a->form == FORM_PLACES ? a->axis : b->axis;
  k.mass = 1;
  return k;
}

/* Padding is masked by what depends on the batch alone. */
static kind kind_of_where(const reading *r, const node *n) {
  double unused;
  if (r->depends[n->operands[0]->id] & DEPENDS_WEIGHTS)
    return anything(n);
  if (constant_everywhere(n->operands[2], &unused))
    return same(r, n, 1);
  return constant_everywhere(n->operands[1], &unused) ? same(r, n, 2) : anything(n);
}

/* ---- reductions ---- */

static kind kind_of_sum(const reading *r, const node *n) {
  const kind *k = kind_at(r, n, 0);
  int axis = n->attributes.axes.axis[0];
  int64_t size;
  if (n->attributes.axes.count != 1)
    return anything(n);
  if (dim_is_constant(n->operands[0]->shape.dims[axis], &size) && size == 1)
    return same(r, n, 0);
  if (k->form != FORM_EXPONENTIAL)
    return anything(n);
  kind total = *k;
  total.form = FORM_TOTAL;
  total.axis = axis;
  total.odd = ODD_NOTHING;
  return total;
}

static kind kind_of_max(const reading *r, const node *n) {
  kind k = same(r, n, 0);
  if (!scores(&k))
    return anything(n);
  k.of = k.form;
  k.form = FORM_LARGEST;
  return k;
}

/* ---- exponentials and logarithms ---- */

static kind kind_of_exp(const reading *r, const node *n) {
  kind k = same(r, n, 0);
  if (k.form == FORM_LOG_PROBABILITIES && k.mass == 1)
    k.form = FORM_PROBABILITIES;
  else if (k.form == FORM_LOG_TOTAL)
    k.form = FORM_TOTAL;
  else if (k.form == FORM_DIFFERENCE)
    k.form = FORM_RATIO;
  else if (scores(&k)) {
    k.of = k.form;
    k.form = FORM_EXPONENTIAL;
  } else {
    k = anything(n);
  }
  return k;
}

static kind odd(const node *n, oddity what) {
  kind k = anything(n);
  k.odd = what;
  return k;
}

static kind kind_of_log(const reading *r, const node *n) {
  kind k = same(r, n, 0);
  switch (k.form) {
  case FORM_LOGITS:
  case FORM_LOG_PROBABILITIES:
    return odd(n, ODD_LOG);
  case FORM_PROBABILITIES:
    k.form = FORM_LOG_PROBABILITIES;
    k.mass = 1;
    return k;
  case FORM_TOTAL:
    k.form = FORM_LOG_TOTAL;
    return k;
  case FORM_EXPONENTIAL:
    k.form = k.of;
    k.odd = k.of == FORM_LOGITS ? ODD_UNNORMAL : ODD_NOTHING;
    return k;
  case FORM_RATIO:
    k.form = FORM_DIFFERENCE;
    k.odd = k.of == FORM_EXPONENTIAL ? ODD_UNNORMAL : ODD_NOTHING;
    return k;
  case FORM_ANYTHING:
  case FORM_LOG_TOTAL:
  case FORM_LARGEST:
  case FORM_DIFFERENCE:
  case FORM_PLACES:
    break;
  }
  return anything(n);
}

/* ---- arithmetic ---- */

/* x times a factor that is one number; NaN: not known now. Such scores are taken as they are then. */
static kind scaled(kind k, const node *n, double factor) {
  switch (k.form) {
  case FORM_ANYTHING:
  case FORM_LOGITS:
  case FORM_LARGEST:
    if (isnan(factor))
      k.source = n;
    k.temperature = isnan(factor) ? 1 : k.temperature / factor;
    return isnan(factor) && k.form == FORM_LARGEST ? anything(n) : k;
  case FORM_PROBABILITIES:
  case FORM_LOG_PROBABILITIES:
    k.mass *= factor;
    return k;
  case FORM_DIFFERENCE:
    return k;
  case FORM_EXPONENTIAL:
  case FORM_TOTAL:
  case FORM_LOG_TOTAL:
  case FORM_RATIO:
  case FORM_PLACES:
    break;
  }
  return anything(n);
}

static kind kind_of_neg(const reading *r, const node *n) {
  return scaled(same(r, n, 0), n, -1);
}

static kind kind_of_mul(const reading *r, const node *n) {
  double number;
  for (int i = 0; i < 2; i++) {
    if (constant_everywhere(n->operands[i], &number))
      return scaled(same(r, n, 1 - i), n, number);
    if (is_scalar(n->operands[i]) && !is_scalar(n->operands[1 - i]))
      return scaled(same(r, n, 1 - i), n, NAN);
  }
  return anything(n);
}

/* Two of one form, the second against the first. */
static kind pair(form f, form of, const kind *a, const kind *b) {
  return (kind){.form = f,
                .of = of,
                .source = a->source,
                .temperature = a->temperature,
                .other = b->source,
                .temperature2 = b->temperature,
                .axis = a->axis,
                .mass = NAN};
}

static kind kind_of_div(const reading *r, const node *n) {
  const kind *a = kind_at(r, n, 0), *b = kind_at(r, n, 1);
  double number;
  if (a->form == FORM_EXPONENTIAL && b->form == FORM_TOTAL && a->of == b->of && same_origin(a, b)) {
    kind k = *a;
    k.form = FORM_PROBABILITIES;
    k.axis = b->axis;
    k.mass = 1;
    k.odd = a->of == FORM_PROBABILITIES ? ODD_SOFTMAX : ODD_NOTHING;
    return k;
  }
  if (constant_everywhere(n->operands[1], &number))
    return scaled(same(r, n, 0), n, 1 / number);
  if (a->form == b->form && (a->form == FORM_PROBABILITIES || a->form == FORM_EXPONENTIAL))
    return pair(FORM_RATIO, a->form, a, b);
  return is_scalar(n->operands[1]) ? scaled(same(r, n, 0), n, NAN) : anything(n);
}

static kind kind_of_sub(const reading *r, const node *n) {
  const kind *a = kind_at(r, n, 0), *b = kind_at(r, n, 1);
  double number;
  if (scores(a) && b->form == FORM_LARGEST && b->of == a->form && same_origin(a, b))
    return same(r, n, 0);
  if (scores(a) && b->form == FORM_LOG_TOTAL && b->of == a->form && same_origin(a, b)) {
    kind k = *a;
    k.form = FORM_LOG_PROBABILITIES;
    k.axis = b->axis;
    k.mass = 1;
    k.odd = a->form == FORM_PROBABILITIES ? ODD_SOFTMAX : ODD_NOTHING;
    return k;
  }
  if (a->form == FORM_LOG_PROBABILITIES && b->form == FORM_LOG_PROBABILITIES)
    return pair(FORM_DIFFERENCE, FORM_PROBABILITIES, a, b);
  if (a->form == FORM_LOGITS && b->form == FORM_LOGITS && a->source != b->source)
    return pair(FORM_DIFFERENCE, FORM_EXPONENTIAL, a, b);
  bool shifted = a->form == FORM_LOGITS && constant_everywhere(n->operands[1], &number);
  return shifted ? same(r, n, 0) : anything(n);
}

/* Smoothing, an epsilon: the mass of a number added to each class. */
static kind raised(kind k, const node *n, double number) {
  int64_t classes;
  if (k.form == FORM_LOGITS)
    return k;
  if (k.form != FORM_PROBABILITIES)
    return anything(n);
  k.mass += dim_is_constant(n->shape.dims[k.axis], &classes) ? number * (double)classes : NAN;
  return k;
}

static kind kind_of_add(const reading *r, const node *n) {
  const kind *a = kind_at(r, n, 0), *b = kind_at(r, n, 1);
  double number;
  for (int i = 0; i < 2; i++) {
    const kind *x = i ? b : a, *y = i ? a : b;
    if (x->form == FORM_LOG_TOTAL && y->form == FORM_LARGEST && x->of == y->of && same_origin(x, y))
      return same(r, n, i);
    if (constant_everywhere(n->operands[1 - i], &number))
      return raised(same(r, n, i), n, number);
  }
  if (a->form == FORM_PROBABILITIES && b->form == FORM_PROBABILITIES && a->axis == b->axis) {
    kind k = anything(n);
    k.form = FORM_PROBABILITIES;
    k.axis = a->axis;
    k.mass = a->mass + b->mass;
    return k;
  }
  return anything(n);
}

/* A bound on one side, as an epsilon under a logarithm. */
static kind kind_of_bound(const reading *r, const node *n) {
  double number;
  for (int i = 0; i < 2; i++) {
    kind k = same(r, n, i);
    bool kept = k.form == FORM_LOGITS || k.form == FORM_PROBABILITIES || k.form == FORM_LOG_PROBABILITIES;
    if (kept && constant_everywhere(n->operands[1 - i], &number))
      return k;
  }
  return anything(n);
}

static kind kind_of_same(const reading *r, const node *n) {
  return same(r, n, 0);
}

/* ---- the table ---- */

static kind_rule *const rules[OP_COUNT] = {
    [OP_iota] = kind_of_iota,
    [OP_cast] = kind_of_cast,
    [OP_equal] = kind_of_equal,
    [OP_where] = kind_of_where,
    [OP_stop_gradient] = kind_of_same,
    [OP_neg] = kind_of_neg,
    [OP_exp] = kind_of_exp,
    [OP_log] = kind_of_log,
    [OP_add] = kind_of_add,
    [OP_sub] = kind_of_sub,
    [OP_mul] = kind_of_mul,
    [OP_div] = kind_of_div,
    [OP_maximum] = kind_of_bound,
    [OP_minimum] = kind_of_bound,
    [OP_reduce_sum] = kind_of_sum,
    [OP_reduce_max] = kind_of_max,
    [OP_expand] = kind_of_expand,
    [OP_reshape] = kind_of_reshape,
    [OP_permute] = kind_of_permute,
    [OP_slice] = kind_of_slice,
};

/* What a model's forward returns is logits, unless it made something else of them. */
static bool *results_of_models(const stage_view *v) {
  bool *is = arena_array(v->graph.arena, bool, v->graph.node_count);
  for (int i = 0; i < v->call_count; i++)
    if (v->calls[i].model && v->calls[i].result)
      is[v->calls[i].result->id] = true;
  return is;
}

const kind *kinds_of(const stage_view *v) {
  const graph *g = &v->graph;
  kind *kinds = arena_array(g->arena, kind, g->node_count);
  const bool *given = results_of_models(v);
  reading r = {.kinds = kinds, .depends = dependences_of(v, 0, NULL)};
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    kinds[i] = rules[n->op] ? rules[n->op](&r, n) : anything(n);
    if (given[i] && kinds[i].form == FORM_ANYTHING && n->dtype == DTYPE_F32) {
      kinds[i] = anything(n);
      kinds[i].form = FORM_LOGITS;
    }
  }
  return kinds;
}

/* ---- what values depend on ---- */

static unsigned char of_input(const node *n, int teacher_count, const char *const *teachers) {
  static const struct {
    const char *name;
    unsigned char bits;
  } fields[] = {{"label", DEPENDS_LABELS},
                {"target", DEPENDS_LABELS},
                {"step", DEPENDS_STEP},
                {"steps", DEPENDS_STEP},
                {"epoch", DEPENDS_STEP}};
  const char *name = n->attributes.input.name;
  if (n->attributes.input.kind == INPUT_DATA) {
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
      if (strcmp(fields[i].name, name) == 0)
        return fields[i].bits;
    return 0;
  }
  for (int i = 0; i < teacher_count; i++) {
    size_t length = strlen(teachers[i]);
    if (strncmp(name, teachers[i], length) == 0 && name[length] == '/')
      return DEPENDS_WEIGHTS | DEPENDS_TEACHER;
  }
  return DEPENDS_WEIGHTS;
}

const unsigned char *dependences_of(const stage_view *v, int teacher_count, const char *const *teachers) {
  const graph *g = &v->graph;
  unsigned char *bits = arena_array(g->arena, unsigned char, g->node_count);
  for (int i = 0; i < g->node_count; i++) {
    const node *n = g->nodes[i];
    if (n->op == OP_input)
      bits[i] = of_input(n, teacher_count, teachers);
    for (int k = 0; k < n->operand_count; k++)
      bits[i] |= bits[n->operands[k]->id];
  }
  return bits;
}
