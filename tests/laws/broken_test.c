/* broken_test.c: the law kit rejects what is wrong, by the law that it breaks. */
#include <stdio.h>

#include "tests/laws/lib/bag.h"
#include "tests/laws/lib/broken.h"
#include "tests/lib/t.h"

static crdt_laws_report report;

static crdt_laws_options options_of(const crdt_type *type)
{
    crdt_laws_options options = crdt_laws_options_default(type);
    options.seed = 1;
    options.triples = T_SLOW ? 200 : 20000;
    options.scope = T_SLOW ? 2 : 3;
    return options;
}

/* What all the broken types are made from is sound. */
TEST(broken, the_type_they_are_made_from_passes)
{
    crdt_laws_options options = options_of(&bag_type);
    options.oracle = bag_oracle;
    CHECK_MSG(crdt_laws_run(&options, &report), "%s", report.text);
    CHECK_MSG(crdt_laws_exhaust(&options, &report), "%s", report.text);
}

TEST(broken, each_is_rejected_by_the_law_it_breaks)
{
    size_t        i = 0;
    const broken *b;
    for (; (b = broken_at(i)) != NULL; i++) {
        if (T_SLOW && i >= 1) return; /* the kit itself is what is looked at there */
        crdt_laws_options options = options_of(&b->type);
        options.oracle = b->oracle;
        bool late = b->laws & (UINT64_C(1) << CRDT_LAW_FORK | UINT64_C(1) << CRDT_LAW_LIMITS);
        options.triples = late ? 200 : 20000; /* these two are looked at after all histories */
        bool passed = crdt_laws_run(&options, &report);
        printf("%s\n\n", report.text);
        CHECK_MSG(!passed, "%s passes", b->type.name);
        CHECK_MSG(b->laws >> report.broken & 1, "%s is not to be rejected by the law \"%s\"",
                  b->type.name, crdt_law_name(report.broken));
    }
    CHECK(i >= 10);
}

TEST(broken, the_small_scope_finds_what_the_oracle_denies)
{
    for (size_t i = 0; !T_SLOW && broken_at(i) != NULL; i++) {
        const broken *b = broken_at(i);
        if (!(b->laws >> CRDT_LAW_ORACLE & 1)) continue;
        crdt_laws_options options = options_of(&b->type);
        options.oracle = b->oracle;
        CHECK_MSG(!crdt_laws_exhaust(&options, &report), "%s passes", b->type.name);
        CHECK_EQ_INT(report.broken, CRDT_LAW_ORACLE);
    }
}

/* The seed of a report leads to the same failure in its first round. */
TEST(broken, the_seed_of_a_failure_leads_back_to_it)
{
    if (T_SLOW) return;
    const broken           *b = broken_at(0);
    crdt_laws_options       options = options_of(&b->type);
    static crdt_laws_report again;
    CHECK(!crdt_laws_run(&options, &report));
    options.seed = report.seed;
    CHECK(!crdt_laws_run(&options, &again));
    CHECK_EQ_INT(again.broken, report.broken);
    CHECK_EQ_INT(again.rounds, 0);
    CHECK_EQ_STR(again.text, report.text);
}

TEST(broken, wrong_options_are_refused)
{
    crdt_laws_options options = options_of(NULL);
    CHECK(!crdt_laws_run(&options, &report));
    CHECK_EQ_INT(report.broken, CRDT_LAW_NONE);
    options.type = &bag_type;
    options.struct_size--;
    CHECK(!crdt_laws_exhaust(&options, &report));
    options.struct_size++;
    options.scope = 9;
    CHECK(!crdt_laws_exhaust(&options, &report));
    CHECK_EQ_INT(report.broken, CRDT_LAW_NONE);
}

TEST(broken, every_law_has_a_name_and_a_text)
{
    for (int law = 0; law < CRDT_LAWS_COUNT; law++) {
        CHECK(crdt_law_name((crdt_law)law)[0] != 0);
        CHECK(crdt_law_text((crdt_law)law)[0] != 0);
    }
    CHECK_EQ_STR(crdt_law_name((crdt_law)999), "unknown");
}
