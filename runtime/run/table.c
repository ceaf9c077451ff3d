#include "runtime/run/table.h"
#include <stdlib.h>
#include <string.h>

/* Cells as texts; a column is as wide as its widest. */
typedef struct grid {
  int columns, rows; /* the head is row 0 */
  char **cells;
} grid;

static char **cell(const grid *g, int row, int column) {
  return &g->cells[row * g->columns + column];
}

/* Characters, for the column's width: continuation bytes take no place. */
static int text_width(const char *text) {
  int width = 0;
  for (; *text; text++)
    width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

static void print_grid(FILE *to, bool colour, const grid *g) {
  int *widths = memory_allocate((size_t)g->columns, sizeof *widths);
  for (int row = 0; row < g->rows; row++)
    for (int column = 0; column < g->columns; column++) {
      int width = text_width(*cell(g, row, column));
      widths[column] = width > widths[column] ? width : widths[column];
    }
  for (int row = 0; row < g->rows; row++) {
    fputs(colour && row == 0 ? "\033[1m" : "", to);
    for (int column = 0; column < g->columns; column++) {
      const char *text = *cell(g, row, column);
      int padding = widths[column] - text_width(text);
      if (column == 0)
        fprintf(to, "%s%*s", text, padding, "");
      else
        fprintf(to, "  %*s%s", padding, "", text);
    }
    fputs(colour && row == 0 ? "\033[0m\n" : "\n", to);
  }
  free(widths);
}

static char *parameters_text(int64_t count) {
  if (count >= 1000000)
    return memory_print("%.2f M", (double)count * 1e-6);
  return count >= 10000 ? memory_print("%.1f k", (double)count * 1e-3) : memory_print("%lld", (long long)count);
}

static char *ratio_text(double numerator, double denominator) {
  return denominator > 0 ? memory_print("%.*fx", numerator / denominator < 10 ? 2 : 1, numerator / denominator)
                         : memory_print("-");
}

static void fill_row(const grid *g, int at, int metric_count, const table_row *row, const table_row *reference) {
  int column = 0;
  *cell(g, at, column++) = memory_print("%s", row->label);
  for (int m = 0; m < metric_count; m++)
    *cell(g, at, column++) = memory_print("%.2f", 100 * row->scores[m]);
  *cell(g, at, column++) = parameters_text(row->parameters);
  *cell(g, at, column++) = memory_print("%.*f", row->bytes < 100000 ? 4 : 2, (double)row->bytes / 1e6);
  *cell(g, at, column++) = memory_print("%.3g", row->milliseconds);
  if (!reference)
    return;
  double own = metric_count ? row->scores[0] : 0, its = metric_count ? reference->scores[0] : 0;
  *cell(g, at, column++) = its > 0 ? memory_print("%.1f %%", 100 * own / its) : memory_print("-");
  *cell(g, at, column++) = ratio_text((double)reference->bytes, (double)row->bytes);
  *cell(g, at, column++) = ratio_text(reference->milliseconds, row->milliseconds);
}

static void fill_head(const grid *g, const char *title, int metric_count, const char *const *metrics, bool compared) {
  static const char *const rest[] = {"parameters", "MB", "ms/sample", "score", "smaller", "faster"};
  int column = 0;
  *cell(g, 0, column++) = memory_print("%s", title);
  for (int m = 0; m < metric_count; m++)
    *cell(g, 0, column++) = memory_print("%s", metrics[m]);
  for (int i = 0; i < (compared ? 6 : 3); i++)
    *cell(g, 0, column++) = memory_print("%s", rest[i]);
}

void table_print(FILE *to, bool colour, const char *title, int metric_count, const char *const *metrics, int row_count,
                 const table_row *rows, int reference) {
  bool compared = reference >= 0 && row_count > 1;
  grid g = {.columns = 1 + metric_count + (compared ? 6 : 3), .rows = row_count + 1};
  g.cells = memory_allocate((size_t)(g.columns * g.rows), sizeof *g.cells);
  fill_head(&g, title, metric_count, metrics, compared);
  for (int i = 0; i < row_count; i++)
    fill_row(&g, i + 1, metric_count, &rows[i], compared ? &rows[reference] : NULL);
  print_grid(to, colour, &g);
  if (compared)
    fprintf(to, "score, smaller and faster: compared with %s, score by %s\n", rows[reference].label,
            metric_count ? metrics[0] : "nothing");
  for (int i = 0; i < g.columns * g.rows; i++)
    free(g.cells[i]);
  free(g.cells);
}
