/* A tokenizer as published: a folder with vocab.txt and, mostly, tokenizer_config.json. */
#ifndef RETORT_TOKENIZER_FOLDER_H
#define RETORT_TOKENIZER_FOLDER_H
#include "runtime/data/memory.h"

typedef struct tokenizer_settings {
  char *vocabulary;    /* the file; the caller frees it */
  bool lower;          /* "do_lower_case" */
  int64_t length_most; /* "model_max_length"; 0: not said */
} tokenizer_settings;

/* `path`: a vocabulary, which says nothing more (settings stay as the caller has set them), or such a folder. Fails
 * when the settings are no JSON, are contradicted by their types, or are those of another tokenizer than WordPiece as
 * in wordpiece.h. */
bool tokenizer_settings_read(const char *path, tokenizer_settings *to, failure *f);

#endif
