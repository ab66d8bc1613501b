"""What models and partners use.

Silver and gold tables come in; point-in-time features and the bounded marts of the query service leave.
Nobody who withdrew the consent to analytics is in either.
"""
