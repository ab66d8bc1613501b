"""Python clients of the collector and of the private query service: events or questions in, verdicts or answers out."""
