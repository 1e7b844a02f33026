/* doctor_cluster: who serves what in a Redis Cluster. */
#ifndef TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_CLUSTER_H
#define TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_CLUSTER_H

#include "consumer/doctor/doctor_redis.h"

/* Ask who serves which slot, and judge it. */
void doctor_cluster_judge(struct doctor_redis *redis);

#endif
