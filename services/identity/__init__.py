"""Who is who, for operators: why tokens belong together, and decisions that change it."""
