/* make_corpus.h: the seed corpora, made from real histories. */
#ifndef FUZZ_MAKE_CORPUS_H
#define FUZZ_MAKE_CORPUS_H

/* Write the seeds of every harness to DIRECTORY/harness/seed-*. Returns an exit status. */
int fuzz_make_corpus(const char *directory);

#endif
