"""Measures detection on labelled texts: what is found, what is missed, and which personal characters stay readable.

Labelled texts come from a file or are generated; engines are asked where they see personal data, and
figures leave, never a text. The generated set and the disguises hold nobody's data.
"""
