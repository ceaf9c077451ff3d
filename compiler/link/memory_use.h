/* The memory of a process that calls an executable: what is planned, before anything runs, and what was used. */
#ifndef RETORT_MEMORY_USE_H
#define RETORT_MEMORY_USE_H

#include "compiler/link/executable.h"

/* Bytes. All that a call reads and writes is touched in whole, so the peak is the sum. */
typedef struct memory_use {
  double program;   /* code, libraries and what the compiler keeps: resident when the executable is made */
  double weights;   /* those of the signature, and what executable_prepare computes from them */
  double states;    /* trained weights and the optimizer's state */
  double batch;     /* inputs and outputs */
  double workspace; /* scratch and packing of every thread included */
  double peak;      /* of the process: the sum, or more when compiling took more */
} memory_use;

/* Between executable_create and the making of tensors: sets `program`, and as the peak what compiling took. */
memory_use memory_before(void);
/* Adds what a call with these run-time dimensions (in the order of the signature) will need. */
void memory_plan(memory_use *m, const executable *e, const int64_t *dims, int threads);

/* Bytes of this process's memory that are resident now, and the most that ever were; 0 where the system does not say
 * (/proc/self/status). */
double process_resident(void);
double process_peak(void);

#endif
