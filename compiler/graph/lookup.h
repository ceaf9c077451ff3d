/* Which values an integer input may have: it must not point outside the tables that the graph looks up with it. */
#ifndef RETORT_LOOKUP_H
#define RETORT_LOOKUP_H

#include "compiler/graph/graph.h"

/* The fewest rows of a table that is read, or added to, by the input of that name; *table: what it is called, where it
 * is an input and read. INT32_MAX: there is none. */
int32_t graph_table_rows(const graph *g, const char *input, const char **table);

#endif
