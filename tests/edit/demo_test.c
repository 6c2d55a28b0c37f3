/* demo_test.c: what `make demo-edit` plays ends well. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/t.h"

TEST(demo, of_the_editor_plays_to_its_end)
{
    char    self[512], command[600], line[1024], last[1024] = "";
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(size > 0);
    self[size] = 0;
    for (int i = 0; i < 3; i++) *strrchr(self, '/') = 0; /* build/gcc/criterion/edit/demo_test */
    snprintf(command, sizeof command, "%s/concur-edit-demo 2>&1", self);
    FILE *out = popen(command, "r");
    CHECK(out != NULL);
    bool screens = false;
    while (fgets(line, sizeof line, out) != NULL) {
        screens |= strstr(line, "|Dear Cleo and Dan, we meet on Friday.") != NULL;
        memcpy(last, line, sizeof last);
    }
    int status = pclose(out);
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d: %s", status, last);
    CHECK(screens);
    CHECK_EQ_STR(last, "Ann\n");
}
