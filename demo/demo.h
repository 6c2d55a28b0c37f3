/* demo.h: the demonstration: five nodes, clients that work, a cut, and that all agree afterwards.
 *
 *      main.c    options, the nodes, the end
 *      story.c   what happens, in order
 *      work.c    the clients: threads that write and remember what was acknowledged
 *      words.c   what they type: the words of this repository's documents
 *      view.c    the table that is redrawn, or lines
 *      check.c   what each side had, what became of it, and whether it is right
 */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H
#include <signal.h>
#include <stdio.h>

#include "tests/node/lib/nodes.h"

#define DEMO_NODES 5u

/* What the clients write. */
#define KEY_VISITS "visits" /* a counter: INCR */
#define KEY_STOCK "stock"   /* a counter: INCRBY, DECRBY */
#define KEY_CART "cart"     /* a set: SADD, SREM */
#define KEY_PAGE "page"     /* a text: TEXT.INSERT, TEXT.DELETE */
#define KEY_TITLE "title"   /* a register: SET */

typedef struct demo_options {
    const char *topology, *sync, *store;
    bool        once, plain;
} demo_options;

/* Sides of the cut: node 1 to 3, and 4 and 5. */
static inline int side_of(uint32_t node)
{
    return node < 3 ? 0 : 1;
}

/* -- words.c ----------------------------------------------------------------------------------- */

typedef struct document {
    char       *bytes;
    size_t      size, at;
    const char *file;
} document;

/* From a file of the repository (name kept). False: ret_problem says why. */
bool words_open(document *d, const char *file, char ret_problem[512]);
void words_close(document *d);
/* The next word, without end; borrowed until words_close. */
const char *words_next(document *d);
/* In code points. */
size_t words_length(const char *text);

/* -- work.c ------------------------------------------------------------------------------------ */

typedef enum job { JOB_COUNT, JOB_SHOP, JOB_WRITE, JOB_TITLE } job;

#define ITEMS_MAX 4096u

/* One client: a connection to one node, and what that node acknowledged. */
typedef struct worker {
    struct work  *work;
    job           job;
    uint32_t      node;
    redisContext *redis;
    uint64_t      random;
    uint64_t      writes; /* acknowledged; read while it runs, atomically */
    /* The rest is for others only while all pause. */
    char     problem[256];
    int64_t  visits, stock;             /* what it added */
    int64_t  visits_apart, stock_apart; /* of it since the cut */
    uint32_t added;                     /* things put into the cart */
    bool     removed[ITEMS_MAX];        /* those taken out again */
    document source;
    char    *typed; /* what it typed and did not delete, words with a blank behind each */
    size_t   typed_size, typed_room;
    uint32_t deleted;
    char     title[96]; /* that it set last */
} worker;

typedef struct work work;

/* Connects all clients; they pause at first. False: ret_problem says why. */
bool work_open(work **ret_work, nodes *cluster, char ret_problem[512]);
void work_close(work *w);
void work_go(work *w);
/* Returns when none is within a command. False: one has failed; ret_problem says which and how. */
bool work_pause(work *w, char ret_problem[512]);
/* The cut begins: what is added from here on is counted apart. While all pause. */
void work_mark_cut(work *w);
/* False: one has failed; work_pause says how. */
bool          work_fine(work *w);
uint64_t      work_writes(const work *w, uint32_t node); /* acknowledged by this node */
size_t        work_count(const work *w);
const worker *work_at(const work *w, size_t i);
void          work_item(const worker *who, uint32_t i, char out[32]);

/* -- view.c ------------------------------------------------------------------------------------ */

typedef struct view_row {
    bool    there;
    int64_t peers, written, held, conflicts, visits, cart, letters;
    char    digest[65], title[96], tail[96];
} view_row;

typedef struct view {
    demo_options options;
    nodes       *cluster;
    work        *work;
    const char  *phase;
    bool         cut, redraws;
    uint64_t     begin_ms, last_ms;
    int          drawn; /* lines on the screen */
    view_row     row[DEMO_NODES];
} view;

void view_open(view *v, const demo_options *options, nodes *cluster, work *w);
/* Look at all nodes, and draw. False: a node gave no answer. */
bool view_look(view *v);
/* A sentence of the story; it stays above the table. */
void view_say(view *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* From here on plain output follows. */
void view_close(view *v);
/* The digests of the nodes of one side (0, 1; 2: of all), as last looked at. */
bool view_agree(const view *v, int side);

/* -- check.c ----------------------------------------------------------------------------------- */

/* What one side has at a moment. */
typedef struct side_state {
    int64_t visits, stock, cart, letters;
    bool    milk;
    char    title[96], digest[65];
    char   *page;
} side_state;

bool check_take(nodes *cluster, uint32_t node, side_state *ret_state);
void check_free(side_state *state);
/* Compares with what was acknowledged and prints it. Returns how many things are wrong, each of
 * which was told in a sentence. */
int check_all(nodes *cluster, const work *w, const side_state before[2]);

/* -- story.c ----------------------------------------------------------------------------------- */

/* Returns how many things went wrong; each was told. */
int story_tell(const demo_options *options, nodes *cluster);
/* Somebody pressed Ctrl-C. */
extern volatile sig_atomic_t story_interrupted;

#endif
