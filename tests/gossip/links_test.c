/* Links and anti-entropy: two to five engines that talk to each other. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/gossip/lib/cluster.h"

TEST(links, two_nodes_converge)
{
    cluster *c = cluster_new(2, NULL);
    (void)cluster_add(c, 0, "s", "x");
    (void)cluster_add(c, 1, "s", "y");
    CHECK(cluster_settle(c, 2 * SECOND));
    CHECK_EQ_STR(shown(c->nodes[0].store, "s"), "{\"x\", \"y\"}");
    CHECK_EQ_INT(cluster_links(c), 1);
    cluster_free(c);
}
