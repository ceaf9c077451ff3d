/* Charts as inline SVG. Colours are classes (k0 … k7 of lines and bars, axis, grid), so that the page's style decides
 * them, light or dark. */
#ifndef RETORT_CHART_H
#define RETORT_CHART_H
#include "runtime/data/memory.h"
#include <stdio.h>

enum { CHART_COLOURS = 8 };

/* Text as HTML and SVG need it; bytes that are not UTF-8 or that XML forbids become U+FFFD. */
void html_text(FILE *to, const char *text);

typedef struct chart_line {
  const char *name;
  int count;
  const double *x, *y; /* x rises; NAN in y: a gap */
} chart_line;

/* Lines over x with axes, and a legend when there are several. Logarithmic where all values are above 0 and the largest
 * is 30 times the smallest or more. Nothing when no line has a finite value. */
void chart_lines(FILE *to, const char *title, const char *x_label, int count, const chart_line *lines);

typedef struct chart_bar {
  const char *name;
  const char *text; /* the value as it is written at the bar */
  double value;     /* 0 or more */
} chart_bar;

/* Bars from the left, one beneath the other; the longest has the whole width. */
void chart_bars(FILE *to, const char *title, int count, const chart_bar *bars);

#endif
