"""The collector: raw events come in over gRPC, masked events leave through the journal into bronze.

Nothing raw leaves this package: what is stored is a `MaskedEvent`, and an acknowledgement follows an fsync.
"""
