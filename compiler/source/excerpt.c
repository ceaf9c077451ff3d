#include "compiler/source/excerpt.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { TAB = 4, WIDTH_MAX = 160, BEFORE = 60 };

typedef struct line {
  const char *bytes;
  int length;
} line;

static bool find_line(const source_file *file, int number, line *result) {
  const char *at = file->text, *end = file->text + file->length;
  for (int n = 1; n < number; n++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline)
      return false;
    at = newline + 1;
  }
  const char *newline = memchr(at, '\n', (size_t)(end - at));
  const char *stop = newline ? newline : end;
  if (stop > at && stop[-1] == '\r')
    stop--;
  *result = (line){at, (int)(stop - at)};
  return true;
}

typedef struct glyph {
  int bytes;   /* taken from the line */
  int columns; /* taken on the terminal */
  bool shown;  /* else replaced */
} glyph;

/* The character at `at`, which begins at terminal column `column` (from 0). */
static glyph read_glyph(line l, int at, int column) {
  if (l.bytes[at] == '\t')
    return (glyph){1, TAB - column % TAB, false};
  utf8proc_int32_t code;
  utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)l.bytes + at, l.length - at, &code);
  if (bytes <= 0)
    return (glyph){1, 1, false};
  utf8proc_category_t category = utf8proc_category(code);
  if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_ZL ||
      category == UTF8PROC_CATEGORY_ZP)
    return (glyph){(int)bytes, 1, false};
  return (glyph){(int)bytes, utf8proc_charwidth(code), true};
}

/* The terminal column (from 0) of a byte column (from 1). */
static int terminal_column(line l, int byte_column) {
  int column = 0;
  for (int at = 0; at < l.length && at < byte_column - 1;) {
    glyph g = read_glyph(l, at, column);
    at += g.bytes;
    column += g.columns;
  }
  if (byte_column - 1 > l.length) /* just behind the line */
    column++;
  return column;
}

static void add_spaces(text *to, int count) {
  if (count > 0)
    text_add(to, "%*s", count, "");
}

/* The columns [from, from + WIDTH_MAX) of the line. */
static void add_line(text *to, line l, int from) {
  int column = 0;
  for (int at = 0; at < l.length && column < from + WIDTH_MAX;) {
    glyph g = read_glyph(l, at, column);
    if (column >= from) {
      if (g.shown)
        text_add_bytes(to, l.bytes + at, (size_t)g.bytes);
      else if (l.bytes[at] == '\t')
        add_spaces(to, g.columns);
      else
        text_add(to, "\xEF\xBF\xBD");
    } else if (column + g.columns > from) {
      add_spaces(to, column + g.columns - from);
    }
    at += g.bytes;
    column += g.columns;
  }
}

typedef struct range {
  int from, to; /* terminal columns within what is shown; to > from */
  const char *message;
} range;

static int compare_ranges(const void *a, const void *b) {
  const range *x = a, *y = b;
  return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

static int message_width(const char *message) {
  line l = {message, (int)strlen(message)};
  return terminal_column(l, l.length + 1);
}

static void add_gutter(text *to, const char *color) {
  text_add(to, "      | %s", color ? color : "");
}
static void end_row(text *to, const char *color) {
  text_add(to, "%s\n", color ? "\033[0m" : "");
}

static void add_underlines(text *to, const range *ranges, int count, const char *color) {
  add_gutter(to, color);
  int column = 0;
  for (int i = 0; i < count; i++) {
    if (ranges[i].to <= column)
      continue;
    int from = ranges[i].from > column ? ranges[i].from : column;
    add_spaces(to, from - column);
    for (column = from; column < ranges[i].to; column++)
      text_add(to, column == ranges[i].from ? "^" : "~");
  }
  end_row(to, color);
}

/* Messages beneath their ranges, as many in a row as do not touch. */
static void add_messages(text *to, range *ranges, int count, const char *color) {
  for (bool left = true; left;) {
    left = false;
    int column = 0;
    bool begun = false;
    for (int i = 0; i < count; i++) {
      if (!ranges[i].message)
        continue;
      if (begun && ranges[i].from < column + 2) {
        left = true;
        continue;
      }
      if (!begun)
        add_gutter(to, color);
      begun = true;
      add_spaces(to, ranges[i].from - column);
      text_add(to, "%s", ranges[i].message);
      column = ranges[i].from + message_width(ranges[i].message);
      ranges[i].message = NULL;
    }
    if (begun)
      end_row(to, color);
  }
}

void excerpt_print(text *to, const source_file *file, int number, const excerpt_label *labels, int count,
                   const char *color) {
  line l;
  if (!file || count < 1 || count > EXCERPT_LABELS_MAX || !find_line(file, number, &l))
    return;
  int start = 0, first = terminal_column(l, labels[0].where.column);
  if (terminal_column(l, l.length + 1) > WIDTH_MAX && first > WIDTH_MAX / 2)
    start = first - BEFORE;
  text_add(to, "%5d | ", number);
  add_line(to, l, start);
  text_add(to, "\n");
  range ranges[EXCERPT_LABELS_MAX];
  int shown = 0;
  for (int i = 0; i < count; i++) {
    span w = labels[i].where;
    int from = terminal_column(l, w.column) - start;
    int end = terminal_column(l, w.end_line > w.line ? l.length + 1 : w.end_column) - start;
    if (from < 0 || from > WIDTH_MAX)
      continue;
    end = end > WIDTH_MAX ? WIDTH_MAX : end;
    ranges[shown++] = (range){from, end > from ? end : from + 1, labels[i].message};
  }
  qsort(ranges, (size_t)shown, sizeof *ranges, compare_ranges);
  add_underlines(to, ranges, shown, color);
  add_messages(to, ranges, shown, color);
}
