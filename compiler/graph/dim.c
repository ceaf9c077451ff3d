/* Dims: polynomials over atoms in one normal form, interned. Terms are kept sorted, constant first, then by rising
 * degree; equal polynomials have equal terms and so are found by hash. */
#include "compiler/graph/dim.h"

#include <assert.h>
#include <string.h>

/* Sizes that people write have a handful of terms; more than this is refused (dim_is_too_large). */
enum { TERMS_MAX = 64, FACTORS_MAX = 24 };

typedef struct slot { /* of a hash table with open addressing: item NULL is free */
  uint64_t hash;
  const void *item;
} slot;

typedef struct hash_table {
  int count, capacity; /* a power of two */
  slot *slots;
} hash_table;

/* What was computed before: shapes are checked over and over with the same few sizes. */
typedef enum { RESULT_SUM, RESULT_DIFFERENCE, RESULT_PRODUCT } result_kind;

typedef struct known_result {
  result_kind kind;
  const dim *a, *b, *result;
} known_result;

enum { SMALL_CONSTANTS = 16 };

struct dim_table {
  arena *arena;
  int dim_count;
  hash_table dims, factors, symbols_by_name, results;
  const dim *small[SMALL_CONSTANTS];
  int symbol_count;
  const dim_symbol **symbols;
  const dim *too_large;
  int condition_count;
  dim_condition **conditions;
};

/* ---- hashing ---- */

static uint64_t hash_mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

static uint64_t hash_text(const char *name) {
  uint64_t hash = 0;
  for (const char *c = name; *c; c++)
    hash = hash_mix(hash, (unsigned char)*c);
  return hash;
}

static void hash_table_insert(arena *a, hash_table *h, uint64_t hash, const void *item) {
  if (h->count * 2 >= h->capacity) {
    hash_table grown = {.count = 0, .capacity = h->capacity ? h->capacity * 2 : 64};
    grown.slots = arena_array(a, slot, grown.capacity);
    for (int i = 0; i < h->capacity; i++)
      if (h->slots[i].item)
        hash_table_insert(a, &grown, h->slots[i].hash, h->slots[i].item);
    *h = grown;
  }
  uint64_t mask = (uint64_t)h->capacity - 1, at = hash & mask;
  while (h->slots[at].item)
    at = (at + 1) & mask;
  h->slots[at] = (slot){hash, item};
  h->count++;
}

typedef bool same_item(const void *item, const void *wanted);

static const void *hash_table_find(const hash_table *h, uint64_t hash, same_item *same, const void *wanted) {
  if (!h->capacity)
    return NULL;
  uint64_t mask = (uint64_t)h->capacity - 1;
  for (uint64_t at = hash & mask; h->slots[at].item; at = (at + 1) & mask)
    if (h->slots[at].hash == hash && same(h->slots[at].item, wanted))
      return h->slots[at].item;
  return NULL;
}

/* ---- the order of atoms, monomials and dims: structural, so that it does not depend on the order of making ---- */

static int dim_order(const dim *a, const dim *b);

static int factor_order(const dim_factor *a, const dim_factor *b) {
  if (a == b)
    return 0;
  if (a->symbol && b->symbol)
    return a->symbol->index < b->symbol->index ? -1 : 1;
  if (a->symbol || b->symbol)
    return a->symbol ? -1 : 1;
  if (a->divisor != b->divisor)
    return a->divisor < b->divisor ? -1 : 1;
  return dim_order(a->dividend, b->dividend);
}

/* By degree, then in reverse order of factors: read from the end, terms are as one would write them. */
static int monomial_order(int a_count, const dim_factor *const *a, int b_count, const dim_factor *const *b) {
  if (a_count != b_count)
    return a_count < b_count ? -1 : 1;
  for (int i = 0; i < a_count; i++) {
    int order = factor_order(b[i], a[i]);
    if (order)
      return order;
  }
  return 0;
}

