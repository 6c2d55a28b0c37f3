/* hospital.h: what the parts of hospital.c share: who prescribed what; writing, looking. */
#ifndef SCENARIOS_HOSPITAL_H
#define SCENARIOS_HOSPITAL_H
#include <stdio.h>

#include "crdt/resolve.h"
#include "sim/world.h"

#define SECOND UINT64_C(1000000)
#define HOUR (3600 * SECOND)
#define SERVER 0u /* in the middle of a star of tablets 1 to 8 and a second server */
#define TABLETS 8u
#define NODES 10u
#define PATIENTS 4000u
#define DRUGS 4u
#define ENCOUNTERS 50000u
#define PRESCRIPTIONS (PATIENTS * DRUGS + ENCOUNTERS)

/* A dose that somebody prescribed: the number-th of its author. */
typedef struct prescription {
    uint32_t author, number, drug; /* patient * DRUGS + which */
    size_t   entry;                /* in the world's history */
    uint64_t stamp;                /* of its audit record */
    uint32_t before;               /* the one before it of this drug, from 1; 0: none */
    bool     superseded, named;    /* in truth; by the audit */
} prescription;

typedef struct hospital {
    world        w;
    plan         p;
    uint64_t     rand;
    prescription given[PRESCRIPTIONS];
    uint32_t     count, latest[PATIENTS * DRUGS]; /* latest: from 1 */
    uint32_t     written[NODES];                  /* prescriptions of each author */
    uint32_t     index[NODES][PRESCRIPTIONS];     /* of given, by author and number */
    uint32_t     acks;                            /* that doctors gave */
    crdt_rules  *rules;                           /* keep all; where acknowledgements are */
    uint64_t     newest[PATIENTS], last_written[PATIENTS]; /* pulses: when they were taken */
} hospital;

/* format: of one number */
#define HOSPITAL_NAME(name, format, number) \
    (snprintf(name, sizeof name, format, number), crdt_text_view(name))

/* -- hospital_ward.c: writing ------------------------------------------------------------------ */

void hospital_ok(crdt_err err); /* or the program gives up */
void hospital_admit_all(hospital *h);
/* A patient is seen, on any tablet but `busy` (0: on any). */
void hospital_encounter(hospital *h, uint32_t busy, uint32_t encounter);
/* Somebody at n changes the dose of a drug, having read it now; or, at not NULL, when the store's
 * context was *at and it was `read`. */
void hospital_change(hospital *h, node *n, uint32_t drug, const crdt_context *at, const char *read);
/* A drug's record as a doctor reads it; to be cleared. False: there is none. */
bool hospital_read(const hospital *h, const node *n, uint32_t drug, crdt_outcome *ret_outcome);
/* The prescriptions that show of a drug at n, as "3#17,5#4". Returns how many. */
size_t hospital_shown(const hospital *h, const node *n, uint32_t drug, char out[200]);
/* A doctor at n says of a drug's doses that they are meant, as far as he has seen them. */
crdt_err hospital_ack(hospital *h, node *n, uint32_t drug, const crdt_context *seen);
/* The object's name. */
crdt_view hospital_drug(char name[40], uint32_t drug);
crdt_view hospital_dose(char text[40], uint32_t author, uint32_t number);
#define HOSPITAL_AUDIT crdt_text_view("audit")

/* -- hospital_look.c: what a node shows, held against the truth -------------------------------- */

typedef struct looked {
    uint32_t wrong, flagged, kept, hidden; /* drugs; to be reviewed; reviewed, with several doses;
                                              doses that LWW would hide */
    uint32_t samples, newest_wrong, late;  /* late: patients whose last sample to come is older */
    uint32_t records, broken;              /* of the audit; faults in it */
    uint32_t untold; /* doses that were superseded, and no record names them */
} looked;

looked hospital_look(hospital *h, const node *n);
/* The faults of the audit, had somebody changed one byte of it. */
size_t hospital_look_spoilt(const node *n);

#endif
