/* What a run needs to go on after it was cut off: one file, written atomically, that says where the run was and holds
 * the metrics so far and the values of weight sets. Order of rows and random numbers depend on seed and step alone, so
 * the step's number is their state.
 *
 *   8 bytes "retortck", u32 version, u32 0, u64 bytes of the file, u64 bytes of the head, u64 bytes of the log,
 *   the head (JSON: {"state": …, "sets": [[[NAME, BYTES], …], …]}), the log, the values in the order of "sets",
 *   u64 XXH3-64 of everything before.  Numbers are little-endian. */
#ifndef RETORT_CHECKPOINT_H
#define RETORT_CHECKPOINT_H
#include "runtime/run/weights.h"
#include <jansson.h>

typedef struct checkpoint_content {
  const json_t *state; /* the caller's: position and identity */
  const char *log;     /* metrics so far */
  size_t log_size;
  int set_count;
  weight_set *const *sets;
  bool only; /* those that are there are another run's */
} checkpoint_content;

/* Writes FOLDER/NUMBER.checkpoint (making the folder) and then removes all but this one and, without `only`, the one
 * before. `number` must grow. After a failure those that were there are as they were. */
bool checkpoint_write(const char *folder, int64_t number, const checkpoint_content *content, failure *f);
/* Removes what checkpoint_write made, and the folder when nothing else is in it. */
void checkpoints_remove(const char *folder);

typedef struct checkpoint checkpoint;

/* The newest of the folder, checked as a whole. NULL without a failure when there is none; NULL and a failure, which
 * says how to go on, when it is damaged or of another version. */
checkpoint *checkpoint_open(const char *folder, failure *f);
void checkpoint_close(checkpoint *c);
const char *checkpoint_path(const checkpoint *c);
const json_t *checkpoint_state(const checkpoint *c);
const char *checkpoint_log(const checkpoint *c, size_t *size);
/* Reads the values of sets first … first + count - 1 into sets of the same names and sizes. */
bool checkpoint_read(const checkpoint *c, int first, int count, weight_set *const *sets, failure *f);

#endif
