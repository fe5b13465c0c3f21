"""Photographs from folders, ImageNet's for example, and their squares, made once and kept."""
