/* A run's losses and scores as TensorBoard reads them: records of protocol buffers (event.proto). */
#ifndef RETORT_EVENTS_H
#define RETORT_EVENTS_H
#include "runtime/data/memory.h"
#include <jansson.h>

/* A file with "tfevents" in its name is one to TensorBoard. */
#define EVENTS_FILE "events.out.tfevents.retort"

/* Of the text of metrics.jsonl, tags STAGE/TERM, and of results.json, tags SET/METRIC/LABEL. wall_time: seconds since
 * 1970, of all events (a run's record holds no times, so that equal runs leave equal bytes). The caller frees. */
unsigned char *events_encode(const char *metrics, size_t metrics_size, const json_t *results, double wall_time,
                             size_t *size);
/* CRC-32C (Castagnoli: RFC 3720, appendix B.4). */
uint32_t events_checksum(const unsigned char *bytes, size_t size);

#endif
