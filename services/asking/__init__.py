"""`mangrove ask`: partner teams ask the private query service in a terminal.

Words of a command line come in and become the client's questions; answers leave as tables, JSON and receipts. It needs
an address and an API key, and nothing of the installation that answers.
"""
