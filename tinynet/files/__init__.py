"""Nets in files: our own (`storage.py`), and weights from and to PyTorch and Caffe (`weights.py`)."""
