/* oracle_sequence.h: the oracles of lists and texts (see oracle.h). */
#ifndef TESTS_LAWS_LIB_ORACLE_SEQUENCE_H
#define TESTS_LAWS_LIB_ORACLE_SEQUENCE_H
#include "crdt/laws.h"

void oracle_rga(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out);
void oracle_text(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out);
void oracle_rga_classic(const crdt_laws_event *events, size_t count, uint64_t present,
                        crdt_buf *out);
void oracle_text_classic(const crdt_laws_event *events, size_t count, uint64_t present,
                         crdt_buf *out);

#endif
