/* core/umax.h: kernels over columns of 64-bit numbers.
 *
 * A packed number has a sequence offset in its high and a total in its low 32 bits. Totals grow
 * with the sequence, so the greater packed number is the newer one, and one maximum merges both
 * halves. Each kernel runs on AVX2 where the processor has it; the portable form gives the same
 * results. None needs aligned columns.
 */
#ifndef CRDT_CORE_UMAX_H
#define CRDT_CORE_UMAX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* a[i] = max(a[i], b[i]). True if anything changed; lines that do not change are not written. */
bool crdt__umax(uint64_t *a, const uint64_t *b, size_t n);
bool crdt__umax_portable(uint64_t *a, const uint64_t *b, size_t n);

/* True if, for all i, the low halves of a[i] and b[i] grow with the high halves: equal where those
 * are equal, and never falling where those rise. */
bool crdt__packed_agree(const uint64_t *a, const uint64_t *b, size_t n);
bool crdt__packed_agree_portable(const uint64_t *a, const uint64_t *b, size_t n);

/* The same of totals and sequences in columns of their own. */
bool crdt__wide_agree(const uint64_t *a_seq, const uint64_t *a_total, const uint64_t *b_seq,
                      const uint64_t *b_total, size_t n);

/* The sums of the low and of the high 32 bits. They cannot overflow: n < 2^32. */
void crdt__halves_sum(const uint64_t *a, size_t n, uint64_t *ret_low, uint64_t *ret_high);

#endif
