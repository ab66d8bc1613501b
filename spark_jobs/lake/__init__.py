"""The lake's declarations and the one place that reads and writes it.

`tables` and `schemas` say what exists and need no Spark; `io` reads and writes.
"""
