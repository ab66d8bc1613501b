"""Customers who do not exist, with needs, moods and personal data, for demos and tests.

A seed and a start enter; events in the wire format leave, together with the truth about them. Nothing here
sends or stores events, and what was planted as personal data is kept in memory only.
"""
