"""`from tinynet.train import train`: the loop is in training/train.py."""
from .training.train import Progress, minus, say, show_progress, train

__all__ = ["Progress", "minus", "say", "show_progress", "train"]
