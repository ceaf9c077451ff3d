/* A table of texts, printed with columns as wide as their widest cell. */
#ifndef RETORT_GRID_H
#define RETORT_GRID_H
#include "runtime/data/memory.h"
#include <stdio.h>

typedef struct text_grid text_grid;

/* Row 0 is the head. Cells start empty. */
text_grid *grid_create(int columns, int rows);
/* Sets a cell that has not been set before. */
void grid_set(text_grid *g, int row, int column, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The first `left` columns stand to the left, the others to the right. With `colour` the head is bold. */
void grid_print(const text_grid *g, FILE *to, bool colour, int left);
void grid_free(text_grid *g);

#endif
