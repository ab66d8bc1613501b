"""What an event says of its journey, a bit each."""

PAID, ESCALATED, RESOLVED, TALKS, TRANSFERRED = 1, 2, 4, 8, 16
"""A payment succeeded; a complaint, or a conversation ended so; a conversation was resolved; it is in a conversation;
a human had that by then and it was not resolved."""
