"""How a journey ends: with a purchase, or without one.

Rows of `gold.journey_steps` and `gold.journeys` come in; calibrated probabilities leave, one for each step at which
nothing was paid yet.
"""
