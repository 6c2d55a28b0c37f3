/* hospital.h: what the parts of hospital.c share: who prescribed what; writing, looking. */
#ifndef SCENARIOS_HOSPITAL_H
#define SCENARIOS_HOSPITAL_H
#include <stdio.h>

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
    uint64_t     chain[NODES];                    /* hash of the last audit record of each */
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
/* The prescriptions that show of a drug at n, as "3#17,5#4". Returns how many. */
size_t hospital_shown(const node *n, uint32_t drug, char out[200]);

/* -- hospital_look.c: what a node shows, held against the truth -------------------------------- */

typedef struct looked {
    uint32_t wrong, flagged, hidden;      /* drugs; to be reviewed; doses that LWW would hide */
    uint32_t samples, newest_wrong, late; /* late: patients whose last sample to come is older */
    uint32_t records, broken;             /* of the audit */
    uint32_t untold;                      /* doses that were superseded, and no record names them */
} looked;

looked hospital_look(hospital *h, const node *n);
/* Of the audit alone; as if somebody had changed a byte of each author's first record. */
looked hospital_look_spoilt(hospital *h, const node *n);

#endif
