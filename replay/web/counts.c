#include "replay/web/counts.h"

const unsigned counts_statuses[COUNTS_STATUSES] = {200, 303, 304, 400, 401, 403, 404, 405, 413, 421, 429, 500, 503, 0};

void counts_init(struct counts *counts)
{
    pthread_mutex_init(&counts->lock, NULL);
}

void counts_close(struct counts *counts)
{
    pthread_mutex_destroy(&counts->lock);
}

void counts_answer(struct counts *counts, unsigned status, int64_t after_us)
{
    size_t place = 0;

    while (place < COUNTS_STATUSES - 1 && counts_statuses[place] != status)
        place++;
    pthread_mutex_lock(&counts->lock);
    counts->view.answers[place]++;
    histogram_add(&counts->view.answered_us, &histogram_delay_us, after_us < 0 ? 0 : (uint64_t)after_us);
    pthread_mutex_unlock(&counts->lock);
}

void counts_sign_in_refused(struct counts *counts)
{
    pthread_mutex_lock(&counts->lock);
    counts->view.sign_ins_refused++;
    pthread_mutex_unlock(&counts->lock);
}

void counts_view(struct counts *counts, struct counts_view *view)
{
    pthread_mutex_lock(&counts->lock);
    *view = counts->view;
    pthread_mutex_unlock(&counts->lock);
}
