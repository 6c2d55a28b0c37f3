/* seq/seq_pack.h: rows as bytes: read, kept as they came, and put in place.
 *
 * Shape    a reader takes rows from the format of seq_code.h, replica by replica. A pack holds such
 *          bytes that were read once, and found to be in order, with the ids that they name: a
 *          delta's content stays packed until somebody reads it, or joins it. A walk gives all rows
 *          of a slot, packed or in place, in their canonical order.
 */
#ifndef CRDT_SEQ_SEQ_PACK_H
#define CRDT_SEQ_SEQ_PACK_H
#include "crdt/seq/seq_code.h"

/* The rows of one replica, being read. */
typedef struct crdt__section {
    const uint8_t *at[CRDT__COLUMNS], *end[CRDT__COLUMNS];
    crdt__trail    trail;
    uint64_t       rows; /* left */
    bool           is_inline;
    /* seq_load.c and seq_snap.c */
    bool     open;
    uint32_t waits; /* 1 + the section that waits for this one, if `open`; 0: none */
    uint64_t tried; /* seq_load.c: 1 + rows taken when this one last waited for another */
    uint32_t until; /* seq_snap.c: that one waits for this one's author to have more elements */
} crdt__section;

/* What the bytes call a replica: its place. */
typedef struct crdt__dict {
    const uint64_t *ids;    /* ascending */
    const uint32_t *places; /* of ids, ascending; NULL: 0, 1, 2 and so on */
    size_t          count;
    uint64_t        total; /* all places are below; it stands for none */
} crdt__dict;

/* Elements that rows tell of. */
typedef struct crdt__claims {
    uint64_t inserted, forgotten; /* forgotten: of those inserted */
    uint64_t deletions;           /* rows that delete */
} crdt__claims;

typedef struct crdt__reader {
    crdt_dec        in; /* what is read now, and what went wrong */
    crdt__dict      dict;
    crdt_replicas  *used; /* NULL, or: ids that were named */
    crdt__atom_kind kind;
    bool            classic;
    bool            whole;          /* content stands elsewhere */
    uint64_t        sections, sets; /* sections to come; whether sets follow */
    const uint8_t  *at, *end;       /* what is not in sections yet */
    uint64_t        after;          /* the last section's replica */
    bool            moves;          /* some were read */
    /* Of the rows read so far. */
    crdt__claims claims;
} crdt__reader;

/* A set as bytes tell it. */
typedef struct crdt__told_set {
    crdt__elem elem;
    crdt_dot   dot;
    uint64_t   stamp;
    crdt_value value;
} crdt__told_set;

/* -- seq_decode.c: all fail by reader.in.err, with a reason */
/* Begins with the head: how many sections. */
void crdt__reader_begin(crdt__reader *r, const crdt__slot *slot, crdt_view bytes, crdt__dict dict,
                        const crdt_limits *limits);
/* Of a whole sequence: begins with so many sections. Its rows tell no content. */
void crdt__reader_whole(crdt__reader *r, const crdt__seq *seq, const crdt_dec *dec,
                        size_t sections);
/* Begins with the sets, of which there are some. */
void crdt__reader_rest(crdt__reader *r, const crdt__slot *slot, crdt_view bytes, crdt__dict dict,
                       const crdt_limits *limits);
/* The next section. Its rows must be read to the last before the next one, unless
 * crdt__reader_pass is called for it at once. */
bool crdt__reader_section(crdt__reader *r, crdt__section *s);
void crdt__reader_pass(crdt__reader *r, crdt__section *s);
/* The next row of the section, which has some left; the section goes on by it. */
bool crdt__reader_row(crdt__reader *r, crdt__section *s, crdt__row *row);
/* The same of a whole sequence, in two steps. Between them the section may be set back, to read the
 * row again later: its columns' places alone have moved. */
bool               crdt__reader_bare_row(crdt__reader *r, crdt__section *s, crdt__row *row);
static inline void crdt__reader_took(crdt__section *s, const crdt__row *row)
{
    crdt__trail_pass(&s->trail, row);
    s->rows--;
}
/* All rows were read: the section's bytes must be, too. */
bool crdt__reader_ends(crdt__reader *r, const crdt__section *s);
/* After the last section: how many sets follow; each. */
size_t crdt__reader_sets(crdt__reader *r);
bool   crdt__reader_set(crdt__reader *r, const crdt__told_set *last, crdt__told_set *set);

/* -- seq_claims.c */
/* Every row was read: is what they claim possible? Few bytes may tell of any number of elements
 * that are forgotten; so each of these must be deleted by a row of the same bytes. `again` is a
 * reader of the same bytes at their beginning. Errors: ENOMEM, told to r like what is malformed. */
