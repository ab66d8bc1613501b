"""Tables with a mapping file: rows of CSV, TSV and JSON lines come in, the events that the mapping says leave."""
