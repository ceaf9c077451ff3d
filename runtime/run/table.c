#include "runtime/run/table.h"
#include "runtime/run/grid.h"
#include "runtime/run/metrics.h"
#include <stdlib.h>

char *table_count_text(int64_t count) {
  if (count >= 1000000)
    return memory_print("%.2f M", (double)count * 1e-6);
  return count >= 10000 ? memory_print("%.1f k", (double)count * 1e-3) : memory_print("%lld", (long long)count);
}

static char *ratio_text(double numerator, double denominator) {
  return denominator > 0 ? memory_print("%.*fx", numerator / denominator < 10 ? 2 : 1, numerator / denominator)
                         : memory_print("-");
}

static void set_text(text_grid *g, int row, int column, char *text) {
  grid_set(g, row, column, "%s", text);
  free(text);
}

static void fill_row(text_grid *g, int at, int metric_count, const char *const *names, const table_row *row,
                     const table_row *reference) {
  int column = 0;
  grid_set(g, at, column++, "%s", row->label);
  for (int m = 0; m < metric_count; m++)
    grid_set(g, at, column++, "%.2f", metric_shown(names[m], row->scores[m]));
  set_text(g, at, column++, table_count_text(row->parameters));
  grid_set(g, at, column++, "%.*f", row->bytes < 100000 ? 4 : 2, (double)row->bytes / 1e6);
  grid_set(g, at, column++, "%.3g", row->milliseconds);
  if (!reference)
    return;
  double own = metric_count ? row->scores[0] : 0, its = metric_count ? reference->scores[0] : 0;
  const named_metric *first = metric_count ? metric_find(names[0]) : NULL;
  if (first && first->lower) { /* less is better: the other way round */
    double swapped = own;
    own = its;
    its = swapped;
  }
  set_text(g, at, column++, its > 0 ? memory_print("%.1f %%", 100 * own / its) : memory_print("-"));
  set_text(g, at, column++, ratio_text((double)reference->bytes, (double)row->bytes));
  set_text(g, at, column++, ratio_text(reference->milliseconds, row->milliseconds));
}

static void fill_head(text_grid *g, const char *title, int metric_count, const char *const *names, bool compared) {
  static const char *const rest[] = {"parameters", "MB", "ms/sample", "score", "smaller", "faster"};
  int column = 0;
  grid_set(g, 0, column++, "%s", title);
  for (int m = 0; m < metric_count; m++)
    grid_set(g, 0, column++, "%s", names[m]);
  for (int i = 0; i < (compared ? 6 : 3); i++)
    grid_set(g, 0, column++, "%s", rest[i]);
}

void table_print(FILE *to, bool colour, const char *title, int metric_count, const char *const *names, int row_count,
                 const table_row *rows, int reference) {
  bool compared = reference >= 0 && row_count > 1;
  text_grid *g = grid_create(1 + metric_count + (compared ? 6 : 3), row_count + 1);
  fill_head(g, title, metric_count, names, compared);
  for (int i = 0; i < row_count; i++)
    fill_row(g, i + 1, metric_count, names, &rows[i], compared ? &rows[reference] : NULL);
  grid_print(g, to, colour, 1);
  if (compared)
    fprintf(to, "score, smaller and faster: compared with %s, score by %s\n", rows[reference].label,
            metric_count ? names[0] : "nothing");
  grid_free(g);
}
