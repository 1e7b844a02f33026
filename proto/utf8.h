/* utf8: is this text that PostgreSQL will store?
 *
 * Well-formed UTF-8 by table 3-7 of the Unicode Standard (no overlong forms, no surrogates, nothing above U+10FFFF) and
 * no NUL, which PostgreSQL's text and protobuf-c's strings cannot hold. */
#ifndef TASKLEDGER_PROTO_UTF8_H
#define TASKLEDGER_PROTO_UTF8_H

#include "proto/slice.h"

/* The offset of the first byte that is wrong, or text.size when none is. */
size_t utf8_check(struct slice text);

/* The longest prefix of at most `limit` bytes that does not end inside a character; `text` is well-formed. */
struct slice utf8_cut(struct slice text, size_t limit);

#endif
