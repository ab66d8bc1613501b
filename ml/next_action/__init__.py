"""What a customer or the service does next in a conversation: hand-over, abandonment, escalation, resolution.

Rows of `gold.features` come in; calibrated probabilities leave, with the time until it comes, if it comes.
"""
