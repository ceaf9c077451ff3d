#include "runtime/run/interrupt.h"
#include <signal.h>
#include <stddef.h>

/* A signal handler can reach nothing but a global: the one of the runtime. */
static volatile sig_atomic_t requested;

static void note(int number) {
  (void)number;
  requested = 1;
}

void interrupt_catch(void) {
  /* SA_RESETHAND: the second one has the signal's usual effect. */
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESETHAND | SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

bool interrupt_requested(void) {
  return requested;
}

void interrupt_release(void) {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  requested = 0;
}
