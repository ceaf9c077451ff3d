/* What the cases on transformer encoders share: the program of bert.rt with the sizes of a case, and its batch. */
#ifndef TEST_BERT_H
#define TEST_BERT_H

#include "compiler/check/program.h"
#include "tests/reference/cases.h"

enum { MODEL_TEACHER, MODEL_STUDENT };
enum { STAGE_CLASSIFY, STAGE_LAYERS, STAGE_SOFT_1, STAGE_SOFT_4 };

/* Loads bert.rt; teacher and student are configurations as config.json has them. NULL after printing why. */
program *bert_program(const reference_case *c, const json_t *teacher, const json_t *student, bool padded);
/* A stage's joint graph, or a model's forward with taps; NULL after printing the diagnostics. */
graph *bert_stage(const reference_case *c, program *p, int stage);
graph *bert_forward(const reference_case *c, program *p, int model);

/* ids, types, ids.lengths and label, from the input_ids, token_type_ids, attention_mask and labels of `inputs`; step,
 * steps and key of step 1 of `steps`. */
void bert_batch(const tensors *inputs, tensors *to, int steps);
void bert_set_step(tensors *values, int step);
/* Zeros for every state of the graph that is not there yet. */
void bert_add_states(const graph *g, tensors *values);

#endif
