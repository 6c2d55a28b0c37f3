/* campaign.h: very many seeds: each is run, some twice; the first failure of each process is made
 * small and written down. */
#ifndef SIM_CAMPAIGN_H
#define SIM_CAMPAIGN_H
#include "sim/check.h"

typedef struct campaign {
    uint64_t    base, count; /* seeds base .. base + count - 1; count 0: until time is up */
    double      seconds;     /* of CPU for each process; 0: until all seeds are run */
    unsigned    jobs;        /* processes */
    unsigned    twice;       /* one seed in so many is run twice; 0: none */
    double      shrink_seconds;
    const char *failures; /* the directory where replay files go; NULL: none are written */
    bool        first;    /* end at the first failure */
    bool        quiet;    /* no lines about failures */
} campaign;

typedef struct campaign_result {
    uint64_t seeds, repeated, failures, events, messages, bytes, entries, checks;
    uint64_t crashes, snapshots, rotten, forked, forged, notices[16];
    uint64_t converge_us_max, converge_us_sum;
    double   cpu_seconds;
    uint64_t seed; /* the first that failed */
    check_id id;
    uint64_t failed_events; /* how many events it took */
    size_t   small;         /* events of the plan after shrinking */
    char     why[512];
    char     file[256];
} campaign_result;

campaign_result campaign_run(const campaign *c);
void            campaign_print(const campaign_result *r);

#endif
