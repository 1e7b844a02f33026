-- Recovery: what has to be remembered to tell a loss from a delay, and a crash from bad luck.
--
-- Only adds; a consumer that knows version 1 alone keeps working beside it.

INSERT INTO taskledger.migration (version, name, serves_from) VALUES (2, 'recovery', 1);
