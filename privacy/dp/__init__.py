"""Differential privacy: what one person can change is bounded here, and noise of that size is added here.

Person-level rows of a mart and a reservation of the ledger come in; noisy estimates with intervals leave.
The unit is a person, neighbours differ by one person with all rows, the measure is zCDP
(Bun and Steinke 2016, "Concentrated Differential Privacy"). Exact aggregates never leave.
"""
