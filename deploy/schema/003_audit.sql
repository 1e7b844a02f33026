-- The audit: what has to be kept so that a ledger can be rebuilt, pruned, redacted and proven.
--
-- Only adds; consumers that know version 2 alone keep working beside it.

INSERT INTO taskledger.migration (version, name, serves_from) VALUES (3, 'audit', 1);
