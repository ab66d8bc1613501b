"""Privacy of the models themselves: training with differential privacy, and attacks on what a model remembers.

Frames of features, labels and the people they belong to come in. A model that states its guarantee leaves, or a
figure of how well an attacker can tell who was learned from, or what a scan of a model's files found.
"""
