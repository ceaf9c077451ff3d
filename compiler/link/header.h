/* The C header of a product: see product.h. */
#ifndef RETORT_HEADER_H
#define RETORT_HEADER_H

#include "compiler/kernel/kernel.h"
#include "compiler/link/product.h"

/* Appends the header's text. Of each function: its dimensions, `NAME_workspace`, where its weights lie, and `NAME_run`
 * with a typed argument for each input and output. */
void header_write(arena *a, const char *name, const char *source, int count, const step *const *steps, const product *p,
                  text *to);

#endif
