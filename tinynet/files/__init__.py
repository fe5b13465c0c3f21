"""Files: how they are read and written safely; nets in them (`storage.py`), and weights from and to PyTorch and Caffe."""
