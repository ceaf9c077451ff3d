/* Dims as text: `B*T + 2*T - 1`, highest degree first. */
#include "compiler/graph/dim.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { DEPTH_MAX = 32, NAME_MAX_LENGTH = 255 };

static void print_factor(const dim_factor *f, text *to) {
  if (f->symbol) {
    text_add(to, "%s", f->symbol->name);
    return;
  }
  text_add(to, "floor(");
  dim_print(f->dividend, to);
  text_add(to, ", %" PRId64 ")", f->divisor);
}

void dim_print(const dim *d, text *to) {
  if (d->term_count == 0)
    text_add(to, "0");
  for (int i = d->term_count - 1; i >= 0; i--) {
    const dim_term *t = &d->terms[i];
    bool first = i == d->term_count - 1, negative = t->coefficient < 0;
    text_add(to, "%s", first ? (negative ? "-" : "") : (negative ? " - " : " + "));
    uint64_t magnitude = negative ? -(uint64_t)t->coefficient : (uint64_t)t->coefficient;
    if (magnitude != 1 || t->factor_count == 0)
      text_add(to, "%" PRIu64 "%s", magnitude, t->factor_count ? "*" : "");
    for (int f = 0; f < t->factor_count; f++) {
      if (f)
        text_add(to, "*");
      print_factor(t->factors[f], to);
    }
  }
}

/* ---- reading ----
 *   sum      ['-'] product { ('+' | '-') product }
 *   product  primary { '*' primary }
 *   primary  number | name | floor '(' sum ',' number ')' | '(' sum ')' */

typedef struct reader {
  dim_table *table;
  const char *at;
  int depth;
} reader;

static const dim *read_sum(reader *r);

static bool accept(reader *r, char c) {
  while (*r->at == ' ')
    r->at++;
  if (*r->at != c)
    return false;
  r->at++;
  return true;
}

static bool read_number(reader *r, int64_t *value) {
  while (*r->at == ' ')
    r->at++;
  if (!isdigit((unsigned char)*r->at))
    return false;
  *value = 0;
  for (; isdigit((unsigned char)*r->at); r->at++)
    if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, *r->at - '0', value))
      return false;
  return true;
}

static const dim *read_floor(reader *r) {
  int64_t divisor;
  const dim *dividend = read_sum(r);
  if (!dividend || !accept(r, ',') || !read_number(r, &divisor) || divisor < 1 || !accept(r, ')'))
    return NULL;
  return dim_floor_divide(r->table, dividend, divisor);
}

static const dim *read_name(reader *r) {
  const char *start = r->at;
  while (isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '.')
    r->at++;
  size_t length = (size_t)(r->at - start);
  if (length > NAME_MAX_LENGTH)
    return NULL;
  if (length == 5 && memcmp(start, "floor", 5) == 0 && accept(r, '('))
    return read_floor(r);
  char name[NAME_MAX_LENGTH + 1];
  memcpy(name, start, length);
  name[length] = 0;
  return dim_named(r->table, name);
}

static const dim *read_primary(reader *r) {
  int64_t value;
  if (accept(r, '(')) {
    const dim *d = read_sum(r);
    return d && accept(r, ')') ? d : NULL;
  }
  if (isalpha((unsigned char)*r->at) || *r->at == '_')
    return read_name(r);
  return read_number(r, &value) ? dim_constant(r->table, value) : NULL;
}

static const dim *read_product(reader *r) {
  const dim *d = read_primary(r);
  while (d && accept(r, '*')) {
    const dim *factor = read_primary(r);
    d = factor ? dim_multiply(r->table, d, factor) : NULL;
  }
  return d;
}

static const dim *read_sum(reader *r) {
  if (++r->depth > DEPTH_MAX)
    return NULL;
  bool negative = accept(r, '-');
  const dim *d = read_product(r);
  if (d && negative)
    d = dim_subtract(r->table, dim_constant(r->table, 0), d);
  while (d) {
    bool minus = false;
    if (!accept(r, '+')) {
      minus = accept(r, '-');
      if (!minus)
        break;
    }
    const dim *next = read_product(r);
    d = next ? (minus ? dim_subtract : dim_add)(r->table, d, next) : NULL;
  }
  r->depth--;
  return d;
}

const dim *dim_parse(dim_table *t, const char **cursor) {
  reader r = {.table = t, .at = *cursor};
  const dim *d = read_sum(&r);
  if (!d || dim_is_too_large(d))
    return NULL;
  *cursor = r.at;
  return d;
}

void dim_condition_print(const dim_condition *c, text *to) {
  if (c->where.file)
    text_add(to, "%s:%d:%d: ", c->where.file->path, c->where.line, c->where.column);
  text_add(to, "%s: expected ", c->because);
  dim_print(c->negative ? c->negative : c->size, to);
  text_add(to, " to be %" PRId64 " or %s", c->negative ? -c->least : c->least, c->negative ? "less" : "more");
}