static int dim_order(const dim *a, const dim *b) {
  if (a == b)
    return 0;
  for (int i = 0; i < a->term_count && i < b->term_count; i++) {
    const dim_term *s = &a->terms[i], *t = &b->terms[i];
    int order = monomial_order(s->factor_count, s->factors, t->factor_count, t->factors);
    if (order)
      return order;
    if (s->coefficient != t->coefficient)
      return s->coefficient < t->coefficient ? -1 : 1;
  }
  return a->term_count < b->term_count ? -1 : 1;
}

/* ---- polynomials in the making ---- */

typedef struct monomial {
  int64_t coefficient;
  int factor_count;
  const dim_factor *factors[FACTORS_MAX];
} monomial;

typedef struct polynomial {
  bool too_large;
  int count;
  monomial terms[TERMS_MAX];
} polynomial;

static void polynomial_add(polynomial *p, const monomial *m) {
  if (m->coefficient == 0 || p->too_large)
    return;
  int at = p->count;
  while (at > 0) {
    monomial *t = &p->terms[at - 1];
    int order = monomial_order(t->factor_count, t->factors, m->factor_count, m->factors);
    if (order == 0) {
      if (__builtin_add_overflow(t->coefficient, m->coefficient, &t->coefficient))
        p->too_large = true;
      if (t->coefficient == 0) {
        p->count--;
        memmove(t, t + 1, sizeof *t * (size_t)(p->count - at + 1));
      }
      return;
    }
    if (order < 0)
      break;
    at--;
  }
  if (p->count == TERMS_MAX) {
    p->too_large = true;
    return;
  }
  memmove(&p->terms[at + 1], &p->terms[at], sizeof *m * (size_t)(p->count - at));
  p->terms[at] = *m;
  p->count++;
}

/* left x right, or *too_large. */
static monomial monomial_multiply(const dim_term *left, const dim_term *right, bool *too_large) {
  monomial m = {.factor_count = left->factor_count + right->factor_count};
  if (m.factor_count > FACTORS_MAX || __builtin_mul_overflow(left->coefficient, right->coefficient, &m.coefficient)) {
    *too_large = true;
    return (monomial){0};
  }
  for (int i = 0, j = 0; i + j < m.factor_count;) {
    bool take_left =
        j == right->factor_count || (i < left->factor_count && factor_order(left->factors[i], right->factors[j]) <= 0);
    const dim_factor *next = take_left ? left->factors[i] : right->factors[j];
    m.factors[i + j] = next;
    *(take_left ? &i : &j) += 1;
  }
  return m;
}

static void polynomial_add_product(polynomial *p, const dim_term *term, const dim *d) {
  for (int i = 0; i < d->term_count; i++) {
    monomial m = monomial_multiply(term, &d->terms[i], &p->too_large);
    polynomial_add(p, &m);
  }
}

static bool same_polynomial(const void *item, const void *wanted) {
  const dim *d = item;
  const polynomial *p = wanted;
  if (d->term_count != p->count)
    return false;
  for (int i = 0; i < p->count; i++) {
    const dim_term *t = &d->terms[i];
    const monomial *m = &p->terms[i];
    if (t->coefficient != m->coefficient || t->factor_count != m->factor_count ||
        (m->factor_count && memcmp(t->factors, m->factors, sizeof *m->factors * (size_t)m->factor_count) != 0))
      return false;
  }
  return true;
}

static const dim *intern(dim_table *t, const polynomial *p) {
  if (p->too_large)
    return t->too_large;
  uint64_t hash = 1;
  for (int i = 0; i < p->count; i++) {
    hash = hash_mix(hash, (uint64_t)p->terms[i].coefficient);
    for (int f = 0; f < p->terms[i].factor_count; f++)
      hash = hash_mix(hash, (uintptr_t)p->terms[i].factors[f]);
  }
  const dim *found = hash_table_find(&t->dims, hash, same_polynomial, p);
  if (found)
    return found;
  dim *d = arena_new(t->arena, dim);
  dim_term *terms = arena_array(t->arena, dim_term, p->count ? p->count : 1);
  for (int i = 0; i < p->count; i++) {
    const monomial *m = &p->terms[i];
    const dim_factor **factors = arena_array(t->arena, const dim_factor *, m->factor_count ? m->factor_count : 1);
    if (m->factor_count)
      memcpy(factors, m->factors, sizeof *factors * (size_t)m->factor_count);
    terms[i] = (dim_term){m->coefficient, m->factor_count, factors};
  }
  *d = (dim){t->dim_count++, p->count, terms};
  hash_table_insert(t->arena, &t->dims, hash, d);
  return d;
}

