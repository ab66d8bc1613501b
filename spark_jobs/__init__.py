"""Spark jobs that turn masked events into people, conversations, journeys, features and private marts.

`bronze.events` comes in from the lander; Delta tables leave, each written by one job. A stage reads only
the tables of the stages before it.
"""
