"""What talks to the outside: the collector, the private query service, adapters, clients, the command line.

Requests, files and simulated events come in; masked events, answers and reports leave.
"""
