"""The HTTP edge: what speaks HTTP instead of gRPC comes in here and leaves as events for the collector.

Raw data is in memory only while a request lasts; nothing is kept, and no key of its own opens the collector: the
write key that a client sends is the API key of a source and is handed through.
"""
