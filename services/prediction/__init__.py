"""The prediction service: sources ask what a customer does next while the conversation runs.

A customer's events so far come in over gRPC; how likely each next action is, when it would come, and how satisfied the
customer seems, leave. Texts are masked in memory first, and nothing of a request is stored, logged or counted.
"""