static bool same_question(const void *item, const void *wanted) {
  const known_result *known = item, *asked = wanted;
  return known->kind == asked->kind && known->a == asked->a && known->b == asked->b;
}

/* ---- atoms ---- */

static bool same_factor(const void *item, const void *wanted) {
  const dim_factor *a = item, *b = wanted;
  return a->symbol == b->symbol && a->dividend == b->dividend && a->divisor == b->divisor;
}

static const dim *atom(dim_table *t, dim_factor wanted) {
  uint64_t hash =
      hash_mix(hash_mix(hash_mix(2, (uintptr_t)wanted.symbol), (uintptr_t)wanted.dividend), (uint64_t)wanted.divisor);
  const dim_factor *factor = hash_table_find(&t->factors, hash, same_factor, &wanted);
  if (!factor) {
    dim_factor *made = arena_new(t->arena, dim_factor);
    *made = wanted;
    hash_table_insert(t->arena, &t->factors, hash, made);
    factor = made;
  }
  polynomial p;
  p.too_large = false;
  p.count = 1;
  p.terms[0] = (monomial){.coefficient = 1, .factor_count = 1, .factors = {factor}};
  return intern(t, &p);
}

static bool symbol_has_name(const void *item, const void *wanted) {
  const dim_symbol *s = item;
  return strcmp(s->name, wanted) == 0;
}

const dim_symbol *dim_symbol_find(const dim_table *t, const char *name) {
  return hash_table_find(&t->symbols_by_name, hash_text(name), symbol_has_name, name);
}

static dim_symbol *make_symbol(dim_table *t, const char *name, const dim *of, const char *lengths) {
  dim_symbol *s = arena_new(t->arena, dim_symbol);
  *s = (dim_symbol){.name = arena_copy(t->arena, name, strlen(name)),
                    .index = t->symbol_count,
                    .of = of,
                    .lengths = lengths ? arena_copy(t->arena, lengths, strlen(lengths)) : NULL};
  const dim_symbol *made = s;
  arena_append(t->arena, t->symbols, t->symbol_count, made);
  hash_table_insert(t->arena, &t->symbols_by_name, hash_text(name), s);
  return s;
}

/* ---- what the header promises ---- */

dim_table *dim_table_create(arena *a) {
  dim_table *t = arena_new(a, dim_table);
  t->arena = a;
  t->too_large = dim_constant(t, INT64_MAX);
  return t;
}

int dim_symbol_count(const dim_table *t) {
  return t->symbol_count;
}

const dim_symbol *dim_symbol_at(const dim_table *t, int index) {
  assert(index >= 0 && index < t->symbol_count);
  return t->symbols[index];
}

const dim *dim_constant(dim_table *t, int64_t value) {
  bool small = value >= 0 && value < SMALL_CONSTANTS;
  if (small && t->small[value])
    return t->small[value];
  polynomial p;
  p.too_large = false;
  p.count = value != 0;
  p.terms[0] = (monomial){.coefficient = value};
  const dim *d = intern(t, &p);
  if (small)
    t->small[value] = d;
  return d;
}

const dim *dim_named(dim_table *t, const char *name) {
  const dim_symbol *s = dim_symbol_find(t, name);
  return atom(t, (dim_factor){.symbol = s ? s : make_symbol(t, name, NULL, NULL)});
}

const dim *dim_sum(dim_table *t, const char *name, const char *lengths) {
  const dim_symbol *s = dim_symbol_find(t, name);
  if (s && (!s->sum || strcmp(s->sum, lengths) != 0))
    return NULL;
  if (!s) {
    dim_symbol *made = make_symbol(t, name, NULL, NULL);
    made->sum = arena_copy(t->arena, lengths, strlen(lengths));
    s = made;
  }
  return atom(t, (dim_factor){.symbol = s});
}

