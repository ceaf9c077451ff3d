#include "runtime/run/chart.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

/* Bytes of the UTF-8 character at `at`, 0 when it is none that XML allows. */
static int character_length(const unsigned char *at) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  int length = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;
  if (length == 0)
    return 0;
  uint32_t code = length == 1 ? *at : *at & (0x7F >> length);
  for (int i = 1; i < length; i++) {
    if (at[i] >> 6 != 2) /* also the end of the text */
      return 0;
    code = code << 6 | (at[i] & 0x3F);
  }
  bool control = (code < 0x20 && code != '\t' && code != '\n' && code != '\r') || code == 0x7F;
  bool forbidden = (code >= 0xD800 && code <= 0xDFFF) || code == 0xFFFE || code == 0xFFFF || code > 0x10FFFF;
  return control || forbidden || code < least[length] ? 0 : length;
}

void html_text(FILE *to, const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    int length = character_length(at);
    if (length == 0)
      fputs("&#xFFFD;", to);
    else if (strchr("<>&\"'", *at))
      fprintf(to, "&#%d;", *at);
    else
      fwrite(at, 1, (size_t)length, to);
    at += length ? length : 1;
  }
}

/* ---- lines ---- */

enum { WIDTH = 480, HEIGHT = 240, LEFT = 48, RIGHT = 12, TOP = 12, BOTTOM = 42 };

typedef struct scale {
  double low, high; /* of the values; logarithms with `logarithmic` */
  bool logarithmic;
} scale;

static double scaled(const scale *s, double value) {
  double v = s->logarithmic ? log10(value) : value;
  return (v - s->low) / (s->high - s->low);
}

static double place_x(const scale *s, double x) {
  return LEFT + scaled(s, x) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const scale *s, double y) {
  return HEIGHT - BOTTOM - scaled(s, y) * (HEIGHT - TOP - BOTTOM);
}

/* The distance of about `count` marks: 1, 2 or 5 times a power of ten. */
static double mark_distance(double range, int count) {
  double raw = range / count, power = pow(10, floor(log10(raw)));
  double digit = raw / power;
  return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static scale scale_of(double low, double high, bool logarithmic) {
  scale s = {.low = low, .high = high, .logarithmic = logarithmic};
  if (logarithmic) {
    s.low = log10(low);
    s.high = log10(high);
  }
  if (!(s.high - s.low > 1e-9 * fabs(s.high))) {
    double margin = s.high == 0 ? 1 : fabs(s.high) * 0.1;
    s.low -= margin;
    s.high += margin;
  }
  return s;
}

/* false: there is nothing finite to draw. */
static bool find_scales(int count, const chart_line *lines, scale *x, scale *y) {
  double left = INFINITY, right = -INFINITY, low = INFINITY, high = -INFINITY;
  for (int i = 0; i < count; i++)
    for (int k = 0; k < lines[i].count; k++) {
      if (!isfinite(lines[i].y[k]))
        continue;
      left = fmin(left, lines[i].x[k]);
      right = fmax(right, lines[i].x[k]);
      low = fmin(low, lines[i].y[k]);
      high = fmax(high, lines[i].y[k]);
    }
  if (left > right)
    return false;
  bool logarithmic = low > 0 && high / low >= 30;
  if (!logarithmic && low > 0)
    low = 0;
  *x = scale_of(left, right, false);
  *y = scale_of(low, high, logarithmic);
  if (!logarithmic)
    y->high += (y->high - y->low) * 0.05;
  return true;
}

static void draw_mark_y(FILE *to, const scale *s, double value) {
  double at = place_y(s, value);
  fprintf(to, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, at, WIDTH - RIGHT, at);
  fprintf(to, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT - 8, at + 4, value);
}

static void draw_marks_y(FILE *to, const scale *s) {
  if (!s->logarithmic) {
    double distance = mark_distance(s->high - s->low, 5);
    for (double k = ceil(s->low / distance - 1e-9); k * distance <= s->high; k++)
      draw_mark_y(to, s, k * distance + 0.0); /* no -0 */
    return;
  }
  double step = ceil((s->high - s->low) / 6);
  bool between = s->high - s->low < 2.5; /* few decades: 2 and 5 as well */
  for (double decade = floor(s->low); decade <= s->high; decade += step)
    for (int digit = 1; digit <= 5; digit += digit == 1 ? 1 : 3) {
      double value = digit * pow(10, decade);
      if ((digit == 1 || between) && log10(value) >= s->low - 1e-9 && log10(value) <= s->high + 1e-9)
        draw_mark_y(to, s, value);
    }
}

static void draw_marks_x(FILE *to, const scale *s, const char *label) {
  double distance = mark_distance(s->high - s->low, 5);
  for (double k = ceil(s->low / distance - 1e-9); k * distance <= s->high * (1 + 1e-9); k++)
    fprintf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n", place_x(s, k * distance),
            HEIGHT - BOTTOM + 18, k * distance);
  fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", WIDTH - RIGHT, HEIGHT - 6);
  html_text(to, label);
  fputs("</text>\n", to);
  fprintf(to, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT,
          HEIGHT - BOTTOM);
}

