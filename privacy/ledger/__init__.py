"""The ledger: who has spent how much of which privacy budget, and the answers that were paid for.

Charges and answers come in; reservations, stored answers and totals leave. An answer that cannot be recorded
is not given. Guarantee: no more rho is granted than each limit in force, crashes and races included. All that
happens is an entry of a hash chain, so that who checks it later sees what was changed behind the ledger's back.
"""
