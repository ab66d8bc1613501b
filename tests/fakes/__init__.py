"""Stand-ins that subclass the ports and pass the same contract tests as the real adapters."""
