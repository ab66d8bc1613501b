"""One file a channel payload: foreign records come in, events leave through the collector client."""
