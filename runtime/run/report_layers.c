#include "runtime/run/report_layers.h"
#include "runtime/run/chart.h"
#include <ctype.h>
#include <string.h>

/* Cells that would not be seen are not drawn. */
static const double faint = 0.01;

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* ---- names ---- */

/* What all names of both models have in common at both ends is left out, part by part: of a.layer.0.hidden and
 * a.layer.1.hidden are shown layer.0 and layer.1 (a number alone would say nothing). */
typedef struct shown_part {
  const char *first;  /* a name that all others are compared with; NULL: none yet */
  size_t front, back; /* bytes in common */
} shown_part;

static size_t common_front(const char *a, const char *b, size_t most) {
  size_t whole = 0;
  for (size_t i = 0; i < most && a[i] && a[i] == b[i]; i++)
    if (a[i] == '.')
      whole = i + 1;
  return whole;
}

static size_t common_back(const char *a, const char *b, size_t most) {
  size_t a_length = strlen(a), b_length = strlen(b), whole = 0;
  for (size_t i = 1; i <= most && i <= a_length && i <= b_length && a[a_length - i] == b[b_length - i]; i++)
    if (a[a_length - i] == '.')
      whole = i;
  return whole;
}

static void compare_name(shown_part *part, const char *name) {
  if (!part->first)
    *part = (shown_part){.first = name, .front = strlen(name), .back = strlen(name)};
  part->front = common_front(part->first, name, part->front);
  part->back = common_back(part->first, name, part->back);
}

static shown_part compare_names(const json_t *names, const json_t *more) {
  const json_t *const lists[2] = {names, more};
  shown_part part = {0};
  for (int k = 0; k < 2; k++)
    for (size_t i = 0; i < json_array_size(lists[k]); i++) {
      const json_t *item = json_array_get(lists[k], i);
      compare_name(&part, json_is_string(item) ? json_string_value(item) : text_of(item, "name"));
    }
  return part;
}

static void write_name(FILE *to, const char *name, const shown_part *part) {
  size_t front = part->front, end = strlen(name) - part->back;
  if (front >= end) {
    front = 0;
    end = strlen(name);
  }
  if (isdigit((unsigned char)name[front]) && front > 0)
    for (front--; front > 0 && name[front - 1] != '.'; front--)
      ;
  char shown[256];
  snprintf(shown, sizeof shown, "%.*s", (int)(end - front), name + front);
  html_text(to, shown);
}

/* ---- states ---- */

static void distance_row(FILE *to, const char *name, const shown_part *part, const json_t *distances) {
  size_t k;
  json_t *cell;
  fputs("<tr><th>", to);
  write_name(to, name, part);
  fputs("</th>", to);
  json_array_foreach(distances, k, cell)
      fprintf(to, "<td style=\"--share: %.3f\">%.2f</td>", 1 - json_number_value(cell), json_number_value(cell));
  fputs("</tr>\n", to);
}

static void distance_table(FILE *to, const json_t *pair) {
  const json_t *rows = json_object_get(pair, "student_states"), *columns = json_object_get(pair, "teacher_states");
  size_t i;
  json_t *name;
  if (json_array_size(rows) == 0 || json_array_size(columns) == 0)
    return;
  const shown_part part = compare_names(rows, columns);
  fputs("<section class=\"card states\">\n<h3>Distance of hidden states</h3>\n<div class=\"wide\"><table "
        "class=\"confusion\">\n"
        "<tr><th></th>",
        to);
  json_array_foreach(columns, i, name) {
    fputs("<th>", to);
    write_name(to, json_string_value(name), &part);
    fputs("</th>", to);
  }
  fputs("</tr>\n", to);
  json_array_foreach(rows, i, name)
      distance_row(to, json_string_value(name), &part, json_array_get(json_object_get(pair, "distance"), i));
  fprintf(
      to,
      "</table></div>\n<p class=\"note\">1 - CKA over %lld tokens: 0 is equality but for rotation and scale. Rows are "
      "the student's layers, columns the teacher's.</p>\n</section>\n",
      (long long)json_integer_value(json_object_get(pair, "tokens")));
}

/* ---- attention ---- */

static void attention_map(FILE *to, const json_t *map, const json_t *words) {
  size_t size = json_array_size(map), i, k;
  json_t *line, *cell;
  fprintf(to, "<svg class=\"confusion\" viewBox=\"0 0 %zu %zu\">\n", size, size);
  json_array_foreach(map, i, line) {
    json_array_foreach(line, k, cell) {
      double share = json_number_value(cell);
      if (share < faint)
        continue;
      fprintf(to, "<rect x=\"%zu\" y=\"%zu\" width=\"1\" height=\"1\" fill-opacity=\"%.2f\"><title>", k, i,
              share < 1 ? share : 1);
      html_text(to, json_string_value(json_array_get(words, i)));
      fputs(" to ", to);
      html_text(to, json_string_value(json_array_get(words, k)));
      fprintf(to, ": %.2f</title></rect>\n", share);
    }
  }
  fputs("</svg>\n", to);
}

static void attention_maps(FILE *to, const json_t *pair, const char *whose, const json_t *maps,
                           const shown_part *part) {
  const json_t *map;
  size_t i;
  if (json_array_size(maps) == 0)
    return;
  fputs("<h4>", to);
  html_text(to, text_of(pair, whose));
  fputs("</h4>\n<div class=\"maps\">\n", to);
  json_array_foreach(maps, i, map) {
    fputs("<figure><figcaption>", to);
    write_name(to, text_of(map, "name"), part);
    fputs("</figcaption>\n", to);
    attention_map(to, json_object_get(map, "map"), json_object_get(pair, "words"));
    fputs("</figure>\n", to);
  }
  fputs("</div>\n", to);
}

static void attention(FILE *to, const json_t *pair) {
  const json_t *own = json_object_get(pair, "student_attention"), *his = json_object_get(pair, "teacher_attention");
  const shown_part part = compare_names(own, his);
  size_t i;
  json_t *word;
  if (!part.first)
    return;
  fputs("<section class=\"card states\">\n<h3>Attention</h3>\n", to);
  attention_maps(to, pair, "teacher", his, &part);
  attention_maps(to, pair, "student", own, &part);
  fputs("<p class=\"note\">Mean over heads; each token looks along its row, from the first: <i>", to);
  json_array_foreach(json_object_get(pair, "words"), i, word) {
    fputs(i ? " " : "", to);
    html_text(to, json_string_value(word));
  }
  fputs("</i></p>\n</section>\n", to);
}

void report_layers(FILE *to, const json_t *layers) {
  size_t i;
  json_t *pair;
  json_array_foreach(layers, i, pair) {
    fputs("<h2>Layers of ", to);
    html_text(to, text_of(pair, "student"));
    fputs(" beside ", to);
    html_text(to, text_of(pair, "teacher"));
    fputs("</h2>\n<div class=\"cards layers\">\n", to);
    distance_table(to, pair);
    attention(to, pair);
    fputs("</div>\n", to);
  }
}
