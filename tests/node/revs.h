/* revs.h: what tests of REV.* share: revisions that are known, and the replies that show them. */
#ifndef TESTS_NODE_REVS_H
#define TESTS_NODE_REVS_H

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value"

/* Computed apart, by Python's hashlib: a root "a"; "b" and "c" over it; "m" over both; the deletion
 * of that; the tombstone by which a reader of trees sees that C is resolved. */
#define A "1-5a58b49702294cec1c187cf942102653"
#define B "2-7e00125230f2fce19d061b0ac708f3a1"
#define C "2-140f6e75f5e751b0028a21961abed047"
#define M "3-058f563f86879c511b148696faa3fb6c"
#define GONE "4-2e905351cad64d218155e4a8c84ee437"
#define TOMB "3-22c7bdd9ec7473a2402b0718803448fd"
/* Ids of another system. */
#define OLD_1 "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OLD_2 "2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OLD_3 "3-cccccccccccccccccccccccccccccccc"
#define NONE "7-00000000000000000000000000000000"

#define WINNER(id, body) "['rev', '" id "', 'state', 'winner', 'doubled', :0, 'body', '" body "']"
#define LOSER(id, body) "['rev', '" id "', 'state', 'conflict', 'doubled', :0, 'body', '" body "']"
#define DELETED(id) "['rev', '" id "', 'state', 'deleted', 'doubled', :0, 'body', '']"
#define STEP(id, over, status) "['rev', '" id "', 'parents', [" over "], 'status', '" status "']"
#define ROW(id, over, status, leaf, merge)                                        \
    "['rev', '" id "', 'parent', " over ", 'status', '" status "', 'leaf', " leaf \
    ", 'merge', " merge "]"

#endif
