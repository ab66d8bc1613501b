"""The private query service: partners ask typed questions and get differentially private answers.

Questions come in over gRPC, person-level rows from the `private.*` marts; noisy aggregates with their
guarantee leave, after the ledger has recorded what they cost. Rows and exact aggregates stay in memory.
"""