const dim *dim_tokens(dim_table *t, const dim_symbol *ragged) {
  const char *name = arena_print(t->arena, "%s.tokens", ragged->name);
  const dim *d = NULL;
  for (int number = 2; !(d = dim_sum(t, name, ragged->lengths)); number++)
    name = arena_print(t->arena, "%s.tokens.%d", ragged->name, number);
  return d;
}

const dim *dim_ragged(dim_table *t, const char *name, const dim *of, const char *lengths) {
  const char *tried = name;
  for (int number = 2;; number++) {
    const dim_symbol *s = dim_symbol_find(t, tried);
    if (!s)
      return atom(t, (dim_factor){.symbol = make_symbol(t, tried, of, lengths)});
    if (s->of == of && s->lengths && strcmp(s->lengths, lengths) == 0)
      return atom(t, (dim_factor){.symbol = s});
    tried = arena_print(t->arena, "%s.%d", name, number);
  }
}

bool dim_is_too_large(const dim *d) {
  int64_t value;
  return dim_is_constant(d, &value) && value == INT64_MAX;
}

static const dim_term one = {.coefficient = 1}, minus_one = {.coefficient = -1};

static const dim *combine(dim_table *t, const dim *a, const dim_term *scale, const dim *b) {
  if (a == t->too_large || b == t->too_large)
    return t->too_large;
  polynomial p;
  p.too_large = false;
  p.count = 0;
  polynomial_add_product(&p, &one, a);
  polynomial_add_product(&p, scale, b);
  return intern(t, &p);
}

static const dim *multiply(dim_table *t, const dim *a, const dim *b) {
  polynomial p;
  p.too_large = false;
  p.count = 0;
  for (int i = 0; i < a->term_count; i++)
    polynomial_add_product(&p, &a->terms[i], b);
  return intern(t, &p);
}

static const dim *look_up_or_compute(dim_table *t, result_kind kind, const dim *a, const dim *b) {
  known_result asked = {.kind = kind, .a = a, .b = b};
  uint64_t hash = hash_mix(hash_mix(kind, (uintptr_t)a), (uintptr_t)b);
  const known_result *known = hash_table_find(&t->results, hash, same_question, &asked);
  if (known)
    return known->result;
  known_result *made = arena_new(t->arena, known_result);
  *made = asked;
  made->result = kind == RESULT_PRODUCT ? multiply(t, a, b) : combine(t, a, kind == RESULT_SUM ? &one : &minus_one, b);
  hash_table_insert(t->arena, &t->results, hash, made);
  return made->result;
}

const dim *dim_add(dim_table *t, const dim *a, const dim *b) {
  return a->term_count == 0 ? b : b->term_count == 0 ? a : look_up_or_compute(t, RESULT_SUM, a, b);
}

const dim *dim_subtract(dim_table *t, const dim *a, const dim *b) {
  return b->term_count == 0 ? a : look_up_or_compute(t, RESULT_DIFFERENCE, a, b);
}

const dim *dim_multiply(dim_table *t, const dim *a, const dim *b) {
  const dim *unit = dim_constant(t, 1);
  if (a->term_count == 0 || b->term_count == 0)
    return dim_constant(t, 0);
  if (a == t->too_large || b == t->too_large)
    return t->too_large;
  return a == unit ? b : b == unit ? a : look_up_or_compute(t, RESULT_PRODUCT, a, b);
}

/* term / by, or false when it is not exact. */
static bool monomial_divide(const dim_term *term, const dim_term *by, monomial *quotient) {
  if (by->coefficient == -1 && term->coefficient == INT64_MIN)
    return false;
  if (term->coefficient % by->coefficient != 0)
    return false;
  *quotient = (monomial){.coefficient = term->coefficient / by->coefficient};
  int removed = 0;
  for (int i = 0; i < term->factor_count; i++)
    if (removed < by->factor_count && term->factors[i] == by->factors[removed])
      removed++;
    else
      quotient->factors[quotient->factor_count++] = term->factors[i];
  return removed == by->factor_count;
}

