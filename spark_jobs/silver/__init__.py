"""Typed events and conversations.

`bronze.events` and the identity graph come in; `silver.events` and `silver.conversations` leave.
"""
