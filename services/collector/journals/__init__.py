"""Durable queues between collector and lander: SQLite by default, Kafka where a company has one.

Masked events enter on the collector's end and leave on the lander's; nothing else is kept here.
"""
