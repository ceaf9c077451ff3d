/* A product: classifies one sentence, given as token ids on the command line, with the student of demo.rt.
 *
 *   retort run examples/demo.rt --out out
 *   retort build examples/demo.rt --model student --weights out/student -o student
 *   cc -I. -Iruntime/core examples/deploy.c student.o build/libretort-core.a -lopenblas -fopenmp -lm -o deploy
 *   ./deploy student.weights 2 14 27 3 */
#include "student.h"
#include <stdio.h>
#include <stdlib.h>

enum { VOCABULARY = 86, POSITIONS = 32 }; /* the model's; a function does not check what it is given */

int main(int count, char **arguments) {
  _Alignas(64) static char weights[STUDENT_WEIGHTS_SIZE]; /* the file's content, and what is prepared from it */
  int32_t ids[POSITIONS], types[POSITIONS] = {0}, length = count - 2;
  FILE *file = length > 0 && length <= POSITIONS ? fopen(arguments[1], "rb") : NULL;
  if (!file || fread(weights, 1, STUDENT_FILE_SIZE, file) != STUDENT_FILE_SIZE)
    return fprintf(stderr, "usage: deploy WEIGHTS ID... (%d at most)\n", POSITIONS), 2;
  fclose(file);
  for (int i = 0; i < length; i++)
    if ((ids[i] = atoi(arguments[i + 2])) < 0 || ids[i] >= VOCABULARY)
      return fprintf(stderr, "deploy: %s is no token\n", arguments[i + 2]), 2;

  float logits[2];
  size_t size = student_forward_workspace(1, length, 1), prepare_size = student_forward_prepare_workspace();
  void *workspace = aligned_alloc(64, ((size > prepare_size ? size : prepare_size) + 63) / 64 * 64);
  int status = student_forward_prepare_run(weights, workspace, prepare_size); /* once for all calls */
  if (status == RETORT_OK)
    status = student_forward_run(weights, 1, length, &length, ids, types, logits, workspace, size, 1);
  if (status == RETORT_OK)
    printf("%a %a\n", (double)logits[0], (double)logits[1]);
  free(workspace);
  return status;
}