/* Long division from the largest term down; each step removes that term or ends. */
const dim *dim_divide_exact(dim_table *t, const dim *a, const dim *b) {
  if (b->term_count == 0 || a == t->too_large || b == t->too_large)
    return NULL;
  polynomial quotient;
  quotient.too_large = false;
  quotient.count = 0;
  const dim *rest = a;
  for (int step = 0; rest->term_count > 0; step++) {
    monomial m;
    if (step == TERMS_MAX || !monomial_divide(&rest->terms[rest->term_count - 1], &b->terms[b->term_count - 1], &m))
      return NULL;
    polynomial_add(&quotient, &m);
    if (m.coefficient == INT64_MIN)
      return NULL;
    dim_term negated = {-m.coefficient, m.factor_count, m.factors};
    rest = combine(t, rest, &negated, b);
    if (rest == t->too_large)
      return NULL;
  }
  return quotient.too_large ? NULL : intern(t, &quotient);
}

static int64_t floor_quotient(int64_t a, int64_t divisor) {
  int64_t q = a / divisor;
  return q - (a % divisor < 0);
}

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* floor((floor(x / a) + c) / b) = floor((x + a c) / (a b)): to the inner form, or NULL. */
static const dim *nested_floor_divide(dim_table *t, const dim *a, int64_t divisor) {
  const dim_term *last = a->term_count ? &a->terms[a->term_count - 1] : NULL;
  if (!last || last->coefficient != 1 || last->factor_count != 1 || last->factors[0]->symbol ||
      a->term_count > 1 + (a->terms[0].factor_count == 0))
    return NULL;
  int64_t product, shift = 0;
  const dim_factor *inner = last->factors[0];
  if (__builtin_mul_overflow(inner->divisor, divisor, &product) ||
      (a->term_count == 2 && __builtin_mul_overflow(a->terms[0].coefficient, inner->divisor, &shift)))
    return NULL;
  return dim_floor_divide(t, dim_add(t, inner->dividend, dim_constant(t, shift)), product);
}

/* Splits every coefficient c = q divisor + r with 0 <= r < divisor: the q leave the floor; then common divisors go. */
const dim *dim_floor_divide(dim_table *t, const dim *a, int64_t divisor) {
  assert(divisor > 0);
  if (a == t->too_large || divisor == 1)
    return a;
  polynomial whole, rest;
  whole.too_large = rest.too_large = false;
  whole.count = rest.count = 0;
  int64_t common = divisor;
  for (int i = 0; i < a->term_count; i++) {
    monomial m = {.factor_count = a->terms[i].factor_count};
    if (m.factor_count)
      memcpy(m.factors, a->terms[i].factors, sizeof *m.factors * (size_t)m.factor_count);
    m.coefficient = floor_quotient(a->terms[i].coefficient, divisor);
    polynomial_add(&whole, &m);
    m.coefficient = a->terms[i].coefficient - m.coefficient * divisor;
    polynomial_add(&rest, &m);
    if (m.factor_count)
      common = greatest_common_divisor(common, m.coefficient);
  }
  for (int i = 0; i < rest.count; i++)
    rest.terms[i].coefficient /= common;
  if (rest.count && rest.terms[0].coefficient == 0) /* the constant rounded down to nothing */
    memmove(rest.terms, rest.terms + 1, sizeof *rest.terms * (size_t)(--rest.count));
  divisor /= common;
  const dim *dividend = intern(t, &rest), *quotient = intern(t, &whole);
  if (rest.count == 0 || (rest.count == 1 && rest.terms[0].factor_count == 0))
    return quotient; /* what is left is below the divisor */
  if (divisor == 1)
    return dim_add(t, quotient, dividend);
  const dim *floor = nested_floor_divide(t, dividend, divisor);
  if (!floor)
    floor = atom(t, (dim_factor){.dividend = dividend, .divisor = divisor});
  return dim_add(t, quotient, floor);
}

