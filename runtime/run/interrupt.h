/* Ctrl-C and termination: a first one asks the run to end where nothing is lost, a second one ends the process. */
#ifndef RETORT_INTERRUPT_H
#define RETORT_INTERRUPT_H
#include <stdbool.h>

/* From now on SIGINT and SIGTERM are noted. */
void interrupt_catch(void);
/* True from the first signal on. */
bool interrupt_requested(void);
/* As it was before interrupt_catch; what was noted is forgotten. */
void interrupt_release(void);

#endif
