"""The evaluation of a foreign call log: who abandons, and how many contacts come in each half hour.

A CSV file from anywhere comes in; its columns are understood by looking at them. Figures with baselines beside them
leave, with a reason for each column that was left out. Nothing of the log is kept.
"""
