"""The demo: what the pipeline made of a simulated world, measured against the truth and drawn on one page.

The lake, the truth of the simulator and the answers of the query service enter; scores and an HTML page
leave. No masked text and no pseudonym is shown.
"""
