"""Satisfaction: how content a customer is at every turn, which way it goes, and whether it will break.

Dialogues (JSON lines) or conversations of the lake come in; probabilities over levels, a score in [0, 1] with its
slope, and the chance of dissatisfaction ahead leave. Texts enter learners as hashed n-grams and as counts of declared
words only: no fitted model holds a text or a word of the data.
"""
