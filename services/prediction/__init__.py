"""The prediction service: sources ask what a customer does next while the conversation runs.

A customer's events so far come in over gRPC; how likely each next action is, and when it would come, leaves. Texts
are masked in memory first, and nothing of a request is stored, logged or counted.
"""
