"""Journeys in the terminal: one person's way, the ways of all, and where they end."""
