/* How kernels become text: shared by print.c (statements, steps) and print_value.c (subscripts, values). */
#ifndef RETORT_KERNEL_PRINT_H
#define RETORT_KERNEL_PRINT_H

#include "compiler/kernel/kernel.h"

/* Sizes that a kernel's text has more than once, and that are long, get a name at its head: `let n0 = …`. They are
 * found by printing twice: first every size is counted, then those that occur again are printed by name. */
typedef struct common_size {
  const subscript *size;
  char *text;
  int uses;
  int name; /* n0, n1, …; -1: printed where it is used */
} common_size;

typedef struct printer {
  text *to;
  bool counting;
  common_size *sizes;
  int size_count, size_capacity;
} printer;

void printer_free(printer *p);

/* Gives names to what was counted, and prints a line for each. */
void print_common_sizes(printer *p);

/* With parentheses only where reading needs them: `i5*312 + i6`, `exp(p0[i5]) * 2`. */
void print_subscript(printer *p, const subscript *i);
void print_value(printer *p, const value *v);

/* The shortest decimal that reads back as the same double. */
void print_number(printer *p, double number);

/* `+=`, `maximum=`: how an accumulation is written. */
const char *operation_sign(op of);

#endif
