/* play.h: the work that the rows of bench/traces time. What fails ends the program. */
#ifndef BENCH_TRACES_PLAY_H
#define BENCH_TRACES_PLAY_H
#include "bench/bench.h"
#include "bench/traces/trace.h"
#include "crdt/codec.h"
#include "crdt/history.h"
#include "crdt/undo.h"

#define PLAY_READER UINT64_C(0x7265616465720001) /* the replica that loads and merges */

typedef struct play_bytes {
    uint8_t *data;
    size_t   size;
} play_bytes;

/* A trace as replicas made it. */
typedef struct play_history {
    bench_deltas deltas; /* one for each transaction */
    play_bytes   state;  /* the encoded store */
    play_bytes   stable; /* the same, once all of it was stable */
} play_history;

/* A text in a store of its own, written by `replica`. mem NULL: malloc(3). */
crdt_store *play_new(uint64_t replica, const crdt_mem *mem);
/* All patches of a sequential trace in one transaction. */
void play_local(const trace *t, crdt_store *store);
/* The same, each patch a transaction of its own that can be undone: the last PLAY_UNDOS of them. */
#define PLAY_UNDOS 20000u
crdt_undo *play_undoable(const trace *t, crdt_store *store);
/* Undo all that can be; returns how many. */
size_t play_undo(crdt_undo *undo);
/* The text that a sequential trace ends in, under BENCH_TEXT, to be marked. */
crdt_store *play_named(const trace *t);
/* The state of a list of so many elements, of which as many were moved. */
play_bytes play_moves(uint32_t count);
/* What was written since about the first half of what each replica did, and by whom. */
void play_past(const crdt_store *store, crdt_steps *ret_steps);
/* One replica an agent, each brought to where its transactions begin. */
void play_make(const trace *t, play_history *ret);
void play_clear(play_history *h);
/* The delta of a transaction, encoded; it lies in the history. */
play_bytes play_delta(const play_history *h, uint32_t i);

/* Decode what a peer sent and join it into store. */
void play_join(crdt_store *store, play_bytes delta);
/* Write one character into the middle. */
void play_touch(const trace *t, crdt_store *store);
void play_read(const crdt_store *store, crdt_buf *out);
void play_verify_text(const trace *t, const crdt_buf *text); /* it is the trace's end */
/* The store's text is the trace's end; `touched`: but for what play_touch wrote. */
void play_verify(const trace *t, const crdt_store *store, bool touched);

/* Bytes of the text itself in the delta of a transaction, on a link whose dictionary is set:
 * without what the store writes around it. The mean over all transactions that change something. */
double play_update_bytes(const trace *t, const play_history *h);

/* -- Files, packed by libcrdt_codec */
play_bytes  play_pack(const crdt_codec *codec, play_bytes in);
crdt_store *play_load(play_bytes file, const crdt_mem *mem);
/* Append the text that the file shows. */
void play_view(play_bytes file, crdt_buf *out);

#endif
