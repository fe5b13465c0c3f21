"""The networks of the papers, each in a file that reads like its paper's section on the architecture."""
from .alexnet import alexnet, alexnet_half, convert

__all__ = ["alexnet", "alexnet_half", "convert"]
