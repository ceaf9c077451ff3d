#include "runtime/run/grid.h"
#include <stdarg.h>
#include <stdlib.h>

struct text_grid {
  int columns, rows;
  char **cells; /* NULL: empty */
};

text_grid *grid_create(int columns, int rows) {
  text_grid *g = memory_allocate(1, sizeof *g);
  *g = (text_grid){.columns = columns, .rows = rows};
  g->cells = memory_allocate((size_t)(columns * rows), sizeof *g->cells);
  return g;
}

void grid_free(text_grid *g) {
  for (int i = 0; i < g->columns * g->rows; i++)
    free(g->cells[i]);
  free(g->cells);
  free(g);
}

void grid_set(text_grid *g, int row, int column, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = memory_allocate((size_t)length + 1, 1);
  va_start(arguments, format);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  g->cells[row * g->columns + column] = text;
}

static const char *cell(const text_grid *g, int row, int column) {
  const char *text = g->cells[row * g->columns + column];
  return text ? text : "";
}

/* Characters, for the column's width: continuation bytes take no place. */
static int text_width(const char *text) {
  int width = 0;
  for (; *text; text++)
    width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

void grid_print(const text_grid *g, FILE *to, bool colour, int left) {
  int *widths = memory_allocate((size_t)g->columns, sizeof *widths);
  for (int row = 0; row < g->rows; row++)
    for (int column = 0; column < g->columns; column++) {
      int width = text_width(cell(g, row, column));
      widths[column] = width > widths[column] ? width : widths[column];
    }
  for (int row = 0; row < g->rows; row++) {
    fputs(colour && row == 0 ? "\033[1m" : "", to);
    for (int column = 0; column < g->columns; column++) {
      const char *text = cell(g, row, column), *gap = column ? "  " : "";
      int padding = widths[column] - text_width(text);
      if (column >= left)
        fprintf(to, "%s%*s%s", gap, padding, "", text);
      else
        fprintf(to, "%s%s%*s", gap, text, column + 1 < g->columns ? padding : 0, "");
    }
    fputs(colour && row == 0 ? "\033[0m\n" : "\n", to);
  }
  free(widths);
}
