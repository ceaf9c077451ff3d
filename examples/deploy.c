/* A product: classifies one sentence, given as token ids on the command line, with the student of demo.rt.
 *
 *   retort run examples/demo.rt --out out
 *   retort build examples/demo.rt --model student --weights out/student -o student
 *   cc -I. -Iruntime/core examples/deploy.c student.o libretort-core.a -lopenblas -fopenmp -lm -o deploy
 *   ./deploy student.weights 2 14 27 3 */
#include "student.h"
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
  FILE *file = count > 2 ? fopen(arguments[1], "rb") : NULL;
  void *weights = aligned_alloc(64, STUDENT_WEIGHTS_SIZE);
  if (!file || !weights || fread(weights, 1, STUDENT_WEIGHTS_SIZE, file) != STUDENT_WEIGHTS_SIZE)
    return fprintf(stderr, "usage: deploy WEIGHTS ID...\n"), 2;
  fclose(file);

  int32_t length = count - 2;
  int32_t *ids = calloc((size_t)length, sizeof *ids), *types = calloc((size_t)length, sizeof *types);
  for (int i = 0; i < length; i++)
    ids[i] = atoi(arguments[i + 2]);

  float logits[2];
  size_t size = (student_forward_workspace(1, length, 1) + 63) / 64 * 64;
  void *workspace = aligned_alloc(64, size);
  int status = student_forward_run(weights, 1, length, &length, ids, types, logits, workspace, size, 1);
  if (status == RETORT_OK)
    printf("%a %a\n", (double)logits[0], (double)logits[1]);
  free(weights), free(ids), free(types), free(workspace);
  return status;
}