bool dim_is_constant(const dim *d, int64_t *value) {
  if (d->term_count > 1 || (d->term_count == 1 && d->terms[0].factor_count > 0))
    return false;
  if (value)
    *value = d->term_count ? d->terms[0].coefficient : 0;
  return true;
}

const dim_symbol *dim_as_symbol(const dim *d) {
  bool lone = d->term_count == 1 && d->terms[0].coefficient == 1 && d->terms[0].factor_count == 1;
  return lone ? d->terms[0].factors[0]->symbol : NULL;
}

static int64_t saturating_multiply(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product))
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
  return product;
}

int64_t dim_evaluate(const dim *d, const int64_t *bindings) {
  int64_t sum = 0;
  for (int i = 0; i < d->term_count; i++) {
    int64_t product = d->terms[i].coefficient;
    for (int f = 0; f < d->terms[i].factor_count; f++) {
      const dim_factor *factor = d->terms[i].factors[f];
      product = saturating_multiply(
          product, factor->symbol ? bindings[factor->symbol->index]
                                  : floor_quotient(dim_evaluate(factor->dividend, bindings), factor->divisor));
    }
    if (__builtin_add_overflow(sum, product, &sum))
      sum = product < 0 ? INT64_MIN : INT64_MAX;
  }
  return sum;
}

/* The least value of a term's atoms is 1 for symbols and 0 with a floor among them (dims are 1 or more; a floor of one
 * with negative coefficients inside may be anything). */
static bool atoms_are_bounded(const dim_term *t, int64_t *least) {
  *least = 1;
  for (int i = 0; i < t->factor_count; i++)
    if (!t->factors[i]->symbol) {
      if (!dim_is_at_least(t->factors[i]->dividend, 0))
        return false;
      *least = 0;
    }
  return true;
}

bool dim_is_at_least(const dim *d, int64_t bound) {
  int64_t sum = 0;
  for (int i = 0; i < d->term_count; i++) {
    const dim_term *t = &d->terms[i];
    int64_t least;
    if (t->factor_count && (t->coefficient < 0 || !atoms_are_bounded(t, &least)))
      return false;
    if (__builtin_add_overflow(sum, t->factor_count ? t->coefficient * least : t->coefficient, &sum))
      return false;
  }
  return sum >= bound;
}

bool dim_is_below(const dim *d, int64_t bound) {
  int64_t sum = 0;
  for (int i = 0; i < d->term_count; i++) {
    const dim_term *t = &d->terms[i];
    int64_t least;
    if (t->factor_count && (t->coefficient > 0 || !atoms_are_bounded(t, &least)))
      return false;
    if (__builtin_add_overflow(sum, t->factor_count ? t->coefficient * least : t->coefficient, &sum))
      return false;
  }
  return sum < bound;
}

dim_condition *dim_require(dim_table *t, const dim *d, int64_t least, span where) {
  if (dim_is_at_least(d, least))
    return NULL;
  int64_t shift = d->term_count && d->terms[0].factor_count == 0 ? d->terms[0].coefficient : 0;
  if (!__builtin_sub_overflow(least, shift, &shift)) {
    d = dim_subtract(t, d, dim_constant(t, least - shift));
    least = shift;
  }
  for (int i = 0; i < t->condition_count; i++)
    if (t->conditions[i]->size == d && t->conditions[i]->least >= least)
      return NULL;
  dim_condition *made = arena_new(t->arena, dim_condition);
  *made = (dim_condition){.size = d, .least = least, .where = where};
  if (d->term_count && d->terms[d->term_count - 1].coefficient < 0)
    made->negative = dim_subtract(t, dim_constant(t, 0), d);
  arena_append(t->arena, t->conditions, t->condition_count, made);
  return made;
}

void dim_condition_say(dim_table *t, dim_condition *c, const char *because, size_t length) {
  c->because = arena_copy(t->arena, because, length);
}

int dim_condition_count(const dim_table *t) {
  return t->condition_count;
}

const dim_condition *dim_condition_at(const dim_table *t, int index) {
  assert(index >= 0 && index < t->condition_count);
  return t->conditions[index];
}
