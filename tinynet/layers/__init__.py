"""The layers, one concept in a file, each beside its paper's equations."""
