/* WordPiece as published with the first uncased vocabulary (Devlin et al. 2019, arXiv:1810.04805, tokenization.py):
 * control characters dropped, white space unified, CJK characters split off, lower-cased, accents stripped (NFD without
 * Mn), punctuation split off, then the longest pieces of the vocabulary from the left; a word of more than 200
 * characters, or one that does not divide, is [UNK]. */
#ifndef RETORT_WORDPIECE_H
#define RETORT_WORDPIECE_H
#include "runtime/data/memory.h"

typedef struct wordpiece wordpiece;

/* Token ids that grow; starts as {0}, the owner frees `items`. */
typedef struct token_list {
  int32_t *items;
  int64_t count, capacity;
} token_list;
void token_list_add(token_list *list, int32_t token);

/* Reads a vocabulary: a token a line, its line's number (from 0) its id. It must have [UNK], [CLS] and [SEP]; padding
 * is [PAD], or 0 without one. `lower`: lower-case and strip accents. NULL after a failure. */
wordpiece *wordpiece_load(const char *path, bool lower, failure *f);
void wordpiece_free(wordpiece *w);
int32_t wordpiece_size(const wordpiece *w); /* of the vocabulary */
int32_t wordpiece_padding(const wordpiece *w);
int32_t wordpiece_find(const wordpiece *w, const char *token); /* -1: not there */
/* A token as the vocabulary writes it; the caller frees it. */
char *wordpiece_text(const wordpiece *w, int32_t id);

/* Appends the ids of a text, without special tokens. Bytes that are not UTF-8 count as U+FFFD, which is dropped. */
void wordpiece_encode(const wordpiece *w, const char *text, size_t length, token_list *to);

/* Appends [CLS] a [SEP], or [CLS] a [SEP] b [SEP] when b is not NULL, and as many types (0 to the first [SEP], 1
 * behind it) to `ids` and `types`. At most `limit` tokens (at least 3 must be allowed): the longer of the two loses its
 * last token until they fit, b when they are equal. */
void wordpiece_encode_pair(const wordpiece *w, const char *a, size_t a_length, const char *b, size_t b_length,
                           int64_t limit, token_list *ids, token_list *types);

#endif
