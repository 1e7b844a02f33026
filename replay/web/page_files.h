/* page_files: the files of the live page (replay/web/page/) and the description of the API (replay/web/openapi.json),
 * compiled into the program.
 *
 * Defined in what deploy/cmake/EmbedPage.cmake writes. index.html stands under "/", the description under
 * "/api/openapi.json", the others under "/page/NAME". */
#ifndef TASKLEDGER_REPLAY_WEB_PAGE_FILES_H
#define TASKLEDGER_REPLAY_WEB_PAGE_FILES_H

#include <stddef.h>

struct page_file {
    const char *path; /* "/page/main.js" */
    const char *type; /* "text/javascript; charset=utf-8" */
    const char *etag; /* with its quotes; another for other bytes */
    const unsigned char *bytes;
    size_t size;
};

extern const struct page_file page_files[];
extern const size_t page_files_count;

#endif
