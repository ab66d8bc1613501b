"""Other readings of a text, each of which knows where its characters stood: folded, unescaped, spelled out, decoded."""
