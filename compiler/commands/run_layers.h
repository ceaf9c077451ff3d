/* What the layers of a teacher and of its student make of the same tokens: how far apart their states are, and what
 * they attend to; for the report. Layers are found by the shapes of a model's taps, not by names: states are f32[B, T,
 * width], attention is f32[B, heads, T, T] whose lines are distributions. */
#ifndef RETORT_RUN_LAYERS_H
#define RETORT_RUN_LAYERS_H
#include "compiler/commands/run_state.h"

/* For each evaluated model that was distilled, with the last one that taught it:
 *   {"student", "teacher", "on", "tokens": how many are compared,
 *    "student_states", "teacher_states": names of taps, "distance": [student's][teacher's] 1 - CKA,
 *    "words": of one row, "student_attention", "teacher_attention": [{"name", "map": [query][key], mean over heads}]}
 * An array, empty when nothing can be compared; the caller drops it. NULL after a failure. */
json_t *run_layers(run_state *r, failure *f);

#endif
