/* core/umax.c: see umax.h. Eight numbers, one cache line, a step. */
#include "crdt/core/umax.h"

bool crdt__umax_portable(uint64_t *a, const uint64_t *b, size_t n)
{
    bool changed = false;
    for (size_t i = 0; i < n; i++) {
        if (b[i] <= a[i]) continue;
        a[i] = b[i];
        changed = true;
    }
    return changed;
}

bool crdt__packed_agree_portable(const uint64_t *a, const uint64_t *b, size_t n)
{
    uint64_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t a_seq = a[i] >> 32, a_total = a[i] & UINT32_MAX;
        uint64_t b_seq = b[i] >> 32, b_total = b[i] & UINT32_MAX;
        bad |= (uint64_t)((a_total > b_total) & (a_seq <= b_seq));
        bad |= (uint64_t)((b_total > a_total) & (b_seq <= a_seq));
    }
    return bad == 0;
}

bool crdt__wide_agree(const uint64_t *a_seq, const uint64_t *a_total, const uint64_t *b_seq,
                      const uint64_t *b_total, size_t n)
{
    uint64_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad |= (uint64_t)((a_total[i] > b_total[i]) & (a_seq[i] <= b_seq[i]));
        bad |= (uint64_t)((b_total[i] > a_total[i]) & (b_seq[i] <= a_seq[i]));
    }
    return bad == 0;
}

void crdt__halves_sum(const uint64_t *a, size_t n, uint64_t *ret_low, uint64_t *ret_high)
{
    uint64_t low[4] = {0}, high[4] = {0};
    size_t   i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) {
            low[k] += a[i + k] & UINT32_MAX;
            high[k] += a[i + k] >> 32;
        }
    for (; i < n; i++) {
        low[0] += a[i] & UINT32_MAX;
        high[0] += a[i] >> 32;
    }
    *ret_low = low[0] + low[1] + low[2] + low[3];
    *ret_high = high[0] + high[1] + high[2] + high[3];
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load(const uint64_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 static inline void store(uint64_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

/* All ones where y > x. AVX2 compares signed numbers only: flip is the sign bit of each. */
AVX2 static inline __m256i above(__m256i y, __m256i x, __m256i flip)
{
    return _mm256_cmpgt_epi64(_mm256_xor_si256(y, flip), _mm256_xor_si256(x, flip));
}

AVX2 static bool umax_avx2(uint64_t *a, const uint64_t *b, size_t n)
{
    const __m256i flip = _mm256_set1_epi64x(INT64_MIN);
    bool          changed = false;
    size_t        i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i x0 = load(a + i), x1 = load(a + i + 4), y0 = load(b + i), y1 = load(b + i + 4);
        __m256i up0 = above(y0, x0, flip), up1 = above(y1, x1, flip);
        __m256i any = _mm256_or_si256(up0, up1);
        if (_mm256_testz_si256(any, any)) continue;
        store(a + i, _mm256_blendv_epi8(x0, y0, up0));
        store(a + i + 4, _mm256_blendv_epi8(x1, y1, up1));
        changed = true;
    }
    return crdt__umax_portable(a + i, b + i, n - i) || changed;
}

/* The lanes where a low half rises from x to y though the high half does not. */
AVX2 static inline __m256i unfounded(__m256i y, __m256i x)
{
    __m256i up = _mm256_cmpgt_epi32(y, x);
    return _mm256_andnot_si256(_mm256_shuffle_epi32(up, 0xf5), up);
}

AVX2 static bool packed_agree_avx2(const uint64_t *a, const uint64_t *b, size_t n)
{
    const __m256i flip = _mm256_set1_epi32(INT32_MIN);
    __m256i       bad = _mm256_setzero_si256();
    size_t        i = 0;
    for (; i + 4 <= n; i += 4) {
        __m256i x = _mm256_xor_si256(load(a + i), flip), y = _mm256_xor_si256(load(b + i), flip);
        bad = _mm256_or_si256(bad, _mm256_or_si256(unfounded(y, x), unfounded(x, y)));
    }
    return _mm256_testz_si256(bad, bad) && crdt__packed_agree_portable(a + i, b + i, n - i);
}

bool crdt__umax(uint64_t *a, const uint64_t *b, size_t n)
{
    return __builtin_cpu_supports("avx2") ? umax_avx2(a, b, n) : crdt__umax_portable(a, b, n);
}

bool crdt__packed_agree(const uint64_t *a, const uint64_t *b, size_t n)
{
    return __builtin_cpu_supports("avx2") ? packed_agree_avx2(a, b, n)
                                          : crdt__packed_agree_portable(a, b, n);
}
#else
bool crdt__umax(uint64_t *a, const uint64_t *b, size_t n)
{
    return crdt__umax_portable(a, b, n);
}

bool crdt__packed_agree(const uint64_t *a, const uint64_t *b, size_t n)
{
    return crdt__packed_agree_portable(a, b, n);
}
#endif
