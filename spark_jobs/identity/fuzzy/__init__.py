"""Which records are one person, from keyed encodings of their traits alone.

Encoded records come in (record_id, tokens, filters: see `privacy.linkage`), record_id and cluster leave. Pairs that
share rare tokens are compared, the weights of the levels are learned from the pairs without labels, and records join
while they are, on average over all pairs between them, more likely one person than two.
"""
