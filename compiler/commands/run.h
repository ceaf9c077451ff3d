/* `retort run`: trains, distils and evaluates as a file says. */
#ifndef RETORT_COMMAND_RUN_H
#define RETORT_COMMAND_RUN_H

/* arguments[0] is "run". Returns the exit status, one of run_status. */
int command_run(int count, char **arguments);

#endif
