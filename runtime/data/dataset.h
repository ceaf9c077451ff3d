/* A labelled text set: read, tokenized, checked; all rows in a few arrays. */
#ifndef RETORT_DATASET_H
#define RETORT_DATASET_H
#include "runtime/data/delimited.h"
#include "runtime/data/wordpiece.h"

/* The classes of an experiment: those of its first set, sorted by name, or numbers 0 … count - 1. */
typedef struct class_list {
  bool known; /* false until a set was read */
  int count;
  char **names; /* NULL: the labels are numbers */
} class_list;
void class_list_free(class_list *c);

typedef struct dataset_options {
  const char *path;
  delimited_format format;
  int text, label, pair; /* columns from 0; label and pair may be -1: none */
  bool header;           /* the first row names the columns */
  int classes;           /* as the source says; 0: not said */
  int length;            /* most tokens of a row, special ones included */
} dataset_options;

typedef struct dataset {
  char *path;
  int64_t count;
  int64_t *starts; /* count + 1: row i is tokens starts[i] … starts[i + 1] - 1 */
  int32_t *ids, *types;
  int32_t *labels; /* NULL: none */
  int64_t *lines;  /* of each row in the file, for messages */
  int64_t longest; /* row, in tokens */
  int32_t padding; /* the id that fills rows up */
} dataset;

/* Reads a set. Labels are checked against `classes`, or make it when it is not known yet. Failures name file and line:
 * unreadable, empty, too few columns, no UTF-8, a label outside the classes. NULL after one. */
dataset *dataset_load(const dataset_options *options, const wordpiece *tokenizer, class_list *classes, failure *f);
void dataset_free(dataset *d);

/* The first row with a token id (or type, or label) of `limit` or more; -1: none. */
int64_t dataset_row_over(const dataset *d, const int32_t *tokens, int32_t limit);
int64_t dataset_label_over(const dataset *d, int32_t limit);

#endif
