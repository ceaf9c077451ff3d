/* A line of source with ranges underlined: the part of a diagnostic that shows the place.
 *
 *      14 |   loss h = mse(student.hidden, teacher.hidden)
 *         |                ^~~~~~~~~~~~~~  ^~~~~~~~~~~~~~
 *         |                f32[B, T, 128]  f32[B, T, 256]
 *
 * Columns are those of a terminal: tabs go to multiples of four, wide characters take two places, bytes that are no
 * UTF-8 and control characters are shown as U+FFFD. Of a very long line the part around the first range is shown. */
#ifndef RETORT_EXCERPT_H
#define RETORT_EXCERPT_H

#include "compiler/source/source.h"
#include "compiler/source/text.h"

enum { EXCERPT_LABELS_MAX = 16 };

typedef struct excerpt_label {
  span where;
  const char *message; /* NULL: underlined only */
} excerpt_label;

/* Labels start on `line` (what of them is on later lines is left out); at most EXCERPT_LABELS_MAX. `color` is an
 * escape sequence for underlines and messages, or NULL. Prints nothing when the file has no such line. */
void excerpt_print(text *to, const source_file *file, int line, const excerpt_label *labels, int count,
                   const char *color);

#endif
