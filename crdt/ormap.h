/* ormap.h: maps whose keys hold objects of any type, maps too.
 *
 * Shape    (key, type) -> object:  {"name": lww "Ada", "visits": pncounter 3, "tags": orset {"x"},
 *          "home": ormap {"city": mvreg ["Paris"]}}
 * Types    a key carries its type, as names of a store do. Who creates one key with two types at
 *          the same time keeps both: the one created last by the clock shows, the other is read by
 *          asking for its type. An operation of another type than the one that shows is ETYPE:
 *          remove the key first.
 * Merge    entry by entry, each as its type says, under the one context of the store. A key exists
 *          while something in it does; an empty object lives by a mark that its creation left.
 * Removal  takes away what its writer saw of the whole sub-tree: of a counter just what was
 *          counted, of a list the elements; the list's order stays for those that survive. What was
 *          written there at the same time depends on the map's type, its policy:
 *          ormap      updates win: it survives, and the key with it. Removals leave nothing behind.
 *          ormap_rw   removals win: it is hidden, until somebody who has seen the removal writes to
 *                     the key; that write takes away what is hidden and seen.
 *          ormap_lww  the later of the two by the clock wins; what loses is hidden likewise.
 *          In the last two a removal is remembered until it is stable, and takes all that shows,
 *          whatever the read context (crdt_txn_at). A map that is made by writing into it has the
 *          policy of the map around it.
 * Depth    the keys of a path: 1 to crdt_limits.depth, at most 64.
 * Unknown  what lies under a key and is of a type that neither the library nor the store knows is
 *          kept as it came and passed on; its type reads as "opaque", and removing it is ETYPE.
 * Source   Almeida, Shoker, Baquero, JPDC 111, 2018 (maps of dot stores, reset-remove); Baquero,
 *          Almeida, Lerche, PaPoC 2016 (counters in maps).
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_view home[] = {crdt_text_view("home")};
 *      crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, home, 1);   // names are keys from here
 *      crdt_mvreg_set(txn, crdt_text_view("city"), crdt_text("Paris"));
 *      crdt_pncounter_inc(txn, crdt_text_view("moves"), 1);
 *      crdt_ormap_leave(txn);
 *      crdt_store_commit(store, &delta);                   // the operation, to be joined by others
 *      crdt_view city[] = {crdt_text_view("home"), crdt_text_view("city")};
 *      crdt_ormap_get(crdt_store_solo(store), city, 2, &crdt_mvreg_type, &ref);
 */
#ifndef CRDT_ORMAP_H
#define CRDT_ORMAP_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_ormap_type;
CRDT_API extern const crdt_type crdt_ormap_rw_type;
CRDT_API extern const crdt_type crdt_ormap_lww_type;
/* Is it one of these? */
CRDT_API bool crdt_ormap_is(const crdt_type *type);

/* A stand-alone map of updates that win, written by `replica`. For the others see
 * crdt_store_new_solo. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ormap_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

/* -- Writing ----------------------------------------------------------------------------------- */

/* From here on the names that this transaction's operations are given are keys of the map at
 * path[0..depth) (copied) in the map `name`, of one of the types above: until leave, or enter
 * again, or the end of the transaction. Maps on the way are made by the first write. Of functions
 * whose names begin with crdt_txn only crdt_txn_apply goes there. A list or text that was opened
 * there is edited until the next operation. Where a removal hides what is at the key, opening it
 * for an operation already takes that away. An operation costs O(depth * log keys) and what its
 * type says. Errors: EINVAL (not a map's type), ELIMIT (depth, a key's size), ENOMEM; of
 * operations within also ETYPE (another type shows at the key, or on the way), EINVAL (a type that
 * maps do not hold). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ormap_enter(crdt_txn *txn, crdt_view name,
                                                   const crdt_type *type, const crdt_view *path,
                                                   size_t depth);
CRDT_API void                     crdt_ormap_leave(crdt_txn *txn);
/* Of the last operation within: did nothing show under its key before it? False if it was refused,
 * or there was none. O(1). */
CRDT_API bool crdt_ormap_added(const crdt_txn *txn);
/* The key path[depth - 1] exists from now on, with an object of type `of` that may be empty.
 * Nothing changes if it does already. Errors: as enter, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ormap_create(crdt_txn *txn, crdt_view name,
                                                    const crdt_type *type, const crdt_view *path,
                                                    size_t depth, const crdt_type *of);
/* Remove the key path[depth - 1], all types of it that show, with all that is in it. O(sub-tree).
 * Errors: ENOENT (no such key), and as enter. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ormap_remove(crdt_txn *txn, crdt_view name,
                                                    const crdt_type *type, const crdt_view *path,
                                                    size_t depth);

/* -- Reading ----------------------------------------------------------------------------------- */

/* The object at path: what shows there (of NULL), or the one of type `of`, even behind another that
 * shows. Maps on the way are those that show. O(depth * log keys). Errors: ENOENT, ENOMEM (see
 * crdt_store_find). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ormap_get(crdt_ref map, const crdt_view *path, size_t depth,
                                                 const crdt_type *of, crdt_ref *ret_ref);
/* The i-th type that lives at a key, the one that shows first; NULL past the end. */
CRDT_API const crdt_type *crdt_ormap_type_at(crdt_ref map, crdt_view key, size_t i);
/* Keys. O(1); within a transaction O(keys). */
CRDT_API size_t crdt_ormap_count(crdt_ref map);

/* Under some key, here or in maps within, several contents or types compete, as crdt_ref_conflict
 * and crdt_ormap_type_at list them. Without what an open transaction changes. O(1). */
CRDT_API bool crdt_ormap_competes(crdt_ref map);

/* Keys in their order, bytewise, with the object that shows at each. Allocates nothing; ends with
 * any change of the store. */
typedef struct crdt_ormap_iter {
    crdt_ref map;
    uint32_t at[4];
} crdt_ormap_iter;
CRDT_API crdt_ormap_iter crdt_ormap_iterate(crdt_ref map);
/* From the first key that is not less than this one. */
CRDT_API crdt_ormap_iter crdt_ormap_iterate_from(crdt_ref map, crdt_view key);
/* From some key, chosen by the random bits, about evenly; goes on to the last. */
CRDT_API crdt_ormap_iter crdt_ormap_iterate_some(crdt_ref map, uint64_t random);
CRDT_API bool crdt_ormap_next(crdt_ormap_iter *it, crdt_view *ret_key, crdt_ref *ret_ref);

#ifdef __cplusplus
}
#endif
#endif
