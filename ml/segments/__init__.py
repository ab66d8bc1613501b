"""Behaviour segments: groups of people who behave alike, with names that a manager understands.

`gold.behaviour` comes in, one row a session; people with a segment and a table of what is telling about each segment
leave. No text, no word and nothing about emotions is looked at.
"""
