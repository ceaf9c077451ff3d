/* Dimensions as the small programs of runtime/core. */
#include "compiler/emit/size.h"

typedef struct code {
  arena *arena;
  int count; /* of integers: twice the operations */
  int64_t *items;
} code;

static void add(code *c, retort_size_operation operation, int64_t operand) {
  arena_append(c->arena, c->items, c->count, (int64_t)operation);
  arena_append(c->arena, c->items, c->count, operand);
}

static void add_dim(code *c, const dim *d) {
  if (!d->term_count)
    add(c, RETORT_SIZE_CONSTANT, 0);
  for (int i = 0; i < d->term_count; i++) {
    const dim_term *term = &d->terms[i];
    bool plain = term->coefficient == 1 && term->factor_count > 0; /* a symbol alone is one instruction */
    if (!plain)
      add(c, RETORT_SIZE_CONSTANT, term->coefficient);
    for (int j = 0; j < term->factor_count; j++) {
      const dim_factor *factor = term->factors[j];
      if (factor->symbol) {
        add(c, RETORT_SIZE_DIM, factor->symbol->index);
      } else {
        add_dim(c, factor->dividend);
        add(c, RETORT_SIZE_FLOOR_DIVIDE, factor->divisor);
      }
      if (j > 0 || !plain)
        add(c, RETORT_SIZE_MULTIPLY, 0);
    }
    if (i)
      add(c, RETORT_SIZE_ADD, 0);
  }
}

retort_size size_of_dim(arena *a, const dim *d, bool per_thread, int symbol_count) {
  code c = {.arena = a};
  add_dim(&c, d);
  if (per_thread) {
    add(&c, RETORT_SIZE_DIM, symbol_count);
    add(&c, RETORT_SIZE_MULTIPLY, 0);
  }
  return (retort_size){.count = c.count / 2, .code = c.items};
}

const retort_condition *conditions_of_dims(arena *a, const dim_table *dims, int32_t *count) {
  *count = dim_condition_count(dims);
  retort_condition *conditions = arena_array(a, retort_condition, *count + 1);
  for (int i = 0; i < *count; i++) {
    const dim_condition *c = dim_condition_at(dims, i);
    text message = {0};
    dim_condition_print(c, &message);
    conditions[i] = (retort_condition){.size = size_of_dim(a, c->size, false, dim_symbol_count(dims)),
                                       .least = c->least,
                                       .sign = c->negative ? -1 : 1,
                                       .message = arena_copy(a, message.data, message.length)};
    text_free(&message);
  }
  return conditions;
}
