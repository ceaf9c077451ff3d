/* A labelled text set: read, tokenized, checked; all rows in a few arrays. */
#ifndef RETORT_DATASET_H
#define RETORT_DATASET_H
#include "runtime/data/records.h"
#include "runtime/data/wordpiece.h"

/* The classes of an experiment: those of its first set, sorted by name, or numbers 0 … count - 1. */
typedef struct class_list {
  bool known; /* false until a set was read */
  int count;
  char **names; /* NULL: the labels are numbers */
} class_list;
void class_list_free(class_list *c);

typedef struct dataset_options {
  int source_count;
  const record_source *sources; /* their rows follow each other; they have the same columns but for names */
  int classes;                  /* as the source says; 0: not said */
  int length;                   /* most tokens of a row, special ones included */
  /* The share of all rows that is taken: of their order by `seed` those from `begin` to `end` (0 … 1), so that sets
   * with one seed and neighbouring shares divide the rows among them. They keep the order of the file. end 0: all. */
  struct dataset_share {
    double begin, end;
    uint64_t seed;
  } share;
} dataset_options;

typedef struct dataset {
  char *path; /* of the first source, for messages */
  int64_t count;
  int64_t *starts; /* count + 1: row i is tokens starts[i] … starts[i + 1] - 1 */
  int32_t *ids, *types;
  int32_t *labels; /* NULL: none */
  float *targets;  /* NULL: none */
  float
      *class_weights; /* of each label's class: count / (classes x rows of it), so their mean over rows is 1; or NULL */
  int64_t *lines;     /* of each row in its file, for messages */
  int file_count;
  struct dataset_file {
    char *path;
    int64_t end; /* the first row behind it */
  } * files;
  int64_t longest; /* row, in tokens */
  int32_t padding; /* the id that fills rows up */
} dataset;

/* Reads a set. Labels are checked against `classes`, or make it when it is not known yet. Failures name file and line:
 * unreadable, empty, broken (records.h), no UTF-8, a label outside the classes, a target that is no number. NULL after
 * one. */
dataset *dataset_load(const dataset_options *options, const wordpiece *tokenizer, class_list *classes, failure *f);
void dataset_free(dataset *d);
/* The file of a row. */
const char *dataset_file_of(const dataset *d, int64_t row);

/* The first row with a token id (or type, or label) of `limit` or more; -1: none. */
int64_t dataset_row_over(const dataset *d, const int32_t *tokens, int32_t limit);
int64_t dataset_label_over(const dataset *d, int32_t limit);

#endif
