#include "tests/support/answer_bytes.h"

#include "proto/redis_parser.h"
#include "proto/redis_tree.h"

#include <assert.h>

enum { STRING_MAX = 1024 };

bool answer_bytes_read(struct slice bytes, struct arena *arena, struct reply *reply)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "");
    struct redis_tree tree = {.arena = arena};
    struct redis_visitor visitor = redis_tree_visitor(&tree);
    struct error error;
    bool complete = false;
    bool good = true;

    assert(parser != NULL);
    while (good && !complete)
        good = bytes.size > 0 && redis_parser_step(parser, &visitor, &bytes, &complete, &error);
    redis_parser_free(parser);
    if (good)
        *reply = tree.root;
    return good;
}
