"""The ledger: who has spent how much of which privacy budget, and the answers that were paid for.

Charges and answers come in; reservations, stored answers and totals leave. An answer that cannot be recorded
is not given. Guarantee: over its lifetime a ledger grants no more rho than each limit, crashes included.
"""