static void draw_line(FILE *to, const scale *x, const scale *y, int colour, const chart_line *line) {
  bool down = false; /* the pen */
  fprintf(to, "<path class=\"k%d%s\" d=\"", colour % CHART_COLOURS, colour < CHART_COLOURS ? "" : " dash");
  for (int i = 0; i < line->count; i++) {
    bool there = isfinite(line->y[i]);
    if (there) /* a point alone is a dot: a line of no length with round ends */
      fprintf(to, down ? "L%.1f %.1f" : "M%.1f %.1fl0 0", place_x(x, line->x[i]), place_y(y, line->y[i]));
    down = there;
  }
  fputs("\"><title>", to);
  html_text(to, line->name);
  fputs("</title></path>\n", to);
}

static void draw_legend(FILE *to, int count, const chart_line *lines) {
  fputs("<ul class=\"legend\">", to);
  for (int i = 0; i < count; i++) {
    fprintf(to, "<li><span class=\"k%d\"></span>", i % CHART_COLOURS);
    html_text(to, lines[i].name);
    fputs(i < CHART_COLOURS ? "</li>" : " (dashed)</li>", to);
  }
  fputs("</ul>\n", to);
}

void chart_lines(FILE *to, const char *title, const char *x_label, int count, const chart_line *lines) {
  scale x, y;
  if (!find_scales(count, lines, &x, &y))
    return;
  fprintf(to, "<svg class=\"lines\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
  html_text(to, title);
  fputs("\">\n", to);
  draw_marks_y(to, &y);
  draw_marks_x(to, &x, x_label);
  for (int i = 0; i < count; i++)
    draw_line(to, &x, &y, i, &lines[i]);
  if (y.logarithmic)
    fprintf(to, "<text x=\"%d\" y=\"%d\">logarithmic</text>\n", LEFT, HEIGHT - 6);
  fputs("</svg>\n", to);
  draw_legend(to, count, lines);
}

/* ---- bars ---- */

void chart_bars(FILE *to, const char *title, int count, const chart_bar *bars) {
  double largest = 0;
  for (int i = 0; i < count; i++)
    largest = fmax(largest, isfinite(bars[i].value) ? bars[i].value : 0);
  fputs("<figure class=\"bars\"><figcaption>", to);
  html_text(to, title);
  fputs("</figcaption>\n", to);
  for (int i = 0; i < count; i++) {
    double share = largest > 0 && bars[i].value > 0 ? bars[i].value / largest : 0;
    fputs("<div><span>", to);
    html_text(to, bars[i].name);
    fputs("</span><b>", to);
    html_text(to, bars[i].text);
    fprintf(to,
            "</b><svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" "
            "width=\"100\" height=\"8\"/><rect class=\"k%d\" width=\"%.2f\" height=\"8\"/></svg></div>\n",
            i % CHART_COLOURS, 100 * fmax(0, share));
  }
  fputs("</figure>\n", to);
}