size_t   crdt__claims_bytes(const crdt__reader *r); /* that the check takes */
crdt_err crdt__claims_check(crdt__reader *r, crdt__reader *again, const crdt_mem *mem);

/* -- seq_load.c */
/* Put all in place. mine: dots that the sequence may hold (NULL: it holds nothing, and undoing is
 * not asked for). budget: bytes that it may take; *ret_over: it would take more. Errors: what
 * reader.in tells, ENOMEM, EFORK, ELIMIT. */
crdt_err crdt__seq_load(crdt__seq *seq, crdt__reader *r, const crdt_context *mine, size_t budget,
                        bool *ret_over);

/* -- seq_pack.c */
struct crdt__pack {
    uint32_t size, count; /* of bytes; of ids */
    uint32_t total;
    bool     mapped; /* places follow on ids; else they are 0, 1, 2 and so on */
    bool     moves;  /* some rows are */
    /* ids, places, bytes */
    uint64_t ids[];
};

/* Read what dec holds through, and keep it; *ret_pack is NULL if it is nothing. Errors: told to
 * dec. */
crdt_err crdt__pack_read(const crdt__slot *slot, crdt_dec *dec, crdt__pack **ret_pack);
void     crdt__pack_free(const crdt__slot *slot, crdt__pack *pack);
size_t   crdt__pack_bytes(const crdt__pack *pack); /* memory in use */
/* As it is, where the dictionary is of just its ids; false: it is not. */
bool crdt__pack_put(const crdt__pack *pack, crdt_enc *enc);
void crdt__pack_reader(const crdt__pack *pack, const crdt__slot *slot, crdt__reader *r);
/* The greatest stamp of its sets and moves. */
uint64_t crdt__pack_stamp_max(const crdt__pack *pack, const crdt__slot *slot);

/* All rows of a slot. */
typedef struct crdt__walk {
    const crdt__seq *seq; /* or packed: */
    crdt__reader     reader;
    crdt__section    section;
    crdt__rows       rows;
    uint64_t         replica; /* of the rows */
} crdt__walk;

void crdt__walk_begin(crdt__walk *walk, const crdt__slot *slot);
/* To the next replica that has rows, ascending; false at the end. */
bool crdt__walk_replica(crdt__walk *walk);
bool crdt__walk_row(crdt__walk *walk, crdt__row *ret_row); /* false: to the next replica */
/* How many rows the replica has, asked before the first. */
uint64_t crdt__walk_count(const crdt__walk *walk);
uint64_t crdt__walk_replicas(const crdt__slot *slot); /* how many have rows */
/* All sets, by element: begin, then each. */
typedef struct crdt__set_walk {
    crdt__reader    reader;
    crdt__omap_iter at;
    size_t          left; /* packed: to come */
    crdt__told_set  last;
} crdt__set_walk;
size_t crdt__sets_begin(crdt__set_walk *walk, const crdt__slot *slot);
bool   crdt__sets_next(crdt__set_walk *walk, crdt__told_set *ret_set);

/* What of a slot is outside a context, or written from a dot of its author on, packed. */
typedef struct crdt__filter {
    const crdt_context *ctx;  /* NULL: from `first` on */
    crdt_context       *keep; /* gets what is in ctx */
    crdt_dot            first;
} crdt__filter;
/* *ret_pack is NULL if it is nothing. Errors: ENOMEM, ELIMIT. */
crdt_err crdt__pack_make(const crdt__slot *slot, const crdt__filter *filter, crdt__pack **ret_pack);

/* -- seq_code.c: rows to bytes */
typedef struct crdt__columns {
    crdt_buf             own[CRDT__COLUMNS];
    crdt_buf            *at[CRDT__COLUMNS]; /* own, or all the one that rows go to inline */
    crdt__trail          trail;
    const crdt_replicas *dict;
    crdt__atom_kind      kind;
    bool                 classic, is_inline;
    bool                 whole; /* content stands elsewhere */
} crdt__columns;

void crdt__columns_init(crdt__columns *c, const crdt__slot *slot, const crdt_enc *enc);
void crdt__columns_clear(crdt__columns *c);
/* A replica's rows, of which there will be so many: begin, each, end. */
void crdt__columns_begin(crdt__columns *c, uint64_t replica, uint64_t count, crdt_enc *enc);
void crdt__columns_put(crdt__columns *c, const crdt__row *row);
void crdt__columns_end(crdt__columns *c, crdt_enc *enc);
void crdt__told_set_put(const crdt__told_set *set, crdt_enc *enc);

#endif
