/* Diagnostics: errors, warnings, and the notes and hints that belong to them, in the order in which they are reported.
 *
 *   demo.rt:14:9: error: 'mse' needs equal shapes
 *      14 |   loss h = mse(student.hidden, teacher.hidden)
 *         |                ^~~~~~~~~~~~~~  ^~~~~~~~~~~~~~
 *         |                f32[B, T, 128]  f32[B, T, 256]
 *      note: hidden = 128 was bound at demo.rt:8:36
 *      hint: fit the student to the teacher's width
 */
#ifndef RETORT_DIAGNOSTIC_H
#define RETORT_DIAGNOSTIC_H

#include "compiler/source/source.h"
#include <stdbool.h>
#include <stdio.h>

typedef struct diagnostics diagnostics;
typedef struct diagnostic diagnostic;

enum { DIAGNOSTIC_ERRORS_MAX = 20 }; /* after these, errors are counted but not kept */

diagnostics *diagnostics_create(arena *a);

/* Each returns the diagnostic, for what follows to be attached; never NULL. */
diagnostic *diagnostic_error(diagnostics *d, span where, const char *format, ...) __attribute__((format(printf, 3, 4)));
diagnostic *diagnostic_warning(diagnostics *d, span where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A further range on the same line, underlined, with a label beneath; also labels the main one when `where` equals it.
 */
void diagnostic_label(diagnostic *e, span where, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A note, with or (file NULL) without a place; a note with a place shows the line too. */
void diagnostic_note(diagnostic *e, span where, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diagnostic_hint(diagnostic *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

int diagnostics_error_count(const diagnostics *d);
int diagnostics_warning_count(const diagnostics *d);
/* In the order of reporting (the parser reports in source order). Colour: ANSI. */
void diagnostics_print(const diagnostics *d, FILE *to, bool colour);

/* The nearest of `names` to `name` (Damerau-Levenshtein, at most a third of its length), or NULL: for «did you mean».
 */
const char *nearest_name(const char *name, const char *const *names, int count);

#endif
