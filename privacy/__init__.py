"""Everything that protects a person: masking, pseudonyms, consent, differential privacy, the ledger.

Pure Python: raw values and exact aggregates come in, masked values and private answers go out.
Nothing here talks to a network, to Spark or to MLflow.
"""
